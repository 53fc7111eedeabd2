/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The log in a file: what it refuses to open, what it survives, and what it says of damage. */

#include "log-fixture.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static guint warnings;         /* atomic */

/* Damage is told in the journal; here it is only counted. */
static GLogWriterOutput
count_warnings (GLogLevelFlags   level,
                const GLogField *fields,
                gsize            n_fields,
                gpointer         user_data)
{
  if ((level & G_LOG_LEVEL_MASK) > G_LOG_LEVEL_WARNING)
    return G_LOG_WRITER_HANDLED;
  if ((level & G_LOG_LEVEL_MASK) < G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, user_data);
  __atomic_fetch_add (&warnings, 1, __ATOMIC_RELAXED);
  return G_LOG_WRITER_HANDLED;
}

/* Runs @sql on the file while no log is open. */
static void
run_sql (LogFixture *fixture,
         const char *sql)
{
  sqlite3 *db;

  g_assert_cmpint (sqlite3_open (fixture->path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
}

static gint64
ask_sql (LogFixture *fixture,
         const char *sql)
{
  sqlite3 *db;
  sqlite3_stmt *statement;
  gint64 value;

  g_assert_cmpint (sqlite3_open_v2 (fixture->path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_prepare_v2 (db, sql, -1, &statement, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  value = sqlite3_column_int64 (statement, 0);
  sqlite3_finalize (statement);
  sqlite3_close (db);
  return value;
}

static void
assert_refused (const char *path,
                const char *why)
{
  WsedRetention retention = { 0 };
  g_autoptr (GError) error = NULL;
  WsedLog *log = wsed_sqlite_log_new (path, &retention, &error);

  g_assert_null (log);
  g_assert_nonnull (error);
  if (strstr (error->message, why) == NULL || strstr (error->message, path) == NULL)
    g_error ("\"%s\" does not say \"%s\" of %s", error->message, why, path);
}

static void
test_restart (void)
{
  LogFixture fixture;
  char epoch[WSE_MAX_EPOCH_BYTES + 1], again[WSE_MAX_EPOCH_BYTES + 1];
  guint64 low, head;
  WsedLogStats stats;
  g_autofree char *ids = NULL;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_append_many (&fixture, "a", 100, "user:1,global");
  log_heads (&fixture, "user:1", &low, &head, epoch);
  log_fixture_close (&fixture);
  /* All of the index is in the file then. */
  g_assert_cmpint (ask_sql (&fixture, "SELECT v FROM meta WHERE k='watermark'"), ==, 100);
  g_assert_cmpint (ask_sql (&fixture, "PRAGMA application_id"), ==, 0x5753454c);
  log_fixture_open (&fixture);
  log_append_many (&fixture, "b", 2, "user:1");
  log_heads (&fixture, "user:1", &low, &head, again);
  g_assert_cmpstr (epoch, ==, again);
  g_assert_cmpuint (head, ==, 102);
  ids = log_read_ids (&fixture, "user:1", 98, 10);
  g_assert_cmpstr (ids, ==, "a99 a100 b1 b2");
  wsed_log_get_stats (fixture.log, &stats);
  g_assert_cmpuint (stats.events, ==, 102);
  log_fixture_clear (&fixture);
}

/* Files of before have pages of 4 KB: they are gone on with, and measured as they are. */
static void
test_other_pages (void)
{
  LogFixture fixture;
  WsedLogStats stats;
  g_autofree char *ids = NULL;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_append_many (&fixture, "a", 2000, "user:1");
  log_fixture_close (&fixture);
  g_assert_cmpint (ask_sql (&fixture, "PRAGMA page_size"), ==, 8192);
  run_sql (&fixture, "PRAGMA journal_mode=DELETE; PRAGMA page_size=4096; VACUUM; PRAGMA journal_mode=WAL");
  log_fixture_open (&fixture);
  wsed_log_get_stats (fixture.log, &stats);
  log_append_many (&fixture, "b", 2, "user:1");
  ids = log_read_ids (&fixture, "user:1", 1999, 10);
  g_assert_cmpstr (ids, ==, "a2000 b1 b2");
  log_fixture_close (&fixture);
  g_assert_cmpint (ask_sql (&fixture, "PRAGMA page_size"), ==, 4096);
  g_assert_cmpuint (stats.bytes, >, 0);
  g_assert_cmpuint (stats.bytes, <=, ask_sql (&fixture, "PRAGMA page_count") * 4096);
  log_fixture_clear (&fixture);
}

/* Another depth than at the last run: what was cut stays cut, to the event. */
static void
test_other_retention (void)
{
  LogFixture fixture;
  WsedRetention retention = { .max_events = 10 };
  guint64 low, head;

  log_fixture_init (&fixture, LOG_SQLITE, &retention);
  log_append_many (&fixture, "a", 100, "user:1");
  log_fixture_close (&fixture);
  fixture.retention.max_events = 1000;
  log_fixture_open (&fixture);
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (low, ==, 90);
  log_append_many (&fixture, "b", 100, "user:1");
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (low, ==, 90);
  log_fixture_close (&fixture);
  fixture.retention.max_events = 5;
  log_fixture_open (&fixture);
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (low, ==, 195);
  g_assert_cmpuint (head, ==, 200);
  log_fixture_clear (&fixture);
}

/* Cut events leave the file, too, and the index keeps pace. */
static void
test_sweep (void)
{
  LogFixture fixture;
  WsedRetention retention = { .max_events = 100 };
  g_autofree char *quiet = NULL;
  guint64 low, head;
  WsedLogStats stats;

  log_fixture_init (&fixture, LOG_SQLITE, &retention);
  for (guint i = 0; i < 400; i++)
    {
      g_autofree char *busy = g_strdup_printf ("b%u.", i), *one = g_strdup_printf ("q%u.", i);

      log_append_many (&fixture, busy, 99, "user:busy,global");
      log_append_many (&fixture, one, 1, "user:quiet");
    }
  do
    {
      g_usleep (10000);
      wsed_log_get_stats (fixture.log, &stats);
    }
  while (stats.events > 4000);
  log_heads (&fixture, "user:quiet", &low, &head, NULL);
  g_assert_cmpuint (low, ==, 300);
  g_assert_cmpuint (head, ==, 400);
  quiet = log_read_ids (&fixture, "user:quiet", 397, 10);
  g_assert_cmpstr (quiet, ==, "q397.1 q398.1 q399.1");
  log_fixture_close (&fixture);
  g_assert_cmpint (ask_sql (&fixture, "SELECT sum(length(data)) FROM block"), <, 4000 * 200);
  g_assert_cmpint (ask_sql (&fixture, "SELECT count(*) FROM block"), >, 50);
  log_fixture_open (&fixture);
  g_free (quiet);
  quiet = log_read_ids (&fixture, "user:quiet", 0, 1000);
  g_assert_true (g_str_has_prefix (quiet, "q300.1 q301.1 "));
  log_fixture_clear (&fixture);
}

static void
test_forgotten (void)
{
  LogFixture fixture;
  WsedRetention retention = { .max_age = 1000 };
  char epoch[WSE_MAX_EPOCH_BYTES + 1], all[WSE_MAX_EPOCH_BYTES + 1], fresh[WSE_MAX_EPOCH_BYTES + 1], begun[WSE_MAX_EPOCH_BYTES + 1];
  guint64 low, head = 1;

  log_fixture_init (&fixture, LOG_SQLITE, &retention);
  log_append_many (&fixture, "a", 3, "user:gone");
  log_append_many (&fixture, "a", 3, "user:here");
  log_wait_low (&fixture, "user:gone", 3);
  log_wait_low (&fixture, "user:here", 3);
  log_heads (&fixture, "user:gone", &low, &head, epoch);
  log_fixture_close (&fixture);
  /* 91 days later. */
  run_sql (&fixture, "UPDATE channel SET expired=expired - 91*24*3600*1000000 WHERE name='user:gone' AND expired>0");
  log_fixture_open (&fixture);
  for (guint i = 0; head != 0 && i < 1000; i++)
    {
      g_usleep (10000);
      log_heads (&fixture, "user:gone", &low, &head, fresh);
    }
  g_assert_cmpuint (head, ==, 0);
  g_assert_cmpstr (fresh, !=, epoch);
  log_heads (&fixture, "user:here", &low, &head, all);
  g_assert_cmpstr (all, ==, epoch);
  g_assert_cmpuint (head, ==, 3);
  log_append_many (&fixture, "b", 1, "user:gone");
  log_heads (&fixture, "user:gone", &low, &head, begun);
  g_assert_cmpstr (begun, ==, fresh);
  g_assert_cmpuint (head, ==, 1);
  log_fixture_close (&fixture);
  log_fixture_open (&fixture);
  log_heads (&fixture, "user:gone", &low, &head, begun);
  g_assert_cmpstr (begun, ==, fresh);
  log_fixture_clear (&fixture);
}

/* A file of the version before: it goes on, with what came since. */
static void
test_older_file (void)
{
  GArray *moves = wsed_moves_new ();
  LogFixture fixture;
  WsedAppend *append;
  g_autofree char *ids = NULL;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_append_many (&fixture, "a", 3, "user:1");
  log_fixture_close (&fixture);
  run_sql (&fixture, "DROP TABLE position; DROP TABLE letter; UPDATE meta SET v=1 WHERE k='format'");
  log_fixture_open (&fixture);
  log_append_many (&fixture, "b", 1, "user:1");
  wsed_moves_add (moves, "kafka:g/t/0", -1, 7);
  append = wsed_append_new (log_new_events (), fixture.inbox);
  wsed_append_set_moves (append, moves);
  wsed_log_append (fixture.log, append);
  g_assert_true (log_wait (fixture.inbox) == &append->message);
  g_assert_no_error (append->error);
  wsed_append_free (append);
  log_fixture_close (&fixture);
  log_fixture_open (&fixture);
  ids = log_read_ids (&fixture, "user:1", 0, 100);
  g_assert_cmpstr (ids, ==, "a1 a2 a3 b1");
  log_fixture_clear (&fixture);
}

static void
test_other_files (void)
{
  LogFixture fixture;
  g_autofree char *text = NULL, *before = NULL, *after = NULL, *missing = NULL;
  gsize length, length_after;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_append_many (&fixture, "a", 3, "user:1");
  log_fixture_close (&fixture);
  run_sql (&fixture, "UPDATE meta SET v=99 WHERE k='format'");
  assert_refused (fixture.path, "newer");
  run_sql (&fixture, "UPDATE meta SET v=1 WHERE k='format'; PRAGMA application_id=7; PRAGMA journal_mode=DELETE");
  g_assert_true (g_file_get_contents (fixture.path, &before, &length, NULL));
  assert_refused (fixture.path, "another program");
  g_assert_true (g_file_get_contents (fixture.path, &after, &length_after, NULL));
  g_assert_cmpmem (before, length, after, length_after);
  g_assert_true (g_file_set_contents (fixture.path, "Dear diary, today …", -1, NULL));
  assert_refused (fixture.path, "not a log");
  g_assert_true (g_file_get_contents (fixture.path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "Dear diary, today …");
  missing = g_build_filename (fixture.directory, "missing", "wse.db", NULL);
  assert_refused (missing, "directory");
  g_unlink (fixture.path);
  log_fixture_open (&fixture);
  log_fixture_clear (&fixture);
}

/* What can be read of user:1, all told: whatever is given is right, and every hole was announced. The number of events given. */
static guint
assert_told (LogFixture *fixture,
             guint       count)
{
  guint64 after = 0;
  guint given = 0;
  gboolean end = FALSE;

  while (!end)
    {
      WsedRead *read = wsed_read_new (fixture->inbox, 100, G_MAXSIZE);
      WsedPosition *position;

      wsed_read_add (read, "user:1", NULL, after);
      wsed_log_read (fixture->log, read);
      g_assert_true (log_wait (fixture->inbox) == &read->message);
      position = &g_array_index (read->positions, WsedPosition, 0);
      after = MAX (after, position->low);
      end = read->end || read->error != NULL;
      for (guint i = 0; i < read->entries->len; i++)
        {
          WsedEntry *entry = g_ptr_array_index (read->entries, i);
          g_autofree char *id = g_strdup_printf ("e%" G_GUINT64_FORMAT, ++after);

          g_assert_cmpstr (entry->event->id, ==, id);
          g_assert_cmpuint (entry->seqs[0], ==, after);
          g_assert_cmpstr (entry->event->payload, ==, "\"xxxxxxxxxx\"");
          given++;
        }
      if (read->error == NULL && end)
        g_assert_cmpuint (after, ==, count);
      wsed_read_free (read);
    }
  return given;
}

/* The page of the channels' rows, which no checksum guards: what is lost with a row cannot be told. */
static gsize
find_channels (const char *file,
               gsize       length)
{
  const char *at = memmem (file, length, "user:1", strlen ("user:1"));

  g_assert_nonnull (at);
  return (at - file) / 8192 * 8192;
}

static void
test_bit_flips (void)
{
  LogFixture fixture;
  g_autofree char *whole = NULL;
  gsize length, channels;
  guint noticed = 0, opened = 0;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_append_many (&fixture, "e", 640, "user:1");
  log_fixture_close (&fixture);
  g_assert_true (g_file_get_contents (fixture.path, &whole, &length, NULL));
  channels = find_channels (whole, length);
  for (guint i = 0; i < 60; i++)
    {
      g_autofree char *damaged = g_memdup2 (whole, length);
      gsize at = g_test_rand_int_range (100, length);

      if (at >= channels && at < channels + 8192)
        continue;
      damaged[at] ^= 1 << g_test_rand_int_range (0, 8);
      g_assert_true (g_file_set_contents (fixture.path, damaged, length, NULL));
      fixture.log = wsed_sqlite_log_new (fixture.path, &fixture.retention, NULL);
      if (fixture.log == NULL)
        {
          noticed++;
          continue;
        }
      opened++;
      noticed += assert_told (&fixture, 640) < 640;
      log_fixture_close (&fixture);
    }
  g_test_message ("%u of 60 flips noticed, %u times opened", noticed, opened);
  g_assert_cmpuint (noticed, >=, 5);
  log_fixture_clear (&fixture);
}

/* A flip within an event: its block is told as lost, the others are there, and writing goes on. */
static void
test_damaged_block (void)
{
  LogFixture fixture;
  WsedLogStats stats;
  guint64 low, head;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_append_many (&fixture, "e", 640, "user:1");
  log_fixture_close (&fixture);
  run_sql (&fixture, "UPDATE block SET data=CAST(substr(data,1,999)||x'ff'||substr(data,1001) AS BLOB) WHERE first_n=129");
  log_fixture_open (&fixture);
  __atomic_store_n (&warnings, 0, __ATOMIC_RELAXED);
  g_assert_cmpuint (assert_told (&fixture, 640), ==, 576);
  g_assert_cmpuint (__atomic_load_n (&warnings, __ATOMIC_RELAXED), ==, 1);
  wsed_log_get_stats (fixture.log, &stats);
  g_assert_cmpuint (stats.unreadable, >, 0);
  g_assert_cmpint (stats.state, ==, WSED_LOG_OK);
  log_append_many (&fixture, "f", 1, "user:1");
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (head, ==, 641);
  log_fixture_clear (&fixture);
}

static void
get_file (LogFixture *fixture,
          const char *ending,
          char      **text,
          gsize      *length)
{
  g_autofree char *path = g_strconcat (fixture->path, ending, NULL);

  g_assert_true (g_file_get_contents (path, text, length, NULL));
}

static void
set_file (LogFixture *fixture,
          const char *ending,
          const char *text,
          gsize       length)
{
  g_autofree char *path = g_strconcat (fixture->path, ending, NULL);

  g_assert_true (g_file_set_contents_full (path, text, length, G_FILE_SET_CONTENTS_NONE, 0640, NULL));
}

/* A log put back from a copy must not give the same numbers to other events under the same epoch. */
static void
test_restored (void)
{
  LogFixture fixture;
  char first[WSE_MAX_EPOCH_BYTES + 1], second[WSE_MAX_EPOCH_BYTES + 1], third[WSE_MAX_EPOCH_BYTES + 1];
  g_autofree char *copy = NULL;
  guint64 low, head;
  gsize length;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_append_many (&fixture, "a", 10, "user:1");
  log_heads (&fixture, "user:1", &low, &head, first);
  log_fixture_close (&fixture);
  get_file (&fixture, "", &copy, &length);
  log_fixture_open (&fixture);
  log_append_many (&fixture, "b", 1, "user:1");
  log_fixture_close (&fixture);
  set_file (&fixture, "", copy, length);
  log_fixture_open (&fixture);
  log_heads (&fixture, "user:1", &low, &head, second);
  g_assert_cmpuint (head, ==, 10);
  g_assert_cmpstr (first, !=, second);
  log_append_many (&fixture, "c", 1, "user:1");
  log_fixture_close (&fixture);
  log_fixture_open (&fixture);
  log_heads (&fixture, "*", &low, &head, third);
  g_assert_cmpuint (head, ==, 11);
  g_assert_cmpstr (second, ==, third);
  log_fixture_clear (&fixture);
}

/* The write-ahead log cut, zeroed or flipped: what is there is whole up to some event, and another epoch says so where any is lost.
 * */
static void
test_damaged_wal (void)
{
  LogFixture fixture;
  g_autofree char *db = NULL, *wal = NULL, *mark = NULL;
  gsize db_length, wal_length, mark_length;
  char before[WSE_MAX_EPOCH_BYTES + 1], now[WSE_MAX_EPOCH_BYTES + 1];
  guint64 low, head;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  for (guint i = 0; i < 200; i++)
    log_append_many (&fixture, "e", i * 3 + 3, "user:1");
  log_heads (&fixture, "user:1", &low, &head, before);
  g_assert_cmpuint (head, ==, 600);
  get_file (&fixture, "", &db, &db_length);
  get_file (&fixture, "-wal", &wal, &wal_length);
  get_file (&fixture, ".lock", &mark, &mark_length);
  log_fixture_close (&fixture);
  for (guint i = 0; i < 24; i++)
    {
      gsize at = g_test_rand_int_range (32, wal_length);
      g_autofree char *damaged = g_memdup2 (wal, wal_length);

      if (i % 3 == 1)
        memset (damaged + at, 0, wal_length - at);
      else if (i % 3 == 2)
        damaged[at] ^= 1 << g_test_rand_int_range (0, 8);
      set_file (&fixture, "", db, db_length);
      set_file (&fixture, "-wal", damaged, i % 3 == 0 ? at : wal_length);
      set_file (&fixture, ".lock", mark, mark_length);
      log_fixture_open (&fixture);
      log_heads (&fixture, "user:1", &low, &head, now);
      g_assert_cmpuint (head, <=, 600);
      g_assert_cmpuint (assert_told (&fixture, head), ==, head);
      if (head < 600)
        g_assert_cmpstr (now, !=, before);
      else
        g_assert_cmpstr (now, ==, before);
      log_fixture_close (&fixture);
    }
  log_fixture_clear (&fixture);
}

static void
test_locked (void)
{
  LogFixture fixture;
  int ready[2];
  char byte;
  pid_t child;

  g_assert_cmpint (pipe (ready), ==, 0);
  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  assert_refused (fixture.path, "another daemon");
  log_fixture_close (&fixture);
  child = fork ();
  if (child == 0)
    {
      if (wsed_sqlite_log_new (fixture.path, &fixture.retention, NULL) != NULL && write (ready[1], "x", 1) == 1)
        pause ();
      _exit (1);
    }
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  assert_refused (fixture.path, "another daemon");
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
  close (ready[0]);
  close (ready[1]);
  /* A daemon that was killed holds nothing up. */
  log_fixture_open (&fixture);
  log_fixture_clear (&fixture);
}

/* 0: refused as it is to be. */
static int
try_as_nobody (const char *path,
               const char *why)
{
  WsedRetention retention = { 0 };
  GError *error = NULL;

  if (geteuid () == 0 && setresuid (65534, 65534, 65534) != 0)
    return 77;
  return wsed_sqlite_log_new (path, &retention, &error) == NULL && strstr (error->message, why) != NULL ? 0 : 1;
}

static void
test_read_only (void)
{
  LogFixture fixture;
  int status;
  pid_t child;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  log_fixture_close (&fixture);
  g_assert_cmpint (g_chmod (fixture.directory, 0555), ==, 0);
  child = fork ();
  if (child == 0)
    _exit (try_as_nobody (fixture.path, "directory"));
  waitpid (child, &status, 0);
  g_assert_cmpint (g_chmod (fixture.directory, 0755), ==, 0);
  if (WEXITSTATUS (status) == 77)
    g_test_skip ("may not become another user");
  else
    g_assert_cmpint (status, ==, 0);
  log_fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  g_test_add_func ("/sqlite-log/restart", test_restart);
  g_test_add_func ("/sqlite-log/other-pages", test_other_pages);
  g_test_add_func ("/sqlite-log/other-retention", test_other_retention);
  g_test_add_func ("/sqlite-log/sweep", test_sweep);
  g_test_add_func ("/sqlite-log/forgotten", test_forgotten);
  g_test_add_func ("/sqlite-log/other-files", test_other_files);
  g_test_add_func ("/sqlite-log/older-file", test_older_file);
  g_test_add_func ("/sqlite-log/bit-flips", test_bit_flips);
  g_test_add_func ("/sqlite-log/damaged-block", test_damaged_block);
  g_test_add_func ("/sqlite-log/restored", test_restored);
  g_test_add_func ("/sqlite-log/damaged-wal", test_damaged_wal);
  g_test_add_func ("/sqlite-log/locked", test_locked);
  g_test_add_func ("/sqlite-log/read-only", test_read_only);
  return g_test_run ();
}
