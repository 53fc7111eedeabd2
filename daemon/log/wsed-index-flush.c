/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way of the index from memory to the table `run`: in rounds over the channels in the order of their ids, so that neighbours
 * share pages, a few rows in each commit. Memory lets go of a part only once its rows are committed. */

#include "log/wsed-sqlite-index.h"

#include <string.h>

/* Entries in memory that begin a round: about five for each channel, so that a row holds some. 8 bytes each. */
#define FLUSH_MIN (32 * 1024)
#define FLUSH_MAX (512 * 1024)

static guint
put_varint (guint8  *at,
            guint64  value)
{
  guint length = 0;

  for (; value >= 0x80; value >>= 7)
    at[length++] = (guint8) value | 0x80;
  at[length++] = (guint8) value;
  return length;
}

void
wsed_run_encode (GByteArray    *row,
                 const guint64 *ns,
                 guint          count)
{
  guint8 at[10];

  g_byte_array_set_size (row, 0);
  g_byte_array_append (row, at, put_varint (at, count));
  for (guint i = 0; i < count; i++)
    g_byte_array_append (row, at, put_varint (at, i == 0 ? ns[0] : ns[i] - ns[i - 1]));
}

static gboolean
take_varint (const guint8 **at,
             const guint8  *end,
             guint64       *value)
{
  *value = 0;
  for (guint shift = 0; *at < end && shift < 64; shift += 7)
    {
      guint8 byte = *(*at)++;

      *value |= (guint64) (byte & 0x7f) << shift;
      if (byte < 0x80)
        return TRUE;
    }
  return FALSE;
}

guint
wsed_run_decode (const guint8 *row,
                 gsize         length,
                 guint64       ns[WSED_RUN_ENTRIES])
{
  const guint8 *end = row + length;
  guint64 count, value, n = 0;

  if (row == NULL || !take_varint (&row, end, &count) || count > WSED_RUN_ENTRIES)
    return 0;
  for (guint i = 0; i < count; i++)
    {
      if (!take_varint (&row, end, &value))
        return 0;
      n += value;
      ns[i] = n;
    }
  return count;
}

static void
begin_round (WsedIndex *self)
{
  self->round = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->round_n = self->n;
  for (guint32 id = self->by_id->len; id-- > 0;)
    {
      WsedChannel *channel = g_ptr_array_index (self->by_id, id);

      if (channel != NULL && channel->tail_length > 0)
        g_array_append_val (self->round, id);
    }
  self->round_total = self->round->len;
}

static gboolean
write_channel (WsedIndex    *self,
               WsedChannel  *channel,
               guint        *rows,
               GError      **error)
{
  g_autoptr (GByteArray) row = g_byte_array_new ();
  WsedWritten written = { channel->id, channel->tail_length, channel->tail_first };

  for (guint at = 0; at < channel->tail_length; at += WSED_RUN_ENTRIES, ++*rows)
    {
      guint count = MIN (WSED_RUN_ENTRIES, channel->tail_length - at);

      wsed_run_encode (row, channel->tail + at, count);
      sqlite3_bind_int64 (self->insert_run, 1, channel->id);
      sqlite3_bind_int64 (self->insert_run, 2, channel->tail_first + at + count - 1);
      sqlite3_bind_blob (self->insert_run, 3, row->data, row->len, SQLITE_STATIC);
      if (!wsed_sqlite_run (self->insert_run, error))
        return FALSE;
    }
  sqlite3_bind_int64 (self->set_flushed, 1, channel->id);
  sqlite3_bind_int64 (self->set_flushed, 2, channel->tail_first + channel->tail_length - 1);
  g_array_append_val (self->written, written);
  return wsed_sqlite_run (self->set_flushed, error);
}

static gboolean
write_rows (WsedIndex  *self,
            guint       enough,
            GError    **error)
{
  guint rows = 0, at = self->round->len;

  while (at > 0 && rows < enough)
    {
      WsedChannel *channel = wsed_index_get (self, g_array_index (self->round, guint32, --at));

      if (channel != NULL && channel->tail_length > 0 && !write_channel (self, channel, &rows, error))
        return FALSE;
    }
  /* Only a committed step shortens the list; until then `written` says how far it came. */
  self->round_rows = self->round->len - at;
  if (at > 0)
    return TRUE;
  sqlite3_bind_int64 (self->set_watermark, 1, self->round_n);
  return wsed_sqlite_run (self->set_watermark, error);
}

gboolean
wsed_index_flush_step (WsedIndex  *self,
                       guint       events,
                       GError    **error)
{
  gsize most = CLAMP ((gsize) self->by_id->len * 5, FLUSH_MIN, FLUSH_MAX);

  if (self->round == NULL)
    {
      if (self->in_memory < most)
        return TRUE;
      begin_round (self);
    }
  /* Twice as fast as the next round's entries come. */
  return write_rows (self, 1 + (gsize) self->round_total * 4 * events / most, error);
}

gboolean
wsed_index_flush_all (WsedIndex  *self,
                      GError    **error)
{
  wsed_index_flush_clear (self);
  begin_round (self);
  return write_rows (self, G_MAXUINT, error);
}

void
wsed_index_flush_commit (WsedIndex *self)
{
  if (self->round == NULL)
    return;
  wsed_index_lock (self);
  for (guint i = 0; i < self->written->len; i++)
    {
      const WsedWritten *written = &g_array_index (self->written, WsedWritten, i);
      WsedChannel *channel = wsed_index_get (self, written->id);
      guint64 upto = written->first + written->count;
      guint gone;

      /* Retention may have cut the tail since, pushing may have made it longer. */
      if (channel == NULL || channel->tail_first >= upto)
        continue;
      gone = MIN (upto - channel->tail_first, channel->tail_length);
      memmove (channel->tail, channel->tail + gone, (channel->tail_length - gone) * sizeof (guint64));
      channel->tail_first += gone;
      channel->tail_length -= gone;
      self->in_memory -= gone;
    }
  wsed_index_unlock (self);
  g_array_set_size (self->written, 0);
  g_array_set_size (self->round, self->round->len - self->round_rows);
  self->round_rows = 0;
  if (self->round->len > 0)
    return;
  self->watermark = self->round_n;
  g_clear_pointer (&self->round, g_array_unref);
}

void
wsed_index_flush_abort (WsedIndex *self)
{
  g_array_set_size (self->written, 0);
  self->round_rows = 0;
}

void
wsed_index_flush_clear (WsedIndex *self)
{
  wsed_index_flush_abort (self);
  g_clear_pointer (&self->round, g_array_unref);
}
