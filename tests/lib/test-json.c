/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The JSON scanner: what it says of each value, how it steps, its errors; and every file of tests/conformance/json, whose name says
 * whether it is JSON (y_), is not (n_), or is left to the reader by RFC 8259 and then accepted or refused (i_accepted_, i_refused_). */

#include <string.h>

#include "wse-error.h"
#include "wse-json-private.h"

/* Scans a copy of exactly @length bytes, so that a sanitizer sees a byte read too far. */
static gboolean
accepts (const char *data, gsize length)
{
  g_autofree char *copy = g_memdup2 (data, length);
  WseJson json;
  WseJsonValue value;
  gboolean ok;

  wse_json_init (&json, copy, length);
  ok = wse_json_value (&json, &value) && wse_json_end (&json);
  g_assert_true (ok == (json.problem == NULL));
  g_assert_true (json.at <= json.end);
  return ok;
}

static WseJsonValue
scan (const char *text)
{
  WseJson json;
  WseJsonValue value;

  wse_json_init (&json, text, strlen (text));
  g_assert_true (wse_json_value (&json, &value));
  g_assert_true (wse_json_end (&json));
  return value;
}

static void
test_corpus (void)
{
  g_autofree char *folder = g_test_build_filename (G_TEST_DIST, "conformance", "json", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  guint n_files = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *data = NULL;
      gsize length;
      gboolean expected = g_str_has_prefix (name, "y_") || g_str_has_prefix (name, "i_accepted_");

      g_assert_true (expected || g_str_has_prefix (name, "n_") || g_str_has_prefix (name, "i_refused_"));
      g_assert_true (g_file_get_contents (path, &data, &length, NULL));
      if (accepts (data, length) != expected)
        {
          g_test_message ("%s", name);
          g_test_fail ();
        }
      n_files++;
    }
  g_assert_cmpuint (n_files, >, 300);
}

/* No prefix of a container or a string is JSON; each is a read at the end of the bytes. */
static void
test_prefixes (void)
{
  static const char text[] = "{\"a\":[1.5e-3,true,false,null,{\"\\u00e9\\ud83d\\ude00\":\"\xe2\x82\xac\xf0\x9f\x98\x80 long enough\"}]}";

  g_assert_true (accepts (text, strlen (text)));
  for (gsize length = 0; length < strlen (text); length++)
    g_assert_false (accepts (text, length));
}

/* Every byte at every place of a string of words: plain, escape, control, UTF-8; the eight-at-a-time path and the other must agree. */
static void
test_every_byte (void)
{
  for (guint place = 0; place < 20; place++)
    for (guint byte = 0; byte < 256; byte++)
      {
        char text[24];
        gboolean expected = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

        memset (text, 'x', sizeof text);
        text[0] = text[22] = '"';
        text[1 + place] = byte;
        g_assert_true (accepts (text, 23) == expected);
      }
}

static void
test_every_character (void)
{
  for (gunichar c = 0x80; c < 0x112000; c += c < 0x3000 || (c >= 0xd000 && c < 0xf000) ? 1 : 61)
    {
      char text[10] = "\"";
      gint n;

      /* g_unichar_to_utf8() writes surrogates and what lies above too, as overlong readers would. */
      n = g_unichar_to_utf8 (c, text + 1);
      text[1 + n] = '"';
      g_assert_true (accepts (text, n + 2) == g_utf8_validate (text, n + 2, NULL));
    }
}

static void
test_report (void)
{
  WseJsonValue value;

  value = scan (" \"a\\n\" ");
  g_assert_cmpint (value.type, ==, WSE_JSON_STRING);
  g_assert_cmpuint (value.depth, ==, 0);
  g_assert_cmpuint (value.length, ==, 5);
  g_assert_true (value.escaped);
  g_assert_false (value.spaced);
  value = scan ("\"a\"");
  g_assert_false (value.escaped);

  value = scan ("  {\"a\":[[],{}]}\n");
  g_assert_cmpint (value.type, ==, WSE_JSON_OBJECT);
  g_assert_cmpuint (value.depth, ==, 3);
  g_assert_false (value.spaced);
  g_assert_cmpuint (value.length, ==, 13);
  g_assert_true (scan ("{\"a\" :1}").spaced);
  g_assert_true (scan ("{\"a\": 1}").spaced);
  g_assert_true (scan ("[1 ]").spaced);
  g_assert_true (scan ("[ ]").spaced);
  g_assert_true (scan ("[1,\n2]").spaced);
  g_assert_false (scan ("[\" a b \"]").spaced);
  g_assert_cmpint (scan ("-1").type, ==, WSE_JSON_NUMBER);
  g_assert_cmpint (scan ("[]").type, ==, WSE_JSON_ARRAY);
  g_assert_cmpuint (scan ("[]").depth, ==, 1);
  g_assert_cmpint (scan ("true").type, ==, WSE_JSON_TRUE);
  g_assert_cmpint (scan ("false").type, ==, WSE_JSON_FALSE);
  g_assert_cmpint (scan ("null").type, ==, WSE_JSON_NULL);
}

/* Brackets of both kinds in a pattern that has no period of 64, so that a level taken for another shows. */
static void
test_depth (void)
{
  for (guint depth = 1; depth < 400; depth += depth < 140 ? 1 : 37)
    {
      g_autoptr (GString) text = g_string_new (NULL);

      for (guint i = 0; i < depth; i++)
        g_string_append (text, i * i % 7 < 3 ? "[" : "{\"\":");
      g_string_append (text, "0");
      for (guint i = depth; i > 0; i--)
        g_string_append_c (text, (i - 1) * (i - 1) % 7 < 3 ? ']' : '}');
      g_assert_cmpuint (scan (text->str).depth, ==, depth);

      for (guint i = 1; i <= depth; i++)
        {
          char *bracket = &text->str[text->len - i];
          char right = *bracket;

          *bracket = right == ']' ? '}' : ']';
          g_assert_false (accepts (text->str, text->len));
          *bracket = right;
        }
    }
}

/* Down beyond a word of levels and up again, many times: the spilled words are written anew. */
static void
test_depth_waves (void)
{
  g_autoptr (GString) text = g_string_new ("[");

  for (guint wave = 0; wave < 40; wave++)
    {
      guint depth = 60 + wave * 5;

      if (wave > 0)
        g_string_append_c (text, ',');
      for (guint i = 0; i < depth; i++)
        g_string_append (text, (i + wave) % 3 == 0 ? "[" : "{\"\":");
      g_string_append (text, "0");
      for (guint i = depth; i > 0; i--)
        g_string_append_c (text, (i - 1 + wave) % 3 == 0 ? ']' : '}');
    }
  g_string_append_c (text, ']');
  g_assert_cmpuint (scan (text->str).depth, ==, 1 + 60 + 39 * 5);
}

/* A million levels: where each costs stack, this ends the process. */
static void
test_depth_is_free (void)
{
  const gsize levels = 1000000;
  g_autofree char *text = g_malloc (2 * levels);
  WseJson json;
  WseJsonValue value;

  memset (text, '[', levels);
  memset (text + levels, ']', levels);
  wse_json_init (&json, text, 2 * levels);
  g_assert_true (wse_json_value (&json, &value));
  g_assert_cmpuint (value.depth, ==, levels);
  g_assert_false (accepts (text, levels));
  g_assert_false (accepts (text, 2 * levels - 1));
}

static void
test_object_steps (void)
{
  static const char text[] = " { \"a\" : 1 ,\"b\":{\"x\":[2, 3]} , \"c\\u0041\":\"d\" } ";
  WseJson json;
  WseJsonValue key, value;

  wse_json_init (&json, text, strlen (text));
  g_assert_true (wse_json_enter_object (&json));
  g_assert_true (wse_json_next_member (&json, &key, &value));
  g_assert_true (wse_json_string_equal (&key, "a"));
  g_assert_false (key.escaped);
  g_assert_cmpmem (value.data, value.length, "1", 1);
  g_assert_true (wse_json_next_member (&json, &key, &value));
  g_assert_true (wse_json_string_equal (&key, "b"));
  g_assert_cmpuint (value.depth, ==, 2);
  g_assert_true (value.spaced);
  g_assert_true (wse_json_next_member (&json, &key, &value));
  g_assert_true (wse_json_string_equal (&key, "cA"));
  g_assert_true (key.escaped);
  g_assert_cmpint (value.type, ==, WSE_JSON_STRING);
  g_assert_false (wse_json_next_member (&json, &key, &value));
  g_assert_true (wse_json_end (&json));
}

static void
test_array_steps (void)
{
  static const char text[] = "[{\"a\":1}, [] ,\"s\"]";
  WseJson json;
  WseJsonValue value;
  guint n = 0;

  wse_json_init (&json, text, strlen (text));
  g_assert_true (wse_json_enter_array (&json));
  while (wse_json_next_element (&json, &value))
    n++;
  g_assert_cmpuint (n, ==, 3);
  g_assert_true (wse_json_end (&json));

  wse_json_init (&json, "[ ]", 3);
  g_assert_true (wse_json_enter_array (&json));
  g_assert_false (wse_json_next_element (&json, &value));
  g_assert_true (wse_json_end (&json));
}

/* Whatever stepping accepts, scanning whole does, and the other way round. */
static void
test_steps_agree (void)
{
  static const char * const texts[] = {
    "{", "{}", "{ }", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{\"a\":1,,\"b\":2}", "{\"a\" \"b\":1}", "{\"a\":1}x",
    "{\"a\":1 \"b\":2}", "{\"a\":1]", "{a:1}", "{1:1}", "{\"a\":{\"b\":1}}", "{\"a\":[{]}", "{\"a\" : 1 , \"b\" : 2 }", "{\"\\x\":1}", "{\"a\":1}}",
    "[", "[]", "[ ]", "[,]", "[1", "[1,", "[1,]", "[1,,2]", "[1 2]", "[1}", "[[]]", "[{}]", "[\"a\"]x", " [ 1 , 2 ] ", "[[1,]]", "[1]]", "",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      WseJson json;
      WseJsonValue key, value;
      gboolean ok;

      wse_json_init (&json, texts[i], strlen (texts[i]));
      if (texts[i][0] == '{')
        {
          g_assert_true (wse_json_enter_object (&json));
          while (wse_json_next_member (&json, &key, &value));
        }
      else if (wse_json_enter_array (&json))
        while (wse_json_next_element (&json, &value));
      ok = wse_json_end (&json);
      g_assert_true (ok == accepts (texts[i], strlen (texts[i])));
    }
}

static void
test_problem_stays (void)
{
  WseJson json;
  WseJsonValue key, value;

  wse_json_init (&json, "{\"a\":?,\"b\":1}", 13);
  g_assert_true (wse_json_enter_object (&json));
  g_assert_false (wse_json_next_member (&json, &key, &value));
  g_assert_nonnull (json.problem);
  g_assert_false (wse_json_next_member (&json, &key, &value));
  g_assert_false (wse_json_value (&json, &value));
  g_assert_false (wse_json_enter_object (&json));
  g_assert_false (wse_json_end (&json));
}

static void
check_error (const char *text, const char *message)
{
  g_autoptr (GError) error = NULL;
  WseJson json;
  WseJsonValue value;

  wse_json_init (&json, text, strlen (text));
  g_assert_false (wse_json_value (&json, &value) && wse_json_end (&json));
  wse_json_set_error (&json, &error);
  g_assert_error (error, WSE_ERROR, WSE_ERROR_SYNTAX);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_errors (void)
{
  check_error ("", "line 1, column 1: expected a value");
  check_error ("{\n  \"a\": tru\n}", "line 2, column 8: expected a value");
  check_error ("[\"\xc3\xa9\xe2\x82\xac\" 1]", "line 1, column 7: expected a comma or ]");
  check_error ("{\"a\":1,}", "line 1, column 8: expected a member name");
  check_error ("{\"a\" 1}", "line 1, column 6: expected a colon");
  check_error ("{\"a\":1 2}", "line 1, column 8: expected a comma or }");
  check_error ("[1", "line 1, column 3: unfinished value");
  check_error ("\"abc", "line 1, column 5: unfinished string");
  check_error ("\"a\\q\"", "line 1, column 3: unknown escape");
  check_error ("\"a\tb\"", "line 1, column 3: a control character in a string must be escaped");
  check_error ("\"a\xff\"", "line 1, column 3: not UTF-8");
  check_error ("\"\\ud800\"", "line 1, column 2: a surrogate escape without its other half");
  check_error ("\"\\u12x4\"", "line 1, column 2: expected four hexadecimal digits after \\u");
  check_error ("01", "line 1, column 2: unexpected text after the value");
  check_error ("-", "line 1, column 2: expected a digit");
  check_error ("1.e5", "line 1, column 3: expected a digit");
}

static void
check_text (const char *json, const char *expected, gsize expected_length)
{
  WseJsonValue value = scan (json);
  gsize length;
  g_autofree char *text = wse_json_string_dup (&value, &length);

  g_assert_cmpmem (text, length, expected, expected_length);
  g_assert_cmpint (text[length], ==, '\0');
  if (strlen (expected) == expected_length)
    g_assert_true (wse_json_string_equal (&value, expected));
}

static void
test_text (void)
{
  WseJsonValue value;

  check_text ("\"\"", "", 0);
  check_text ("\"abc\"", "abc", 3);
  check_text ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
  check_text ("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10);
  check_text ("\"\\udbff\\udfff\\uffff\"", "\xf4\x8f\xbf\xbf\xef\xbf\xbf", 7);
  check_text ("\"x\\u0000y\"", "x\0y", 3);
  check_text ("\"\\\\u0041\"", "\\u0041", 6);

  value = scan ("\"x\\u0000\"");
  g_assert_false (wse_json_string_equal (&value, "x"));
  value = scan ("\"abc\"");
  g_assert_false (wse_json_string_equal (&value, "ab"));
  g_assert_false (wse_json_string_equal (&value, "abcd"));
  g_assert_false (wse_json_string_equal (&value, "abd"));
  value = scan ("\"\\u0061\\u0062\\u0063d\"");
  g_assert_false (wse_json_string_equal (&value, "abc"));
  g_assert_true (wse_json_string_equal (&value, "abcd"));
  value = scan ("12");
  g_assert_false (wse_json_string_equal (&value, "12"));
}

static void
test_numbers (void)
{
  WseJsonValue value;
  guint64 number = 7;
  g_autofree char *digits = g_strnfill (500, '9');

  value = scan ("18446744073709551615");
  g_assert_true (wse_json_number_is_integer (&value));
  g_assert_true (wse_json_number_to_uint64 (&value, &number));
  g_assert_cmpuint (number, ==, G_MAXUINT64);
  value = scan ("18446744073709551616");
  g_assert_false (wse_json_number_to_uint64 (&value, &number));
  value = scan ("99999999999999999999999");
  g_assert_false (wse_json_number_to_uint64 (&value, &number));
  value = scan ("-1");
  g_assert_true (wse_json_number_is_integer (&value));
  g_assert_false (wse_json_number_to_uint64 (&value, &number));
  value = scan ("1.0");
  g_assert_false (wse_json_number_is_integer (&value));
  g_assert_false (wse_json_number_to_uint64 (&value, &number));
  g_assert_cmpfloat (wse_json_number_to_double (&value), ==, 1.0);
  value = scan ("1e5");
  g_assert_false (wse_json_number_is_integer (&value));
  g_assert_cmpfloat (wse_json_number_to_double (&value), ==, 100000.0);
  value = scan ("1E5");
  g_assert_false (wse_json_number_is_integer (&value));
  value = scan ("\"1\"");
  g_assert_false (wse_json_number_is_integer (&value));
  g_assert_false (wse_json_number_to_uint64 (&value, &number));
  value = scan ("-1e400");
  g_assert_cmpfloat (wse_json_number_to_double (&value), <, -1e308);
  value = scan (digits);
  g_assert_cmpfloat (wse_json_number_to_double (&value), >, 1e308);
  g_assert_cmpuint (number, ==, G_MAXUINT64);
}

static void
check_compact (const char *json, const char *expected)
{
  g_autoptr (GString) out = g_string_new ("=");
  WseJsonValue value = scan (json);

  wse_json_compact (&value, out);
  g_assert_cmpstr (out->str + 1, ==, expected);
  g_assert_cmpint (out->str[0], ==, '=');
  value = scan (expected);
  g_assert_false (value.spaced);
}

static void
test_compact (void)
{
  check_compact (" { \"a b\" :\t[ 1.10 , 1e400,\r\n \" x \\\" y \\\\\" ] , \"n\" : null } ",
                 "{\"a b\":[1.10,1e400,\" x \\\" y \\\\\"],\"n\":null}");
  check_compact ("{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2}");
  check_compact (" \" \" ", "\" \"");
  check_compact ("[\n]", "[]");
  check_compact ("{ \"\\\\\" : \"\\\\\\\"\" }", "{\"\\\\\":\"\\\\\\\"\"}");
}

static void
test_append_string (void)
{
  g_autoptr (GString) out = g_string_new (NULL);
  char every[0x81];

  wse_json_append_string (out, "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\xe2\x80\xa8", -1);
  g_assert_cmpstr (out->str, ==, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xe2\x80\xa8\"");
  g_string_truncate (out, 0);
  wse_json_append_string (out, "abc", 2);
  g_assert_cmpstr (out->str, ==, "\"ab\"");

  /* With NUL among them: what is written reads as what it was. */
  for (guint i = 0; i < 0x80; i++)
    every[i] = i;
  g_string_truncate (out, 0);
  wse_json_append_string (out, every, 0x80);
  check_text (out->str, every, 0x80);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/corpus", test_corpus);
  g_test_add_func ("/json/prefixes", test_prefixes);
  g_test_add_func ("/json/every-byte", test_every_byte);
  g_test_add_func ("/json/every-character", test_every_character);
  g_test_add_func ("/json/report", test_report);
  g_test_add_func ("/json/depth", test_depth);
  g_test_add_func ("/json/depth-waves", test_depth_waves);
  g_test_add_func ("/json/depth-is-free", test_depth_is_free);
  g_test_add_func ("/json/object-steps", test_object_steps);
  g_test_add_func ("/json/array-steps", test_array_steps);
  g_test_add_func ("/json/steps-agree", test_steps_agree);
  g_test_add_func ("/json/problem-stays", test_problem_stays);
  g_test_add_func ("/json/errors", test_errors);
  g_test_add_func ("/json/text", test_text);
  g_test_add_func ("/json/numbers", test_numbers);
  g_test_add_func ("/json/compact", test_compact);
  g_test_add_func ("/json/append-string", test_append_string);
  return g_test_run ();
}
