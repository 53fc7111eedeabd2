/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the writer opens the log's file: takes it, reads what has to be known of it, and makes the parts that work on it. Appends nothing. */

#include "log/wsed-sqlite-writer-private.h"
#include "log/wsed-log-mark.h"

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
  wsed_sqlite_stats_set_state (&self->stats, first);
  return wsed_sqlite_create (path, self->retention.sync_full, meta, error);
}

gboolean
wsed_sqlite_writer_open (WsedSqliteWriter  *self,
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
