/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a reader is told that it stands: an id, a cursor. Nothing that is still to come, or to be told to be lost, lies before that, whatever
 * a policy or an erasing takes from it meanwhile. */

#include "stream-fixture.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#include "log/wsed-sqlite-log.h"

/* Far more than the socket of a client that takes nothing, and more than the tail has room for. */
#define LARGE 150000

static StreamFixture fixture;

static guint64
get_number (const char *text,
            const char *name)
{
  const char *at = strstr (text, name);

  g_assert_nonnull (at);
  return g_ascii_strtoull (at + strlen (name), NULL, 10);
}

/* Until the worker has done all that it was told before. */
static void
wait_for_worker (Client *reads)
{
  g_autofree char *answer = NULL;

  stream_settle (&fixture);
  client_say (reads, "{\"id\":\"wait\",\"method\":\"subscribe\",\"params\":{\"channel\":\"user:other\"}}");
  do
    {
      g_free (answer);
      answer = client_next (reads);
      g_assert_nonnull (answer);
    }
  while (!g_str_has_prefix (answer, "{\"id\":\"wait\""));
}

/* One that takes what a socket does, of a stream with one worker and as good as no tail. */
static Client *
begin (WsedSlowConsumer     policy,
       const ClientOptions *options,
       Client             **reads)
{
  stream_fixture_init_slow (&fixture, policy, 5, 1, NULL);
  *reads = client_new (&fixture, &(ClientOptions){ .channels = "user:end" });
  return client_new (&fixture, options);
}

static void
end (Client *client,
     Client *reads)
{
  client_free (client);
  client_free (reads);
  stream_fixture_clear (&fixture);
}

/* The oldest are kept, over all channels, also where the tail has none of them: what is newer does not come before a gap in another channel. */
static void
test_stop_merged (void)
{
  Client *reads, *client = begin (WSED_SLOW_DROP_NEWEST, &(ClientOptions){ .channels = "user:a global", .framing = WSED_FRAMING_SSE,
                                                                           .control = TRUE, .send_buffer = 4096 }, &reads);
  guint64 old = 0, told = 0;

  stream_publish_some (&fixture, "global", 1);
  while (old < 1)
    {
      g_autofree char *text = client_next (client);

      old += strstr (text, "\"ch\":\"global\"") != NULL;
    }
  stream_publish_at_once (&fixture, "global", LARGE, 8);
  stream_publish_at_once (&fixture, "user:a", LARGE, 8);
  wait_for_worker (reads);
  while (told < 8)
    {
      g_autofree char *text = client_next (client);

      if (strstr (text, "\"ch\":\"user:a\"") != NULL || strstr (text, "\"t\":\"caught_up\"") != NULL)
        g_assert_cmpuint (old, ==, 9);
      else if (strstr (text, "\"channel\":\"global\"") != NULL)
        {
          g_assert_cmpuint (get_number (text, "\"from\":"), ==, old + 1);
          g_assert_cmpuint (old, >=, 5);
          old = get_number (text, "\"to\":");
        }
      else if (strstr (text, "\"ch\":\"global\"") != NULL)
        g_assert_cmpuint (get_number (text, "\"seq\":"), ==, ++old);
      else if (strstr (text, "\"channel\":\"user:a\"") != NULL)
        told = get_number (text, "\"to\":");
    }
  end (client, reads);
}

/* Takes all in up to a caught_up that says so: until then every one of @n events came, or a gap. */
static void
expect_told (Client     *client,
             guint64     n,
             const char *caught_up)
{
  guint64 at = 0, said = 0;

  while (said < n)
    {
      g_autofree char *text = client_next (client);

      g_assert_nonnull (text);
      if (strstr (text, "\"t\":\"gap\"") != NULL)
        at = get_number (text, "\"to\":");
      else if (strstr (text, "\"t\":\"t\"") != NULL)
        g_assert_cmpuint (get_number (text, "\"seq\":"), ==, ++at);
      else if (strstr (text, caught_up) != NULL)
        {
          said = get_number (strchr (text, '@'), ":");
          g_assert_cmpuint (said, <=, at);
        }
    }
}

/* What waits is erased, and what was to be told behind it is told when that is true. */
static void
test_erased (void)
{
  Client *reads, *client = begin (WSED_SLOW_CATCH_UP, &(ClientOptions){ .channels = "", .control = TRUE }, &reads);
  ClientOptions options = { .channels = "user:a", .control = TRUE, .after = "user:a@EPOCH:0", .send_buffer = 4096 };

  client_free (client);
  stream_publish_at_once (&fixture, "user:a user:b", 2000, 20);
  stream_settle (&fixture);
  client = client_new (&fixture, &options);
  wait_for_worker (reads);
  wait_for_worker (reads);
  /* What comes then is in the tail no more when its turn comes. */
  stream_publish_some (&fixture, "user:a", 2);
  stream_publish_at_once (&fixture, "user:end", LARGE, 8);
  wait_for_worker (reads);
  stream_erase (&fixture, "user:a");
  expect_told (client, 22, "\"t\":\"caught_up\",\"p\":{\"cursor\"");
  end (client, reads);
}

/* The same of a subscribe: it is told by name. */
static void
test_erased_by_name (void)
{
  Client *reads, *client = begin (WSED_SLOW_CATCH_UP, &(ClientOptions){ .channels = "", .control = TRUE, .send_buffer = 4096 }, &reads);

  stream_publish_at_once (&fixture, "user:a user:b", 2000, 20);
  stream_settle (&fixture);
  client_say (client, "{\"id\":\"s\",\"method\":\"subscribe\",\"params\":{\"channel\":\"user:a\",\"history\":20}}");
  wait_for_worker (reads);
  wait_for_worker (reads);
  stream_erase (&fixture, "user:a");
  expect_told (client, 20, "\"t\":\"caught_up\",\"p\":{\"channel\":\"user:a\"");
  end (client, reads);
}

/* A mark waits behind an answer when its channel is begun again: it does not come behind the answer that says where. */
static void
test_replaced (void)
{
  g_autofree char *id = g_strnfill (30000, 'i'), *ping = g_strdup_printf ("{\"id\":\"%s\",\"method\":\"ping\"}", id);
  g_autofree char *subscribe = NULL;
  Client *client, *reads;
  guint next = 1;
  gboolean begun = FALSE;

  stream_fixture_init (&fixture, 1, 1024 * 1024, 0, 1);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .types = "none", .control = TRUE, .send_buffer = 4096 });
  reads = client_new (&fixture, &(ClientOptions){ .channels = "user:end" });
  wait_for_worker (reads);
  client_say (client, ping);
  stream_publish_some (&fixture, "user:a", 3);
  /* The heartbeats come in the order of the connections. */
  for (guint pings = reads->pings; reads->pings == pings;)
    client_wait (reads);
  subscribe = stream_fill (&fixture, "{\"id\":\"s\",\"method\":\"subscribe\",\"params\":{\"channel\":\"user:a\",\"after\":\"user:a@EPOCH:0\"}}");
  client_say (client, subscribe);
  wait_for_worker (reads);
  wait_for_worker (reads);
  while (next <= 3)
    {
      g_autofree char *text = client_next (client);

      g_assert_nonnull (text);
      begun |= strstr (text, "\"subscribed\":true") != NULL;
      if (begun && strstr (text, "\"t\":\"t\"") != NULL)
        g_assert_cmpuint (get_number (text, "\"seq\":"), ==, next++);
      else if (begun)
        g_assert_null (strstr (text, "\"t\":\"mark\""));
    }
  end (client, reads);
}

static void
run_sql (const char *path,
         const char *sql)
{
  sqlite3 *db;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
}

static void
on_heads (WsedMessage *message,
          gpointer     user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* Where @channel ends, and up to where nothing of it is kept. */
static WsedHead
ask_head (const char *channel)
{
  WsedHeads *heads = wsed_heads_new (fixture.main);
  gboolean done = FALSE;
  WsedHead head;

  wsed_heads_add (heads, channel);
  heads->message.run = on_heads;
  heads->message.user_data = &done;
  wsed_log_heads (fixture.log, heads);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  head = g_array_index (heads->heads, WsedHead, 0);
  wsed_heads_free (heads);
  return head;
}

static void
open_log (const char *path,
          gint64      max_age)
{
  g_autoptr(GError) error = NULL;
  WsedLog *log = wsed_sqlite_log_new (path, &(WsedRetention){ .max_age = max_age }, &error);

  g_assert_no_error (error);
  stream_fixture_init_log (&fixture, WSED_SLOW_CATCH_UP, 1000, NULL, log);
}

static void
remove_all (const char *directory)
{
  g_autoptr(GDir) names = g_dir_open (directory, 0, NULL);

  for (const char *name; (name = g_dir_read_name (names)) != NULL;)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      g_unlink (path);
    }
  g_rmdir (directory);
}

/* The next text that has @part in it; nothing before it is an event. */
static char *
skip_to (Client     *client,
         const char *part)
{
  while (TRUE)
    {
      char *text = client_next (client);

      g_assert_nonnull (text);
      if (strstr (text, part) != NULL)
        return text;
      g_assert_null (strstr (text, "\"t\":\"t\""));
      g_free (text);
    }
}

/* A channel that the log forgets while it is subscribed to, and that begins anew: @others say so first, or nothing does before the event. */
static void
test_renewed (gconstpointer others)
{
  g_autofree char *directory = g_dir_make_tmp ("wse-told-XXXXXX", NULL), *path = g_build_filename (directory, "wse.db", NULL);
  g_autofree char *sql = NULL, *gap = NULL, *other_gap = NULL, *expected = NULL, *event = NULL;
  Client *client, *merged;
  WsedHead old, fresh;

  open_log (path, 1000);
  stream_publish_some (&fixture, "user:gone", 3);
  while (ask_head ("user:gone").low < 3)
    g_usleep (1000);
  stream_fixture_clear (&fixture);
  /* Soon 90 days will have passed since. */
  sql = g_strdup_printf ("UPDATE channel SET expired=%" G_GINT64_FORMAT " WHERE name='user:gone'",
                         g_get_real_time () - 90 * G_TIME_SPAN_DAY + 2 * G_TIME_SPAN_SECOND);
  run_sql (path, sql);
  open_log (path, 0);
  /* Its ids are still known. */
  fixture.appended = 3;
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:gone", .control = TRUE });
  merged = client_new (&fixture, &(ClientOptions){ .channels = "user:gone user:here", .control = TRUE, .framing = WSED_FRAMING_SSE });
  g_free (skip_to (client, "\"t\":\"caught_up\""));
  g_free (skip_to (merged, "event: caught_up"));
  old = ask_head ("user:gone");
  if (old.head == 0)
    g_test_message ("too slow: it was forgotten before anybody came");
  do
    {
      g_usleep (1000);
      fresh = ask_head ("user:gone");
    }
  while (fresh.head != 0);
  g_assert_cmpstr (fresh.epoch, !=, fixture.epoch);
  if (others != NULL)
    client_free (client_new (&fixture, &(ClientOptions){ .channels = "user:gone" }));
  stream_publish_some (&fixture, "user:gone", 1);
  stream_publish_some (&fixture, "user:here", 1);
  expected = g_strdup_printf ("\"p\":{\"channel\":\"user:gone\",\"epoch\":\"%s\",\"from\":1,\"to\":0,\"reason\":\"epoch\"", fresh.epoch);
  gap = skip_to (client, "\"t\":\"gap\"");
  g_assert_nonnull (strstr (gap, expected));
  client_expect (client, "user:gone", 1);
  other_gap = skip_to (merged, "\"t\":\"gap\"");
  g_assert_nonnull (strstr (other_gap, expected));
  event = skip_to (merged, "\"ch\":\"user:gone\"");
  g_assert_nonnull (strstr (event, "\"seq\":1,"));
  stream_publish_some (&fixture, "user:gone", 1);
  g_free (event);
  while (strstr (event = client_next (client), "\"seq\":2,") == NULL)
    g_free (event);
  client_free (client);
  client_free (merged);
  stream_fixture_clear (&fixture);
  remove_all (directory);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/told/stop-merged", test_stop_merged);
  g_test_add_func ("/told/erased", test_erased);
  g_test_add_func ("/told/erased-by-name", test_erased_by_name);
  g_test_add_func ("/told/replaced", test_replaced);
  g_test_add_data_func ("/told/renewed", NULL, test_renewed);
  g_test_add_data_func ("/told/renewed-others", GINT_TO_POINTER (TRUE), test_renewed);
  return g_test_run ();
}
