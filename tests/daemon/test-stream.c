/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streaming from the log's answer to the socket: where a subscription begins, how replay meets live, what is told. */

#include "stream-fixture.h"

#include <string.h>
#include <sys/socket.h>

#define V2(n, channel, seq) "{\"v\":2,\"id\":\"e" #n "\",\"t\":\"t\",\"ts\":\"2023-11-08T18:40:00.123456Z\",\"seq\":" #seq \
                            ",\"p\":{},\"ch\":\"" channel "\"}"

static StreamFixture fixture;

static void
test_live (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "user:a", 3);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  client_expect_quiet (client);
  stream_publish_some (&fixture, "user:a", 1);
  stream_publish_some (&fixture, "user:b", 1);
  client_expect_text (client, V2 (4, "user:a", 4));
  stream_publish_some (&fixture, "user:a", 500);
  for (guint i = 5; i <= 504; i++)
    client_expect (client, "user:a", i);
  client_expect_quiet (client);
  stream_fixture_end (client);
}

/* Under load one send a tick, however often something comes; after it all is there. Without a tick each goes by itself. */
static void
test_tick (void)
{
  const guint tick = 20 * 1000, n = 200;
  Client *client;
  gint64 start;

  stream_fixture_init_tick (&fixture, tick);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .records = TRUE });
  client_expect_quiet (client);
  client->received = 0;
  start = g_get_monotonic_time ();
  for (guint i = 0; i < n; i++)
    stream_publish_some (&fixture, "user:a", 1);
  for (guint i = 1; i <= n; i++)
    client_expect (client, "user:a", i);
  g_assert_cmpint (client->received, <=, (g_get_monotonic_time () - start) / tick + 2);
  stream_fixture_end (client);

  stream_fixture_init_tick (&fixture, 0);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .records = TRUE });
  client_expect_quiet (client);
  client->received = 0;
  for (guint i = 1; i <= n; i++)
    {
      stream_publish_some (&fixture, "user:a", 1);
      client_expect (client, "user:a", i);
    }
  g_assert_cmpint (client->received, ==, n);
  stream_fixture_end (client);
}

static void
test_history (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 1);
  stream_publish_some (&fixture, "user:a", 700);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .history = 600 });
  for (guint i = 101; i <= 700; i++)
    client_expect (client, "user:a", i);
  stream_publish_some (&fixture, "user:a", 1);
  client_expect (client, "user:a", 701);
  client_expect_quiet (client);
  stream_fixture_end (client);
}

/* Replay of several channels is merged by n. */
static void
test_merge (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 1);
  for (guint i = 0; i < 300; i++)
    stream_publish_some (&fixture, i % 3 == 0 ? "global" : "user:a", 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a global", .history = 1000 });
  for (guint i = 0; i < 300; i++)
    client_expect (client, i % 3 == 0 ? "global" : "user:a", i % 3 == 0 ? i / 3 + 1 : i / 3 * 2 + i % 3);
  client_expect_quiet (client);
  stream_fixture_end (client);
}

/* Hello, replay, caught_up, live; then a mark where a filter passed something over. */
static void
test_control (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 1);
  stream_publish_some (&fixture, "user:a", 2);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a global", .control = TRUE, .after = "user:a@EPOCH:1" });
  client_expect_text (client, "{\"v\":2,\"t\":\"hello\",\"p\":{\"connection_id\":\"00000000-0000-4000-8000-000000000000\",\"heartbeat_s\":3600,"
                              "\"max_message_bytes\":131072,\"cursor\":\"user:a@EPOCH:1,global@EPOCH:0\"}}");
  client_expect (client, "user:a", 2);
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:2,global@EPOCH:0\"}}");
  stream_publish_some (&fixture, "global", 1);
  client_expect (client, "global", 1);
  stream_fixture_end (client);
}

static void
test_mark (void)
{
  g_autofree char *text = NULL;
  Client *client;

  stream_fixture_init (&fixture, 1, 1024 * 1024, 0, 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .control = TRUE, .types = "wanted" });
  for (guint i = 0; i < 2; i++)
    {
      text = client_next (client);
      g_clear_pointer (&text, g_free);
    }
  stream_publish_some (&fixture, "user:a", 5);
  client_expect_text (client, "{\"v\":2,\"t\":\"mark\",\"p\":{\"cursor\":\"user:a@EPOCH:5\"}}");
  stream_publish (&fixture, "user:a", "wanted", WSE_SEVERITY_INFO, "{}");
  client_expect (client, "user:a", 6);
  stream_fixture_end (client);
}

/* An event in several channels comes once, in the first of its channels that is subscribed to and whose filter takes it. */
static void
test_once (void)
{
  Client *both, *second, *resumed;

  stream_fixture_begin (&fixture, 1);
  both = client_new (&fixture, &(ClientOptions){ .channels = "global user:a" });
  second = client_new (&fixture, &(ClientOptions){ .channels = "global" });
  client_expect_quiet (both);
  client_expect_quiet (second);
  stream_publish_some (&fixture, "user:a global", 2);
  client_expect (both, "user:a", 1);
  client_expect (both, "user:a", 2);
  client_expect_quiet (both);
  client_expect (second, "global", 1);
  client_expect (second, "global", 2);
  client_expect_quiet (second);

  /* The first one's position is past it and came from a cursor: passed over in the second. */
  resumed = client_new (&fixture, &(ClientOptions){ .channels = "user:a global", .after = "user:a@EPOCH:2,global@EPOCH:0" });
  client_expect_quiet (resumed);
  client_free (resumed);
  /* It came from history: delivered in the next. */
  resumed = client_new (&fixture, &(ClientOptions){ .channels = "user:a global", .after = "global@EPOCH:0", .history = 1 });
  client_expect (resumed, "global", 1);
  client_expect (resumed, "user:a", 2);
  client_expect_quiet (resumed);
  client_free (resumed);
  client_free (both);
  stream_fixture_end (second);
}

static void
test_whole_log (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "user:a", 1);
  stream_publish_some (&fixture, "user:b global", 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "*", .history = 10 });
  client_expect (client, "user:a", 1);
  client_expect (client, "user:b", 1);
  stream_publish_some (&fixture, "team:x user:a", 1);
  client_expect (client, "team:x", 1);
  client_expect_quiet (client);
  client_free (client);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a user:b", .after = "*@EPOCH:0" });
  client_expect (client, "user:a", 1);
  client_expect (client, "user:b", 1);
  client_expect (client, "user:a", 2);
  client_expect_quiet (client);
  stream_fixture_end (client);
}

static void
test_foreign_cursor (void)
{
  static const char * const cursors[] = { "user:a@nowhere:1", "user:a@EPOCH:99", "*@EPOCH:99" };

  stream_fixture_begin (&fixture, 1);
  stream_publish_some (&fixture, "user:a", 2);
  for (guint i = 0; i < G_N_ELEMENTS (cursors); i++)
    {
      Client *client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .control = TRUE, .after = cursors[i] });

      g_free (client_next (client));
      client_expect_text (client, "{\"v\":2,\"t\":\"gap\",\"p\":{\"channel\":\"user:a\",\"epoch\":\"EPOCH\",\"from\":1,\"to\":0,"
                                  "\"reason\":\"epoch\"}}");
      client_expect (client, "user:a", 1);
      client_expect (client, "user:a", 2);
      g_free (client_next (client));
      client_expect_quiet (client);
      client_free (client);
    }
  stream_fixture_clear (&fixture);
}

static void
test_retention (void)
{
  g_autofree char *text = NULL;
  Client *client;
  guint64 from = 0;

  stream_fixture_init (&fixture, 1, 1024 * 1024, 10, 3600);
  stream_publish_some (&fixture, "user:a", 200);
  /* Retention works in the background: wait until it has. */
  while (from < 190)
    {
      client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .control = TRUE, .after = "user:a@EPOCH:1" });
      g_free (client_next (client));
      text = client_next (client);
      if (strstr (text, "\"gap\"") != NULL)
        {
          g_assert_nonnull (strstr (text, "\"from\":2,"));
          g_assert_nonnull (strstr (text, "\"reason\":\"retention\""));
          from = g_ascii_strtoull (strstr (text, "\"to\":") + 5, NULL, 10);
          client_expect (client, "user:a", from + 1);
        }
      g_clear_pointer (&text, g_free);
      client_free (client);
    }
  g_assert_cmpuint (from, ==, 190);
  stream_fixture_clear (&fixture);
}

static void
test_filter (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 1);
  for (guint i = 0; i < 50; i++)
    {
      stream_publish (&fixture, "user:a", "rare", i % 2 == 0 ? WSE_SEVERITY_WARNING : WSE_SEVERITY_INFO, "{}");
      stream_publish_some (&fixture, "user:a", 9);
    }
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .types = "rare,other", .severity = "warning", .history = 5 });
  for (guint i = 0; i < 5; i++)
    client_expect (client, "user:a", 401 + i * 20);
  stream_publish (&fixture, "user:a", "rare", WSE_SEVERITY_INFO, "{}");
  stream_publish (&fixture, "user:a", "other", WSE_SEVERITY_ERROR, "{}");
  client_expect (client, "user:a", 502);
  client_expect_quiet (client);
  stream_fixture_end (client);
}

/* A reader that stops is left behind by the tail, costs nothing, and ends complete. */
static void
test_slow_reader (void)
{
  g_autofree char *payload = g_strnfill (2000, ' ');
  Client *slow, *fast;
  gboolean caught_up = FALSE;
  guint64 seq = 0;

  memcpy (payload, "{\"x\":\"", 6);
  memset (payload + 6, 'x', 1992);
  memcpy (payload + 1998, "\"}", 2);
  stream_fixture_init (&fixture, 1, 512 * 1024, 0, 3600);
  slow = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .control = TRUE });
  fast = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  g_free (client_next (slow));
  g_free (client_next (slow));
  client_expect_quiet (fast);
  for (guint i = 1; i <= 5000; i++)
    {
      stream_publish (&fixture, "user:a", "t", WSE_SEVERITY_INFO, payload);
      client_expect (fast, "user:a", i);
    }
  while (seq < 5000 || !caught_up)
    {
      g_autofree char *text = client_next (slow);

      g_assert_nonnull (text);
      g_assert_null (strstr (text, "\"t\":\"gap\""));
      if (strstr (text, "\"t\":\"caught_up\"") != NULL)
        caught_up = TRUE;
      else
        g_assert_cmpuint (g_ascii_strtoull (strstr (text, "\"seq\":") + 6, NULL, 10), ==, ++seq);
    }
  client_expect_quiet (slow);
  client_free (slow);
  stream_fixture_end (fast);
}

/* Connections come, read a while and go while events come in; each resumes where it was and misses nothing. */
static void
test_churn (void)
{
  enum { READERS = 12, EVENTS = 3000 };
  static const char * const channels[] = { "user:a", "user:b", "user:a user:b", "global", "user:b global" };
  Client *clients[READERS] = { NULL };
  guint64 a[READERS] = { 0 }, b[READERS] = { 0 }, last_a = 0;
  guint published = 0, complete = 0;

  stream_fixture_init (&fixture, 2, 512 * 1024, 0, 3600);
  while (complete < READERS)
    {
      guint reader = g_test_rand_int_range (0, READERS);

      for (guint i = 0; i < 20 && published < EVENTS; i++, published++)
        {
          const char *to = channels[g_test_rand_int_range (0, G_N_ELEMENTS (channels))];

          last_a += strstr (to, "user:a") != NULL;
          stream_publish (&fixture, to, "t", WSE_SEVERITY_INFO, "{}");
        }
      if (published == EVENTS)
        for (reader = 0; reader < READERS && a[reader] == last_a && b[reader] == G_MAXUINT64; reader++)
          ;
      if (reader == READERS)
        break;
      if (clients[reader] == NULL)
        {
          g_autofree char *after = g_strdup_printf ("user:a@EPOCH:%" G_GUINT64_FORMAT ",user:b@EPOCH:%" G_GUINT64_FORMAT, a[reader],
                                                    b[reader]);

          clients[reader] = client_new (&fixture, &(ClientOptions){ .channels = "user:a user:b", .after = after });
        }
      for (guint i = 0; i < 50 && (a[reader] < last_a); i++)
        {
          g_autofree char *text = client_next (clients[reader]);
          guint64 seq = g_ascii_strtoull (strstr (text, "\"seq\":") + 6, NULL, 10);
          gboolean is_a = strstr (text, "\"ch\":\"user:a\"") != NULL;

          if (is_a)
            g_assert_cmpuint (seq, ==, ++a[reader]);
          else
            {
              /* Those that are in user:a too came there. */
              g_assert_cmpuint (seq, >, b[reader]);
              b[reader] = seq;
            }
        }
      if (a[reader] == last_a && published == EVENTS)
        {
          b[reader] = G_MAXUINT64;
          complete++;
        }
      if (b[reader] == G_MAXUINT64 || g_test_rand_int_range (0, 3) == 0)
        g_clear_pointer (&clients[reader], client_free);
    }
  for (guint i = 0; i < READERS; i++)
    g_clear_pointer (&clients[i], client_free);
  stream_fixture_clear (&fixture);
}

static void
test_dead_peer (void)
{
  Client *client;

  stream_fixture_init (&fixture, 1, 1024 * 1024, 0, 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  while (wsed_hub_get_connections (fixture.hub) > 0)
    g_main_context_iteration (NULL, TRUE);
  stream_fixture_end (client);
}

static void
on_gone (gpointer user_data)
{
}

static void
test_shutdown (void)
{
  Client *client;
  g_autofree char *bye = NULL;

  stream_fixture_begin (&fixture, 2);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .control = TRUE });
  g_free (client_next (client));
  g_free (client_next (client));
  wsed_hub_shutdown (fixture.hub, 5000, on_gone, NULL);
  bye = client_next (client);
  g_assert_true (g_str_has_prefix (bye, "{\"v\":2,\"t\":\"bye\",\"p\":{\"reason\":\"shutdown\",\"retry_after_ms\":"));
  g_assert_null (client_next (client));
  g_assert_cmpint (client->close_code, ==, WSE_CLOSE_GOING_AWAY);
  stream_fixture_end (client);
}

/* One whose beginning was still looked for when the stop came is told, too. */
static void
test_shutdown_early (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  wsed_hub_shutdown (fixture.hub, 60000, on_gone, NULL);
  g_assert_null (client_next (client));
  g_assert_cmpint (client->close_code, ==, WSE_CLOSE_GOING_AWAY);
  stream_fixture_end (client);
}

/* A peer that says goodbye and ends its side at once still reads: it gets the goodbye back. */
static void
test_half_closed (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  client_expect_quiet (client);
  g_assert_true (client_send (client, WSE_OPCODE_CLOSE, "\x03\xe8", 2));
  g_assert_cmpint (shutdown (client->fd, SHUT_WR), ==, 0);
  g_assert_null (client_next (client));
  g_assert_cmpint (client->close_code, ==, WSE_CLOSE_NORMAL);
  stream_fixture_end (client);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stream/live", test_live);
  g_test_add_func ("/stream/tick", test_tick);
  g_test_add_func ("/stream/history", test_history);
  g_test_add_func ("/stream/merge", test_merge);
  g_test_add_func ("/stream/control", test_control);
  g_test_add_func ("/stream/mark", test_mark);
  g_test_add_func ("/stream/once", test_once);
  g_test_add_func ("/stream/whole-log", test_whole_log);
  g_test_add_func ("/stream/foreign-cursor", test_foreign_cursor);
  g_test_add_func ("/stream/retention", test_retention);
  g_test_add_func ("/stream/filter", test_filter);
  g_test_add_func ("/stream/slow-reader", test_slow_reader);
  g_test_add_func ("/stream/churn", test_churn);
  g_test_add_func ("/stream/dead-peer", test_dead_peer);
  g_test_add_func ("/stream/half-closed", test_half_closed);
  g_test_add_func ("/stream/shutdown", test_shutdown);
  g_test_add_func ("/stream/shutdown-early", test_shutdown_early);
  return g_test_run ();
}
