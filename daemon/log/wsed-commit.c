/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedCommit owns the numbers: it gives out n and seq, tells duplicates, and writes one transaction in which all of that becomes
 * true or nothing does. It never answers anybody. */

#include "log/wsed-commit.h"

#include <string.h>

/* A transaction's bounds: it may not hold up the next one for long, nor fill the write-ahead log by itself. */
#define MAX_EVENTS WSED_MAX_ATOMIC_EVENTS
#define MAX_BYTES (4 * 1024 * 1024)

WsedCommit *
wsed_commit_new (sqlite3    *db,
                 WsedIndex  *index,
                 GError    **error)
{
  WsedCommit *self = g_new0 (WsedCommit, 1);

  self->db = db;
  self->index = index;
  wsed_block_writer_init (&self->block);
  self->entries = g_ptr_array_new ();
  self->touched = g_ptr_array_new ();
  self->channels = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->hashes = g_byte_array_new ();
  self->begin = wsed_sqlite_prepare (db, "BEGIN IMMEDIATE", error);
  self->commit = wsed_sqlite_prepare (db, "COMMIT", self->begin ? error : NULL);
  self->insert_block = wsed_sqlite_prepare (db, "INSERT INTO block VALUES(?1,?2,?3,?4)", self->commit ? error : NULL);
  self->insert_ids = wsed_sqlite_prepare (db, "INSERT INTO idlog VALUES(?1,?2)", self->insert_block ? error : NULL);
  self->sources = self->insert_ids != NULL ? wsed_sqlite_sources_new (db, error) : NULL;
  if (self->sources != NULL && wsed_block_cursor_init (&self->cursor, db, error))
    return self;
  wsed_commit_free (self);
  return NULL;
}

void
wsed_commit_free (WsedCommit *self)
{
  if (self == NULL)
    return;
  wsed_block_cursor_clear (&self->cursor);
  wsed_block_writer_clear (&self->block);
  sqlite3_finalize (self->begin);
  sqlite3_finalize (self->commit);
  sqlite3_finalize (self->insert_block);
  sqlite3_finalize (self->insert_ids);
  wsed_sqlite_sources_free (self->sources);
  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->touched);
  g_array_unref (self->channels);
  g_byte_array_unref (self->hashes);
  wsed_id_window_free (self->ids);
  g_free (self);
}

gboolean
wsed_commit_load_ids (WsedCommit    *self,
                      const guint8   secret[WSED_ID_SECRET_BYTES],
                      GError       **error)
{
  sqlite3_stmt *select = wsed_sqlite_prepare (self->db, "SELECT first_n,h FROM idlog WHERE first_n>?1 ORDER BY first_n", error);
  int code;

  if (select == NULL)
    return FALSE;
  self->ids = wsed_id_window_new (secret, WSED_ID_WINDOW_EVENTS);
  sqlite3_bind_int64 (select, 1, (gint64) self->index->n - WSED_ID_WINDOW_EVENTS - MAX_EVENTS);
  while ((code = sqlite3_step (select)) == SQLITE_ROW)
    {
      guint64 n = sqlite3_column_int64 (select, 0), pair[2];
      const guint8 *bytes = sqlite3_column_blob (select, 1);
      guint count = sqlite3_column_bytes (select, 1) / sizeof pair;

      for (guint i = 0; i < count; i++)
        {
          memcpy (pair, bytes + i * sizeof pair, sizeof pair);
          wsed_id_window_add (self->ids, n + i, GUINT64_FROM_LE (pair[0]), GUINT64_FROM_LE (pair[1]));
        }
      wsed_id_window_trim (self->ids);
    }
  sqlite3_finalize (select);
  if (code != SQLITE_DONE)
    wsed_sqlite_set_error (self->db, "reading the log's ids", error);
  return code == SQLITE_DONE;
}

gboolean
wsed_commit_is_full (const WsedCommit *self)
{
  return self->entries->len >= MAX_EVENTS || self->bytes >= MAX_BYTES;
}

gboolean
wsed_commit_is_due (const WsedCommit *self)
{
  return self->entries->len > 0 || wsed_sqlite_sources_is_staged (self->sources);
}

/* The first event with this id, for what can still be known of it. FALSE: @event is none. */
static gboolean
find_first (WsedCommit *self,
            WseEvent   *event,
            guint64     hash,
            guint64    *n,
            guint64     seqs[WSE_MAX_TARGETS])
{
  WsedBlockRecord record;

  if (!wsed_id_window_find (self->ids, hash, n, &seqs[0]))
    return FALSE;
  if (*n > self->index->n)
    {
      WsedEntry *first = g_ptr_array_index (self->entries, *n - self->index->n - 1);

      for (guint i = 1; i < event->n_channels; i++)
        seqs[i] = wsed_entry_get_seq (first, event->channels[i]);
      return strcmp (first->event->id, event->id) == 0;
    }
  /* Trimmed or damaged: 64 keyed bits are enough to believe it. */
  if (!wsed_block_cursor_get (&self->cursor, *n, &record))
    return TRUE;
  for (guint i = 1; i < event->n_channels; i++)
    {
      WsedChannel *channel = wsed_index_find (self->index, event->channels[i]);

      for (guint j = 0; channel != NULL && j < record.n_places; j++)
        if (record.places[j].id == channel->id)
          seqs[i] = record.places[j].seq;
    }
  return strcmp (record.fields.id, event->id) == 0;
}

static guint64
take_seq (WsedCommit *self,
          const char *name)
{
  WsedChannel *channel = wsed_index_find (self->index, name);

  if (channel == NULL)
    channel = wsed_index_make (self->index, name);
  if (!channel->touched)
    {
      channel->touched = TRUE;
      g_ptr_array_add (self->touched, channel);
    }
  g_array_append_val (self->channels, channel->id);
  return ++channel->next;
}

void
wsed_commit_add (WsedCommit *self,
                 WsedAppend *append,
                 guint       i)
{
  WseEvent *event = g_ptr_array_index (append->events, i);
  guint64 hash = wsed_id_window_hash (self->ids, event->channels[0], event->id);
  guint64 seqs[WSE_MAX_TARGETS] = { 0 }, n, pair[2];

  append->duplicates[i] = find_first (self, event, hash, &n, seqs);
  if (append->duplicates[i])
    {
      append->entries[i] = wsed_entry_new (event, n, seqs);
      return;
    }
  n = self->index->n + self->entries->len + 1;
  for (guint c = 0; c < event->n_channels; c++)
    seqs[c] = take_seq (self, event->channels[c]);
  append->entries[i] = wsed_entry_new (event, n, seqs);
  g_ptr_array_add (self->entries, append->entries[i]);
  wsed_id_window_add (self->ids, n, hash, seqs[0]);
  pair[0] = GUINT64_TO_LE (hash);
  pair[1] = GUINT64_TO_LE (seqs[0]);
  g_byte_array_append (self->hashes, (const guint8 *) pair, sizeof pair);
  self->bytes += event->payload_length + 256;
}

static gboolean
write_block (WsedCommit  *self,
             guint       *blocks,
             GError     **error)
{
  wsed_block_writer_finish (&self->block);
  sqlite3_bind_int64 (self->insert_block, 1, self->block.first_n);
  sqlite3_bind_int64 (self->insert_block, 2, self->block.first_n + self->block.count - 1);
  sqlite3_bind_blob (self->insert_block, 3, self->block.header->data, self->block.header->len, SQLITE_STATIC);
  sqlite3_bind_blob (self->insert_block, 4, self->block.data->data, self->block.data->len, SQLITE_STATIC);
  ++*blocks;
  return wsed_sqlite_run (self->insert_block, error);
}

static gboolean
write_blocks (WsedCommit  *self,
              guint       *blocks,
              GError     **error)
{
  const guint32 *channels = (const guint32 *) self->channels->data;

  for (guint i = 0; i < self->entries->len; i++)
    {
      WsedEntry *entry = g_ptr_array_index (self->entries, i);

      if (i > 0 && wsed_block_writer_full (&self->block) && !write_block (self, blocks, error))
        return FALSE;
      if (i == 0 || wsed_block_writer_full (&self->block))
        wsed_block_writer_begin (&self->block, entry->n, self->last_time);
      wsed_block_writer_add (&self->block, entry->event, channels, entry->seqs);
      channels += entry->event->n_channels;
    }
  return write_block (self, blocks, error);
}

static gboolean
write_events (WsedCommit  *self,
              guint       *blocks,
              GError     **error)
{
  for (guint i = 0; i < self->touched->len; i++)
    {
      WsedChannel *channel = g_ptr_array_index (self->touched, i);

      if (!channel->stored && !wsed_index_store (self->index, channel, error))
        return FALSE;
    }
  if (!write_blocks (self, blocks, error))
    return FALSE;
  sqlite3_bind_int64 (self->insert_ids, 1, self->index->n + 1);
  sqlite3_bind_blob (self->insert_ids, 2, self->hashes->data, self->hashes->len, SQLITE_STATIC);
  return wsed_sqlite_run (self->insert_ids, error) && wsed_index_flush_step (self->index, self->entries->len, error);
}

static gboolean
write_transaction (WsedCommit  *self,
                   guint       *blocks,
                   GError     **error)
{
  return wsed_sqlite_run (self->begin, error) && (self->entries->len == 0 || write_events (self, blocks, error)) &&
         wsed_sqlite_sources_write (self->sources, error) && wsed_sqlite_run (self->commit, error);
}

static void
publish (WsedCommit *self)
{
  const guint32 *id = (const guint32 *) self->channels->data;

  wsed_sqlite_sources_commit (self->sources);
  wsed_index_flush_commit (self->index);
  wsed_index_lock (self->index);
  for (guint i = 0; i < self->entries->len; i++)
    {
      WsedEntry *entry = g_ptr_array_index (self->entries, i);

      for (guint c = 0; c < entry->event->n_channels; c++, id++)
        wsed_index_push (self->index, wsed_index_get (self->index, *id), entry->seqs[c], entry->n);
    }
  self->index->n += self->entries->len;
  wsed_index_unlock (self->index);
  wsed_id_window_trim (self->ids);
}

static void
take_back (WsedCommit *self)
{
  wsed_sqlite_rollback (self->db);
  wsed_sqlite_sources_abort (self->sources);
  wsed_index_flush_abort (self->index);
  wsed_id_window_drop (self->ids, self->index->n);
}

gboolean
wsed_commit_run (WsedCommit  *self,
                 guint       *blocks,
                 GError     **error)
{
  gboolean done;

  *blocks = 0;
  wsed_block_cursor_release (&self->cursor);
  if (!wsed_commit_is_due (self))
    return TRUE;
  self->last_time = MAX (self->last_time, g_get_real_time ());
  done = write_transaction (self, blocks, error);
  if (done)
    publish (self);
  else
    take_back (self);
  for (guint i = 0; i < self->touched->len; i++)
    {
      WsedChannel *channel = g_ptr_array_index (self->touched, i);

      channel->next = channel->head;
      channel->stored |= done;
      channel->touched = FALSE;
    }
  g_ptr_array_set_size (self->touched, 0);
  g_ptr_array_set_size (self->entries, 0);
  g_array_set_size (self->channels, 0);
  g_byte_array_set_size (self->hashes, 0);
  self->bytes = 0;
  return done;
}
