/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events that are kept nowhere: they reach who is there, in every dialect, with seq 0, move no cursor, and take no memory where nobody
 * reads. */

#include "stream-fixture.h"

#include <string.h>

#include "metrics/wsed-metrics.h"
#include "stream/wsed-stream-metrics.h"

#define CHUNK_BYTES (256 * 1024)
#define ASIDE(id, channel, payload) "{\"v\":2,\"id\":\"" id "\",\"t\":\"t\",\"ts\":\"2023-11-08T18:40:00.123456Z\",\"seq\":0,\"p\":" payload ",\"ch\":\"" channel "\"}"
#define ENVELOPE "{\"type\":\"event\",\"data\":{\"event_id\":\"f\",\"timestamp\":\"2023-11-08T18:40:00.123456Z\",\"type\":\"t\",\"message\":\"\"," \
                 "\"severity\":\"info\",\"metadata\":{\"k\":1},\"channel\":\"session:s\",\"seq\":0}}"

static StreamFixture fixture;

static void
tell (const char *channel,
      const char *id,
      const char *payload)
{
  WseEventFields fields = { .event_type = "t", .id = id, .payload = payload, .payload_length = strlen (payload), .channels = &channel,
                            .n_channels = 1, .timestamp = G_GINT64_CONSTANT (1699468800123456), .latency = -1 };
  g_autoptr(WseEvent) event = wse_event_new_from_fields (&fields);
  g_autoptr(WsedEntry) entry = wsed_entry_new (event, 0, NULL);

  wsed_hub_publish (fixture.hub, &entry, 1);
}

static void
tell_large (const char *channel,
            const char *id)
{
  g_autofree char *text = g_strnfill (200000, 'x');
  g_autofree char *payload = g_strconcat ("\"", text, "\"", NULL);

  tell (channel, id, payload);
}

static void
test_dialects (void)
{
  static const char * const expected[WSE_N_DIALECTS] = {
    [WSE_DIALECT_V2] = ASIDE ("f", "session:s", "{\"k\":1}"),
    [WSE_DIALECT_FEED] = "{\"timestamp\":1699468800.123456,\"type\":\"t\",\"message\":\"\",\"severity\":\"info\",\"metadata\":{\"k\":1}}",
    [WSE_DIALECT_ENVELOPE] = ENVELOPE,
    [WSE_DIALECT_SESSION] = "{\"event_type\":\"t\",\"data\":{\"k\":1,\"session_id\":\"s\",\"timestamp\":\"2023-11-08T18:40:00.123456Z\"}}",
  };

  for (WseDialect dialect = 0; dialect < WSE_N_DIALECTS; dialect++)
    for (WsedFraming framing = 0; framing < WSED_N_FRAMINGS; framing++)
      {
        g_autofree char *block = g_strdup_printf ("data: %s", expected[dialect]);
        Client *client;

        if (framing == WSED_FRAMING_DEFLATE)
          continue;
        stream_fixture_begin (&fixture, 1);
        client = client_new (&fixture, &(ClientOptions){ .channels = "session:s", .dialect = dialect, .framing = framing });
        if (framing == WSED_FRAMING_SSE)
          g_free (client_next (client));
        else
          client_expect_quiet (client);
        tell ("session:s", "f", "{\"k\":1}");
        client_expect_text (client, framing == WSED_FRAMING_SSE ? block : expected[dialect]);
        stream_fixture_end (client);
      }
}

/* Who asked for other types is not given it; nobody's place changes, and the whole log has not got it. */
static void
test_places (void)
{
  Client *client, *other, *all;

  stream_fixture_begin (&fixture, 2);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a global", .control = TRUE });
  other = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .types = "u" });
  all = client_new (&fixture, &(ClientOptions){ .channels = "*" });
  g_free (client_next (client));
  g_free (client_next (client));
  client_expect_quiet (other);
  client_expect_quiet (all);
  tell ("user:a", "f1", "{}");
  client_expect_text (client, ASIDE ("f1", "user:a", "{}"));
  stream_publish_some (&fixture, "user:a", 1);
  client_expect (client, "user:a", 1);
  tell ("global", "f2", "{}");
  tell ("user:b", "f3", "{}");
  client_expect_text (client, ASIDE ("f2", "global", "{}"));
  client_expect_quiet (client);
  client_expect_quiet (other);
  client_expect (all, "user:a", 1);
  client_expect_quiet (all);
  client_free (client);
  client_free (other);
  client_free (all);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a global", .control = TRUE, .after = "user:a@EPOCH:0" });
  g_free (client_next (client));
  client_expect (client, "user:a", 1);
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:1,global@EPOCH:0\"}}");
  client_expect_quiet (client);
  stream_fixture_end (client);
}

/* One that reads nothing gets what the tail still has by then, and is told that there was more; what is kept it gets whole. */
static void
test_slow (gconstpointer framing)
{
  gboolean sse = GPOINTER_TO_INT (framing) == WSED_FRAMING_SSE;
  gint64 dropped;
  Client *client, *quick;
  g_autofree char *first = NULL, *gap = NULL;
  guint told = 0;

  stream_fixture_init (&fixture, 1, 4 * CHUNK_BYTES, 0, 3600);
  dropped = wsed_metric_get (wsed_stream_metrics ()->unkept_dropped);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .control = TRUE, .framing = GPOINTER_TO_INT (framing) });
  quick = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  g_free (client_next (client));
  g_free (client_next (client));
  client_expect_quiet (quick);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *id = g_strdup_printf ("f%u", i);

      tell_large ("user:a", id);
      g_free (client_next (quick));
    }
  stream_publish_some (&fixture, "user:a", 1);
  client_expect (quick, "user:a", 1);
  first = client_next (client);
  g_assert_nonnull (strstr (first, "\"id\":\"f0\""));
  for (;;)
    {
      g_autofree char *text = client_next (client);

      if (strstr (text, "\"seq\":1,") != NULL)
        break;
      if (strstr (text, "\"t\":\"gap\"") != NULL)
        {
          g_autofree char *expected = stream_fill (&fixture, "\"p\":{\"channel\":\"user:a\",\"epoch\":\"EPOCH\",\"from\":0,\"to\":0,\"reason\":\"policy\"}}");

          g_assert_nonnull (strstr (text, expected));
          g_assert_true (!sse || g_str_has_prefix (text, "event: gap\n"));
          told++;
        }
    }
  g_assert_cmpuint (told, ==, 1);
  dropped = wsed_metric_get (wsed_stream_metrics ()->unkept_dropped) - dropped;
  g_assert_cmpint (dropped, >, 10);
  g_assert_cmpint (dropped, <, 20);
  client_free (quick);
  stream_fixture_end (client);
}

/* What waits of a channel that is given up, or was erased, does not go out any more. */
static void
test_given_up (void)
{
  Client *client;
  g_autofree char *text = NULL;

  stream_fixture_begin (&fixture, 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  client_expect_quiet (client);
  for (guint i = 0; i < 20; i++)
    tell_large ("user:a", "f");
  client_say (client, "{\"id\":\"1\",\"method\":\"unsubscribe\",\"params\":{\"channel\":\"user:a\"}}");
  do
    {
      g_free (text);
      text = client_next (client);
    }
  while (strstr (text, "unsubscribed") == NULL);
  client_expect_quiet (client);
  tell ("user:a", "f", "{}");
  client_expect_quiet (client);
  stream_fixture_end (client);
}

/* While somebody still reads the log it waits; then it is there. */
static void
test_replay (void)
{
  g_autofree char *text = g_strnfill (2000, 'x');
  g_autofree char *payload = g_strconcat ("\"", text, "\"", NULL);
  Client *client;

  stream_fixture_begin (&fixture, 1);
  for (guint i = 0; i < 1000; i++)
    stream_publish (&fixture, "user:a", "t", WSE_SEVERITY_INFO, payload);
  stream_settle (&fixture);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .history = 1000, .control = TRUE, .send_buffer = 4096 });
  g_free (client_next (client));
  tell ("user:a", "f", "{}");
  for (guint i = 1; i <= 1000; i++)
    client_expect (client, "user:a", i);
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:1000\"}}");
  client_expect_text (client, ASIDE ("f", "user:a", "{}"));
  stream_fixture_end (client);
}

/* Nobody reads for a long time, and many channels have had some: what is remembered of that is bounded, and goes with the tail. */
static void
test_memory (void)
{
  gint64 before, most = 0;
  Client *clients[50];

  stream_fixture_init (&fixture, 1, 4 * CHUNK_BYTES, 0, 3600);
  before = wsed_metric_get (wsed_stream_metrics ()->tail_index_bytes);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      g_autofree char *channel = g_strdup_printf ("user:%u", i);

      clients[i] = client_new (&fixture, &(ClientOptions){ .channels = channel });
      client_expect_quiet (clients[i]);
    }
  for (guint i = 0; i < 20000; i++)
    {
      g_autofree char *channel = g_strdup_printf ("user:%u", i % 50);

      tell (channel, "f", "{}");
      if (i % 1000 == 999)
        {
          stream_fixture_turn (&fixture);
          most = MAX (most, wsed_metric_get (wsed_stream_metrics ()->tail_index_bytes) - before);
        }
    }
  g_assert_cmpint (most, >, 0);
  g_assert_cmpint (most, <=, CHUNK_BYTES / 2);
  for (guint i = 0; i + 1 < G_N_ELEMENTS (clients); i++)
    client_free (clients[i]);
  stream_fixture_end (clients[G_N_ELEMENTS (clients) - 1]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/aside/dialects", test_dialects);
  g_test_add_func ("/aside/places", test_places);
  g_test_add_data_func ("/aside/slow", GINT_TO_POINTER (WSED_FRAMING_WEBSOCKET), test_slow);
  g_test_add_data_func ("/aside/slow-sse", GINT_TO_POINTER (WSED_FRAMING_SSE), test_slow);
  g_test_add_func ("/aside/given-up", test_given_up);
  g_test_add_func ("/aside/replay", test_replay);
  g_test_add_func ("/aside/memory", test_memory);
  return g_test_run ();
}
