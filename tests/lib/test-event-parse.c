/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Intake, to the letter of PROTOCOL section 2: what each member may be, what becomes of it, and which error its breach is. */

#include "event-fixture.h"

#include <string.h>

#include "wse-json-private.h"

/* @members stand in an event beside its type. */
static void
check_invalid (const char *members, const char *message)
{
  g_autofree char *json = g_strdup_printf ("{\"event_type\":\"a\",%s}", members);

  check_refused (json, WSE_ERROR_INVALID, message);
}

static WseEvent *
with (const char *members)
{
  g_autofree char *json = g_strdup_printf ("{\"event_type\":\"a\",%s}", members);

  return parse (json);
}

static void
check_payload (const char *json, const char *expected)
{
  check_payload_of (parse (json), expected);
}

static void
test_everything (void)
{
  g_autoptr (WseEvent) event = parse (" {\"payload\" : {\"price\": 1.10, \"big\": 9223372036854775807 },\"broadcast\":true,\"session_id\":\"s\","
                                      "\"message\":\"caf\\u00e9\\n\",\"team_id\":\"t\",\"role_id\":\"r\",\"user_id\":\"u\",\"severity\":\"warning\","
                                      "\"timestamp\":\"2023-11-14T22:13:19Z\",\"event_id\":\"id 1\",\"event_type\":\"OrderPlaced\"} \n");

  g_assert_cmpstr (event->event_type, ==, "OrderPlaced");
  g_assert_null (event->original_type);
  g_assert_cmpstr (event->id, ==, "id 1");
  g_assert_cmpint (event->timestamp, ==, G_GINT64_CONSTANT (1699999999000000));
  g_assert_cmpint (event->latency, ==, 1123);
  g_assert_cmpint (event->severity, ==, WSE_SEVERITY_WARNING);
  g_assert_true (event->severity_given);
  g_assert_cmpstr (event->message, ==, "caf\xc3\xa9\n");
  g_assert_cmpstr (event->payload, ==, "{\"price\":1.10,\"big\":9223372036854775807}");
  g_assert_cmpuint (event->n_channels, ==, 5);
  g_assert_cmpstr (event->channels[0], ==, "user:u");
  g_assert_cmpstr (event->channels[1], ==, "role:r");
  g_assert_cmpstr (event->channels[2], ==, "team:t");
  g_assert_cmpstr (event->channels[3], ==, "session:s");
  g_assert_cmpstr (event->channels[4], ==, "global");
  g_assert_null (event->channels[5]);
}

static void
test_least (void)
{
  g_autoptr (WseEvent) event = parse ("{\"event_type\":\"a\"}");
  g_autoptr (WseEvent) other = parse ("{\"event_type\":\"a\"}");

  g_assert_true (g_uuid_string_is_valid (event->id));
  g_assert_cmpstr (event->id, !=, other->id);
  g_assert_cmpint (event->timestamp, ==, NOW);
  g_assert_cmpint (event->latency, ==, -1);
  g_assert_cmpint (event->severity, ==, WSE_SEVERITY_INFO);
  g_assert_false (event->severity_given);
  g_assert_null (event->message);
  g_assert_cmpstr (event->payload, ==, "{}");
  g_assert_cmpuint (event->n_channels, ==, 0);
}

/* A member of the table that is null counts as absent; an unknown one is the payload's, null or not. */
static void
test_null (void)
{
  g_autoptr (WseEvent) event = with ("\"event_id\":null,\"timestamp\":null,\"user_id\":null,\"role_id\":null,\"team_id\":null,"
                                     "\"session_id\":null,\"broadcast\":null,\"severity\":null,\"message\":null,\"payload\":null,"
                                     "\"data\":null,\"metadata\":null,\"other\":null,\"type\":null");

  g_assert_true (g_uuid_string_is_valid (event->id));
  g_assert_cmpint (event->latency, ==, -1);
  g_assert_false (event->severity_given);
  g_assert_null (event->message);
  g_assert_cmpuint (event->n_channels, ==, 0);
  g_assert_cmpstr (event->payload, ==, "{\"other\":null}");
  check_refused ("{\"event_type\":null}", WSE_ERROR_INVALID, "event_type: ");
}

static void
test_event_type (void)
{
  static const char * const bad[] = {
    "{}", "{\"type\":\"order\"}", "{\"event_type\":\"\"}", "{\"event_type\":5}", "{\"event_type\":[\"a\"]}", "{\"event_type\":true}",
    "{\"event_type\":\"a b\"}", "{\"event_type\":\"a,b\"}", "{\"event_type\":\"a@b\"}", "{\"event_type\":\"a*\"}", "{\"event_type\":\"a\\n\"}",
    "{\"event_type\":\"a\\u0000\"}", "{\"event_type\":\"a\\u00a0\"}", "{\"event_type\":\"a\\u0085\"}", "{\"event_type\":\"\\u2003\"}",
    "{\"event_type\":null,\"type\":\"order\"}", "{\"type\":5}", "{\"type\":null}", "{\"type\":\"cache\\u0000\"}", "{\"type\":\"Cache\"}",
    "{\"event_type\":\"\",\"type\":\"cache\"}",
  };
  g_autofree char *longest = g_strnfill (WSE_MAX_ID_BYTES, 'x');
  g_autofree char *fits = g_strdup_printf ("{\"event_type\":\"%s\"}", longest);
  g_autofree char *too_long = g_strdup_printf ("{\"event_type\":\"%sx\"}", longest);
  g_autoptr (WseEvent) event = parse (fits);
  g_autoptr (WseEvent) escaped = parse ("{\"event\\u005ftype\":\"\\u0061\\/b\"}");

  g_assert_cmpstr (event->event_type, ==, longest);
  g_assert_cmpstr (escaped->event_type, ==, "a/b");
  check_refused (too_long, WSE_ERROR_INVALID, "event_type: ");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_refused (bad[i], WSE_ERROR_INVALID, "event_type: ");
}

/* `type` serves where it is a system kind and there is no event_type; else it is a member like any other. */
static void
test_type (void)
{
  static const char * const kinds[] = { "query_route", "model_state", "cgrag", "cache", "error", "performance" };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"a\":1,\"type\":\"%s\",\"b\":2}", kinds[i]);
      g_autoptr (WseEvent) event = parse (json);

      g_assert_cmpstr (event->event_type, ==, kinds[i]);
      g_assert_cmpstr (event->payload, ==, "{\"a\":1,\"b\":2}");
    }
  check_payload ("{\"type\":\"cache\",\"event_type\":\"a\",\"b\":1}", "{\"type\":\"cache\",\"b\":1}");
  check_payload ("{\"b\":1,\"type\":\"limit\",\"event_type\":\"a\"}", "{\"b\":1,\"type\":\"limit\"}");
  check_payload ("{\"type\":\"cache\",\"event_type\":null,\"b\":1}", "{\"b\":1}");
  check_payload ("{\"type\":{\"x\": 1},\"event_type\":\"a\"}", "{\"type\":{\"x\":1}}");
  check_payload ("{\"t\\u0079pe\":\"cac\\u0068e\"}", "{}");
}

static void
test_event_id (void)
{
  static const struct
  {
    const char *member, *id;
  } good[] = {
    { "\"event_id\":\"x\"", "x" }, { "\"event_id\":42", "42" }, { "\"event_id\":-7", "-7" }, { "\"event_id\":18446744073709551616", "18446744073709551616" },
    { "\"event_id\":\"a b,c@d*\"", "a b,c@d*" }, { "\"event_id\":\"\\u00e9\\\"\"", "\xc3\xa9\"" }, { "\"event_id\":0", "0" },
  };
  static const char * const bad[] = {
    "\"event_id\":\"\"", "\"event_id\":1.5", "\"event_id\":1e3", "\"event_id\":true", "\"event_id\":{}", "\"event_id\":[1]", "\"event_id\":\"a\\n\"",
    "\"event_id\":\"\\u0000\"", "\"event_id\":\"\\u007f\"", "\"event_id\":\"\\u0080\"", "\"event_id\":\"\xc2\x9f\"",
  };
  g_autofree char *digits = g_strnfill (WSE_MAX_ID_BYTES, '7');
  g_autofree char *longest = g_strdup_printf ("\"event_id\":%s", digits);
  g_autofree char *too_long = g_strdup_printf ("\"event_id\":%s7", digits);
  g_autoptr (WseEvent) event = with (longest);

  g_assert_cmpstr (event->id, ==, digits);
  check_invalid (too_long, "event_id: ");
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (WseEvent) each = with (good[i].member);

      g_assert_cmpstr (each->id, ==, good[i].id);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_invalid (bad[i], "event_id: ");
}

static void
test_timestamp (void)
{
  static const struct
  {
    const char *member;
    gint64 timestamp, latency;
  } good[] = {
    { "\"timestamp\":1699999999.5", G_GINT64_CONSTANT (1699999999500000), 623 },
    { "\"timestamp\":1700000000.123456789", NOW, 0 },
    { "\"timestamp\":1700000000.122457", NOW - 999, 0 },
    { "\"timestamp\":1700000001", G_GINT64_CONSTANT (1700000001000000), 0 },
    { "\"timestamp\":0", 0, NOW / 1000 },
    { "\"timestamp\":\"2023-11-14T23:13:20.1234569+01:00\"", NOW, 0 },
    { "\"timestamp\":\"2023-11-14T22:13:\\u0032\\u0030Z\"", NOW - 123456, 123 },
    { "\"timestamp\":\"9999-12-31T23:59:59.999999Z\"", G_GINT64_CONSTANT (253402300799999999), 0 },
  };
  static const char * const bad[] = {
    "\"timestamp\":\"2023-11-14T22:13:20\"", "\"timestamp\":\"2023-11-14\"", "\"timestamp\":\"\"", "\"timestamp\":\"1700000000\"", "\"timestamp\":\"now\"",
    "\"timestamp\":-1", "\"timestamp\":1700000000123", "\"timestamp\":1e400", "\"timestamp\":true", "\"timestamp\":{}", "\"timestamp\":[]",
    "\"timestamp\":\"1969-12-31T23:59:59Z\"", "\"timestamp\":\"2023-02-29T00:00:00Z\"", "\"timestamp\":\"2023-11-14T22:13:20Z\\u0000\"",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (WseEvent) event = with (good[i].member);

      g_assert_cmpint (event->timestamp, ==, good[i].timestamp);
      g_assert_cmpint (event->latency, ==, good[i].latency);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_invalid (bad[i], "timestamp: ");
}

static void
test_targets (void)
{
  static const char * const names[] = { "user_id", "role_id", "team_id", "session_id" };
  static const char * const bad[] = {
    "\"\"", "\"a b\"", "\"a,b\"", "\"a@b\"", "\"*\"", "\"a\\u0000b\"", "\"a\\t\"", "\"\\u3000\"", "1.0", "1e2", "true", "[1]", "{}",
  };
  g_autoptr (WseEvent) integer = with ("\"user_id\":9223372036854775808,\"team_id\":-5");
  g_autoptr (WseEvent) no = with ("\"broadcast\":false,\"role_id\":\"x:y\"");

  g_assert_cmpuint (integer->n_channels, ==, 2);
  g_assert_cmpstr (integer->channels[0], ==, "user:9223372036854775808");
  g_assert_cmpstr (integer->channels[1], ==, "team:-5");
  g_assert_cmpuint (no->n_channels, ==, 1);
  g_assert_cmpstr (no->channels[0], ==, "role:x:y");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint j = 0; j < G_N_ELEMENTS (bad); j++)
      {
        g_autofree char *member = g_strdup_printf ("\"%s\":%s", names[i], bad[j]);
        g_autofree char *message = g_strconcat (names[i], ": ", NULL);

        check_invalid (member, message);
      }
  check_invalid ("\"broadcast\":1", "broadcast: ");
  check_invalid ("\"broadcast\":\"true\"", "broadcast: ");
  check_invalid ("\"broadcast\":[]", "broadcast: ");
}

static void
test_severity_and_message (void)
{
  static const char * const bad[] = { "\"debug\"", "\"\"", "\"INFO\"", "1", "true", "{}", "[\"info\"]", "\"info\\u0000\"" };
  g_autoptr (WseEvent) info = with ("\"severity\":\"info\"");
  g_autoptr (WseEvent) error = with ("\"severity\":\"\\u0065rror\",\"message\":\"\"");

  g_assert_cmpint (info->severity, ==, WSE_SEVERITY_INFO);
  g_assert_true (info->severity_given);
  g_assert_cmpint (error->severity, ==, WSE_SEVERITY_ERROR);
  g_assert_cmpstr (error->message, ==, "");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *member = g_strdup_printf ("\"severity\":%s", bad[i]);

      check_invalid (member, "severity: ");
    }
  check_invalid ("\"message\":5", "message: ");
  check_invalid ("\"message\":{}", "message: ");
  check_invalid ("\"message\":\"a\\u0000b\"", "message: ");
}

static void
test_payload (void)
{
  check_payload ("{\"event_type\":\"a\",\"payload\":\"x\"}", "\"x\"");
  check_payload ("{\"event_type\":\"a\",\"payload\":5}", "5");
  check_payload ("{\"event_type\":\"a\",\"payload\":false}", "false");
  check_payload ("{\"event_type\":\"a\",\"payload\":[ ]}", "[]");
  check_payload ("{\"event_type\":\"a\",\"metadata\":3,\"data\":2,\"payload\":1}", "1");
  check_payload ("{\"event_type\":\"a\",\"metadata\":3,\"data\":2}", "2");
  check_payload ("{\"event_type\":\"a\",\"metadata\":3,\"x\":1}", "3");
  check_payload ("{\"event_type\":\"a\",\"metadata\":3,\"payload\":null}", "3");
  check_payload ("{\"event_type\":\"a\",\"payload\":null,\"x\":1}", "{\"x\":1}");
  check_payload ("{\"x\": [1, 2] ,\"event_type\":\"a\",\"n\":null,\"user_id\":1, \"y\\u0041\" : \"\\u00e9 \" ,\"z\":{\"n\": null}}",
                 "{\"x\":[1,2],\"n\":null,\"y\\u0041\":\"\\u00e9 \",\"z\":{\"n\":null}}");
  check_payload ("{\"event_type\":\"a\",\"p\\u0061yload\":7}", "7");
  /* Bytes that a parser which makes values of them would change. */
  check_payload ("{\"event_type\":\"a\",\"payload\":{\"n\":1234567890123456789,\"d\":1.10,\"e\":1e400,\"s\":\"\\/\\u0041\",\"b\":1,\"a\":2,\"a\":3}}",
                 "{\"n\":1234567890123456789,\"d\":1.10,\"e\":1e400,\"s\":\"\\/\\u0041\",\"b\":1,\"a\":2,\"a\":3}");
}

static void
test_not_an_event (void)
{
  check_refused ("", WSE_ERROR_SYNTAX, "line 1, column 1: ");
  check_refused ("   ", WSE_ERROR_SYNTAX, "line 1, column 4: ");
  check_refused ("nope", WSE_ERROR_SYNTAX, "line 1, column 1: ");
  check_refused ("{\"event_type\":\"a\"", WSE_ERROR_SYNTAX, "line 1, column 18: ");
  check_refused ("{\"event_type\":\"a\"}{}", WSE_ERROR_SYNTAX, "line 1, column 19: ");
  check_refused ("{\"event_type\":\"\xff\"}", WSE_ERROR_SYNTAX, "line 1, column 16: ");
  check_refused ("[{}", WSE_ERROR_SYNTAX, "line 1, column 4: ");
  check_refused ("[]", WSE_ERROR_INVALID, "an event must be a JSON object");
  check_refused ("null", WSE_ERROR_INVALID, "an event must be a JSON object");
  check_refused ("\"event_type\"", WSE_ERROR_INVALID, "an event must be a JSON object");
}

/* Not JSON outweighs every rule that was broken before. */
static void
test_syntax_first (void)
{
  check_refused ("{\"a\":1,\"a\":2,\"severity\":9,?", WSE_ERROR_SYNTAX, "line 1, column 27: ");
  check_refused ("{\"severity\":9}x", WSE_ERROR_SYNTAX, "line 1, column 15: ");
}

static void
test_duplicates (void)
{
  g_autofree char *long_name = g_strnfill (1000, 'n');
  g_autofree char *long_twice = g_strdup_printf ("\"%s\":1,\"%s\":2", long_name, long_name);

  check_refused ("{\"event_type\":\"a\",\"event_type\":\"a\"}", WSE_ERROR_INVALID, "the member \"event_type\" is there twice");
  check_invalid ("\"x\":1,\"x\":1", "the member \"x\" is there twice");
  check_invalid ("\"x\":1,\"\\u0078\":1", "the member \"\\u0078\" is there twice");
  check_invalid ("\"payload\":null,\"payload\":1", "the member \"payload\" is there twice");
  check_invalid ("\"x\":null,\"payload\":1,\"x\":null", "the member \"x\" is there twice");
  check_invalid ("\"\":1,\"\":2", "the member \"\" is there twice");
  check_invalid ("\"a\\u0000b\":1,\"a\\u0000b\":2", "the member \"a\\u0000b\" is there twice");
  check_invalid ("\"data\":1,\"d\\u0061ta\":2", "the member \"d\\u0061ta\" is there twice");
  check_invalid ("\"type\":1,\"type\":2", "the member \"type\" is there twice");
  check_invalid ("\"\xe2\x82\xac\":1,\"\xe2\x82\xac\":2", "the member \"\xe2\x82\xac\" is there twice");
  check_invalid (long_twice, "the member \"nnn");
  check_payload ("{\"event_type\":\"a\",\"a\\u0000b\":1,\"a\\u0000c\":2,\"a\":3}", "{\"a\\u0000b\":1,\"a\\u0000c\":2,\"a\":3}");
}

/* Beyond the few: members whose names all have the same length and nearly the same bytes, a duplicate anywhere among them. */
static void
test_many_members (void)
{
  static const guint counts[] = { 15, 16, 17, 18, 33, 20000 };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autoptr (GString) json = g_string_new ("{\"event_type\":\"a\"");
      g_autoptr (GError) error = NULL;
      g_autoptr (WseEvent) event = NULL;
      gsize before = json->len;

      for (guint j = 0; j < counts[i]; j++)
        g_string_append_printf (json, ",\"%05u\":%u", j * 7919 % counts[i], j % 7);
      g_string_append_c (json, '}');
      event = parse_bytes (json->str, json->len, 1024 * 1024, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (event->payload_length, ==, json->len - before);
      g_assert_cmpmem (event->payload + 1, event->payload_length - 1, json->str + before + 1, json->len - before - 1);

      for (guint j = 0; j < 3; j++)
        {
          const guint places[] = { 0, counts[i] / 2, counts[i] - 1 };
          g_autofree char *twice = g_strdup_printf (",\"%05u\":0}", places[j]);

          g_string_truncate (json, json->len - 1 - (j > 0 ? strlen (twice) - 1 : 0));
          g_string_append (json, twice);
          g_assert_null (parse_bytes (json->str, json->len, 1024 * 1024, &error));
          g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
          g_clear_error (&error);
        }
    }
}

static void
test_size (void)
{
  static const char json[] = "{\"event_type\":\"a\"}";
  g_autoptr (GError) error = NULL;
  g_autoptr (WseEvent) event = parse_bytes (json, strlen (json), strlen (json), &error);

  g_assert_no_error (error);
  g_assert_null (parse_bytes (json, strlen (json), strlen (json) - 1, &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE);
  g_clear_error (&error);
  /* Size goes before everything: what is too large is not even looked at. */
  g_assert_null (parse_bytes ("nonsense", 8, 4, &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE);
}

/* All of a large event in one member, where each kind of text is worked on in the scratch room. */
static void
test_large (void)
{
  static const char * const forms[] = {
    "{\"event_type\":\"a\",\"payload\":[\"%s\" ]}", "{\"event_type\":\"a\",\"message\":\"%s\"}", "{\"event_type\":\"a\",\"%s\":[1 ]}",
    "{\"event_type\":\"a\",\"x\":\"%s\"}",
  };
  static const char * const units[] = { "x", "\\u0041", "\xe2\x82\xac", "\\ud83d\\ude00" };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    for (guint j = 0; j < G_N_ELEMENTS (units); j++)
      for (gsize repeat = 500; repeat < 40000 / strlen (units[j]); repeat = repeat * 3 + 1)
        {
          g_autoptr (GString) text = g_string_new (NULL);
          g_auto (GStrv) halves = g_strsplit (forms[i], "%s", 2);
          g_autofree char *json = NULL;
          g_autoptr (WseEvent) event = NULL;

          for (gsize k = 0; k < repeat; k++)
            g_string_append (text, units[j]);
          json = g_strconcat (halves[0], text->str, halves[1], NULL);
          event = parse (json);
          if (event->message == NULL)
            g_assert_cmpuint (event->payload_length, >, text->len);
        }
}

static char *
nested (const char *before, guint levels, const char *after)
{
  g_autofree char *open = g_strnfill (levels, '[');
  g_autofree char *close = g_strnfill (levels, ']');

  return g_strconcat (before, open, close, after, NULL);
}

static void
test_depth (void)
{
  g_autofree char *fits = nested ("{\"event_type\":\"a\",\"payload\":", WSE_MAX_DEPTH - 1, "}");
  g_autofree char *deep = nested ("{\"event_type\":\"a\",\"payload\":", WSE_MAX_DEPTH, "}");
  g_autofree char *ignored = nested ("{\"event_type\":\"a\",\"payload\":1,\"x\":", WSE_MAX_DEPTH, "}");
  g_autofree char *known = nested ("{\"event_type\":", WSE_MAX_DEPTH, "}");
  g_autofree char *broken = nested ("{\"event_type\":\"a\",\"payload\":", 100000, "]}");
  g_autofree char *abyss = nested ("{\"event_type\":\"a\",\"payload\":", 100000, "}");
  g_autofree char *array = nested ("", 100, "");
  g_autoptr (WseEvent) event = parse (fits);

  g_assert_cmpuint (event->payload_length, ==, 2 * (WSE_MAX_DEPTH - 1));
  check_refused (deep, WSE_ERROR_TOO_DEEP, "more than 64 nested levels");
  check_refused (ignored, WSE_ERROR_TOO_DEEP, "more than 64 nested levels");
  check_refused (known, WSE_ERROR_TOO_DEEP, "more than 64 nested levels");
  check_refused (abyss, WSE_ERROR_TOO_DEEP, "more than 64 nested levels");
  check_refused (broken, WSE_ERROR_SYNTAX, "line 1, ");
  check_refused (array, WSE_ERROR_INVALID, "an event must be a JSON object");
}

static void
test_from_json (void)
{
  g_autoptr (GBytes) json = g_bytes_new_static ("{\"type\":\"cache\",\"hit\":true}", 27);
  g_autoptr (GBytes) nothing = g_bytes_new_static (NULL, 0);
  g_autoptr (GError) error = NULL;
  gint64 before = g_get_real_time ();
  g_autoptr (WseEvent) event = wse_event_new_from_json (json, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (event->event_type, ==, "cache");
  g_assert_cmpstr (event->payload, ==, "{\"hit\":true}");
  g_assert_cmpint (event->timestamp, >=, before);
  g_assert_null (wse_event_new_from_json (nothing, &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_SYNTAX);
}

/* The corpus of hostile JSON, as an event and as the payload of one: what is no JSON is never anything but a syntax error. */
static void
test_corpus (void)
{
  g_autofree char *folder = g_test_build_filename (G_TEST_DIST, "conformance", "json", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *data = NULL;
      g_autoptr (GString) wrapped = g_string_new ("{\"event_type\":\"a\",\"payload\":");
      g_autoptr (GError) error = NULL;
      g_autoptr (WseEvent) event = NULL, inner = NULL;
      gboolean json = g_str_has_prefix (name, "y_") || g_str_has_prefix (name, "i_accepted_");
      gsize length;

      g_assert_true (g_file_get_contents (path, &data, &length, NULL));
      event = parse_bytes (data, length, WSE_DEFAULT_MAX_EVENT, &error);
      if (event == NULL && g_error_matches (error, WSE_ERROR, WSE_ERROR_SYNTAX) == json)
        g_test_fail_printf ("%s: %s", name, error->message);
      g_clear_error (&error);
      g_string_append_len (wrapped, data, length);
      g_string_append_c (wrapped, '}');
      inner = parse_bytes (wrapped->str, wrapped->len, WSE_DEFAULT_MAX_EVENT, &error);
      if (json && inner == NULL)
        g_assert_error (error, WSE_ERROR, WSE_ERROR_TOO_DEEP);
      if (!json)
        g_assert_null (inner);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  event_form = wse_event_parse;
  g_test_add_func ("/event-parse/everything", test_everything);
  g_test_add_func ("/event-parse/least", test_least);
  g_test_add_func ("/event-parse/null", test_null);
  g_test_add_func ("/event-parse/event-type", test_event_type);
  g_test_add_func ("/event-parse/type", test_type);
  g_test_add_func ("/event-parse/event-id", test_event_id);
  g_test_add_func ("/event-parse/timestamp", test_timestamp);
  g_test_add_func ("/event-parse/targets", test_targets);
  g_test_add_func ("/event-parse/severity-and-message", test_severity_and_message);
  g_test_add_func ("/event-parse/payload", test_payload);
  g_test_add_func ("/event-parse/not-an-event", test_not_an_event);
  g_test_add_func ("/event-parse/syntax-first", test_syntax_first);
  g_test_add_func ("/event-parse/duplicates", test_duplicates);
  g_test_add_func ("/event-parse/many-members", test_many_members);
  g_test_add_func ("/event-parse/size", test_size);
  g_test_add_func ("/event-parse/large", test_large);
  g_test_add_func ("/event-parse/depth", test_depth);
  g_test_add_func ("/event-parse/from-json", test_from_json);
  g_test_add_func ("/event-parse/corpus", test_corpus);
  return g_test_run ();
}
