/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The four forms of an event on the wire, member by member and byte by byte. */

#include <wse.h>

#include "wse-event-private.h"
#include "wse-json-private.h"

/* 2023-11-08T18:40:00.123Z, the contract's own example. */
#define TIME (G_GINT64_CONSTANT (1699468800123000))
#define ISO "2023-11-08T18:40:00.123000Z"

static const char * const channels[] = { "user:123", NULL };

/* The least an event can be. */
static const WseEventFields bare = {
  .event_type = "order_update",
  .id = "e-1",
  .payload = "{}",
  .payload_length = 2,
  .channels = channels,
  .n_channels = 1,
  .timestamp = TIME,
  .latency = -1,
};

static const WseEventFields full = {
  .event_type = "order_update",
  .original_type = "OrderPlaced",
  .id = "e\"2",
  .message = "line\nbreak",
  .payload = "{\"a\":1.10,\"b\":[1e400,9223372036854775808]}",
  .payload_length = 42,
  .channels = channels,
  .n_channels = 1,
  .timestamp = TIME,
  .latency = 12,
  .severity = WSE_SEVERITY_WARNING,
};

static void
assert_written (const WseEventFields *fields,
                WseDialect            dialect,
                const char           *channel,
                guint64               seq,
                const char           *expected)
{
  g_autoptr (WseEvent) event = wse_event_new_from_fields (fields);
  g_autoptr (GString) out = g_string_new ("before");
  WseJson json;
  WseJsonValue value;

  wse_dialect_write (dialect, event, channel, seq, out);
  g_assert_true (g_str_has_prefix (out->str, "before"));
  g_assert_cmpstr (out->str + 6, ==, expected);
  g_assert_cmpuint (out->len, ==, strlen (out->str));

  wse_json_init (&json, out->str + 6, out->len - 6);
  g_assert_true (wse_json_value (&json, &value));
  g_assert_true (wse_json_end (&json));
  g_assert_false (value.spaced);
}

static void
test_v2 (void)
{
  WseEventFields fields = full;

  assert_written (&bare, WSE_DIALECT_V2, "user:123", 7,
                  "{\"v\":2,\"id\":\"e-1\",\"t\":\"order_update\",\"ts\":\"" ISO "\",\"seq\":7,\"p\":{},\"ch\":\"user:123\"}");
  assert_written (&full, WSE_DIALECT_V2, "global", G_MAXUINT64,
                  "{\"v\":2,\"id\":\"e\\\"2\",\"t\":\"order_update\",\"ts\":\"" ISO "\",\"seq\":18446744073709551615,"
                  "\"p\":{\"a\":1.10,\"b\":[1e400,9223372036854775808]},\"ch\":\"global\",\"original_event_type\":\"OrderPlaced\","
                  "\"severity\":\"warning\",\"message\":\"line\\nbreak\",\"latency_ms\":12}");

  fields.severity = WSE_SEVERITY_ERROR;
  fields.original_type = fields.event_type;
  fields.message = NULL;
  fields.latency = 0;
  fields.payload = "null";
  fields.payload_length = 4;
  assert_written (&fields, WSE_DIALECT_V2, "user:a\"b", 0,
                  "{\"v\":2,\"id\":\"e\\\"2\",\"t\":\"order_update\",\"ts\":\"" ISO "\",\"seq\":0,\"p\":null,\"ch\":\"user:a\\\"b\","
                  "\"severity\":\"error\",\"latency_ms\":0}");
}

static void
test_feed (void)
{
  WseEventFields fields = bare;

  assert_written (&bare, WSE_DIALECT_FEED, "user:123", 7,
                  "{\"timestamp\":1699468800.123,\"type\":\"order_update\",\"message\":\"\",\"severity\":\"info\",\"metadata\":{}}");
  assert_written (&full, WSE_DIALECT_FEED, "user:123", 7,
                  "{\"timestamp\":1699468800.123,\"type\":\"order_update\",\"message\":\"line\\nbreak\",\"severity\":\"warning\","
                  "\"metadata\":{\"a\":1.10,\"b\":[1e400,9223372036854775808]}}");

  fields.timestamp = G_GINT64_CONSTANT (1699468800000000);
  fields.payload = "[1]";
  fields.payload_length = 3;
  fields.severity = WSE_SEVERITY_ERROR;
  assert_written (&fields, WSE_DIALECT_FEED, "system", 1,
                  "{\"timestamp\":1699468800,\"type\":\"order_update\",\"message\":\"\",\"severity\":\"error\",\"metadata\":[1]}");
}

static void
test_envelope (void)
{
  g_autoptr (WseEvent) event = wse_event_new_from_fields (&bare);
  g_autoptr (GString) out = g_string_new (NULL);

  assert_written (&bare, WSE_DIALECT_ENVELOPE, "user:123", 7,
                  "{\"type\":\"event\",\"data\":{\"event_id\":\"e-1\",\"timestamp\":\"" ISO "\",\"type\":\"order_update\",\"message\":\"\","
                  "\"severity\":\"info\",\"metadata\":{},\"channel\":\"user:123\",\"seq\":7}}");
  assert_written (&full, WSE_DIALECT_ENVELOPE, "user:123", 10,
                  "{\"type\":\"event\",\"data\":{\"event_id\":\"e\\\"2\",\"timestamp\":\"" ISO "\",\"type\":\"order_update\","
                  "\"message\":\"line\\nbreak\",\"severity\":\"warning\",\"metadata\":{\"a\":1.10,\"b\":[1e400,9223372036854775808]},"
                  "\"channel\":\"user:123\",\"seq\":10,\"original_event_type\":\"OrderPlaced\",\"latency_ms\":12}}");

  wse_dialect_write_envelope_data (event, "user:123", 7, out);
  g_assert_cmpstr (out->str, ==, "{\"event_id\":\"e-1\",\"timestamp\":\"" ISO "\",\"type\":\"order_update\",\"message\":\"\","
                   "\"severity\":\"info\",\"metadata\":{},\"channel\":\"user:123\",\"seq\":7}");
}

typedef struct
{
  const char *payload;
  const char *channel;
  const char *data;            /* what stands before the time */
} Session;

static const Session sessions[] = {
  { "{}", "session:s-1", "\"session_id\":\"s-1\"," },
  { "{}", "user:1", "" },
  { "{\"a\":1}", "session:s-1", "\"a\":1,\"session_id\":\"s-1\"," },
  { "{\"a\":1,\"b\":{\"session_id\":1,\"timestamp\":[]}}", "session:s", "\"a\":1,\"b\":{\"session_id\":1,\"timestamp\":[]},\"session_id\":\"s\"," },
  { "{\"timestamp\":7,\"a\":1,\"session_id\":\"forged\"}", "session:s", "\"a\":1,\"session_id\":\"s\"," },
  { "{\"session_id\":\"forged\",\"session_id\":{\"x\":1}}", "session:s", "\"session_id\":\"s\"," },
  { "{\"session_\\u0069d\":\"forged\",\"time\\u0073tamp\":1}", "session:s", "\"session_id\":\"s\"," },
  { "{\"timestamp\":7,\"session_id\":\"forged\"}", "global", "" },
  { "{\"session_idx\":1,\"Timestamp\":2}", "session:s", "\"session_idx\":1,\"Timestamp\":2,\"session_id\":\"s\"," },
  { "[1,2]", "session:s", "\"payload\":[1,2],\"session_id\":\"s\"," },
  { "null", "global", "\"payload\":null," },
  { "\"x\"", "session:s\"q", "\"payload\":\"x\",\"session_id\":\"s\\\"q\"," },
};

static void
test_session (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (sessions); i++)
    {
      g_autofree char *expected = g_strdup_printf ("{\"event_type\":\"checkpoint_created\",\"data\":{%s\"timestamp\":\"" ISO "\"}}",
                                                   sessions[i].data);
      WseEventFields fields = full;

      fields.event_type = "checkpoint_created";
      fields.payload = sessions[i].payload;
      fields.payload_length = strlen (sessions[i].payload);
      assert_written (&fields, WSE_DIALECT_SESSION, sessions[i].channel, 3, expected);
    }
}

static void
test_names (void)
{
  static const char * const unknown[] = { "", "V2", "v1", "feeds" };
  WseDialect dialect = WSE_DIALECT_ENVELOPE;

  for (guint i = 0; i < WSE_N_DIALECTS; i++)
    {
      g_assert_true (wse_dialect_from_name (wse_dialect_get_name (i), &dialect));
      g_assert_cmpint (dialect, ==, i);
    }
  dialect = WSE_DIALECT_ENVELOPE;
  for (gsize i = 0; i < G_N_ELEMENTS (unknown); i++)
    {
      g_assert_false (wse_dialect_from_name (unknown[i], &dialect));
      g_assert_cmpint (dialect, ==, WSE_DIALECT_ENVELOPE);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dialect/names", test_names);
  g_test_add_func ("/dialect/v2", test_v2);
  g_test_add_func ("/dialect/feed", test_feed);
  g_test_add_func ("/dialect/envelope", test_envelope);
  g_test_add_func ("/dialect/session", test_session);
  return g_test_run ();
}
