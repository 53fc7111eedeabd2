/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One read of the log for many: who asks for the same while it is under way, or a moment later, has the same answer and the same bytes. */

#include "stream-fixture.h"

#include <string.h>

#include "stream/wsed-fetch.h"
#include "stream/wsed-stream-metrics.h"

#define READERS 100

static guint told[READERS];
static WsedFetch *answer;

/* Readers are only names here. */
static void
on_fetched (WsedReader *reader,
            WsedFetch  *fetch)
{
  told[GPOINTER_TO_UINT (reader) - 1]++;
  answer = fetch;
}

static WsedRead *
make_read (WsedInbox *inbox,
           guint64    after)
{
  WsedRead *read = wsed_read_new (inbox, 256, 65536);

  wsed_read_add (read, "global", NULL, after);
  return read;
}

static void
wait_for_answer (WsedInbox *inbox)
{
  answer = NULL;
  while (answer == NULL)
    {
      wsed_inbox_wait (inbox, -1);
      wsed_inbox_run (inbox);
    }
}

static void
test_shared (void)
{
  StreamFixture fixture;
  WsedInbox *inbox = wsed_inbox_new ();
  WsedFetches *fetches;
  WsedFetch *fetch, *again;
  const WsedFetchFrame *frames;
  const guint8 *bytes;
  gint64 reads;
  guint n;

  stream_fixture_init (&fixture, 1, 1 << 20, 0, 3600);
  stream_publish_some (&fixture, "global", 10);
  reads = wsed_metric_get (wsed_stream_metrics ()->log_reads);
  fetches = wsed_fetches_new (fixture.log, inbox, on_fetched);
  g_assert_null (wsed_fetches_find (fetches, "a"));
  fetch = wsed_fetches_add (fetches, "a", make_read (inbox, 4));
  for (guint i = 1; i <= READERS; i++)
    {
      g_autoptr(WsedFetch) found = wsed_fetches_find (fetches, "a");

      g_assert_true (found == fetch);
      g_assert_true (wsed_fetch_wait (found, GUINT_TO_POINTER (i)));
    }
  g_assert_null (wsed_fetches_find (fetches, "b"));
  wsed_fetch_forget (fetch, GUINT_TO_POINTER (7));
  wait_for_answer (inbox);
  for (guint i = 0; i < READERS; i++)
    g_assert_cmpuint (told[i], ==, i != 6);
  g_assert_cmpint (wsed_metric_get (wsed_stream_metrics ()->log_reads) - reads, ==, 1);

  g_assert_true (wsed_fetch_is_plain (fetch));
  wsed_fetch_encode (fetch, wsed_encoding (WSE_DIALECT_V2, WSED_FRAMING_WEBSOCKET), fixture.epoch, FALSE);
  bytes = wsed_fetch_get_bytes (fetch);
  wsed_fetch_encode (fetch, wsed_encoding (WSE_DIALECT_V2, WSED_FRAMING_WEBSOCKET), fixture.epoch, FALSE);
  g_assert_true (wsed_fetch_get_bytes (fetch) == bytes);
  frames = wsed_fetch_get_frames (fetch, &n);
  g_assert_cmpuint (n, ==, 6);
  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (frames[i].place, ==, 5 + i);

  /* A little later it is there at once; then it is gone, but for who has it. */
  again = wsed_fetches_find (fetches, "a");
  g_assert_true (again == fetch);
  g_assert_false (wsed_fetch_wait (again, GUINT_TO_POINTER (1)));
  wsed_fetch_unref (again);
  wsed_fetches_expire (fetches, wsed_fetches_get_due (fetches));
  g_assert_null (wsed_fetches_find (fetches, "a"));
  g_assert_cmpint (wsed_fetches_get_due (fetches), ==, G_MAXINT64);
  g_assert_true (wsed_fetch_get_bytes (fetch) == bytes);
  wsed_fetch_unref (fetch);
  wsed_fetches_free (fetches);
  wsed_inbox_free (inbox);
  stream_fixture_clear (&fixture);
}

/* An answer without an event would keep who asks again where it is; what is in several channels is not the same for all. */
static void
test_not_shared (void)
{
  StreamFixture fixture;
  WsedInbox *inbox = wsed_inbox_new ();
  WsedFetches *fetches;
  WsedFetch *fetch;

  stream_fixture_init (&fixture, 1, 1 << 20, 0, 3600);
  fetches = wsed_fetches_new (fixture.log, inbox, on_fetched);
  stream_publish_some (&fixture, "global user:a", 1);
  fetch = wsed_fetches_add (fetches, "a", make_read (inbox, 1));
  wsed_fetch_wait (fetch, GUINT_TO_POINTER (1));
  wait_for_answer (inbox);
  g_assert_null (wsed_fetches_find (fetches, "a"));
  g_assert_false (wsed_fetch_is_plain (fetch));
  wsed_fetch_unref (fetch);
  fetch = wsed_fetches_add (fetches, "a", make_read (inbox, 0));
  wsed_fetch_wait (fetch, GUINT_TO_POINTER (1));
  wait_for_answer (inbox);
  g_assert_false (wsed_fetch_is_plain (fetch));
  wsed_fetch_unref (fetch);

  /* What was read before something was removed is for nobody else. */
  fetch = wsed_fetches_add (fetches, "c", make_read (inbox, 0));
  wsed_fetch_wait (fetch, GUINT_TO_POINTER (3));
  wsed_fetches_outdate (fetches);
  g_assert_null (wsed_fetches_find (fetches, "c"));
  told[2] = 0;
  wait_for_answer (inbox);
  g_assert_cmpuint (told[2], ==, 1);
  g_assert_null (wsed_fetches_find (fetches, "c"));
  wsed_fetch_unref (fetch);

  /* One that is under way when all end comes back to nobody. */
  fetch = wsed_fetches_add (fetches, "b", make_read (inbox, 0));
  wsed_fetch_wait (fetch, GUINT_TO_POINTER (2));
  wsed_fetch_unref (fetch);
  told[1] = 0;
  wsed_fetches_free (fetches);
  wsed_inbox_wait (inbox, -1);
  wsed_inbox_run (inbox);
  g_assert_cmpuint (told[1], ==, 0);
  wsed_inbox_free (inbox);
  stream_fixture_clear (&fixture);
}

/* Clients that all come back to one place have everything, each; some of them begin elsewhere, or end half way. */
static void
test_many_come_back (void)
{
  StreamFixture fixture;
  Client *clients[40];

  stream_fixture_init (&fixture, 2, 1 << 20, 0, 3600);
  stream_publish_some (&fixture, "global", 600);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      g_autofree char *after = g_strdup_printf ("global@%s:%u", fixture.epoch, i % 8 == 0 ? 100 + i : 100);

      clients[i] = client_new (&fixture, &(ClientOptions){ .channels = "global", .after = after });
    }
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      guint first = i % 8 == 0 ? 101 + i : 101;

      for (guint seq = first; seq <= (i % 5 == 0 ? 300 : 600); seq++)
        client_expect (clients[i], "global", seq);
    }
  stream_publish_some (&fixture, "global", 1);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      if (i % 5 != 0)
        client_expect (clients[i], "global", 601);
      client_free (clients[i]);
    }
  stream_fixture_clear (&fixture);
}

/* What the tail has still is not read from the log: merged as a replay is, told as caught up where it was when it began. */
static void
test_from_the_tail (void)
{
  StreamFixture fixture;
  Client *first, *client;
  gint64 reads;

  stream_fixture_init (&fixture, 1, 1 << 20, 0, 3600);
  first = client_new (&fixture, &(ClientOptions){ .channels = "user:a global" });
  client_expect_quiet (first);
  for (guint i = 1; i <= 50; i++)
    {
      stream_publish_some (&fixture, "global", 1);
      stream_publish_some (&fixture, "user:a", 1);
    }
  stream_publish_some (&fixture, "user:a global", 1);
  for (guint i = 1; i <= 51; i++)
    g_free (client_next (first));
  for (guint i = 1; i <= 50; i++)
    g_free (client_next (first));
  reads = wsed_metric_get (wsed_stream_metrics ()->log_reads);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a global", .after = "user:a@EPOCH:20,global@EPOCH:20", .control = TRUE });
  g_free (client_next (client));
  for (guint i = 21; i <= 50; i++)
    {
      client_expect (client, "global", i);
      client_expect (client, "user:a", i);
    }
  client_expect (client, "user:a", 51);
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:51,global@EPOCH:51\"}}");
  stream_publish_some (&fixture, "global", 1);
  client_expect (client, "global", 52);
  client_expect_quiet (client);
  g_assert_cmpint (wsed_metric_get (wsed_stream_metrics ()->log_reads), ==, reads);
  client_free (client);

  /* By name, where it was subscribed to. */
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:b", .control = TRUE });
  g_free (client_next (client));
  g_free (client_next (client));
  reads = wsed_metric_get (wsed_stream_metrics ()->log_reads);
  client_say (client, "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"history\":3}}");
  g_free (client_next (client));
  for (guint i = 50; i <= 52; i++)
    client_expect (client, "global", i);
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"channel\":\"global\",\"cursor\":\"global@EPOCH:52\"}}");
  client_expect_quiet (client);
  g_assert_cmpint (wsed_metric_get (wsed_stream_metrics ()->log_reads), ==, reads);
  client_free (client);
  stream_fixture_end (first);
}

/* What the log has no longer is not given from the tail, either. */
static void
test_not_kept (void)
{
  StreamFixture fixture;
  Client *first, *client;

  stream_fixture_init (&fixture, 1, 1 << 20, 5, 3600);
  first = client_new (&fixture, &(ClientOptions){ .channels = "global" });
  client_expect_quiet (first);
  stream_publish_some (&fixture, "global", 20);
  client = client_new (&fixture, &(ClientOptions){ .channels = "global", .after = "global@EPOCH:3", .control = TRUE });
  g_free (client_next (client));
  client_expect_text (client, "{\"v\":2,\"t\":\"gap\",\"p\":{\"channel\":\"global\",\"epoch\":\"EPOCH\",\"from\":4,\"to\":15,"
                              "\"reason\":\"retention\"}}");
  for (guint i = 16; i <= 20; i++)
    client_expect (client, "global", i);
  g_free (client_next (client));
  client_expect_quiet (client);
  client_free (client);
  stream_fixture_end (first);
}

/* The tail goes on while somebody catches up from it, who takes nothing: the rest comes from the log, all of it, in order. */
static void
test_evicted_meanwhile (void)
{
  StreamFixture fixture;
  g_autofree char *text = g_strnfill (240000, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"x\":\"%s\"}", text);
  Client *first, *client = NULL;

  stream_fixture_init (&fixture, 1, 8 * 256 * 1024, 0, 3600);
  first = client_new (&fixture, &(ClientOptions){ .channels = "global user:a" });
  client_expect_quiet (first);
  for (guint i = 1; i <= 24; i++)
    {
      if (i == 5)
        client = client_new (&fixture, &(ClientOptions){ .channels = "global user:a", .after = "global@EPOCH:0,user:a@EPOCH:0",
                                                         .control = TRUE });
      stream_publish (&fixture, i % 2 == 0 ? "user:a" : "global", "t", WSE_SEVERITY_INFO, payload);
      stream_settle (&fixture);
      client_expect (first, i % 2 == 0 ? "user:a" : "global", (i + 1) / 2);
    }
  g_free (client_next (client));
  for (guint i = 1; i <= 4; i++)
    client_expect (client, i % 2 == 0 ? "user:a" : "global", (i + 1) / 2);
  for (guint i = 5, caught_up = 0; i <= 24 || caught_up == 0; i++)
    {
      g_autofree char *next = client_next (client);

      if (strstr (next, "caught_up") == NULL)
        continue;
      caught_up++;
      i--;
    }
  stream_publish_some (&fixture, "global", 1);
  client_expect (client, "global", 13);
  client_free (client);
  stream_fixture_end (first);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fetch/shared", test_shared);
  g_test_add_func ("/fetch/not-shared", test_not_shared);
  g_test_add_func ("/fetch/many-come-back", test_many_come_back);
  g_test_add_func ("/fetch/from-the-tail", test_from_the_tail);
  g_test_add_func ("/fetch/not-kept", test_not_kept);
  g_test_add_func ("/fetch/evicted-meanwhile", test_evicted_meanwhile);
  return g_test_run ();
}
