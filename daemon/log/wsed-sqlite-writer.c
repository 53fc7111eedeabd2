/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSqliteWriter owns the writing connection and its thread: everything that came while the last transaction was written goes
 * into the next one. Nothing is answered before it is committed. While the file cannot be written, appends are refused at once and
 * reading goes on. */

#include "log/wsed-sqlite-writer.h"
#include "log/wsed-ballast.h"
#include "log/wsed-commit.h"
#include "log/wsed-eraser.h"
#include "log/wsed-log-mark.h"
#include "log/wsed-log-task.h"
#include "log/wsed-retention.h"
#include "log/wsed-sqlite-consumers.h"

#include <string.h>
#include <unistd.h>

/* Between two attempts to write again, and two looks at retention when nothing comes. */
#define MAINTAIN_EVERY G_USEC_PER_SEC
/* Between two looks at which consumers have not been used for long. */
#define FORGET_EVERY (10 * G_TIME_SPAN_MINUTE)
/* Sweeper steps with a checkpoint behind each while the disk is full. */
#define FULL_STEPS 16

struct _WsedSqliteWriter
{
  WsedRetention retention;
  int lock_fd;
  sqlite3 *db;
  WsedIndex *index;
  WsedCheckpoint *checkpoint;
  WsedCommit *commit;
  WsedSweeper *sweeper;
  WsedEraser *eraser;
  WsedSqliteConsumers *consumers;
  gint64 forgot;               /* monotonic: when consumers were last looked through */
  WsedBallast ballast;
  GPtrArray *waiting;          /* (element-type WsedAppend): answered with the next commit */
  gint64 maintained;           /* monotonic */
  gboolean more;               /* the sweeper has work left */
  gboolean full;               /* it stopped for want of room */

  WsedInbox *inbox;
  pthread_t thread;
  gboolean stop;

  pthread_mutex_t stats_lock;
  WsedLogStats stats;
  guint64 queued_bytes;        /* atomic */
};

static void
set_state (WsedSqliteWriter   *self,
           const GError *error)
{
  pthread_mutex_lock (&self->stats_lock);
  if (self->stats.state == WSED_LOG_OK && error != NULL)
    g_warning ("the log cannot be written: %s", error->message);
  else if (self->stats.state != WSED_LOG_OK && error == NULL)
    g_message ("the log can be written again");
  self->stats.state = error != NULL ? WSED_LOG_DEGRADED : WSED_LOG_OK;
  g_strlcpy (self->stats.reason, error != NULL ? error->message : "", sizeof self->stats.reason);
  pthread_mutex_unlock (&self->stats_lock);
}

static void
count (WsedSqliteWriter *self,
       guint       appended,
       guint       duplicates,
       guint       commits)
{
  pthread_mutex_lock (&self->stats_lock);
  self->stats.appended += appended;
  self->stats.duplicates += duplicates;
  self->stats.commits += commits;
  wsed_sweeper_get (self->sweeper, &self->stats.events, &self->stats.bytes, &self->stats.removed);
  self->stats.unreadable = self->commit->cursor.unreadable;
  pthread_mutex_unlock (&self->stats_lock);
}

static void
answer (WsedSqliteWriter *self,
        WsedAppend *append)
{
  __atomic_fetch_sub (&self->queued_bytes, append->bytes, __ATOMIC_RELAXED);
  wsed_inbox_push (append->reply_to, &append->message);
}

/* What is not done is left as it came. */
static void
refuse (WsedSqliteWriter *self,
        WsedAppend *append)
{
  for (guint i = append->n_done; i < append->events->len; i++)
    {
      g_clear_pointer (&append->entries[i], wsed_entry_unref);
      append->duplicates[i] = 0;
    }
  pthread_mutex_lock (&self->stats_lock);
  append->error = g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log cannot be written now: %s", self->stats.reason);
  pthread_mutex_unlock (&self->stats_lock);
  answer (self, append);
}

static void
note_failure (WsedSqliteWriter   *self,
              const GError *error)
{
  set_state (self, error);
  self->maintained = g_get_monotonic_time ();
  if (!self->full && g_error_matches (error, WSED_SQLITE_ERROR, SQLITE_FULL))
    {
      self->full = TRUE;
      wsed_ballast_drop (&self->ballast);
      wsed_checkpoint_truncate (self->checkpoint);
    }
}

static gboolean
sweep (WsedSqliteWriter *self)
{
  g_autoptr (GError) error = NULL;

  if (wsed_sweeper_step (self->sweeper, g_get_real_time (), &self->more, &error) &&
      wsed_eraser_step (self->eraser, &self->more, &error))
    {
      wsed_checkpoint_after_commit (self->checkpoint);
      return TRUE;
    }
  self->more = FALSE;
  note_failure (self, error);
  return FALSE;
}

/* The disk was full: what retention lets go of is given back, a little at a time, until there is room for the ballast again or
 * enough free pages within the file. */
static gboolean
make_room (WsedSqliteWriter *self)
{
  gsize free_bytes;

  wsed_checkpoint_truncate (self->checkpoint);
  self->more = TRUE;
  for (guint i = 0; i < FULL_STEPS && self->more; i++)
    if (!sweep (self) || !wsed_checkpoint_truncate (self->checkpoint))
      return FALSE;
  free_bytes = wsed_sqlite_get_int (self->db, "PRAGMA freelist_count") * wsed_sqlite_get_int (self->db, "PRAGMA page_size");
  return wsed_ballast_hold (&self->ballast) || free_bytes >= MAX (2 * self->ballast.size, 4 * 1024 * 1024);
}

static void
recover (WsedSqliteWriter *self)
{
  g_autoptr (GError) error = NULL;

  if (self->full && !make_room (self))
    return;
  if (wsed_sqlite_exec (self->db, "UPDATE meta SET v=v WHERE k='format'", &error))
    {
      self->full = FALSE;
      set_state (self, NULL);
    }
  else
    note_failure (self, error);
}

/* What finds the disk full goes on with the room of the ballast, at once. */
static void
trim (WsedSqliteWriter *self)
{
  if (!sweep (self) && self->full)
    recover (self);
}

/* Everything that has a place so far becomes durable, then it is answered. */
static gboolean
commit (WsedSqliteWriter *self)
{
  g_autoptr (GError) error = NULL;
  guint events = self->commit->entries->len, blocks, duplicates = 0;
  gboolean done = wsed_commit_run (self->commit, &blocks, &error);
  /* Before the answers: who has one finds the event counted. */
  gboolean due = done && events > 0 && wsed_sweeper_wrote (self->sweeper, blocks, events);

  if (!done)
    note_failure (self, error);
  else if (events > 0)
    wsed_log_mark_write (self->lock_fd, self->index->epoch, self->index->n);
  for (guint i = 0; i < self->waiting->len; i++)
    {
      WsedAppend *append = g_ptr_array_index (self->waiting, i);

      if (!done)
        {
          refuse (self, append);
          continue;
        }
      append->n_done = append->events->len;
      for (guint k = 0; k < append->n_done; k++)
        duplicates += append->duplicates[k];
    }
  if (done && (events > 0 || duplicates > 0))
    count (self, events, duplicates, events > 0);
  for (guint i = 0; done && i < self->waiting->len; i++)
    answer (self, g_ptr_array_index (self->waiting, i));
  g_ptr_array_set_size (self->waiting, 0);
  if (!done || events == 0)
    return done;
  wsed_checkpoint_after_commit (self->checkpoint);
  if (due)
    trim (self);
  return TRUE;
}

static void
on_append (WsedMessage *message,
           gpointer     user_data)
{
  WsedSqliteWriter *self = user_data;
  WsedAppend *append = wsed_log_task_take (message);

  for (guint i = 0; i < append->events->len; i++)
    {
      if (wsed_commit_is_full (self->commit) && commit (self))
        append->n_done = i;
      if (self->stats.state != WSED_LOG_OK)
        {
          refuse (self, append);
          return;
        }
      wsed_commit_add (self->commit, append, i);
    }
  g_ptr_array_add (self->waiting, append);
}

static void
on_heads (WsedMessage *message,
          gpointer     user_data)
{
  WsedSqliteWriter *self = user_data;
  WsedHeads *heads = wsed_log_task_take (message);

  commit (self);
  for (guint i = 0; i < heads->heads->len; i++)
    {
      WsedHead *head = &g_array_index (heads->heads, WsedHead, i);
      gboolean all = strcmp (head->channel, "*") == 0;
      WsedChannel *channel = all ? NULL : wsed_index_find (self->index, head->channel);

      if (channel == NULL && !all)
        wsed_index_foresee_epoch (self->index, head->channel, head->epoch);
      else
        g_strlcpy (head->epoch, channel != NULL && channel->epoch != NULL ? channel->epoch : self->index->epoch,
                   sizeof head->epoch);
      head->low = all ? wsed_sweeper_find_low (self->sweeper) : channel != NULL ? channel->low : 0;
      head->head = all ? self->index->n : channel != NULL ? channel->head : 0;
    }
  heads->n = self->index->n;
  wsed_inbox_push (heads->reply_to, &heads->message);
}

static void
on_erase (WsedMessage *message,
          gpointer     user_data)
{
  WsedSqliteWriter *self = user_data;
  WsedErase *erase = wsed_log_task_take (message);
  g_autoptr (GError) error = NULL;

  commit (self);
  if (self->stats.state == WSED_LOG_OK && !wsed_eraser_erase (self->eraser, erase, g_get_real_time (), &error))
    note_failure (self, error);
  if (self->stats.state != WSED_LOG_OK)
    erase->error = g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log cannot be written now: %s", self->stats.reason);
  else
    self->more = TRUE;
  wsed_inbox_push (erase->reply_to, &erase->message);
}

static void
on_consume (WsedMessage *message,
            gpointer     user_data)
{
  WsedSqliteWriter *self = user_data;

  wsed_sqlite_consumers_add (self->consumers, wsed_log_task_take (message));
}

/* Acks that came together share a transaction. */
static void
run_consumers (WsedSqliteWriter *self)
{
  g_autoptr (GError) error = NULL;
  gboolean wrote;

  if (self->stats.state != WSED_LOG_OK)
    {
      error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, self->stats.reason);
      wsed_sqlite_consumers_refuse (self->consumers, error);
    }
  else if (!wsed_sqlite_consumers_run (self->consumers, &wrote, &error))
    note_failure (self, error);
  else if (wrote)
    wsed_checkpoint_after_commit (self->checkpoint);
}

static void
on_stop (WsedMessage *message,
         gpointer     user_data)
{
  WsedSqliteWriter *self = user_data;

  wsed_log_task_take (message);
  self->stop = TRUE;
}

static void
forget_consumers (WsedSqliteWriter *self)
{
  g_autoptr (GError) error = NULL;

  if (wsed_sqlite_consumers_forget (self->consumers, g_get_real_time (), &error))
    wsed_checkpoint_after_commit (self->checkpoint);
  else
    note_failure (self, error);
}

static void
maintain (WsedSqliteWriter *self)
{
  gint64 now = g_get_monotonic_time ();

  /* Under load the commits set the sweeper's pace. */
  if (now - self->maintained < MAINTAIN_EVERY && (!self->more || wsed_inbox_wait (self->inbox, 0)))
    return;
  if (self->stats.state != WSED_LOG_OK)
    {
      if (now - self->maintained < MAINTAIN_EVERY)
        return;
      self->maintained = now;
      recover (self);
      return;
    }
  self->maintained = now;
  trim (self);
  if (now - self->forgot >= FORGET_EVERY)
    {
      self->forgot = now;
      forget_consumers (self);
    }
  if (!self->ballast.held)
    wsed_ballast_hold (&self->ballast);
  count (self, 0, 0, 0);
}

static gint64
next_deadline (WsedSqliteWriter *self)
{
  if (self->more && self->stats.state == WSED_LOG_OK)
    return 0;
  return self->maintained + MAINTAIN_EVERY;
}

/* The index goes to the file whole, so that the next start reads no blocks. */
static void
finish (WsedSqliteWriter *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *sql = NULL;
  guint64 events, bytes, removed;

  commit (self);
  run_consumers (self);
  wsed_sweeper_get (self->sweeper, &events, &bytes, &removed);
  sql = g_strdup_printf ("INSERT OR REPLACE INTO meta VALUES('events',%" G_GUINT64_FORMAT ")", events);
  if (wsed_sqlite_exec (self->db, "BEGIN IMMEDIATE", &error) && wsed_index_flush_all (self->index, &error) &&
      wsed_sqlite_exec (self->db, sql, &error) && wsed_sqlite_exec (self->db, "COMMIT", &error))
    wsed_index_flush_commit (self->index);
  else
    g_warning ("closing the log: %s; nothing is lost, the next start takes longer", error->message);
  wsed_sqlite_rollback (self->db);
  wsed_checkpoint_truncate (self->checkpoint);
}

static void *
run_thread (void *user_data)
{
  WsedSqliteWriter *self = user_data;

  /* Before the first append: there may be no room for it until then. */
  maintain (self);
  while (!self->stop)
    {
      wsed_inbox_wait (self->inbox, next_deadline (self));
      wsed_inbox_run (self->inbox);
      commit (self);
      run_consumers (self);
      maintain (self);
    }
  wsed_inbox_run (self->inbox);
  finish (self);
  return NULL;
}

/* On a disk that is full the ballast is what the file is opened with. */
static sqlite3 *
open_with_ballast (WsedSqliteWriter  *self,
                   const char        *path,
                   WsedSqliteMeta    *meta,
                   GError           **error)
{
  g_autoptr (GError) first = NULL;
  sqlite3 *db = wsed_sqlite_create (path, self->retention.sync_full, meta, &first);

  if (db != NULL)
    return db;
  if (!g_error_matches (first, WSED_SQLITE_ERROR, SQLITE_FULL) || !self->ballast.held)
    {
      g_propagate_error (error, g_steal_pointer (&first));
      return NULL;
    }
  wsed_ballast_drop (&self->ballast);
  self->full = TRUE;
  set_state (self, first);
  return wsed_sqlite_create (path, self->retention.sync_full, meta, error);
}

static gboolean
open_file (WsedSqliteWriter  *self,
           const char        *path,
           GError           **error)
{
  WsedSqliteMeta meta;
  guint64 unreadable = 0;
  gsize wal_limit;

  self->lock_fd = wsed_sqlite_lock (path, error);
  if (self->lock_fd < 0)
    return FALSE;
  wsed_ballast_init (&self->ballast, path, 2 * WSED_WAL_LIMIT);
  self->db = open_with_ballast (self, path, &meta, error);
  if (self->db == NULL)
    return FALSE;
  wal_limit = CLAMP (self->ballast.size / 2, 1024 * 1024, WSED_WAL_LIMIT);
  self->index = wsed_index_new (self->db, &meta, self->retention.max_events, error);
  if (self->index == NULL || !wsed_index_load (self->index, &meta, &unreadable, error))
    return FALSE;
  if (wsed_log_mark_is_ahead (self->lock_fd, self->index->epoch, self->index->n) && !wsed_index_begin_anew (self->index, error))
    return FALSE;
  wsed_log_mark_write (self->lock_fd, self->index->epoch, self->index->n);
  if (unreadable > 0)
    g_warning ("the log is damaged: %" G_GUINT64_FORMAT " blocks at its end have a wrong checksum; their events are told as lost",
               unreadable);
  self->commit = wsed_commit_new (self->db, self->index, error);
  if (self->commit == NULL || !wsed_commit_load_ids (self->commit, meta.secret, error))
    return FALSE;
  self->commit->cursor.unreadable = unreadable;
  self->sweeper = wsed_sweeper_new (self->db, self->index, &self->retention, wal_limit, error);
  if (self->sweeper == NULL)
    return FALSE;
  self->consumers = wsed_sqlite_consumers_new (self->db, error);
  if (self->consumers == NULL)
    return FALSE;
  self->checkpoint = wsed_checkpoint_new (path, wal_limit, error);
  if (self->checkpoint == NULL)
    return FALSE;
  wsed_checkpoint_watch (self->checkpoint, self->db);
  self->eraser = wsed_eraser_new (self->db, self->index, self->checkpoint, self->sweeper, error);
  return self->eraser != NULL;
}

WsedSqliteWriter *
wsed_sqlite_writer_new (const char           *path,
                 const WsedRetention  *retention,
                 GError              **error)
{
  WsedSqliteWriter *self = g_new0 (WsedSqliteWriter, 1);

  self->retention = *retention;
  self->lock_fd = -1;
  self->inbox = wsed_inbox_new ();
  self->waiting = g_ptr_array_new ();
  /* The first look at retention is due at once. */
  self->maintained = g_get_monotonic_time () - MAINTAIN_EVERY;
  pthread_mutex_init (&self->stats_lock, NULL);
  self->stop = !open_file (self, path, error);
  if (!self->stop)
    {
      count (self, 0, 0, 0);
      if (pthread_create (&self->thread, NULL, run_thread, self) == 0)
        {
          pthread_setname_np (self->thread, "log writer");
          return self;
        }
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_FAILED, "no thread is left for the log's writer");
    }
  wsed_sqlite_writer_free (self);
  return NULL;
}

void
wsed_sqlite_writer_stop (WsedSqliteWriter *self)
{
  wsed_log_task_send (self->inbox, NULL, on_stop, self);
  pthread_join (self->thread, NULL);
}

/* The thread has been stopped. */
void
wsed_sqlite_writer_free (WsedSqliteWriter *self)
{
  if (self == NULL)
    return;
  wsed_eraser_free (self->eraser);
  wsed_checkpoint_free (self->checkpoint);
  wsed_sweeper_free (self->sweeper);
  wsed_sqlite_consumers_free (self->consumers);
  wsed_commit_free (self->commit);
  wsed_index_free (self->index);
  sqlite3_close (self->db);
  wsed_ballast_clear (&self->ballast);
  if (self->lock_fd >= 0)
    close (self->lock_fd);
  wsed_inbox_free (self->inbox);
  g_ptr_array_unref (self->waiting);
  pthread_mutex_destroy (&self->stats_lock);
  g_free (self);
}

WsedIndex *
wsed_sqlite_writer_get_index (WsedSqliteWriter *self)
{
  return self->index;
}

WsedCheckpoint *
wsed_sqlite_writer_get_checkpoint (WsedSqliteWriter *self)
{
  return self->checkpoint;
}

void
wsed_sqlite_writer_append (WsedSqliteWriter *self,
                    WsedAppend *append)
{
  __atomic_fetch_add (&self->queued_bytes, append->bytes, __ATOMIC_RELAXED);
  wsed_log_task_send (self->inbox, append, on_append, self);
}

void
wsed_sqlite_writer_heads (WsedSqliteWriter *self,
                   WsedHeads  *heads)
{
  wsed_log_task_send (self->inbox, heads, on_heads, self);
}

void
wsed_sqlite_writer_consume (WsedSqliteWriter *self,
                            WsedConsumer     *consumer)
{
  wsed_log_task_send (self->inbox, consumer, on_consume, self);
}

void
wsed_sqlite_writer_erase (WsedSqliteWriter *self,
                          WsedErase        *erase)
{
  wsed_log_task_send (self->inbox, erase, on_erase, self);
}

void
wsed_sqlite_writer_get_stats (WsedSqliteWriter   *self,
                       WsedLogStats *stats)
{
  pthread_mutex_lock (&self->stats_lock);
  *stats = self->stats;
  pthread_mutex_unlock (&self->stats_lock);
  stats->queued_bytes = __atomic_load_n (&self->queued_bytes, __ATOMIC_RELAXED);
}
