/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The connection to Redis, held against one that is played: addresses, greeting, commands, what is published, silence, garbage, and that
 * it comes back by itself. With the real one: tests/integration/test-redis.py. */

#include "redis/wsed-redis.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>

#include "wse-error.h"

#define WAIT_UNTIL(condition) \
  while (!(condition)) \
    g_main_context_iteration (NULL, TRUE)

typedef struct
{
  char *directory, *url;
  GSocketService *service;
  GSocketConnection *peer;     /* the newest */
  guint accepted;
  GString *heard;
  char buffer[4096];
  GCancellable *ending;

  WsedRedisAddress *address;
  WsedRedisTrust trust;
  WsedRedis *redis;
  guint connects, disconnects, replies, lost;
  GString *messages;
} Fixture;

static GString *warnings;      /* a line each */

static GLogWriterOutput
note_warning (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (warnings, "%s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

/* That there was this one since the last time, and no other. */
static void
expect_warning (const char *pattern)
{
  g_autofree char *line = g_strconcat (pattern, "\n", NULL);

  if (!g_pattern_match_simple (line, warnings->str) || strchr (warnings->str, '\n') != warnings->str + warnings->len - 1)
    g_error ("expected \"%s\", got \"%s\"", pattern, warnings->str);
  g_string_truncate (warnings, 0);
}

static void listen_on (Fixture *fixture);

static void
on_heard (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autoptr(GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (n <= 0)
    return;
  g_string_append_len (fixture->heard, fixture->buffer, n);
  listen_on (fixture);
}

static void
listen_on (Fixture *fixture)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (fixture->peer)), fixture->buffer, sizeof fixture->buffer,
                             G_PRIORITY_DEFAULT, fixture->ending, on_heard, fixture);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_set_object (&fixture->peer, connection);
  fixture->accepted++;
  g_string_truncate (fixture->heard, 0);
  listen_on (fixture);
  return TRUE;
}

static void
say (Fixture *fixture, const char *text)
{
  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (fixture->peer)), text, strlen (text), NULL, NULL, NULL));
}

/* Ends the newest connection from its side. */
static void
hang_up (Fixture *fixture)
{
  g_socket_shutdown (g_socket_connection_get_socket (fixture->peer), TRUE, TRUE, NULL);
}

static void
on_connected (gpointer user_data)
{
  ((Fixture *) user_data)->connects++;
}

static void
on_disconnected (gpointer user_data)
{
  ((Fixture *) user_data)->disconnects++;
}

static void
on_message (const char *channel, gsize channel_length, const char *payload, gsize length, gpointer user_data)
{
  g_string_append_printf (((Fixture *) user_data)->messages, "%.*s=%.*s ", (int) channel_length, channel, (int) length, payload);
}

static void
on_replied (const redisReply *reply, gpointer user_data)
{
  Fixture *fixture = user_data;

  if (reply == NULL)
    fixture->lost++;
  else
    fixture->replies++;
}

/* @query: ?db=… or nothing. */
static void
fixture_begin (Fixture *fixture, const char *query, gsize max_out)
{
  const WsedRedisHandler handler = { .connected = on_connected, .disconnected = on_disconnected, .message = on_message };
  WsedRedisConfig config = { .trust = &fixture->trust, .name = "wsed-test", .max_out = max_out, .max_in = 1000,
                             .connect_timeout = 2000, .answer_timeout = 1000 };
  g_autofree char *path = NULL;
  g_autoptr(GSocketAddress) local = NULL;
  g_autoptr(GError) error = NULL;

  *fixture = (Fixture) { .heard = g_string_new (NULL), .messages = g_string_new (NULL), .ending = g_cancellable_new () };
  fixture->directory = g_dir_make_tmp ("wse-redis-XXXXXX", &error);
  g_assert_no_error (error);
  path = g_build_filename (fixture->directory, "r", NULL);
  local = g_unix_socket_address_new (path);
  fixture->service = g_socket_service_new ();
  g_assert_true (g_socket_listener_add_address (G_SOCKET_LISTENER (fixture->service), local, G_SOCKET_TYPE_STREAM, 0, NULL, NULL, &error));
  g_signal_connect (fixture->service, "incoming", G_CALLBACK (on_incoming), fixture);
  fixture->url = g_strdup_printf ("unix://%s%s", path, query);
  fixture->address = wsed_redis_address_new (fixture->url, &error);
  g_assert_no_error (error);
  config.address = fixture->address;
  fixture->redis = wsed_redis_new (&config, &handler, fixture);
  wsed_redis_start (fixture->redis);
  WAIT_UNTIL (fixture->accepted == 1 && fixture->heard->len > 0);
}

static void
fixture_end (Fixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->directory, "r", NULL);

  wsed_redis_free (fixture->redis);
  g_assert_cmpstr (warnings->str, ==, "");
  g_cancellable_cancel (fixture->ending);
  g_socket_service_stop (fixture->service);
  g_socket_listener_close (G_SOCKET_LISTENER (fixture->service));
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_clear_object (&fixture->peer);
  g_object_unref (fixture->service);
  g_object_unref (fixture->ending);
  wsed_redis_address_free (fixture->address);
  g_string_free (fixture->heard, TRUE);
  g_string_free (fixture->messages, TRUE);
  g_unlink (path);
  g_rmdir (fixture->directory);
  g_free (fixture->directory);
  g_free (fixture->url);
}

static gboolean
publish (Fixture *fixture, const char *text)
{
  const char * const words[] = { "PUBLISH", "c", text };
  const gsize lengths[] = { 7, 1, strlen (text) };

  return wsed_redis_send (fixture->redis, 3, words, lengths, on_replied, fixture);
}

static void
test_address (void)
{
  static const struct
  {
    const char *url, *name, *user, *password;
    guint database;
    gboolean tls;
  } good[] = {
    { "redis://example.com", "example.com:6379", NULL, NULL, 0, FALSE },
    { "redis://example.com:1234/3", "example.com:1234", NULL, NULL, 3, FALSE },
    { "rediss://u:p%40s%3Aw@[::1]:1", "[::1]:1", "u", "p@s:w", 0, TRUE },
    { "redis://:secret@h/", "h:6379", NULL, "secret", 0, FALSE },
    { "unix:///run/r.sock?db=2&user=u&password=p%26q", "/run/r.sock", "u", "p&q", 2, FALSE },
    { "unix:r.sock", "r.sock", NULL, NULL, 0, FALSE },
  };
  static const char * const bad[] = {
    "", "redis", "http://hidden", "redis://", "redis://:hidden@", "redis://h:0", "redis://h:hidden", "redis://h/hidden", "redis://h/70000", "redis://h/1/2",
    "redis://hidden@h", "redis://h#hidden", "redis://h?hidden=1", "unix://", "unix:", "unix://hidden/path", "redis://a:hid%zz@h",
    "unix:/01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(WsedRedisAddress) address = wsed_redis_address_new (good[i].url, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (address->name, ==, good[i].name);
      g_assert_cmpstr (address->user, ==, good[i].user);
      g_assert_cmpstr (address->password, ==, good[i].password);
      g_assert_cmpuint (address->database, ==, good[i].database);
      g_assert_cmpint (address->tls, ==, good[i].tls);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GError) error = NULL;

      g_test_message ("%s", bad[i]);
      g_assert_null (wsed_redis_address_new (bad[i], &error));
      g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
      g_assert_null (strstr (error->message, "hid"));
    }
}

static void
test_greeting (void)
{
  Fixture fixture;

  fixture_begin (&fixture, "?db=3&user=wse&password=p%20w", 1000);
  g_assert_cmpstr (fixture.heard->str, ==, "*3\r\n$4\r\nAUTH\r\n$3\r\nwse\r\n$3\r\np w\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
                                           "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$9\r\nwsed-test\r\n");
  g_assert_false (publish (&fixture, "too early"));
  say (&fixture, "+OK\r\n+OK\r\n");
  say (&fixture, "-NOPERM this user has no permissions to run the 'client' command\r\n");
  WAIT_UNTIL (fixture.connects == 1);
  g_assert_true (wsed_redis_is_connected (fixture.redis));
  g_assert_cmpstr (wsed_redis_get_problem (fixture.redis), ==, "");
  fixture_end (&fixture);
}

/* Redis may repeat what it was given: nobody else is told. */
static void
test_refused (void)
{
  Fixture fixture;

  fixture_begin (&fixture, "?password=secret", 1000);
  say (&fixture, "-WRONGPASS secret\r\n-NOAUTH Authentication required.\r\n");
  WAIT_UNTIL (fixture.accepted == 2 && fixture.heard->len > 0);
  g_assert_cmpstr (wsed_redis_get_problem (fixture.redis), ==, "it refuses the user name or the password (WRONGPASS)");
  /* The second time it is not said again. */
  say (&fixture, "-WRONGPASS secret\r\n-NOAUTH Authentication required.\r\n");
  WAIT_UNTIL (fixture.accepted == 3 && fixture.heard->len > 0);
  g_assert_cmpuint (fixture.connects, ==, 0);
  expect_warning ("redis /*(wsed-test): it refuses the user name or the password (WRONGPASS); trying again");
  say (&fixture, "+OK\r\n+OK\r\n");
  WAIT_UNTIL (fixture.connects == 1);
  fixture_end (&fixture);
}

static void
test_commands (void)
{
  Fixture fixture;
  guint n = 0;

  fixture_begin (&fixture, "", 100);
  say (&fixture, "+OK\r\n");
  WAIT_UNTIL (fixture.connects == 1);
  g_string_truncate (fixture.heard, 0);
  /* What waits is bounded, and goes out in one piece. */
  while (publish (&fixture, "x"))
    n++;
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (wsed_redis_get_waiting (fixture.redis), ==, 3 * 31);
  WAIT_UNTIL (fixture.heard->len == 3 * 31);
  g_assert_true (publish (&fixture, "y"));
  say (&fixture, ":1\r\n:0\r\n");
  WAIT_UNTIL (fixture.replies == 2);
  /* Two have no answer when it ends. */
  hang_up (&fixture);
  WAIT_UNTIL (fixture.disconnects == 1);
  expect_warning ("redis /*: it has ended the connection; trying again");
  g_assert_cmpuint (fixture.lost, ==, 2);
  g_assert_false (publish (&fixture, "z"));
  WAIT_UNTIL (fixture.accepted == 2 && fixture.heard->len > 0);
  say (&fixture, "+OK\r\n");
  WAIT_UNTIL (fixture.connects == 2);
  g_assert_cmpuint (wsed_redis_get_connects (fixture.redis), ==, 2);
  fixture_end (&fixture);
}

static void
test_messages (void)
{
  static const char * const channels[] = { "a", "b" };
  Fixture fixture;

  fixture_begin (&fixture, "", 1000);
  say (&fixture, "+OK\r\n");
  WAIT_UNTIL (fixture.connects == 1);
  g_string_truncate (fixture.heard, 0);
  g_assert_true (wsed_redis_subscribe (fixture.redis, TRUE, 2, channels));
  WAIT_UNTIL (fixture.heard->len > 0);
  g_assert_cmpstr (fixture.heard->str, ==, "*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n");
  say (&fixture, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\none\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
  WAIT_UNTIL (fixture.messages->len > 0);
  /* One that cannot take more is not sent more. */
  wsed_redis_set_paused (fixture.redis, TRUE);
  say (&fixture, "*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$3\r\ntwo\r\n");
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpstr (fixture.messages->str, ==, "a=one ");
  wsed_redis_set_paused (fixture.redis, FALSE);
  WAIT_UNTIL (strcmp (fixture.messages->str, "a=one b=two ") == 0);
  fixture_end (&fixture);
}

/* Silence is asked about, and the answer is none to a command. */
static void
test_silence (void)
{
  static const char * const channels[] = { "a" };
  Fixture fixture;

  fixture_begin (&fixture, "", 1000);
  say (&fixture, "+OK\r\n");
  WAIT_UNTIL (fixture.connects == 1);
  g_assert_true (wsed_redis_subscribe (fixture.redis, TRUE, 1, channels));
  say (&fixture, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  WAIT_UNTIL (strstr (fixture.heard->str, "PING") != NULL);
  say (&fixture, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  g_string_truncate (fixture.heard, 0);
  WAIT_UNTIL (strstr (fixture.heard->str, "PING") != NULL);
  g_assert_cmpuint (fixture.disconnects, ==, 0);
  WAIT_UNTIL (fixture.disconnects == 1);
  expect_warning ("redis /*: it does not answer; trying again");
  WAIT_UNTIL (fixture.accepted == 2);
  fixture_end (&fixture);
}

/* What is not Redis ends the connection, not the daemon. */
static void
test_garbage (void)
{
  static const struct
  {
    const char *text, *problem;
  } cases[] = {
    { "HTTP/1.1 400 Bad Request\r\n\r\n", "redis /*: what came is not what Redis says: *; trying again" },
    { ":1\r\n", "redis /*: an answer came that nothing had been asked for; trying again" },
    { "*2147483647\r\n", "redis /*: what came is not what Redis says: *; trying again" },
    { "-NOAUTH Authentication required.\r\n", "redis /*: an answer came that nothing had been asked for; trying again" },
  };
  Fixture fixture;

  fixture_begin (&fixture, "", 1000);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      WAIT_UNTIL (fixture.accepted == i + 1 && fixture.heard->len > 0);
      say (&fixture, "+OK\r\n");
      WAIT_UNTIL (fixture.connects == i + 1);
      say (&fixture, cases[i].text);
      WAIT_UNTIL (fixture.disconnects == i + 1);
      expect_warning (cases[i].problem);
        }
  fixture_end (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  warnings = g_string_new (NULL);
  g_log_set_writer_func (note_warning, NULL, NULL);
  g_test_add_func ("/redis/address", test_address);
  g_test_add_func ("/redis/greeting", test_greeting);
  g_test_add_func ("/redis/refused", test_refused);
  g_test_add_func ("/redis/commands", test_commands);
  g_test_add_func ("/redis/messages", test_messages);
  g_test_add_func ("/redis/silence", test_silence);
  g_test_add_func ("/redis/garbage", test_garbage);
  return g_test_run ();
}
