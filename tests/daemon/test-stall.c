/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands whose log does not answer, and consumers that are connected for long. */

#include "stall-log.h"
#include "stream-fixture.h"

#include <string.h>

#define TIMED_OUT "{\"id\":\"1\",\"success\":false,\"error\":{\"code\":\"timeout\",\"message\":\"it could not be done in 5 s and is undone: " \
                  "try again later\"}}"

static StreamFixture fixture;

/* What cannot be finished in 5 s is answered, and when the log comes back there is nothing of it. */
static void
test_timeout (void)
{
  Client *subscriber, *replacer, *reader, *acker;
  g_autofree char *history = NULL;

  stream_fixture_init (&fixture, 2, 1024 * 1024, 0, 3600);
  stream_publish_some (&fixture, "user:u", 1);
  subscriber = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  replacer = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  reader = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  acker = client_new (&fixture, &(ClientOptions){ .channels = "user:u", .consumer = "c", .history = 10 });
  client_expect (acker, "user:u", 1);
  client_expect_quiet (subscriber);
  client_expect_quiet (replacer);
  client_expect_quiet (reader);

  stall_log_hold (fixture.stall);
  client_say (subscriber, "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"history\":10}}");
  client_say (replacer, "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"user:a\",\"types\":[\"other\"]}}");
  client_say (reader, "{\"id\":\"1\",\"method\":\"history\",\"params\":{\"channel\":\"user:u\"}}");
  history = stream_fill (&fixture, "{\"id\":\"1\",\"method\":\"ack\",\"params\":{\"cursor\":\"user:u@EPOCH:1\"}}");
  client_say (acker, history);
  client_expect_text (subscriber, TIMED_OUT);
  client_expect_text (replacer, TIMED_OUT);
  client_expect_text (reader, TIMED_OUT);
  client_expect_text (acker, TIMED_OUT);
  g_assert_cmpuint (stall_log_waiting (fixture.stall), >=, 2);
  stall_log_release (fixture.stall);

  /* Only what was there before: the channel, with the filter that it had. */
  stream_publish_some (&fixture, "global", 1);
  stream_publish_some (&fixture, "user:a", 1);
  client_expect (subscriber, "user:a", 1);
  client_expect (replacer, "user:a", 1);
  client_expect (reader, "user:a", 1);
  client_expect_quiet (subscriber);
  client_expect_quiet (replacer);
  client_expect_quiet (reader);
  client_free (acker);
  acker = client_new (&fixture, &(ClientOptions){ .channels = "user:u", .consumer = "c", .control = TRUE });
  g_free (client_next (acker));
  client_expect (acker, "user:u", 1);

  client_free (subscriber);
  client_free (replacer);
  client_free (reader);
  stream_fixture_end (acker);
}

/* What was promised cannot be read: the connection ends, and says that it is not the client's fault. */
static void
test_log_lost (void)
{
  Client *client;

  stream_fixture_init (&fixture, 1, 1024 * 1024, 0, 3600);
  stream_publish_some (&fixture, "user:a", 3);
  stall_log_break (fixture.stall);
  /* It is warned of; with structured logging that cannot be expected. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .history = 3 });
  g_assert_null (client_next (client));
  g_assert_cmpuint (client->close_code, ==, 1011);
  stream_fixture_end (client);
}

/* A consumer counts as used while it is connected. */
static void
test_touch (void)
{
  Client *client;
  guint opened;

  stream_fixture_init (&fixture, 1, 1024 * 1024, 0, 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:u", .consumer = "c" });
  client_expect_quiet (client);
  opened = stall_log_consumes (fixture.stall);
  while (stall_log_consumes (fixture.stall) < opened + 2)
    client_wait (client);
  stream_fixture_end (client);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stall/timeout", test_timeout);
  g_test_add_func ("/stall/touch", test_touch);
  g_test_add_func ("/stall/log-lost", test_log_lost);
  return g_test_run ();
}
