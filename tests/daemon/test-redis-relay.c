/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two daemons' relays over a real Redis: what one publishes the other hears, in its order; what is lost is told; Redis goes and comes. */

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/wsed-metrics.h"
#include "relay/wsed-redis-relay.h"
#include "wse.h"

#define WAIT_UNTIL(condition) \
  while (!(condition)) \
    g_main_context_iteration (NULL, TRUE)

#define NOBODY 65534

typedef struct
{
  WsedRelay *relay;
  GString *heard;              /* a word for each call: e7 (n 7), b5+3 (a batch of 3 from n 5), end9, f:TYPE@CHANNEL, lost, FROM:TEXT */
  guint64 end;                 /* the greatest n that was mentioned */
  guint changes, losses;
} Side;

static char *directory, *url;
static GPid redis;

static void
become_nobody (gpointer user_data)
{
  if (getuid () == 0 && (setgid (NOBODY) != 0 || setuid (NOBODY) != 0))
    _exit (1);
  /* Becoming somebody else clears it. */
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* Debian's redis-tools has the server under another name, and that goes by the name that it is called. */
static void
start_redis (void)
{
  g_autofree char *program = g_find_program_in_path ("redis-server"), *socket = g_build_filename (directory, "r", NULL);
  g_autoptr(GError) error = NULL;

  if (program == NULL)
    program = g_find_program_in_path ("redis-check-rdb");
  g_unlink (socket);
  g_spawn_async (directory,
                 (char **) (const char *const[]) { program, "redis-server", "--port", "0", "--unixsocket", socket, "--unixsocketperm", "777",
                                                   "--save", "", "--logfile", "/dev/null", NULL },
                 NULL, G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, become_nobody, NULL, &redis, &error);
  g_assert_no_error (error);
}

static void
kill_redis (void)
{
  kill (redis, SIGKILL);
  waitpid (redis, NULL, 0);
}

static void
on_entry (const char *epoch, WsedEntry *entry, gpointer user_data)
{
  g_assert_cmpstr (epoch, ==, "log");
  g_string_append_printf (((Side *) user_data)->heard, "e%" G_GUINT64_FORMAT " ", entry->n);
}

static void
on_batch (const char *epoch, const WsedMention *mentions, guint n_mentions, gpointer user_data)
{
  Side *side = user_data;

  g_assert_cmpstr (epoch, ==, "log");
  g_string_append_printf (side->heard, "b%" G_GUINT64_FORMAT "+%u ", mentions[0].n, n_mentions);
  side->end = MAX (side->end, mentions[n_mentions - 1].n);
}

static void
on_end (const char *epoch, guint64 n, gboolean own, gpointer user_data)
{
  Side *side = user_data;

  g_assert_false (own);
  g_string_append_printf (side->heard, "end%" G_GUINT64_FORMAT " ", n);
  side->end = MAX (side->end, n);
}

static void
on_foreign (WseEvent *event, gpointer user_data)
{
  g_string_append_printf (((Side *) user_data)->heard, "f:%s@%s ", event->event_type, event->channels[0]);
}

static void
on_lost (gpointer user_data)
{
  ((Side *) user_data)->losses++;
}

static void
on_said (const char *from, const char *text, gsize length, gpointer user_data)
{
  g_string_append_printf (((Side *) user_data)->heard, "%s:%.*s ", from, (int) length, text);
}

static void
on_changed (gpointer user_data)
{
  ((Side *) user_data)->changes++;
}

static WsedRelayState
get_state (Side *side)
{
  WsedRelayStats stats;

  wsed_relay_get_stats (side->relay, &stats);
  return stats.state;
}

static void
begin_side (Side *side, const char *name)
{
  static const WsedRelayListener listener = { on_entry, on_batch, on_end, on_foreign, on_lost, on_said, on_changed };
  const WsedRedisRelayConfig config = { .url = url, .shared = TRUE, .max_event = 10000, .linger = 100 };
  g_autoptr(GError) error = NULL;

  *side = (Side) { .heard = g_string_new (NULL) };
  side->relay = wsed_redis_relay_new (&config, &error);
  g_assert_no_error (error);
  wsed_relay_start (side->relay, name, &listener, side);
  /* Connected, and what daemons say to all is heard. */
  WAIT_UNTIL (get_state (side) == WSED_RELAY_OK && side->losses > 0);
}

static void
end_side (Side *side)
{
  wsed_relay_stop (side->relay);
  g_object_unref (side->relay);
  g_string_free (side->heard, TRUE);
}

static void
begin (Side *one, Side *other)
{
  g_autofree char *socket = NULL;

  directory = g_dir_make_tmp ("wse-relay-XXXXXX", NULL);
  g_assert_cmpint (g_chmod (directory, 0777), ==, 0);
  socket = g_build_filename (directory, "r", NULL);
  url = g_strconcat ("unix://", socket, NULL);
  start_redis ();
  begin_side (one, "one");
  begin_side (other, "other");
}

static void
end (Side *one, Side *other)
{
  g_autofree char *socket = g_build_filename (directory, "r", NULL);

  end_side (one);
  end_side (other);
  kill_redis ();
  g_unlink (socket);
  g_rmdir (directory);
  g_clear_pointer (&directory, g_free);
  g_clear_pointer (&url, g_free);
}

static WsedEntry *
make_entry (guint64 n, const char *channels, const char *payload)
{
  g_auto(GStrv) names = g_strsplit (channels, " ", -1);
  const guint64 seqs[] = { n, n, n };
  WseEventFields fields = { .event_type = "a", .id = "1", .payload = payload, .payload_length = strlen (payload), .latency = -1,
                            .channels = (const char * const *) names, .n_channels = g_strv_length (names) };
  g_autoptr(WseEvent) event = wse_event_new_from_fields (&fields);

  return wsed_entry_new (event, n, seqs);
}

/* @channels: one text for each event, their n from @n on. */
static void
publish (Side *side, guint64 n, guint count, const char * const *channels, const char *payload)
{
  g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);

  for (guint i = 0; i < count; i++)
    g_ptr_array_add (entries, make_entry (n + i, channels[i], payload));
  wsed_relay_publish (side->relay, "log", (WsedEntry * const *) entries->pdata, count);
}

/* Until it is subscribed: what a stranger publishes arrives. */
static void
await_watch (Side *side, const char *channel)
{
  static guint tries;
  gboolean there = FALSE;

  wsed_relay_watch (side->relay, channel);
  while (!there)
    {
      g_autofree char *command = g_strdup_printf ("redis-cli -s %s/r PUBLISH wse:%s '{\"event_type\":\"probe%u\",\"data\":1}'", directory, channel, ++tries);
      g_autofree char *word = g_strdup_printf ("f:probe%u@%s ", tries, channel);

      g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
      for (guint i = 0; i < 50 && !there; i++)
        {
          g_main_context_iteration (NULL, FALSE);
          g_usleep (1000);
          there = strstr (side->heard->str, word) != NULL;
        }
    }
  g_string_truncate (side->heard, 0);
}

/* Each event of a watched channel, once for each of them, then the batch; nothing of one's own. */
static void
test_publish (void)
{
  static const char * const channels[] = { "user:1", "user:2", "user:1 global", "team:x global user:1" };
  Side one, other;

  begin (&one, &other);
  await_watch (&one, "user:1");
  await_watch (&other, "user:1");
  await_watch (&other, "team:x");
  publish (&one, 5, 4, channels, "{}");
  WAIT_UNTIL (other.end == 8);
  g_assert_cmpstr (other.heard->str, ==, "e5 e7 e8 e8 b5+4 ");
  wsed_relay_say (other.relay, NULL, "to all", 6);
  wsed_relay_say (other.relay, "one", "to one", 6);
  wsed_relay_say (other.relay, "nobody", "to nobody", 9);
  wsed_relay_say (other.relay, NULL, "", 0);
  WAIT_UNTIL (g_str_has_suffix (one.heard->str, "other: "));
  g_assert_true (g_str_has_suffix (one.heard->str, "other:to all other:to one other: "));
  g_assert_null (strstr (one.heard->str, "e5"));
  g_assert_cmpstr (other.heard->str, ==, "e5 e7 e8 e8 b5+4 ");
  end (&one, &other);
}

/* What was published while Redis was away is not said again, but that it is there. */
static void
test_away (void)
{
  static const char * const channels[] = { "user:1", "user:1" };
  Side one, other;
  WsedRelayStats stats;

  begin (&one, &other);
  await_watch (&other, "user:1");
  publish (&one, 1, 1, channels, "{}");
  WAIT_UNTIL (other.end == 1);
  kill_redis ();
  WAIT_UNTIL (get_state (&one) == WSED_RELAY_DEGRADED && get_state (&other) == WSED_RELAY_DEGRADED);
  other.losses = 0;
  publish (&one, 2, 2, channels, "{}");
  wsed_relay_get_stats (one.relay, &stats);
  g_assert_cmpuint (stats.dropped, >=, 3);
  g_assert_true (g_str_has_prefix (stats.reason, "redis: "));
  start_redis ();
  WAIT_UNTIL (get_state (&one) == WSED_RELAY_OK && get_state (&other) == WSED_RELAY_OK && other.losses > 0);
  /* Whether the other one is there before or behind that is said: then the loss was told behind it. */
  await_watch (&other, "user:1");
  publish (&one, 4, 1, channels, "{}");
  WAIT_UNTIL (other.end == 4);
  g_assert_nonnull (strstr (other.heard->str, "e4 b4+1 "));
  wsed_relay_get_stats (other.relay, &stats);
  g_assert_cmpuint (stats.reconnections, >=, 2);
  end (&one, &other);
}

/* More than has room: it is dropped, and the other one hears how far the log goes. */
static void
test_too_much (void)
{
  g_autofree char *text = g_strnfill (1000, 'x');
  g_autofree char *payload = g_strconcat ("\"", text, "\"", NULL);
  g_autofree const char **channels = g_new (const char *, 20000);
  Side one, other;
  WsedRelayStats stats;

  for (guint i = 0; i < 20000; i++)
    channels[i] = "user:1";
  begin (&one, &other);
  publish (&one, 1, 20000, channels, payload);
  wsed_relay_get_stats (one.relay, &stats);
  g_assert_cmpuint (stats.dropped, >, 1000);
  g_assert_cmpuint (stats.queued_bytes, <=, 16 * 1024 * 1024);
  WAIT_UNTIL (other.end == 20000);
  g_assert_nonnull (strstr (other.heard->str, "end20000 "));
  end (&one, &other);
}

static GLogWriterOutput
be_quiet (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  return G_LOG_WRITER_HANDLED;
}

int
main (int argc, char **argv)
{
  g_autofree char *program = NULL;

  g_test_init (&argc, &argv, NULL);
  program = g_find_program_in_path ("redis-check-rdb");
  if (program == NULL)
    {
      g_print ("1..0 # SKIP there is no Redis: install redis-tools\n");
      return 0;
    }
  /* That Redis is away is warned of. */
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_log_set_writer_func (be_quiet, NULL, NULL);
  g_test_add_func ("/redis-relay/publish", test_publish);
  g_test_add_func ("/redis-relay/away", test_away);
  g_test_add_func ("/redis-relay/too-much", test_too_much);
  return g_test_run ();
}
