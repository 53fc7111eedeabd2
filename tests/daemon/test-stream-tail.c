/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Readers and the tail's eviction: what is evicted under a reader that takes nothing is read from the log, and never looked at again. */

#include "stream-fixture.h"

#include <poll.h>

#define CHUNK_BYTES (256 * 1024)

static StreamFixture fixture;

/* An event that needs most of a chunk, and more than a socket takes at once. */
static char *
make_payload (void)
{
  GString *payload = g_string_new ("{\"x\":\"");
  g_autofree char *text = g_strnfill (240000, 'x');

  g_string_append (payload, text);
  g_string_append (payload, "\"}");
  return g_string_free (payload, FALSE);
}

static void
publish (const char *channels,
         const char *payload)
{
  stream_publish (&fixture, channels, "t", WSE_SEVERITY_INFO, payload);
  stream_settle (&fixture);
}

/* Until something lies in the client's socket. */
static void
wait_for_some (Client *client)
{
  struct pollfd poll_fd = { client->fd, POLLIN, 0 };

  poll (&poll_fd, 1, -1);
}

/* The frame of the first channel is the whole log's, too, while the second channel's lies in another chunk. */
static void
test_shared_frame (void)
{
  g_autofree char *payload = make_payload ();
  Client *first, *second, *all;

  stream_fixture_init (&fixture, 1, 4 * CHUNK_BYTES, 0, 3600);
  first = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  second = client_new (&fixture, &(ClientOptions){ .channels = "global" });
  all = client_new (&fixture, &(ClientOptions){ .channels = "*" });
  client_expect_quiet (first);
  client_expect_quiet (second);
  client_expect_quiet (all);
  publish ("user:a global", payload);
  wait_for_some (all);
  publish ("user:a global", payload);
  publish ("user:a global", payload);
  for (guint i = 1; i <= 3; i++)
    client_expect (all, "user:a", i);
  client_expect_quiet (all);
  for (guint i = 1; i <= 3; i++)
    client_expect (second, "global", i);
  client_free (first);
  client_free (second);
  stream_fixture_end (all);
}

static void
on_kept (WsedMessage *message,
         gpointer     user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* What a replay has read is evicted before it has left the page: it was had, and nothing is behind. */
static void
test_read_ahead (void)
{
  g_autofree char *payload = make_payload ();
  const char * const channels[] = { "user:a" };
  WseEventFields fields = { .event_type = "t", .id = "late", .payload = "{}", .payload_length = 2, .channels = channels, .n_channels = 1,
                            .latency = -1 };
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) wse_event_unref);
  gboolean kept = FALSE;
  WsedAppend *append;
  Client *client, *other;

  stream_fixture_init (&fixture, 1, 3 * CHUNK_BYTES, 0, 3600);
  other = client_new (&fixture, &(ClientOptions){ .channels = "global" });
  client_expect_quiet (other);
  publish ("user:a", payload);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .history = 1, .control = TRUE });
  g_ptr_array_add (events, wse_event_new_from_fields (&fields));
  append = wsed_append_new (events, fixture.main);
  append->message.run = on_kept;
  append->message.user_data = &kept;
  wsed_log_append (fixture.log, append);
  while (!kept)
    stream_fixture_turn (&fixture);
  wait_for_some (client);
  wsed_hub_publish (fixture.hub, append->entries, append->n_done);
  wsed_append_free (append);
  for (guint i = 1; i <= 4; i++)
    {
      publish ("global", payload);
      client_expect (other, "global", i);
    }
  g_free (client_next (client));
  client_expect (client, "user:a", 1);
  client_expect (client, "user:a", 2);
  g_free (client_next (client));
  client_expect_quiet (client);
  publish ("user:a", "{}");
  client_expect (client, "user:a", 3);
  client_free (client);
  stream_fixture_end (other);
}

/* One that the tail has left behind reads from the log, and is told when it is at the end again. */
static void
test_caught_up_after_lag (void)
{
  g_autofree char *payload = make_payload ();
  Client *client, *other;

  stream_fixture_init (&fixture, 1, 2 * CHUNK_BYTES, 0, 3600);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .control = TRUE });
  other = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  g_free (client_next (client));
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:0\"}}");
  for (guint i = 1; i <= 8; i++)
    {
      publish ("user:a", payload);
      client_expect (other, "user:a", i);
    }
  for (guint i = 1; i <= 8; i++)
    client_expect (client, "user:a", i);
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"cursor\":\"user:a@EPOCH:8\"}}");
  client_expect_quiet (client);
  client_free (client);
  stream_fixture_end (other);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stream-tail/shared-frame", test_shared_frame);
  g_test_add_func ("/stream-tail/read-ahead", test_read_ahead);
  g_test_add_func ("/stream-tail/caught-up-after-lag", test_caught_up_after_lag);
  return g_test_run ();
}
