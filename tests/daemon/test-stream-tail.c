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

  stream_fixture_init (&fixture, 1, 3 * CHUNK_BYTES, 0, 3600);
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
  client_free (all);
  stream_fixture_clear (&fixture);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stream-tail/shared-frame", test_shared_frame);
  return g_test_run ();
}
