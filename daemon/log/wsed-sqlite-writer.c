/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSqliteWriter owns the writing connection and its thread: everything that came while the last transaction was written goes
 * into the next one. Nothing is answered before it is committed. While the file cannot be written, appends are refused at once and
 * reading goes on. */

#include "log/wsed-sqlite-writer-private.h"
#include "log/wsed-log-mark.h"
#include "log/wsed-log-task.h"

#include <string.h>
#include <unistd.h>

/* Between two attempts to write again, and two looks at retention when nothing comes. */
#define MAINTAIN_EVERY G_USEC_PER_SEC
/* Between two looks at which consumers have not been used for long, and which dead letters are too old. */
#define FORGET_EVERY (10 * G_TIME_SPAN_MINUTE)
/* Sweeper steps with a checkpoint behind each while the disk is full. */
#define FULL_STEPS 16

static void
count (WsedSqliteWriter *self,
       guint       appended,
       guint       duplicates,
       guint       commits)
{
  WsedLogStats *stats = &self->stats.stats;

  pthread_mutex_lock (&self->stats.lock);
  stats->appended += appended;
  stats->duplicates += duplicates;
  stats->commits += commits;
  wsed_sweeper_get (self->sweeper, &stats->events, &stats->bytes, &stats->removed);
  stats->unreadable = self->commit->cursor.unreadable;
  stats->letters = wsed_sqlite_sources_count (self->commit->sources);
  pthread_mutex_unlock (&self->stats.lock);
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
  g_clear_error (&append->error);
  append->error = wsed_sqlite_stats_get_error (&self->stats);
  answer (self, append);
}

static void
note_failure (WsedSqliteWriter   *self,
              const GError *error)
{
  wsed_sqlite_stats_set_state (&self->stats, error);
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
      wsed_sqlite_stats_set_state (&self->stats, NULL);
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
  gboolean wrote = wsed_commit_is_due (self->commit);
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
      append->n_done = append->error == NULL ? append->events->len : 0;
      for (guint k = 0; k < append->n_done; k++)
        duplicates += append->duplicates[k];
    }
  if (done && (wrote || duplicates > 0))
    count (self, events, duplicates, wrote);
  for (guint i = 0; done && i < self->waiting->len; i++)
    answer (self, g_ptr_array_index (self->waiting, i));
  g_ptr_array_set_size (self->waiting, 0);
  if (!done || !wrote)
    return done;
  wsed_checkpoint_after_commit (self->checkpoint);
  if (due)
    trim (self);
  return TRUE;
}

/* FALSE: it was answered, or waits for the transaction that it does not fit behind. */
static gboolean
begin_atomic (WsedSqliteWriter *self,
              WsedAppend       *append)
{
  if (self->commit->entries->len + append->events->len > WSED_MAX_ATOMIC_EVENTS || wsed_commit_is_full (self->commit))
    commit (self);
  if (!wsed_sqlite_stats_is_ok (&self->stats))
    {
      refuse (self, append);
      return FALSE;
    }
  if (wsed_sqlite_sources_stage (self->commit->sources, append))
    return TRUE;
  g_ptr_array_add (self->waiting, append);
  return FALSE;
}

static void
on_append (WsedMessage *message,
           gpointer     user_data)
{
  WsedSqliteWriter *self = user_data;
  WsedAppend *append = wsed_log_task_take (message);
  gboolean atomic = wsed_append_is_atomic (append);

  if (atomic && !begin_atomic (self, append))
    return;
  for (guint i = 0; i < append->events->len; i++)
    {
      if (!atomic && wsed_commit_is_full (self->commit) && commit (self))
        append->n_done = i;
      if (!wsed_sqlite_stats_is_ok (&self->stats))
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
  if (wsed_sqlite_stats_is_ok (&self->stats) && !wsed_eraser_erase (self->eraser, erase, g_get_real_time (), &error))
    note_failure (self, error);
  if (!wsed_sqlite_stats_is_ok (&self->stats))
    erase->error = wsed_sqlite_stats_get_error (&self->stats);
  else
    self->more = TRUE;
  wsed_inbox_push (erase->reply_to, &erase->message);
}

static void
on_positions (WsedMessage *message,
              gpointer     user_data)
{
  WsedSqliteWriter *self = user_data;
  WsedPositions *positions = wsed_log_task_take (message);

  commit (self);
  wsed_sqlite_sources_positions (self->commit->sources, positions);
  wsed_inbox_push (positions->reply_to, &positions->message);
}

static void
on_letters (WsedMessage *message,
            gpointer     user_data)
{
  WsedSqliteWriter *self = user_data;
  WsedLetters *letters = wsed_log_task_take (message);
  gboolean writes = letters->verb == WSED_LETTERS_REMOVE || letters->verb == WSED_LETTERS_FAIL;
  g_autoptr (GError) error = NULL;

  commit (self);
  if (writes && !wsed_sqlite_stats_is_ok (&self->stats))
    letters->error = wsed_sqlite_stats_get_error (&self->stats);
  else if (!wsed_sqlite_sources_letters (self->commit->sources, letters, g_get_real_time (), &error))
    {
      if (writes)
        note_failure (self, error);
      letters->error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, error->message);
    }
  else if (writes)
    {
      wsed_checkpoint_after_commit (self->checkpoint);
      count (self, 0, 0, 0);
    }
  wsed_inbox_push (letters->reply_to, &letters->message);
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

  if (!wsed_sqlite_stats_is_ok (&self->stats))
    {
      error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, self->stats.stats.reason);
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
forget (WsedSqliteWriter *self)
{
  g_autoptr (GError) error = NULL;
  gint64 now = g_get_real_time ();

  if (wsed_sqlite_consumers_forget (self->consumers, now, &error) && wsed_sqlite_sources_forget (self->commit->sources, now, &error))
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
  if (!wsed_sqlite_stats_is_ok (&self->stats))
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
      forget (self);
    }
  if (!self->ballast.held)
    wsed_ballast_hold (&self->ballast);
  count (self, 0, 0, 0);
}

static gint64
next_deadline (WsedSqliteWriter *self)
{
  if (self->more && wsed_sqlite_stats_is_ok (&self->stats))
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
  wsed_sqlite_stats_init (&self->stats);
  self->stop = !wsed_sqlite_writer_open (self, path, error);
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
  wsed_sqlite_stats_clear (&self->stats);
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
wsed_sqlite_writer_positions (WsedSqliteWriter *self,
                              WsedPositions    *positions)
{
  wsed_log_task_send (self->inbox, positions, on_positions, self);
}

void
wsed_sqlite_writer_letters (WsedSqliteWriter *self,
                            WsedLetters      *letters)
{
  wsed_log_task_send (self->inbox, letters, on_letters, self);
}

void
wsed_sqlite_writer_get_stats (WsedSqliteWriter   *self,
                       WsedLogStats *stats)
{
  wsed_sqlite_stats_get (&self->stats, stats);
  stats->queued_bytes = __atomic_load_n (&self->queued_bytes, __ATOMIC_RELAXED);
}
