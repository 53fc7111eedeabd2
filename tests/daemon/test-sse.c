/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The stream over Server-Sent Events: the head, the ids, what is told. */

#include "stream-fixture.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define EVENT(n, e, channel, seq) "id: *@EPOCH:" #n "\ndata: {\"v\":2,\"id\":\"e" #e "\",\"t\":\"t\",\"ts\":\"2023-11-08T18:40:00.123456Z\"," \
                                  "\"seq\":" #seq ",\"p\":{},\"ch\":\"" channel "\"}\n\n"

static StreamFixture fixture;

static void
begin (guint heartbeat)
{
  stream_fixture_init (&fixture, 1, 512 * 1024, 0, heartbeat);
}

/* Reads exactly as many bytes as @expected has, with EPOCH for the log's epoch. */
static void
expect (Client     *client,
        const char *expected)
{
  g_autofree char *text = stream_fill (&fixture, expected);
  gsize length = strlen (text), have = 0;
  g_autofree char *got = g_malloc0 (length + 1);

  while (have < length)
    {
      struct pollfd fds[2] = { { client->fd, POLLIN, 0 }, { wsed_inbox_get_fd (fixture.main), POLLIN, 0 } };
      gssize n;

      poll (fds, 2, -1);
      stream_fixture_turn (&fixture);
      n = recv (client->fd, got + have, length - have, 0);
      g_assert_cmpint (n, !=, 0);
      have += MAX (n, 0);
    }
  g_assert_cmpstr (got, ==, text);
}

static void
expect_head (Client *client)
{
  expect (client, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
                  "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\nretry: 2000\n\n");
}

static Client *
connect_to (const char *channels,
            const char *after,
            guint       history)
{
  return client_new (&fixture, &(ClientOptions){ .channels = channels, .framing = WSED_FRAMING_SSE, .control = TRUE, .history = history,
                                                 .after = after });
}

static void
test_live (void)
{
  Client *client;

  begin (3600);
  stream_publish_some (&fixture, "user:a", 1);
  client = connect_to ("user:a global", NULL, 10);
  expect_head (client);
  expect (client, EVENT (1, 1, "user:a", 1));
  expect (client, "event: caught_up\ndata: {\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:1,global@EPOCH:0\"}}\n\n");
  stream_publish_some (&fixture, "global", 1);
  stream_publish_some (&fixture, "user:a", 1);
  stream_publish_some (&fixture, "global", 1);
  expect (client, EVENT (2, 2, "global", 1) EVENT (3, 3, "user:a", 2) EVENT (4, 4, "global", 2));
  stream_fixture_end (client);
}

/* Events of several channels in one flush come in the order of n, so that no id is ahead of what has been sent. */
static void
test_merge (void)
{
  Client *client;

  begin (3600);
  client = connect_to ("user:a global team:t", NULL, 0);
  expect_head (client);
  expect (client, "event: caught_up\ndata: {\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:0,global@EPOCH:0,team:t@EPOCH:0\"}}\n\n");
  for (guint i = 0; i < 300; i++)
    stream_publish (&fixture, i % 3 == 0 ? "global" : i % 3 == 1 ? "user:a" : "team:t global", "t", WSE_SEVERITY_INFO, "{}");
  stream_settle (&fixture);
  for (guint i = 0; i < 300; i++)
    {
      static const char * const names[] = { "global", "user:a", "team:t" };
      guint64 seq = i % 3 == 0 ? i / 3 * 2 + 1 : i / 3 + 1;
      g_autofree char *event = g_strdup_printf ("id: *@EPOCH:%u\ndata: {\"v\":2,\"id\":\"e%u\",\"t\":\"t\","
                                                "\"ts\":\"2023-11-08T18:40:00.123456Z\",\"seq\":%" G_GUINT64_FORMAT ",\"p\":{},"
                                                "\"ch\":\"%s\"}\n\n", i + 1, i + 1, seq, names[i % 3]);

      expect (client, event);
    }
  stream_fixture_end (client);
}

static void
test_resume (void)
{
  Client *client;

  begin (3600);
  stream_publish_some (&fixture, "user:a", 2);
  stream_publish_some (&fixture, "global", 2);
  client = connect_to ("user:a global", "*@EPOCH:1", 0);
  expect_head (client);
  expect (client, EVENT (2, 2, "user:a", 2) EVENT (3, 3, "global", 1) EVENT (4, 4, "global", 2));
  client_free (client);
  client = connect_to ("user:a", "*@lost:1", 0);
  expect_head (client);
  expect (client, "event: gap\ndata: {\"v\":2,\"t\":\"gap\",\"p\":{\"channel\":\"user:a\",\"epoch\":\"EPOCH\",\"from\":1,\"to\":0,"
                  "\"reason\":\"epoch\"}}\n\n");
  expect (client, EVENT (1, 1, "user:a", 1));
  stream_fixture_end (client);
}

static void
test_heartbeat (void)
{
  Client *client;

  begin (1);
  client = connect_to ("user:a", NULL, 0);
  expect_head (client);
  expect (client, "event: caught_up\ndata: {\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:0\"}}\n\n");
  /* Nothing is heard of it, and it lives. */
  expect (client, ":\n\n:\n\n:\n\n:\n\n");
  stream_fixture_end (client);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sse/live", test_live);
  g_test_add_func ("/sse/merge", test_merge);
  g_test_add_func ("/sse/resume", test_resume);
  g_test_add_func ("/sse/heartbeat", test_heartbeat);
  return g_test_run ();
}
