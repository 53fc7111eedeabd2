/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The log and its disk: a write-ahead log that readers cannot make grow without bound, and a disk that is full. */

#include "log-fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static guint64 last_number;

/* 100 events of about 4 KB into user:1. */
static WsedAppend *
append_large (LogFixture *fixture)
{
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) wse_event_unref);

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *id = g_strdup_printf ("%" G_GUINT64_FORMAT, ++last_number);

      g_ptr_array_add (events, log_event_full (id, "tick", WSE_SEVERITY_INFO, "user:1", 4000));
    }
  return log_append (fixture, events);
}

static void
append_large_well (LogFixture *fixture)
{
  WsedAppend *append = append_large (fixture);

  g_assert_no_error (append->error);
  wsed_append_free (append);
}

static guint64
wal_bytes (LogFixture *fixture)
{
  g_autofree char *path = g_strconcat (fixture->path, "-wal", NULL);
  struct stat file;

  return stat (path, &file) == 0 ? (guint64) file.st_size : 0;
}

typedef struct
{
  LogFixture *fixture;
  WsedInbox *inbox;
  gboolean *stop;              /* atomic */
  guint64 given;
} Reader;

/* Reads the whole log again and again: at any time there is a reader somewhere inside. */
static void *
read_on (void *data)
{
  Reader *reader = data;
  guint64 after = 0;

  while (!__atomic_load_n (reader->stop, __ATOMIC_ACQUIRE))
    {
      WsedRead *read = wsed_read_new (reader->inbox, 1000, G_MAXSIZE);

      wsed_read_add (read, "user:1", NULL, after);
      wsed_log_read (reader->fixture->log, read);
      g_assert_true (log_wait (reader->inbox) == &read->message);
      g_assert_no_error (read->error);
      reader->given += read->entries->len;
      after = read->end ? 0 : g_array_index (read->positions, WsedPosition, 0).seq;
      wsed_read_free (read);
    }
  return NULL;
}

static void
test_gate (void)
{
  LogFixture fixture;
  gboolean stop = FALSE;
  Reader readers[4];
  pthread_t threads[4];
  guint64 most = 0;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  append_large_well (&fixture);
  for (guint i = 0; i < 4; i++)
    {
      readers[i] = (Reader) { &fixture, wsed_inbox_new (), &stop, 0 };
      g_assert_cmpint (pthread_create (&threads[i], NULL, read_on, &readers[i]), ==, 0);
    }
  for (guint i = 0; i < 250; i++)
    {
      append_large_well (&fixture);
      most = MAX (most, wal_bytes (&fixture));
    }
  __atomic_store_n (&stop, TRUE, __ATOMIC_RELEASE);
  for (guint i = 0; i < 4; i++)
    {
      pthread_join (threads[i], NULL);
      g_assert_cmpuint (readers[i].given, >, 0);
      wsed_inbox_free (readers[i].inbox);
    }
  /* 100 MB were written. */
  g_test_message ("the write-ahead log had at most %" G_GUINT64_FORMAT " bytes", most);
  g_assert_cmpuint (most, <, 40 * 1024 * 1024);
  log_fixture_clear (&fixture);
}

/* Somebody else's transaction holds the write-ahead log: it grows with what comes, nothing waits, and then it is cut again. */
static void
test_foreign_reader (void)
{
  LogFixture fixture;
  sqlite3 *db;
  guint64 held;

  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  append_large_well (&fixture);
  g_assert_cmpint (sqlite3_open_v2 (fixture.path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, "BEGIN; SELECT count(*) FROM block", NULL, NULL, NULL), ==, SQLITE_OK);
  for (guint i = 0; i < 120; i++)
    append_large_well (&fixture);
  held = wal_bytes (&fixture);
  g_assert_cmpuint (held, >, 40 * 1024 * 1024);
  g_assert_cmpint (sqlite3_exec (db, "COMMIT", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
  for (guint i = 0; i < 100; i++)
    append_large_well (&fixture);
  g_assert_cmpuint (wal_bytes (&fixture), <=, 40 * 1024 * 1024);
  log_fixture_clear (&fixture);
}

/* FALSE: skipped. */
static gboolean
mount_small (LogFixture *fixture)
{
  log_fixture_close (fixture);
  g_unlink (fixture->path);
  if (mount ("tmpfs", fixture->directory, "tmpfs", 0, "size=48m") == 0)
    {
      log_fixture_open (fixture);
      return TRUE;
    }
  g_test_skip ("a small file system cannot be mounted here");
  log_fixture_clear (fixture);
  return FALSE;
}

static void
unmount (LogFixture *fixture)
{
  if (fixture->log != NULL)
    log_fixture_close (fixture);
  g_assert_cmpint (umount (fixture->directory), ==, 0);
  log_fixture_clear (fixture);
}

static void
fill_disk (LogFixture *fixture,
           gsize       bytes)
{
  g_autofree char *path = g_build_filename (fixture->directory, "filler", NULL);
  g_autofree char *text = g_malloc0 (bytes);

  g_assert_true (g_file_set_contents_full (path, text, bytes, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

/* Appends until it is refused; the last seq that was answered. */
static guint64
append_until_full (LogFixture *fixture)
{
  guint64 acked = 0;
  gboolean full = FALSE;

  while (!full)
    {
      WsedAppend *append = append_large (fixture);

      if (append->n_done > 0)
        acked = append->entries[append->n_done - 1]->seqs[0];
      full = append->error != NULL;
      if (full)
        g_assert_error (append->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
      for (guint i = append->n_done; i < append->events->len; i++)
        g_assert_null (append->entries[i]);
      last_number -= append->events->len - append->n_done;
      wsed_append_free (append);
    }
  return acked;
}

static void
assert_whole (LogFixture *fixture,
              guint64     acked)
{
  guint64 low, head, seq;
  gboolean end = FALSE;

  log_heads (fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (head, ==, acked);
  for (seq = low; !end;)
    {
      WsedRead *read = wsed_read_new (fixture->inbox, 1000, G_MAXSIZE);

      wsed_read_add (read, "user:1", NULL, seq);
      log_read (fixture, read);
      /* Retention may be at work. */
      seq = MAX (seq, g_array_index (read->positions, WsedPosition, 0).low);
      for (guint i = 0; i < read->entries->len; i++)
        g_assert_cmpuint (wsed_entry_get_seq (g_ptr_array_index (read->entries, i), "user:1"), ==, ++seq);
      end = read->end;
      wsed_read_free (read);
    }
  g_assert_cmpuint (seq, ==, acked);
}

static void
wait_until_written (LogFixture *fixture)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
  WsedLogStats stats;

  for (wsed_log_get_stats (fixture->log, &stats); stats.state != WSED_LOG_OK; wsed_log_get_stats (fixture->log, &stats))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (20 * 1000);
    }
  g_assert_cmpstr (stats.reason, ==, "");
}

static void
test_full (void)
{
  LogFixture fixture;
  WsedLogStats stats;
  WsedAppend *append;
  guint64 acked, more;
  g_autofree char *filler = NULL;

  last_number = 0;
  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  if (!mount_small (&fixture))
    return;
  fill_disk (&fixture, 20 * 1024 * 1024);
  acked = append_until_full (&fixture);
  g_assert_cmpuint (acked, >, 1000);
  wsed_log_get_stats (fixture.log, &stats);
  g_assert_cmpint (stats.state, ==, WSED_LOG_DEGRADED);
  g_assert_nonnull (strstr (stats.reason, "full"));
  assert_whole (&fixture, acked);
  append = append_large (&fixture);
  g_assert_error (append->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (append->error->message, "full"));
  wsed_append_free (append);
  last_number = acked;
  /* It starts on the full disk as well, and reads. */
  log_fixture_close (&fixture);
  log_fixture_open (&fixture);
  assert_whole (&fixture, acked);
  more = append_until_full (&fixture);
  acked = MAX (acked, more);
  filler = g_build_filename (fixture.directory, "filler", NULL);
  g_unlink (filler);
  wait_until_written (&fixture);
  append_large_well (&fixture);
  assert_whole (&fixture, acked + 100);
  unmount (&fixture);
}

/* The disk is smaller than the log may be, then the log may be less: from the first append on retention keeps ahead of what comes, in
 * the little that is left (@data: KiB; NULL: as it happens to be). */
static void
test_full_and_trimmed (gconstpointer data)
{
  const guint64 left = GPOINTER_TO_SIZE (data) * 1024;
  LogFixture fixture;
  guint64 low, head, acked, most = 0;
  struct statvfs disk;

  last_number = 0;
  log_fixture_init (&fixture, LOG_SQLITE, NULL);
  if (!mount_small (&fixture))
    return;
  acked = append_until_full (&fixture);
  log_fixture_close (&fixture);
  if (left > 0)
    {
      g_assert_cmpint (statvfs (fixture.directory, &disk), ==, 0);
      g_assert_cmpuint (disk.f_bavail * disk.f_frsize, >, left);
      fill_disk (&fixture, disk.f_bavail * disk.f_frsize - left);
    }
  fixture.retention.max_bytes = 8 * 1024 * 1024;
  log_fixture_open (&fixture);
  for (guint i = 0; i < 300; i++)
    {
      append_large_well (&fixture);
      most = MAX (most, wal_bytes (&fixture));
    }
  g_test_message ("the write-ahead log had at most %" G_GUINT64_FORMAT " bytes", most);
  assert_whole (&fixture, acked + 30000);
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (low, >, acked);
  unmount (&fixture);
}

static GLogWriterOutput
be_quiet (GLogLevelFlags   level,
          const GLogField *fields,
          gsize            n_fields,
          gpointer         user_data)
{
  return (level & G_LOG_LEVEL_MASK) < G_LOG_LEVEL_WARNING ? g_log_writer_default (level, fields, n_fields,
                                                                                  user_data) : G_LOG_WRITER_HANDLED;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  /* A full disk is told in the journal. */
  g_log_set_writer_func (be_quiet, NULL, NULL);
  g_test_add_func ("/log-disk/gate", test_gate);
  g_test_add_func ("/log-disk/foreign-reader", test_foreign_reader);
  g_test_add_func ("/log-disk/full", test_full);
  g_test_add_data_func ("/log-disk/full-and-trimmed", NULL, test_full_and_trimmed);
  g_test_add_data_func ("/log-disk/nearly-full-and-trimmed", GSIZE_TO_POINTER (3072), test_full_and_trimmed);
  return g_test_run ();
}
