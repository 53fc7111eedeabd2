/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedIndex owns the channels in memory and the newest part of where their events lie. It never reads or writes a block. */

#include "log/wsed-sqlite-index.h"

#include <string.h>

static void
free_channel (gpointer data)
{
  WsedChannel *channel = data;

  if (channel == NULL)
    return;
  g_free (channel->name);
  g_free (channel->epoch);
  g_free (channel->tail);
  g_free (channel);
}

WsedIndex *
wsed_index_new (sqlite3               *db,
                const WsedSqliteMeta  *meta,
                guint64                max_events,
                GError               **error)
{
  WsedIndex *self = g_new0 (WsedIndex, 1);

  pthread_mutex_init (&self->lock, NULL);
  self->db = db;
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->by_id = g_ptr_array_new_with_free_func (free_channel);
  self->written = g_array_new (FALSE, FALSE, sizeof (WsedWritten));
  self->max_events = max_events;
  self->forgot = wsed_sqlite_get_int (db, "SELECT EXISTS(SELECT 1 FROM forgotten)") != 0;
  memcpy (self->epoch, meta->epoch, sizeof self->epoch);
  self->insert_run = wsed_sqlite_prepare (db, "INSERT OR REPLACE INTO run VALUES(?1,?2,?3)", error);
  self->set_flushed = wsed_sqlite_prepare (db, "UPDATE channel SET flushed_seq=?2 WHERE id=?1", self->insert_run ? error : NULL);
  self->set_watermark = wsed_sqlite_prepare (db, "UPDATE meta SET v=?1 WHERE k='watermark'", self->set_flushed ? error : NULL);
  self->insert_channel = wsed_sqlite_prepare (db, "INSERT INTO channel(id,name,epoch) VALUES(?1,?2,?3)",
                                              self->set_watermark ? error : NULL);
  self->find_forgotten = wsed_sqlite_prepare (db, "SELECT epoch FROM forgotten WHERE h=?1", self->insert_channel ? error : NULL);
  if (self->find_forgotten != NULL)
    return self;
  wsed_index_free (self);
  return NULL;
}

void
wsed_index_free (WsedIndex *self)
{
  if (self == NULL)
    return;
  sqlite3_finalize (self->insert_run);
  sqlite3_finalize (self->set_flushed);
  sqlite3_finalize (self->set_watermark);
  sqlite3_finalize (self->insert_channel);
  sqlite3_finalize (self->find_forgotten);
  wsed_index_flush_clear (self);
  g_array_unref (self->written);
  g_hash_table_unref (self->by_name);
  g_ptr_array_unref (self->by_id);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

void
wsed_index_lock (WsedIndex *self)
{
  pthread_mutex_lock (&self->lock);
}

void
wsed_index_unlock (WsedIndex *self)
{
  pthread_mutex_unlock (&self->lock);
}

WsedChannel *
wsed_index_find (WsedIndex  *self,
                 const char *name)
{
  return g_hash_table_lookup (self->by_name, name);
}

WsedChannel *
wsed_index_get (WsedIndex *self,
                guint32    id)
{
  return id < self->by_id->len ? g_ptr_array_index (self->by_id, id) : NULL;
}

/* FNV-1a, 64 bits: the forgotten are only a few, and a false match costs its reader one gap. */
gint64
wsed_index_hash (const char *name)
{
  guint64 hash = 0xcbf29ce484222325;

  for (; *name != '\0'; name++)
    hash = (hash ^ (guint8) *name) * 0x100000001b3;
  return (gint64) hash;
}

void
wsed_index_foresee_epoch (WsedIndex  *self,
                          const char *name,
                          char        epoch[WSE_MAX_EPOCH_BYTES + 1])
{
  g_strlcpy (epoch, self->epoch, WSE_MAX_EPOCH_BYTES + 1);
  /* Mostly: each connection asks this of its channels that have no events yet. */
  if (!self->forgot)
    return;
  sqlite3_bind_int64 (self->find_forgotten, 1, wsed_index_hash (name));
  if (sqlite3_step (self->find_forgotten) == SQLITE_ROW)
    g_strlcpy (epoch, (const char *) sqlite3_column_text (self->find_forgotten, 0), WSE_MAX_EPOCH_BYTES + 1);
  sqlite3_reset (self->find_forgotten);
}

WsedChannel *
wsed_index_make (WsedIndex  *self,
                 const char *name)
{
  WsedChannel *channel = g_new0 (WsedChannel, 1);
  char epoch[WSE_MAX_EPOCH_BYTES + 1];

  channel->name = g_strdup (name);
  channel->tail_first = 1;
  wsed_index_foresee_epoch (self, name, epoch);
  if (strcmp (epoch, self->epoch) != 0)
    channel->epoch = g_strdup (epoch);
  wsed_index_lock (self);
  channel->id = self->by_id->len;
  g_ptr_array_add (self->by_id, channel);
  g_hash_table_insert (self->by_name, channel->name, channel);
  wsed_index_unlock (self);
  return channel;
}

gboolean
wsed_index_store (WsedIndex    *self,
                  WsedChannel  *channel,
                  GError      **error)
{
  sqlite3_bind_int64 (self->insert_channel, 1, channel->id);
  sqlite3_bind_text (self->insert_channel, 2, channel->name, -1, SQLITE_STATIC);
  sqlite3_bind_text (self->insert_channel, 3, channel->epoch, -1, SQLITE_STATIC);
  return wsed_sqlite_run (self->insert_channel, error);
}

/* Committed: @seq is the channel's new end. Where some before it are missing (a block could not be read at start) the one before
 * stands in for them: what lies there is compared when it is read. With the lock held. */
void
wsed_index_push (WsedIndex   *self,
                 WsedChannel *channel,
                 guint64      seq,
                 guint64      n)
{
  do
    {
      guint at = channel->tail_length++;

      if (at == channel->tail_size)
        {
          channel->tail_size = MAX (4, channel->tail_size * 2);
          channel->tail = g_renew (guint64, channel->tail, channel->tail_size);
        }
      channel->head++;
      channel->tail[at] = channel->head == seq || at == 0 ? n : channel->tail[at - 1];
      self->in_memory++;
    }
  while (channel->head < seq);
  channel->next = channel->head;
  channel->expired = 0;
  if (self->max_events > 0 && channel->head - channel->low > self->max_events)
    wsed_index_set_low (self, channel, channel->head - self->max_events);
}

/* With the lock held. */
void
wsed_index_set_low (WsedIndex   *self,
                    WsedChannel *channel,
                    guint64      low)
{
  guint gone;

  if (low <= channel->low)
    return;
  low = MIN (low, channel->head);
  self->cut += low - channel->low;
  channel->low = low;
  if (channel->tail_length == 0 || channel->low < channel->tail_first)
    return;
  /* Moved only now and then: half of it at a time. */
  gone = channel->low - channel->tail_first + 1;
  if (gone < channel->tail_length && gone < channel->tail_length / 2 + 1)
    return;
  gone = MIN (gone, channel->tail_length);
  memmove (channel->tail, channel->tail + gone, (channel->tail_length - gone) * sizeof (guint64));
  channel->tail_length -= gone;
  channel->tail_first += gone;
  self->in_memory -= gone;
}

void
wsed_index_forget (WsedIndex   *self,
                   WsedChannel *channel)
{
  wsed_index_lock (self);
  g_hash_table_remove (self->by_name, channel->name);
  self->in_memory -= channel->tail_length;
  self->by_id->pdata[channel->id] = NULL;
  wsed_index_unlock (self);
  free_channel (channel);
}
