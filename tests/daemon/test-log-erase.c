/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Erasing a channel: nothing of it can be read, numbers and ids go on, other channels keep what is theirs; and in the log's file its
 * bytes are gone after a while, also where the process was killed behind the answer. */

#include "log-fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
erase_channel (LogFixture *fixture,
               const char *channel,
               guint64     low,
               guint64     head)
{
  WsedErase *erase = log_erase (fixture, channel);

  g_assert_no_error (erase->error);
  g_assert_true (erase->known);
  g_assert_cmpuint (erase->low, ==, low);
  g_assert_cmpuint (erase->head, ==, head);
  wsed_erase_free (erase);
}

static void
assert_ids (LogFixture *fixture,
            const char *channel,
            guint64     after,
            const char *expected)
{
  g_autofree char *ids = log_read_ids (fixture, channel, after, 100);

  g_assert_cmpstr (ids, ==, expected);
}

static void
test_erase (gconstpointer data)
{
  LogFixture fixture;
  WsedAppend *append;
  WsedErase *erase;
  WsedRead *read;
  guint64 low, head, n;
  char epoch[WSE_MAX_EPOCH_BYTES + 1];

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  append = log_append_events (&fixture, log_event ("a", "user:1"), log_event ("b", "user:1,global"), log_event ("c", "user:2"),
                              log_event ("d", "global,user:1"), NULL);
  n = append->entries[2]->n;
  wsed_append_free (append);
  erase = log_erase (&fixture, "user:1");
  g_assert_true (erase->known);
  g_assert_cmpuint (erase->low, ==, 0);
  g_assert_cmpuint (erase->head, ==, 3);
  g_assert_cmpuint (erase->n, ==, n + 1);
  log_heads (&fixture, "user:1", &low, &head, epoch);
  g_assert_cmpstr (erase->epoch, ==, epoch);
  g_assert_cmpuint (low, ==, 3);
  g_assert_cmpuint (head, ==, 3);
  wsed_erase_free (erase);

  assert_ids (&fixture, "user:1", 0, "");
  assert_ids (&fixture, "global", 0, "b d");
  assert_ids (&fixture, "*", 0, "b c d");
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 10, 0, 3), ==, 3);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 0, 1, 0), ==, 3);
  read = wsed_read_new (fixture.inbox, 10, 1000);
  wsed_read_add (read, "user:1", NULL, 1);
  log_read (&fixture, read);
  g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 0).low, ==, 3);
  wsed_read_free (read);

  /* Numbers and ids go on. */
  append = log_append_events (&fixture, log_event ("a", "user:1"), log_event ("e", "user:1"), NULL);
  g_assert_cmpmem (append->duplicates, 2, "\1\0", 2);
  g_assert_cmpuint (append->entries[0]->seqs[0], ==, 1);
  g_assert_cmpuint (append->entries[1]->seqs[0], ==, 4);
  wsed_append_free (append);
  assert_ids (&fixture, "user:1", 0, "e");
  erase_channel (&fixture, "user:1", 3, 4);
  erase_channel (&fixture, "user:1", 4, 4);
  assert_ids (&fixture, "user:1", 0, "");
  erase_channel (&fixture, "global", 0, 2);
  assert_ids (&fixture, "*", 0, "c");
  log_fixture_clear (&fixture);
}

static void
test_unknown (gconstpointer data)
{
  LogFixture fixture;
  WsedErase *erase;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  log_append_many (&fixture, "a", 3, "user:1");
  erase = log_erase (&fixture, "user:2");
  g_assert_no_error (erase->error);
  g_assert_false (erase->known);
  wsed_erase_free (erase);
  assert_ids (&fixture, "user:1", 0, "a1 a2 a3");
  wsed_log_close (fixture.log);
  erase = log_erase (&fixture, "user:1");
  g_assert_error (erase->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  wsed_erase_free (erase);
  log_fixture_clear (&fixture);
}

/* More than a step takes, and between others' events in the same blocks. */
static void
test_many (gconstpointer data)
{
  LogFixture fixture;
  WsedLogStats stats;
  guint64 low, head;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *one = g_strdup_printf ("one%u.", i), *two = g_strdup_printf ("two%u.", i);
      g_autofree char *both = g_strdup_printf ("both%u.", i);

      log_append_many (&fixture, one, 1000, "user:1");
      log_append_many (&fixture, two, 10, "user:2");
      log_append_many (&fixture, both, 10, "user:1,user:2");
    }
  erase_channel (&fixture, "user:1", 0, 20200);
  assert_ids (&fixture, "user:1", 0, "");
  do
    {
      g_usleep (1000);
      log_heads (&fixture, "*", &low, &head, NULL);
      wsed_log_get_stats (fixture.log, &stats);
    }
  while (stats.events > 400);
  g_assert_cmpuint (stats.events, ==, 400);
  for (guint64 after = 0; after < 400; after += 20)
    {
      g_autofree char *ids = log_read_ids (&fixture, "user:2", after, 1000);
      g_autofree char *begin = g_strdup_printf ("two%u.1 two%u.2 ", (guint) after / 20, (guint) after / 20);

      g_assert_true (g_str_has_prefix (ids, begin));
    }
  log_fixture_clear (&fixture);
}

static WseEvent *
secret_event (const char *id,
              const char *channels,
              const char *secret)
{
  g_auto (GStrv) names = g_strsplit (channels, ",", -1);
  g_autofree char *payload = g_strdup_printf ("{\"secret\":\"%s of %s\"}", secret, id);
  WseEventFields fields = {
    .event_type = "tick", .id = id, .payload = payload, .payload_length = strlen (payload), .channels = (const char **) names,
    .n_channels = g_strv_length (names), .timestamp = 1700000000000000, .latency = -1,
  };

  return wse_event_new_from_fields (&fields);
}

/* How often @text is in the file at @path. */
static guint
count_text (const char *path,
            const char *text)
{
  g_autofree char *bytes = NULL;
  gsize length, text_length = strlen (text);
  guint found = 0;

  if (!g_file_get_contents (path, &bytes, &length, NULL))
    return 0;
  for (const char *at = bytes; (at = memmem (at, bytes + length - at, text, text_length)) != NULL; at += text_length)
    found++;
  return found;
}

static guint
count_in_log (LogFixture *fixture,
              const char *text)
{
  g_autofree char *wal = g_strconcat (fixture->path, "-wal", NULL);

  return count_text (fixture->path, text) + count_text (wal, text);
}

/* Returns how many of them are user:1's. */
static guint
append_secrets (LogFixture *fixture,
                const char *prefix,
                guint       count)
{
  GPtrArray *events = log_new_events ();
  WsedAppend *append;
  guint hers = 0;

  for (guint i = 0; i < count; i++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", prefix, i);

      hers += i % 3 > 0;
      g_ptr_array_add (events, secret_event (id, i % 3 > 0 ? "user:1" : "user:2", i % 3 > 0 ? "HERS" : "HIS"));
    }
  append = log_append (fixture, events);
  g_assert_no_error (append->error);
  wsed_append_free (append);
  return hers;
}

static void
test_bytes (void)
{
  LogFixture fixture;
  guint all = 0, hers = 0;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  /* Blocks of one event, of some, of many. */
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *prefix = g_strdup_printf ("%u.", i);

      hers += append_secrets (&fixture, prefix, 1 + (i * 7) % 150);
      all += 1 + (i * 7) % 150;
    }
  g_assert_cmpuint (count_in_log (&fixture, "HERS"), >, 0);
  erase_channel (&fixture, "user:1", 0, hers);
  while (count_in_log (&fixture, "HERS") > 0)
    g_usleep (10000);
  g_assert_cmpuint (count_in_log (&fixture, "HIS"), >=, all - hers);
  log_fixture_close (&fixture);
  g_assert_cmpuint (count_in_log (&fixture, "HERS"), ==, 0);
  log_fixture_clear (&fixture);
}

/* Retention has moved blocks about: no copy is left behind. */
static void
test_bytes_after_retention (void)
{
  const WsedRetention retention = { .max_events = 500, .sync_full = FALSE };
  LogFixture fixture;
  guint hers = 0;

  log_fixture_init (&fixture, LOG_SQLITE, &retention);
  for (guint i = 0; i < 300; i++)
    {
      g_autofree char *prefix = g_strdup_printf ("%u.", i);

      hers += append_secrets (&fixture, prefix, 1 + (i * 7) % 150);
    }
  erase_channel (&fixture, "user:1", hers - 500, hers);
  while (count_in_log (&fixture, "HERS") > 0)
    g_usleep (10000);
  log_fixture_clear (&fixture);
}

/* A child erases and is killed right behind the answer, the parent opens what it has left. */
static void
test_kill (void)
{
  LogFixture fixture;
  guint64 low, head;
  int status;
  pid_t child;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  append_secrets (&fixture, "a", 30000);
  log_fixture_close (&fixture);
  child = fork ();
  if (child == 0)
    {
      log_fixture_open (&fixture);
      wsed_erase_free (log_erase (&fixture, "user:1"));
      kill (getpid (), SIGKILL);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpuint (count_in_log (&fixture, "HERS"), >, 0);
  log_fixture_open (&fixture);
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (low, ==, 20000);
  g_assert_cmpuint (head, ==, 20000);
  assert_ids (&fixture, "user:1", 0, "");
  while (count_in_log (&fixture, "HERS") > 0)
    g_usleep (10000);
  log_fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* First: it forks, and what the others begin threads for (GLib's for PostgreSQL) cannot be taken along. */
  g_test_add_func ("/log-erase/kill", test_kill);
  log_test_add ("erase", test_erase, TRUE);
  log_test_add ("erase-unknown", test_unknown, FALSE);
  log_test_add ("erase-many", test_many, FALSE);
  g_test_add_func ("/log-erase/bytes", test_bytes);
  g_test_add_func ("/log-erase/bytes-after-retention", test_bytes_after_retention);
  return g_test_run ();
}
