/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedEraser owns what is to be gone from the file itself. Erasing raises a channel's low and writes down that its blocks are to be
 * visited, in one transaction; then what is in no channel any more is overwritten where it lies, so that no page moves with it, and at
 * last the write-ahead log is cut off. What was written down outlives the process. A block with a wrong checksum is left to retention:
 * nobody can say what is in it. */

#include "log/wsed-eraser.h"
#include "log/wsed-block-cursor.h"

#include <string.h>

/* Of one step: blocks looked at, and bytes overwritten. */
#define STEP_BLOCKS 256
#define STEP_BYTES (1024 * 1024)

/* A channel whose blocks up to n are to be visited. */
typedef struct
{
  guint32 channel;
  guint64 n;
} Target;

struct _WsedEraser
{
  sqlite3 *db;
  WsedIndex *index;
  WsedCheckpoint *checkpoint;
  WsedSweeper *sweeper;
  WsedBlockCursor cursor;
  sqlite3_stmt *set_low, *remember, *forget, *select;

  GArray *current;             /* (element-type Target) of the round under way; empty: none */
  GArray *waiting;             /* … of the next */
  guint64 upto;                /* the round's end */
  guint64 at;                  /* it goes on behind this block */
};

static gboolean
load (WsedEraser  *self,
      GError     **error)
{
  sqlite3_stmt *select = wsed_sqlite_prepare (self->db, "SELECT substr(k,7),v FROM meta WHERE k GLOB 'erase:*'", error);

  while (select != NULL && sqlite3_step (select) == SQLITE_ROW)
    {
      Target target = { sqlite3_column_int64 (select, 0), sqlite3_column_int64 (select, 1) };

      g_array_append_val (self->waiting, target);
    }
  sqlite3_finalize (select);
  return select != NULL;
}

WsedEraser *
wsed_eraser_new (sqlite3         *db,
                 WsedIndex       *index,
                 WsedCheckpoint  *checkpoint,
                 WsedSweeper     *sweeper,
                 GError         **error)
{
  WsedEraser *self = g_new0 (WsedEraser, 1);

  self->db = db;
  self->index = index;
  self->checkpoint = checkpoint;
  self->sweeper = sweeper;
  self->current = g_array_new (FALSE, FALSE, sizeof (Target));
  self->waiting = g_array_new (FALSE, FALSE, sizeof (Target));
  self->set_low = wsed_sqlite_prepare (db, "UPDATE channel SET low=?2, expired=?3, expired_n=?4 WHERE id=?1", error);
  self->remember = wsed_sqlite_prepare (db, "INSERT OR REPLACE INTO meta VALUES('erase:'||?1,?2)", self->set_low ? error : NULL);
  self->forget = wsed_sqlite_prepare (db, "DELETE FROM meta WHERE k='erase:'||?1 AND v=?2", self->remember ? error : NULL);
  self->select = wsed_sqlite_prepare (db, "SELECT first_n,hdr FROM block WHERE first_n>?1 AND first_n<=?2 ORDER BY first_n LIMIT ?3",
                                      self->forget ? error : NULL);
  if (self->select != NULL && wsed_block_cursor_init (&self->cursor, db, error) && load (self, error))
    return self;
  wsed_eraser_free (self);
  return NULL;
}

void
wsed_eraser_free (WsedEraser *self)
{
  if (self == NULL)
    return;
  sqlite3_finalize (self->set_low);
  sqlite3_finalize (self->remember);
  sqlite3_finalize (self->forget);
  sqlite3_finalize (self->select);
  wsed_block_cursor_clear (&self->cursor);
  g_array_unref (self->current);
  g_array_unref (self->waiting);
  g_free (self);
}

static gboolean
write_target (WsedEraser    *self,
              sqlite3_stmt  *statement,
              const Target  *target,
              GError       **error)
{
  sqlite3_bind_int64 (statement, 1, target->channel);
  sqlite3_bind_int64 (statement, 2, target->n);
  return wsed_sqlite_run (statement, error);
}

static gboolean
write_erasure (WsedEraser         *self,
               const WsedChannel  *channel,
               const Target       *target,
               gint64              now,
               GError            **error)
{
  gboolean done;

  sqlite3_bind_int64 (self->set_low, 1, channel->id);
  sqlite3_bind_int64 (self->set_low, 2, channel->head);
  sqlite3_bind_int64 (self->set_low, 3, now);
  sqlite3_bind_int64 (self->set_low, 4, target->n);
  done = wsed_sqlite_exec (self->db, "BEGIN IMMEDIATE", error) && wsed_sqlite_run (self->set_low, error) &&
         write_target (self, self->remember, target, error) && wsed_sqlite_exec (self->db, "COMMIT", error);
  wsed_sqlite_rollback (self->db);
  return done;
}

gboolean
wsed_eraser_erase (WsedEraser  *self,
                   WsedErase   *erase,
                   gint64       now,
                   GError     **error)
{
  WsedChannel *channel = wsed_index_find (self->index, erase->channel);
  Target target = { channel != NULL ? channel->id : 0, self->index->n };

  erase->known = channel != NULL && channel->head > 0;
  if (!erase->known)
    return TRUE;
  g_strlcpy (erase->epoch, channel->epoch != NULL ? channel->epoch : self->index->epoch, sizeof erase->epoch);
  erase->low = channel->low;
  erase->head = channel->head;
  erase->n = self->index->n;
  /* Also where all has expired: it may lie in the file still. */
  if (!write_erasure (self, channel, &target, now, error))
    return FALSE;
  wsed_index_lock (self->index);
  wsed_index_set_low (self->index, channel, channel->head);
  channel->expired = now;
  channel->expired_n = self->index->n;
  wsed_index_unlock (self->index);
  g_array_append_val (self->waiting, target);
  return TRUE;
}

static void
begin_round (WsedEraser *self)
{
  GArray *empty = self->current;

  self->current = self->waiting;
  self->waiting = empty;
  self->at = self->upto = 0;
  for (guint i = 0; i < self->current->len; i++)
    self->upto = MAX (self->upto, g_array_index (self->current, Target, i).n);
}

static gboolean
is_concerned (WsedEraser      *self,
              const WsedBlock *block)
{
  for (guint i = 0; i < block->n_channels; i++)
    {
      guint32 id = wsed_block_get_channel (block, i).id;

      for (guint j = 0; j < self->current->len; j++)
        if (g_array_index (self->current, Target, j).channel == id)
          return TRUE;
    }
  return FALSE;
}

/* The next blocks of the round, of which *@concerned have something to be erased. */
static void
look_ahead (WsedEraser *self,
            guint64     concerned[STEP_BLOCKS],
            guint      *n_concerned,
            guint64     looked[STEP_BLOCKS],
            guint      *n_looked)
{
  *n_concerned = *n_looked = 0;
  sqlite3_bind_int64 (self->select, 1, self->at);
  sqlite3_bind_int64 (self->select, 2, self->upto);
  sqlite3_bind_int64 (self->select, 3, STEP_BLOCKS);
  while (*n_looked < STEP_BLOCKS && sqlite3_step (self->select) == SQLITE_ROW)
    {
      guint64 first_n = sqlite3_column_int64 (self->select, 0);
      WsedBlock block;

      looked[(*n_looked)++] = first_n;
      if (wsed_block_open_header (&block, first_n, sqlite3_column_blob (self->select, 1), sqlite3_column_bytes (self->select, 1)) &&
          is_concerned (self, &block))
        concerned[(*n_concerned)++] = first_n;
    }
  sqlite3_reset (self->select);
}

static gboolean
is_live (WsedEraser            *self,
         const WsedBlockRecord *record)
{
  for (guint i = 0; i < record->n_places; i++)
    {
      WsedChannel *channel = wsed_index_get (self->index, record->places[i].id);

      if (channel != NULL && record->places[i].seq > channel->low)
        return TRUE;
    }
  return FALSE;
}

/* Through the incremental interface: the same bytes of the same pages. */
static gboolean
overwrite (WsedEraser        *self,
           const char        *column,
           guint64            first_n,
           const GByteArray  *bytes,
           GError           **error)
{
  sqlite3_blob *blob = NULL;
  gboolean done = sqlite3_blob_open (self->db, "main", "block", column, first_n, 1, &blob) == SQLITE_OK &&
                  sqlite3_blob_bytes (blob) == (int) bytes->len && sqlite3_blob_write (blob, bytes->data, bytes->len, 0) == SQLITE_OK;

  if (!done)
    wsed_sqlite_set_error (self->db, "overwriting what was erased", error);
  sqlite3_blob_close (blob);
  return done;
}

static gboolean
blank_block (WsedEraser  *self,
             guint64      first_n,
             guint       *blanked,
             gsize       *bytes,
             GError     **error)
{
  g_autoptr (GByteArray) header = g_byte_array_new (), data = g_byte_array_new ();
  WsedBlockRecord record;
  WsedBlock block;
  guint before = *blanked;

  wsed_block_cursor_get (&self->cursor, first_n, &record);
  if (self->cursor.first_n != first_n || !self->cursor.readable)
    {
      wsed_block_cursor_release (&self->cursor);
      return TRUE;
    }
  g_byte_array_append (header, self->cursor.block.header, sqlite3_column_bytes (self->cursor.at, 2));
  g_byte_array_append (data, self->cursor.block.data, self->cursor.block.data_length);
  wsed_block_cursor_release (&self->cursor);
  if (!wsed_block_open (&block, first_n, header->data, header->len, data->data, data->len))
    return TRUE;
  for (guint64 n = first_n; n < first_n + block.count; n++)
    if (wsed_block_get (&block, n, &record) && !is_live (self, &record))
      {
        wsed_block_blank (&block, n, header->data, data->data);
        ++*blanked;
      }
  if (*blanked == before)
    return TRUE;
  *bytes += data->len;
  wsed_block_seal (&block, header->data, header->len);
  return overwrite (self, "hdr", first_n, header, error) && overwrite (self, "data", first_n, data, error);
}

static gboolean
blank_blocks (WsedEraser  *self,
              GError     **error)
{
  guint64 concerned[STEP_BLOCKS], looked[STEP_BLOCKS], at = self->upto;
  guint n_concerned, n_looked, blanked = 0;
  gboolean done;
  gsize bytes = 0;

  look_ahead (self, concerned, &n_concerned, looked, &n_looked);
  if (n_looked == STEP_BLOCKS)
    at = looked[n_looked - 1];
  done = n_concerned == 0 || wsed_sqlite_exec (self->db, "BEGIN IMMEDIATE", error);
  for (guint i = 0; done && i < n_concerned; i++)
    {
      done = blank_block (self, concerned[i], &blanked, &bytes, error);
      if (bytes < STEP_BYTES)
        continue;
      at = concerned[i];
      break;
    }
  done = done && (n_concerned == 0 || wsed_sqlite_exec (self->db, "COMMIT", error));
  wsed_sqlite_rollback (self->db);
  if (!done)
    return FALSE;
  self->at = at;
  wsed_sweeper_erased (self->sweeper, blanked);
  return TRUE;
}

/* Where somebody else's reader keeps the write-ahead log from being cut off, it is tried again later. */
static gboolean
end_round (WsedEraser  *self,
           gboolean    *more,
           GError     **error)
{
  gboolean done;

  if (!wsed_checkpoint_truncate (self->checkpoint))
    return TRUE;
  done = wsed_sqlite_exec (self->db, "BEGIN IMMEDIATE", error);
  for (guint i = 0; done && i < self->current->len; i++)
    done = write_target (self, self->forget, &g_array_index (self->current, Target, i), error);
  done = done && wsed_sqlite_exec (self->db, "COMMIT", error);
  wsed_sqlite_rollback (self->db);
  if (!done)
    return FALSE;
  g_array_set_size (self->current, 0);
  *more |= self->waiting->len > 0;
  return TRUE;
}

gboolean
wsed_eraser_step (WsedEraser  *self,
                  gboolean    *more,
                  GError     **error)
{
  if (self->current->len == 0)
    {
      if (self->waiting->len == 0)
        return TRUE;
      begin_round (self);
    }
  if (self->at >= self->upto)
    return end_round (self, more, error);
  *more = TRUE;
  return blank_blocks (self, error);
}
