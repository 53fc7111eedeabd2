/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the index comes back at start: the channels' rows, then the blocks behind the watermark. What a damaged block held is left
 * open, to be told when somebody reads there. */

#include "log/wsed-block.h"
#include "log/wsed-sqlite-index.h"

#include <string.h>

static gboolean
load_channels (WsedIndex  *self,
               GError    **error)
{
  sqlite3_stmt *select = wsed_sqlite_prepare (self->db,
                                              "SELECT id,name,low,flushed_seq,epoch,expired,expired_n FROM channel ORDER BY id", error);
  int code = SQLITE_ERROR;

  while (select != NULL && (code = sqlite3_step (select)) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (select, 0);
      WsedChannel *channel;

      if (id < self->by_id->len || id > G_MAXINT32 || sqlite3_column_text (select, 1) == NULL)
        continue;
      channel = g_new0 (WsedChannel, 1);
      channel->id = id;
      channel->name = g_strdup ((const char *) sqlite3_column_text (select, 1));
      channel->low = sqlite3_column_int64 (select, 2);
      channel->head = channel->next = MAX (channel->low, (guint64) sqlite3_column_int64 (select, 3));
      channel->tail_first = channel->head + 1;
      channel->epoch = g_strdup ((const char *) sqlite3_column_text (select, 4));
      channel->expired = channel->low == channel->head ? sqlite3_column_int64 (select, 5) : 0;
      channel->expired_n = sqlite3_column_int64 (select, 6);
      channel->stored = TRUE;
      g_ptr_array_set_size (self->by_id, id);
      g_ptr_array_add (self->by_id, channel);
      g_hash_table_insert (self->by_name, channel->name, channel);
    }
  sqlite3_finalize (select);
  if (code == SQLITE_DONE)
    return TRUE;
  if (select != NULL)
    wsed_sqlite_set_error (self->db, "reading the log's channels", error);
  return FALSE;
}

static void
index_block (WsedIndex       *self,
             const WsedBlock *block)
{
  WsedBlockRecord record;

  for (guint64 n = MAX (block->first_n, self->watermark + 1); n < block->first_n + block->count; n++)
    {
      if (!wsed_block_get (block, n, &record))
        continue;
      for (guint i = 0; i < record.n_places; i++)
        {
          WsedChannel *channel = wsed_index_get (self, record.places[i].id);

          if (channel != NULL && record.places[i].seq > channel->head)
            wsed_index_push (self, channel, record.places[i].seq, n);
        }
    }
}

static gboolean
load_blocks (WsedIndex  *self,
             guint64    *unreadable,
             GError    **error)
{
  sqlite3_stmt *select = wsed_sqlite_prepare (self->db, "SELECT first_n,hdr,data FROM block WHERE first_n>?1-64 ORDER BY first_n",
                                              error);
  int code = SQLITE_ERROR;

  if (select == NULL)
    return FALSE;
  sqlite3_bind_int64 (select, 1, self->watermark);
  while ((code = sqlite3_step (select)) == SQLITE_ROW)
    {
      WsedBlock block;

      if (wsed_block_open (&block, sqlite3_column_int64 (select, 0), sqlite3_column_blob (select, 1),
                           sqlite3_column_bytes (select, 1),
                           sqlite3_column_blob (select, 2), sqlite3_column_bytes (select, 2)))
        index_block (self, &block);
      else
        ++*unreadable;
    }
  sqlite3_finalize (select);
  if (code != SQLITE_DONE)
    wsed_sqlite_set_error (self->db, "reading the log's blocks", error);
  return code == SQLITE_DONE;
}

/* The depth at which channels are cut may have changed since the last run; what the old one cut stays cut. */
static gboolean
apply_max_events (WsedIndex  *self,
                  guint64     old,
                  GError    **error)
{
  sqlite3_stmt *update = wsed_sqlite_prepare (self->db, "UPDATE channel SET low=?2 WHERE id=?1 AND low<?2", error);
  g_autofree char *sql = g_strdup_printf ("UPDATE meta SET v=%" G_GUINT64_FORMAT " WHERE k='max_events'", self->max_events);
  gboolean good = update != NULL && wsed_sqlite_exec (self->db, "BEGIN IMMEDIATE", error);

  for (guint id = 0; id < self->by_id->len; id++)
    {
      WsedChannel *channel = wsed_index_get (self, id);

      if (channel == NULL)
        continue;
      if (old > 0 && channel->head > old)
        wsed_index_set_low (self, channel, channel->head - old);
      if (self->max_events > 0 && channel->head > self->max_events)
        wsed_index_set_low (self, channel, channel->head - self->max_events);
      if (good && old != self->max_events)
        {
          sqlite3_bind_int64 (update, 1, id);
          sqlite3_bind_int64 (update, 2, channel->low);
          good = wsed_sqlite_run (update, error);
        }
    }
  good = good && wsed_sqlite_exec (self->db, sql, error) && wsed_sqlite_exec (self->db, "COMMIT", error);
  wsed_sqlite_rollback (self->db);
  sqlite3_finalize (update);
  return good;
}

/* Of what is sure to have been used: blocks may have been dropped to the last one, ids and ends stay. */
static guint64
find_end (WsedIndex *self)
{
  guint64 n = wsed_sqlite_get_int (self->db, "SELECT last_n FROM block ORDER BY first_n DESC LIMIT 1");
  guint64 ids = wsed_sqlite_get_int (self->db, "SELECT first_n + length(h)/16 - 1 FROM idlog ORDER BY first_n DESC LIMIT 1");

  return MAX (n, ids);
}

/* A channel has no more events than the log. Rows have no checksum as blocks have; this much can be seen, and who reads would have to tell
 * holes without end. */
static gboolean
check_ends (WsedIndex  *self,
            GError    **error)
{
  for (guint id = 0; id < self->by_id->len; id++)
    {
      const WsedChannel *channel = wsed_index_get (self, id);

      if (channel == NULL || channel->head <= self->n)
        continue;
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "the log is damaged: channel %u ends at %" G_GUINT64_FORMAT ", behind the log's end %"
                   G_GUINT64_FORMAT, id, channel->head, self->n);
      return FALSE;
    }
  return TRUE;
}

gboolean
wsed_index_load (WsedIndex             *self,
                 const WsedSqliteMeta  *meta,
                 guint64               *unreadable,
                 GError               **error)
{
  guint64 max_events = self->max_events;

  self->watermark = wsed_sqlite_get_int (self->db, "SELECT v FROM meta WHERE k='watermark'");
  self->max_events = 0;
  if (!load_channels (self, error) || !load_blocks (self, unreadable, error))
    return FALSE;
  self->max_events = max_events;
  self->n = find_end (self);
  return check_ends (self, error) && apply_max_events (self, meta->max_events, error);
}

gboolean
wsed_index_begin_anew (WsedIndex  *self,
                       GError    **error)
{
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  g_autofree char *sql = NULL;

  wsed_log_make_epoch (epoch);
  sql = g_strdup_printf ("BEGIN IMMEDIATE; UPDATE meta SET v='%s' WHERE k='epoch'; UPDATE channel SET epoch=NULL;"
                         "DELETE FROM forgotten; COMMIT;", epoch);
  if (!wsed_sqlite_exec (self->db, sql, error))
    {
      wsed_sqlite_rollback (self->db);
      return FALSE;
    }
  g_warning ("the log was put back from a copy, or lost its end behind event %" G_GUINT64_FORMAT "; it goes on with a new epoch",
             self->n);
  g_strlcpy (self->epoch, epoch, sizeof self->epoch);
  for (guint id = 0; id < self->by_id->len; id++)
    if (wsed_index_get (self, id) != NULL)
      g_clear_pointer (&wsed_index_get (self, id)->epoch, g_free);
  return TRUE;
}
