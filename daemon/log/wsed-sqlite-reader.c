/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSqliteReader owns a reading connection and its thread. It never writes, and never holds a transaction while it waits. */

#include "log/wsed-sqlite-reader.h"
#include "log/wsed-log-task.h"
#include "log/wsed-sqlite-span.h"

static void
on_read (WsedMessage *message,
         gpointer     user_data)
{
  WsedRead *read = wsed_log_task_take (message);

  wsed_sqlite_reader_run_read (user_data, read);
  wsed_inbox_push (read->reply_to, &read->message);
}

static void
on_locate (WsedMessage *message,
           gpointer     user_data)
{
  WsedLocate *locate = wsed_log_task_take (message);

  wsed_sqlite_reader_run_locate (user_data, locate);
  wsed_inbox_push (locate->reply_to, &locate->message);
}

static void
on_stop (WsedMessage *message,
         gpointer     user_data)
{
  wsed_log_task_take (message);
  ((WsedSqliteReader *) user_data)->stop = TRUE;
}

gboolean
wsed_sqlite_reader_begin (WsedSqliteReader  *self,
                   GError     **error)
{
  wsed_checkpoint_enter (self->checkpoint);
  if (wsed_sqlite_run (self->begin, error))
    return TRUE;
  wsed_checkpoint_leave (self->checkpoint);
  return FALSE;
}

gboolean
wsed_sqlite_reader_end (WsedSqliteReader  *self,
                 GError     **error)
{
  gboolean failed = self->cursor.failed;

  if (failed && error != NULL && *error == NULL)
    wsed_sqlite_set_error (self->db, "reading the log", error);
  self->cursor.failed = FALSE;
  wsed_block_cursor_release (&self->cursor);
  wsed_sqlite_run (self->end, NULL);
  wsed_sqlite_rollback (self->db);
  wsed_checkpoint_leave (self->checkpoint);
  __atomic_store_n (&self->unreadable, self->cursor.unreadable, __ATOMIC_RELAXED);
  return !failed;
}

WsedEntry *
wsed_sqlite_reader_make_entry (WsedSqliteReader      *self,
                        guint64          n,
                        WsedBlockRecord *record)
{
  const char *channels[WSE_MAX_TARGETS + 1] = { NULL };
  guint64 seqs[WSE_MAX_TARGETS];
  g_autoptr (WseEvent) event = NULL;

  wsed_index_lock (self->index);
  for (guint i = 0; i < record->n_places; i++)
    {
      WsedChannel *channel = wsed_index_get (self->index, record->places[i].id);

      channels[i] = channel != NULL ? channel->name : "";
      seqs[i] = channel != NULL && record->places[i].seq > channel->low ? record->places[i].seq : 0;
    }
  record->fields.channels = channels;
  event = wse_event_new_from_fields (&record->fields);
  wsed_index_unlock (self->index);
  return wsed_entry_new (event, n, seqs);
}

static void *
run_thread (void *user_data)
{
  WsedSqliteReader *self = user_data;

  while (!self->stop)
    {
      wsed_inbox_wait (self->inbox, -1);
      wsed_inbox_run (self->inbox);
    }
  wsed_inbox_run (self->inbox);
  return NULL;
}

static void
release (WsedSqliteReader *self)
{
  wsed_block_cursor_clear (&self->cursor);
  sqlite3_finalize (self->begin);
  sqlite3_finalize (self->end);
  sqlite3_finalize (self->runs);
  sqlite3_finalize (self->runs_back);
  sqlite3_close (self->db);
  wsed_inbox_free (self->inbox);
  g_free (self);
}

WsedSqliteReader *
wsed_sqlite_reader_new (const char      *path,
                 WsedIndex       *index,
                 WsedCheckpoint  *checkpoint,
                 GError         **error)
{
  WsedSqliteReader *self = g_new0 (WsedSqliteReader, 1);

  self->index = index;
  self->checkpoint = checkpoint;
  self->inbox = wsed_inbox_new ();
  self->db = wsed_sqlite_connect (path, FALSE, error);
  if (self->db != NULL && wsed_block_cursor_init (&self->cursor, self->db, error) &&
      (self->begin = wsed_sqlite_prepare (self->db, "BEGIN", error)) != NULL &&
      (self->end = wsed_sqlite_prepare (self->db, "COMMIT", error)) != NULL &&
      (self->runs = wsed_sqlite_prepare (self->db, WSED_SPAN_RUNS, error)) != NULL &&
      (self->runs_back = wsed_sqlite_prepare (self->db, "SELECT last_seq,ns FROM run WHERE channel=?1 ORDER BY last_seq DESC",
                                              error)) != NULL)
    {
      if (pthread_create (&self->thread, NULL, run_thread, self) == 0)
        {
          pthread_setname_np (self->thread, "log reader");
          return self;
        }
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_FAILED, "no thread is left for the log's readers");
    }
  release (self);
  return NULL;
}

void
wsed_sqlite_reader_free (WsedSqliteReader *self)
{
  if (self == NULL)
    return;
  wsed_log_task_send (self->inbox, NULL, on_stop, self);
  pthread_join (self->thread, NULL);
  release (self);
}

void
wsed_sqlite_reader_read (WsedSqliteReader *self,
                  WsedRead   *read)
{
  wsed_log_task_send (self->inbox, read, on_read, self);
}

void
wsed_sqlite_reader_locate (WsedSqliteReader *self,
                    WsedLocate *locate)
{
  wsed_log_task_send (self->inbox, locate, on_locate, self);
}

guint64
wsed_sqlite_reader_get_unreadable (WsedSqliteReader *self)
{
  return __atomic_load_n (&self->unreadable, __ATOMIC_RELAXED);
}
