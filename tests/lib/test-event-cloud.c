/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* CloudEvents, to the letter of PROTOCOL section 2: what each attribute becomes, which are required, what is dropped and what is not
 * taken. What is the same as in the plain form is tested with it. */

#include "event-fixture.h"

#include <string.h>

/* The required attributes, for others to follow. */
#define REQUIRED "\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"/s\",\"type\":\"a\""

/* @attributes stand beside the required ones. */
static void
check_without (const char *attributes, WseError code, const char *message)
{
  g_autofree char *json = g_strdup_printf ("{" REQUIRED ",%s}", attributes);

  check_refused (json, code, message);
}

static WseEvent *
with (const char *attributes)
{
  g_autofree char *json = g_strdup_printf ("{" REQUIRED ",%s}", attributes);

  return parse (json);
}

static void
check_payload (const char *attributes, const char *expected)
{
  check_payload_of (with (attributes), expected);
}

static void
test_everything (void)
{
  g_autoptr (WseEvent) event = parse (" {\"data\" : {\"price\": 1.10, \"big\": 9223372036854775807 },\"broadcast\":true,\"sessionid\":\"s\","
                                      "\"teamid\":\"t\",\"roleid\":\"r\",\"userid\":\"u\",\"datacontenttype\":\"application/json\","
                                      "\"subject\":\"x\",\"dataschema\":\"http://x/\",\"time\":\"2023-11-14T22:13:19Z\",\"type\":\"OrderPlaced\","
                                      "\"source\":\"/orders\",\"id\":\"id 1\",\"specversion\":\"1.0\"} \n");

  g_assert_cmpstr (event->event_type, ==, "OrderPlaced");
  g_assert_null (event->original_type);
  g_assert_cmpstr (event->id, ==, "id 1");
  g_assert_cmpint (event->timestamp, ==, G_GINT64_CONSTANT (1699999999000000));
  g_assert_cmpint (event->latency, ==, 1123);
  g_assert_cmpstr (event->payload, ==, "{\"price\":1.10,\"big\":9223372036854775807}");
  g_assert_cmpuint (event->n_channels, ==, 5);
  g_assert_cmpstr (event->channels[0], ==, "user:u");
  g_assert_cmpstr (event->channels[1], ==, "role:r");
  g_assert_cmpstr (event->channels[2], ==, "team:t");
  g_assert_cmpstr (event->channels[3], ==, "session:s");
  g_assert_cmpstr (event->channels[4], ==, "global");
}

/* What is optional is absent, or null, which is the same. */
static void
test_least (void)
{
  static const char * const least[] = {
    "{" REQUIRED "}",
    "{" REQUIRED ",\"time\":null,\"userid\":null,\"roleid\":null,\"teamid\":null,\"sessionid\":null,\"broadcast\":null,\"data\":null,"
    "\"datacontenttype\":null,\"data_base64\":null,\"subject\":null}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (least); i++)
    {
      g_autoptr (WseEvent) event = parse (least[i]);

      g_assert_cmpstr (event->event_type, ==, "a");
      g_assert_cmpstr (event->id, ==, "i");
      g_assert_cmpint (event->timestamp, ==, NOW);
      g_assert_cmpint (event->latency, ==, -1);
      g_assert_cmpint (event->severity, ==, WSE_SEVERITY_INFO);
      g_assert_false (event->severity_given);
      g_assert_null (event->message);
      g_assert_cmpuint (event->n_channels, ==, 0);
      g_assert_cmpstr (event->payload, ==, "{}");
    }
}

static void
test_required (void)
{
  static const char * const names[] = { "specversion", "id", "source", "type" };
  static const char * const values[] = { "\"1.0\"", "\"i\"", "\"/s\"", "\"a\"" };
  static const char * const bad[] = { NULL, "null", "\"\"", "1", "1.0", "true", "[\"1.0\"]", "{}" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint j = 0; j < G_N_ELEMENTS (bad); j++)
      {
        g_autoptr (GString) json = g_string_new ("{\"userid\":\"u\"");
        g_autofree char *message = g_strconcat (names[i], ": expected ", NULL);

        for (guint k = 0; k < G_N_ELEMENTS (names); k++)
          if (k != i || bad[j] != NULL)
            g_string_append_printf (json, ",\"%s\":%s", names[k], k == i ? bad[j] : values[k]);
        g_string_append_c (json, '}');
        check_refused (json->str, WSE_ERROR_INVALID, message);
      }
}

static void
test_spec_version (void)
{
  static const char * const bad[] = { "\"0.3\"", "\"1\"", "\"1.0.2\"", "\"1.1\"", "\" 1.0\"", "\"1.0\\u0000\"", "\"2.0\"" };
  g_autoptr (WseEvent) escaped = parse ("{\"spec\\u0076ersion\":\"1\\u002e0\",\"i\\u0064\":\"\\u0069\",\"source\":\"\\/\",\"type\":\"\\u0061\"}");

  g_assert_cmpstr (escaped->id, ==, "i");
  g_assert_cmpstr (escaped->event_type, ==, "a");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"specversion\":%s,\"id\":\"i\",\"source\":\"/s\",\"type\":\"a\"}", bad[i]);

      check_refused (json, WSE_ERROR_INVALID, "specversion: expected \"1.0\"");
    }
}

/* The rules of event_type and event_id hold for `type` and `id`. */
static void
test_ids (void)
{
  static const char * const bad_types[] = { "a b", "a,b", "a@b", "*", "a\\n", "a\\u0000", "\\u2003" };
  static const char * const bad_ids[] = { "a\\n", "\\u0000", "\\u007f", "\\u0085" };
  g_autofree char *longest = g_strnfill (WSE_MAX_ID_BYTES, 'x');
  g_autofree char *fits = g_strdup_printf ("{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"%sx\",\"type\":\"%s\"}", longest, longest, longest);
  g_autofree char *long_id = g_strdup_printf ("{\"specversion\":\"1.0\",\"id\":\"%sx\",\"source\":\"s\",\"type\":\"a\"}", longest);
  g_autofree char *long_type = g_strdup_printf ("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"%sx\"}", longest);
  g_autoptr (WseEvent) event = parse (fits);

  g_assert_cmpstr (event->id, ==, longest);
  g_assert_cmpstr (event->event_type, ==, longest);
  check_refused (long_id, WSE_ERROR_INVALID, "id: ");
  check_refused (long_type, WSE_ERROR_INVALID, "type: ");
  for (guint i = 0; i < G_N_ELEMENTS (bad_types); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"s\",\"type\":\"%s\"}", bad_types[i]);

      check_refused (json, WSE_ERROR_INVALID, "type: ");
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad_ids); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"s\",\"type\":\"a\"}", bad_ids[i]);

      check_refused (json, WSE_ERROR_INVALID, "id: ");
    }
}

static void
test_time (void)
{
  g_autoptr (WseEvent) zone = with ("\"time\":\"2023-11-14T23:13:20.1234569+01:00\"");
  g_autoptr (WseEvent) number = with ("\"time\":1700000000");

  g_assert_cmpint (zone->timestamp, ==, NOW);
  g_assert_cmpint (zone->latency, ==, 0);
  g_assert_cmpint (number->timestamp, ==, NOW - 123456);
  check_without ("\"time\":\"2023-11-14T22:13:20\"", WSE_ERROR_INVALID, "time: ");
  check_without ("\"time\":\"\"", WSE_ERROR_INVALID, "time: ");
  check_without ("\"time\":true", WSE_ERROR_INVALID, "time: ");
}

static void
test_targets (void)
{
  static const char * const names[] = { "userid", "roleid", "teamid", "sessionid" };
  static const char * const bad[] = { "\"\"", "\"a b\"", "\"a@b\"", "\"*\"", "\"a\\u0000b\"", "1.0", "true", "[1]", "{}" };
  static const struct
  {
    const char *broadcast;
    guint n_channels;
  } good[] = { { "true", 1 }, { "\"true\"", 1 }, { "\"tr\\u0075e\"", 1 }, { "false", 0 }, { "\"false\"", 0 } };
  static const char * const bad_broadcasts[] = { "1", "\"\"", "\"yes\"", "\"True\"", "\"TRUE\"", "[]", "\"true\\u0000\"" };
  g_autoptr (WseEvent) integer = with ("\"userid\":2147483647,\"teamid\":-5");

  g_assert_cmpuint (integer->n_channels, ==, 2);
  g_assert_cmpstr (integer->channels[0], ==, "user:2147483647");
  g_assert_cmpstr (integer->channels[1], ==, "team:-5");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint j = 0; j < G_N_ELEMENTS (bad); j++)
      {
        g_autofree char *attribute = g_strdup_printf ("\"%s\":%s", names[i], bad[j]);
        g_autofree char *message = g_strconcat (names[i], ": ", NULL);

        check_without (attribute, WSE_ERROR_INVALID, message);
      }
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *attribute = g_strdup_printf ("\"broadcast\":%s", good[i].broadcast);
      g_autoptr (WseEvent) event = with (attribute);

      g_assert_cmpuint (event->n_channels, ==, good[i].n_channels);
      if (good[i].n_channels > 0)
        g_assert_cmpstr (event->channels[0], ==, "global");
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad_broadcasts); i++)
    {
      g_autofree char *attribute = g_strdup_printf ("\"broadcast\":%s", bad_broadcasts[i]);

      check_without (attribute, WSE_ERROR_INVALID, "broadcast: expected true or false");
    }
}

static void
test_data (void)
{
  check_payload ("\"data\":\"x\"", "\"x\"");
  check_payload ("\"data\":5", "5");
  check_payload ("\"data\":false", "false");
  check_payload ("\"data\":[ ]", "[]");
  check_payload ("\"d\\u0061ta\": { \"a\" : 1.10, \"b\": 1e400, \"a\": \"\\/\\u0041 \" }", "{\"a\":1.10,\"b\":1e400,\"a\":\"\\/\\u0041 \"}");
}

/* Names of the plain form, too, are attributes that the contract does not name here: whatever their values. */
static void
test_dropped (void)
{
  g_autoptr (WseEvent) event = with ("\"severity\":\"error\",\"message\":\"m\",\"payload\":{\"a\":1},\"metadata\":2,\"event_type\":\"b\","
                                     "\"event_id\":\"j\",\"timestamp\":1,\"user_id\":\"u\",\"traceparent\":\"00-1-2-01\",\"partitionkey\":\"k\","
                                     "\"\":[1]");

  g_assert_cmpstr (event->event_type, ==, "a");
  g_assert_cmpstr (event->id, ==, "i");
  g_assert_cmpint (event->timestamp, ==, NOW);
  g_assert_cmpint (event->severity, ==, WSE_SEVERITY_INFO);
  g_assert_false (event->severity_given);
  g_assert_null (event->message);
  g_assert_cmpuint (event->n_channels, ==, 0);
  g_assert_cmpstr (event->payload, ==, "{}");
  check_payload ("\"severity\":7,\"message\":{},\"data\":1", "1");
}

static void
test_data_type (void)
{
  static const char * const json[] = {
    "application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x=y", "text/json", "application/cloudevents+json",
    "application/vnd.x.y+JSON;v=1", "application\\/json",
  };
  static const char * const other[] = {
    "application/xml", "text/plain", "text/html", "", "json", "/json", "application/", "application/jsonp", "application/+json", "application/x-json", "a/b/json",
    "application/octet-stream; x=application/json", ";application/json", "application/json\\u0000", "application+json",
  };

  for (guint i = 0; i < G_N_ELEMENTS (json); i++)
    {
      g_autofree char *attributes = g_strdup_printf ("\"datacontenttype\":\"%s\",\"data\":[1, 2]", json[i]);

      check_payload (attributes, "[1,2]");
    }
  for (guint i = 0; i < G_N_ELEMENTS (other); i++)
    {
      g_autofree char *attributes = g_strdup_printf ("\"datacontenttype\":\"%s\",\"data\":\"x\"", other[i]);
      g_autofree char *alone = g_strdup_printf ("\"datacontenttype\":\"%s\",\"data\":null", other[i]);

      check_without (attributes, WSE_ERROR_UNSUPPORTED, "datacontenttype: ");
      check_payload (alone, "{}");
    }
  check_without ("\"datacontenttype\":5,\"data\":1", WSE_ERROR_INVALID, "datacontenttype: ");
  check_payload ("\"datacontenttype\":5", "{}");
}

/* Of what kind it is goes before what is wrong with it. */
static void
test_binary (void)
{
  check_without ("\"data_base64\":\"AAEC\"", WSE_ERROR_UNSUPPORTED, "data_base64: ");
  check_without ("\"data_base64\":\"\"", WSE_ERROR_UNSUPPORTED, "data_base64: ");
  check_without ("\"data_base64\":5,\"data\":1,\"userid\":true", WSE_ERROR_UNSUPPORTED, "data_base64: ");
  check_refused ("{\"data_base64\":\"AAEC\"}", WSE_ERROR_UNSUPPORTED, "data_base64: ");
  check_without ("\"data_base64\":\"AAEC\",\"x\":1,\"x\":2", WSE_ERROR_INVALID, "the member \"x\" is there twice");
}

static void
test_duplicates (void)
{
  check_without ("\"id\":\"i\"", WSE_ERROR_INVALID, "the member \"id\" is there twice");
  check_without ("\"userid\":\"u\",\"us\\u0065rid\":\"v\"", WSE_ERROR_INVALID, "the member \"us\\u0065rid\" is there twice");
  check_without ("\"data_base64\":null,\"data_base64\":null", WSE_ERROR_INVALID, "the member \"data_base64\" is there twice");
  check_without ("\"severity\":1,\"severity\":2", WSE_ERROR_INVALID, "the member \"severity\" is there twice");
}

static void
test_not_an_event (void)
{
  check_refused ("", WSE_ERROR_SYNTAX, "line 1, column 1: ");
  check_refused ("{" REQUIRED, WSE_ERROR_SYNTAX, "line 1, column ");
  check_refused ("{" REQUIRED ",\"data_base64\":\"\xff\"}", WSE_ERROR_SYNTAX, "line 1, column ");
  check_refused ("[{" REQUIRED "}]", WSE_ERROR_INVALID, "an event must be a JSON object");
  check_refused ("{\"event_type\":\"a\",\"user_id\":\"u\"}", WSE_ERROR_INVALID, "specversion: ");
}

static void
test_limits (void)
{
  static const char json[] = "{" REQUIRED "}";
  g_autoptr (GError) error = NULL;
  g_autoptr (WseEvent) event = parse_bytes (json, strlen (json), strlen (json), &error);
  g_autofree char *open = g_strnfill (WSE_MAX_DEPTH, '['), *close = g_strnfill (WSE_MAX_DEPTH, ']');
  g_autofree char *fits = g_strdup_printf ("\"data\":%s%s", open + 1, close + 1);
  g_autofree char *deep = g_strdup_printf ("\"data\":%s%s", open, close);
  g_autofree char *dropped = g_strdup_printf ("\"x\":%s%s", open, close);

  g_assert_no_error (error);
  g_assert_null (parse_bytes (json, strlen (json), strlen (json) - 1, &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE);
  check_payload (fits, fits + strlen ("\"data\":"));
  check_without (deep, WSE_ERROR_TOO_DEEP, "more than 64 nested levels");
  check_without (dropped, WSE_ERROR_TOO_DEEP, "more than 64 nested levels");
}

/* Each text of a large event in the scratch room. */
static void
test_large (void)
{
  static const char * const forms[] = {
    "\"data\":[\"%s\" ]", "\"%s\":[1 ],\"data\":[ ]", "\"datacontenttype\":\"application/json;x=%s\",\"data\":[ 1 ]", "\"x\":\"%s\"",
  };
  static const char * const units[] = { "x", "\\u0041", "\xe2\x82\xac", "\\ud83d\\ude00" };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    for (guint j = 0; j < G_N_ELEMENTS (units); j++)
      {
        g_autoptr (GString) text = g_string_new (NULL);
        g_auto (GStrv) halves = g_strsplit (forms[i], "%s", 2);
        g_autofree char *attributes = NULL;
        g_autoptr (WseEvent) event = NULL;

        while (text->len < 40000)
          g_string_append (text, units[j]);
        attributes = g_strconcat (halves[0], text->str, halves[1], NULL);
        event = with (attributes);
        g_assert_cmpuint (event->payload_length, >, i == 0 ? text->len : 1);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  event_form = wse_event_parse_cloud;
  g_test_add_func ("/event-cloud/everything", test_everything);
  g_test_add_func ("/event-cloud/least", test_least);
  g_test_add_func ("/event-cloud/required", test_required);
  g_test_add_func ("/event-cloud/spec-version", test_spec_version);
  g_test_add_func ("/event-cloud/ids", test_ids);
  g_test_add_func ("/event-cloud/time", test_time);
  g_test_add_func ("/event-cloud/targets", test_targets);
  g_test_add_func ("/event-cloud/data", test_data);
  g_test_add_func ("/event-cloud/dropped", test_dropped);
  g_test_add_func ("/event-cloud/data-type", test_data_type);
  g_test_add_func ("/event-cloud/binary", test_binary);
  g_test_add_func ("/event-cloud/duplicates", test_duplicates);
  g_test_add_func ("/event-cloud/not-an-event", test_not_an_event);
  g_test_add_func ("/event-cloud/limits", test_limits);
  g_test_add_func ("/event-cloud/large", test_large);
  return g_test_run ();
}
