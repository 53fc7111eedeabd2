/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The JSON scanner beside jansson, over the hostile corpus and mutations of it: both must say the same of each input, and give out the
 * same keys, texts and numbers. jansson refuses some of what RFC 8259 allows: numbers beyond its types, U+0000 in a key, 2048 levels;
 * those are not compared. */

#include <string.h>

#if HAVE_JANSSON
#include <jansson.h>
#endif

#include "wse-json-private.h"

#if HAVE_JANSSON

/* Of each file. */
#define MUTATIONS 60

/* What jansson makes of @data; *comparable is FALSE where jansson keeps to a limit of its own. */
static json_t *
oracle (const char *data, gsize length, gboolean *comparable)
{
  json_error_t problem;
  json_t *value = json_loadb (data, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
  enum json_error_code code = value == NULL ? json_error_code (&problem) : json_error_unknown;

  *comparable = code != json_error_numeric_overflow && code != json_error_null_byte_in_key && code != json_error_stack_overflow;
  return value;
}

static gboolean
accepts (const char *data, gsize length, WseJsonValue *value)
{
  WseJson json;

  wse_json_init (&json, data, length);
  return wse_json_value (&json, value) && wse_json_end (&json);
}

static void
compare_scalar (const WseJsonValue *ours, const json_t *theirs)
{
  gsize length;
  guint64 number;

  switch (ours->type)
    {
    case WSE_JSON_STRING:
      {
        g_autofree char *text = wse_json_string_dup (ours, &length);

        g_assert_true (json_is_string (theirs));
        g_assert_cmpmem (text, length, json_string_value (theirs), json_string_length (theirs));
        break;
      }
    case WSE_JSON_NUMBER:
      g_assert_true (json_is_number (theirs));
      g_assert_true (json_is_integer (theirs) == wse_json_number_is_integer (ours));
      g_assert_cmpfloat (wse_json_number_to_double (ours), ==, json_number_value (theirs));
      if (json_is_integer (theirs) && wse_json_number_to_uint64 (ours, &number))
        g_assert_cmpint ((gint64) number, ==, json_integer_value (theirs));
      break;
    case WSE_JSON_TRUE:
      g_assert_true (json_is_true (theirs));
      break;
    case WSE_JSON_FALSE:
      g_assert_true (json_is_false (theirs));
      break;
    default:
      g_assert_cmpint (ours->type, ==, WSE_JSON_NULL);
      g_assert_true (json_is_null (theirs));
      break;
    }
}

static void compare (const WseJsonValue *ours, const json_t *theirs);

/* Of a key that is there twice jansson has the last value. */
static void
compare_object (const WseJsonValue *ours, const json_t *theirs)
{
  g_autoptr (GHashTable) last = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  WseJsonValue key, value;
  WseJson json;
  GHashTableIter iter;
  gpointer name, kept;

  g_assert_true (json_is_object (theirs));
  wse_json_init (&json, ours->data, ours->length);
  g_assert_true (wse_json_enter_object (&json));
  while (wse_json_next_member (&json, &key, &value))
    g_hash_table_insert (last, wse_json_string_dup (&key, NULL), g_memdup2 (&value, sizeof value));
  g_assert_true (wse_json_end (&json));
  g_assert_cmpuint (g_hash_table_size (last), ==, json_object_size (theirs));
  g_hash_table_iter_init (&iter, last);
  while (g_hash_table_iter_next (&iter, &name, &kept))
    {
      json_t *member = json_object_get (theirs, name);

      g_assert_nonnull (member);
      compare (kept, member);
    }
}

static void
compare_array (const WseJsonValue *ours, const json_t *theirs)
{
  WseJsonValue value;
  WseJson json;
  gsize n = 0;

  g_assert_true (json_is_array (theirs));
  wse_json_init (&json, ours->data, ours->length);
  g_assert_true (wse_json_enter_array (&json));
  while (wse_json_next_element (&json, &value))
    {
      g_assert_cmpuint (n, <, json_array_size (theirs));
      compare (&value, json_array_get (theirs, n++));
    }
  g_assert_true (wse_json_end (&json));
  g_assert_cmpuint (n, ==, json_array_size (theirs));
}

/* jansson's limit of levels bounds the recursion. */
static void
compare (const WseJsonValue *ours, const json_t *theirs)
{
  if (ours->type == WSE_JSON_OBJECT)
    compare_object (ours, theirs);
  else if (ours->type == WSE_JSON_ARRAY)
    compare_array (ours, theirs);
  else
    compare_scalar (ours, theirs);
}

/* TRUE where jansson could be asked. */
static gboolean
hold (const char *name, const char *data, gsize length)
{
  gboolean comparable, ours;
  json_t *theirs = oracle (data, length, &comparable);
  WseJsonValue value;

  ours = accepts (data, length, &value);
  /* jansson passes over a NUL behind a number; no JSON has one. */
  if (memchr (data, '\0', length) != NULL)
    {
      g_assert_false (ours);
      comparable = FALSE;
    }
  if (!comparable)
    {
      json_decref (theirs);
      return FALSE;
    }
  if (ours != (theirs != NULL))
    {
      g_autofree char *text = g_strescape (data, NULL);

      g_test_fail_printf ("%s: %s, jansson the other way: %s", name, ours ? "accepted" : "refused", text);
    }
  else if (ours)
    {
      g_autoptr (GString) compact = g_string_new (NULL);
      json_t *again;

      compare (&value, theirs);
      wse_json_compact (&value, compact);
      again = json_loadb (compact->str, compact->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
      g_assert_true (json_equal (theirs, again));
      json_decref (again);
    }
  json_decref (theirs);
  return TRUE;
}

static void
mutate (GRand *rand, GString *text)
{
  static const char bytes[] = "\"\\{}[]:,-+.0eEtfnu/ \n\t\x1f\x7f\x80\xc3\xa9\xed\xf4\xff";
  gsize at = text->len > 0 ? g_rand_int_range (rand, 0, text->len) : 0;
  char byte = bytes[g_rand_int_range (rand, 0, sizeof bytes)];

  switch (text->len > 0 ? g_rand_int_range (rand, 0, 4) : 0)
    {
    case 0:
      g_string_insert_c (text, at, byte);
      break;
    case 1:
      text->str[at] = byte;
      break;
    case 2:
      g_string_erase (text, at, 1);
      break;
    default:
      text->str[at] ^= 1 << g_rand_int_range (rand, 0, 8);
      break;
    }
}

static void
test_corpus (void)
{
  g_autofree char *folder = g_test_build_filename (G_TEST_DIST, "conformance", "json", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  guint n_asked = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (GRand) rand = g_rand_new_with_seed (g_str_hash (name));
      g_autofree char *data = NULL;
      gsize length;

      g_assert_true (g_file_get_contents (path, &data, &length, NULL));
      n_asked += hold (name, data, length);
      for (guint i = 0; i < MUTATIONS && length < 1000; i++)
        {
          g_autoptr (GString) text = g_string_new_len (data, length);

          for (guint j = 0; j <= i % 3; j++)
            mutate (rand, text);
          n_asked += hold (name, text->str, text->len);
        }
    }
  g_test_message ("%u inputs compared", n_asked);
  g_assert_cmpuint (n_asked, >, 300 * MUTATIONS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-oracle/corpus", test_corpus);
  return g_test_run ();
}

#else

int
main (void)
{
  g_print ("jansson is not here to compare with: install libjansson-dev\n");
  return 77;
}

#endif
