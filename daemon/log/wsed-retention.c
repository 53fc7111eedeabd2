/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSweeper owns what happens to events that are not to be kept: whole blocks go by age and by the log's size, oldest first; what
 * a channel has too many of is only counted as gone at once (WsedIndex) and collected here, block by block, in rounds over the log.
 * The file does not shrink; freed pages are used again. */

#include "log/wsed-retention.h"
#include "log/wsed-block-cursor.h"

#include <string.h>

/* Blocks and channels visited in one step, at most. */
#define STEP 64
/* A round begins when so many entries were cut, or as many as there are events. */
#define ROUND_MIN 1024
/* Of what a block once held, below which it is written anew. */
#define LIVE_PERCENT 45
/* Events passed over for one question where the log begins; the next one goes on from there. */
#define FIND_EVENTS 4096
/* A channel is forgotten so long after its last event went, PROTOCOL section 1. */
#define FORGET_AFTER (90 * 24 * 3600 * G_TIME_SPAN_SECOND)
/* A commit's row of ids, at most; and what one id costs. */
#define IDS_ROW 8192
#define ID_BYTES 17

typedef struct
{
  guint64 first_n, last_n;
  gsize bytes;
  WsedBlock block;
  gboolean readable;
  gboolean last;               /* of the log */
} Visit;

struct _WsedSweeper
{
  sqlite3 *db;
  WsedIndex *index;
  WsedRetention retention;
  guint page_bytes;
  gsize step_bytes;
  WsedBlockCursor cursor;
  WsedBlockWriter writer;
  sqlite3_stmt *select, *delete_block, *update_block, *set_low, *delete_runs, *delete_ids, *pages, *free_pages, *first;

  guint wrote;                 /* blocks since the last step */
  guint64 events, removed, bytes;
  guint64 cursor_n;            /* the round goes on behind this */
  gboolean round;
  guint64 round_cut;           /* index->cut when the last round began */
  gboolean erased;             /* something was overwritten since then */
  guint32 channel;             /* the next to be visited */
  guint64 live_n;              /* everything up to here was seen to be gone */
  guint64 live_cut;            /* index->cut when what is behind it was seen to be there; G_MAXUINT64: it was not */
  GPtrArray *staged;           /* (element-type WsedChannel) whose low rises with this transaction */
};

static gboolean
prepare (WsedSweeper  *self,
         GError      **error)
{
  const struct { sqlite3_stmt **statement; const char *sql; } all[] = {
    { &self->select, "SELECT first_n,last_n,hdr,length(data) FROM block WHERE first_n>?1 ORDER BY first_n LIMIT ?2" },
    { &self->delete_block, "DELETE FROM block WHERE first_n=?1" },
    { &self->update_block, "UPDATE block SET hdr=?2, data=?3 WHERE first_n=?1" },
    { &self->set_low, "UPDATE channel SET low=?2, expired=?3, expired_n=?4 WHERE id=?1" },
    { &self->delete_runs, "DELETE FROM run WHERE channel=?1 AND last_seq<=?2" },
    { &self->delete_ids,
      "DELETE FROM idlog WHERE first_n IN (SELECT first_n FROM idlog WHERE first_n<?1 ORDER BY first_n LIMIT 32)" },
    { &self->pages, "PRAGMA page_count" },
    { &self->free_pages, "PRAGMA freelist_count" },
    { &self->first, "SELECT first_n-1 FROM block ORDER BY first_n LIMIT 1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if ((*all[i].statement = wsed_sqlite_prepare (self->db, all[i].sql, error)) == NULL)
      return FALSE;
  return wsed_block_cursor_init (&self->cursor, self->db, error);
}

static gint64
ask (sqlite3_stmt *statement)
{
  gint64 value = sqlite3_step (statement) == SQLITE_ROW ? sqlite3_column_int64 (statement, 0) : 0;

  sqlite3_reset (statement);
  return value;
}

/* What counts for the bound of the whole log: not the ids, which are to stay however small it is. */
static void
measure (WsedSweeper *self)
{
  guint64 used = (guint64) (ask (self->pages) - ask (self->free_pages)) * self->page_bytes;
  guint64 ids = MIN (self->index->n, WSED_ID_WINDOW_EVENTS + IDS_ROW) * ID_BYTES;

  self->bytes = used > ids ? used - ids : 0;
}

WsedSweeper *
wsed_sweeper_new (sqlite3              *db,
                  WsedIndex            *index,
                  const WsedRetention  *retention,
                  gsize                 step_bytes,
                  GError              **error)
{
  WsedSweeper *self = g_new0 (WsedSweeper, 1);

  self->live_cut = G_MAXUINT64;

  self->db = db;
  self->index = index;
  self->retention = *retention;
  self->step_bytes = step_bytes;
  self->staged = g_ptr_array_new ();
  wsed_block_writer_init (&self->writer);
  if (!prepare (self, error))
    {
      wsed_sweeper_free (self);
      return NULL;
    }
  self->page_bytes = wsed_sqlite_get_int (db, "PRAGMA page_size");
  self->events = wsed_sqlite_get_int (db, "SELECT v FROM meta WHERE k='events'");
  index->low_n = wsed_sqlite_get_int (db, "SELECT first_n-1 FROM block ORDER BY first_n LIMIT 1");
  if (wsed_sqlite_get_int (db, "SELECT count(*) FROM (SELECT 1 FROM block LIMIT 1)") == 0)
    index->low_n = index->n;
  measure (self);
  return self;
}

void
wsed_sweeper_free (WsedSweeper *self)
{
  if (self == NULL)
    return;
  sqlite3_finalize (self->select);
  sqlite3_finalize (self->delete_block);
  sqlite3_finalize (self->update_block);
  sqlite3_finalize (self->set_low);
  sqlite3_finalize (self->delete_runs);
  sqlite3_finalize (self->delete_ids);
  sqlite3_finalize (self->pages);
  sqlite3_finalize (self->free_pages);
  sqlite3_finalize (self->first);
  wsed_block_cursor_clear (&self->cursor);
  wsed_block_writer_clear (&self->writer);
  g_ptr_array_unref (self->staged);
  g_free (self);
}

void
wsed_sweeper_get (WsedSweeper *self,
                  guint64     *events,
                  guint64     *bytes,
                  guint64     *removed)
{
  *events = self->events;
  *bytes = self->bytes;
  *removed = self->removed;
}

static void
count_removed (WsedSweeper *self,
               guint        events)
{
  self->removed += events;
  self->events -= MIN (self->events, events);
}

void
wsed_sweeper_erased (WsedSweeper *self,
                     guint        events)
{
  count_removed (self, events);
  if (events > 0)
    self->erased = TRUE;
}

static inline guint64
low_of (const WsedChannel *channel)
{
  return MAX (channel->low, channel->staged_low);
}

static void
stage_low (WsedSweeper *self,
           WsedChannel *channel,
           guint64      low)
{
  if (low <= low_of (channel))
    return;
  if (channel->staged_low == 0)
    g_ptr_array_add (self->staged, channel);
  channel->staged_low = low;
}

static gboolean
delete_block (WsedSweeper  *self,
              const Visit  *visit,
              GError      **error)
{
  count_removed (self, visit->readable ? visit->block.kept : 0);
  sqlite3_bind_int64 (self->delete_block, 1, visit->first_n);
  return wsed_sqlite_run (self->delete_block, error);
}

/* Age and size: the block goes, and with it everything before it in its channels. */
static gboolean
drop_block (WsedSweeper  *self,
            const Visit  *visit,
            GError      **error)
{
  for (guint i = 0; visit->readable && i < visit->block.n_channels; i++)
    {
      WsedBlockChannel entry = wsed_block_get_channel (&visit->block, i);
      WsedChannel *channel = wsed_index_get (self->index, entry.id);

      if (channel != NULL)
        stage_low (self, channel, MIN (entry.last_seq, channel->head));
    }
  return delete_block (self, visit, error);
}

/* The same block without what is in no channel any more, under the same key and with the same n. */
static gboolean
rewrite_block (WsedSweeper  *self,
               const Visit  *visit,
               GError      **error)
{
  WsedBlockRecord record;

  wsed_block_writer_begin (&self->writer, visit->first_n, visit->block.time);
  for (guint64 n = visit->first_n; n <= visit->last_n; n++)
    {
      gboolean there = wsed_block_cursor_get (&self->cursor, n, &record), live = FALSE;

      if (!self->cursor.readable)
        return TRUE;
      for (guint i = 0; there && i < record.n_places; i++)
        {
          WsedChannel *channel = wsed_index_get (self->index, record.places[i].id);

          if (channel == NULL || record.places[i].seq <= low_of (channel))
            record.places[i].seq = 0;
          else
            live = TRUE;
        }
      wsed_block_writer_copy (&self->writer, live ? record.bytes : NULL, record.length, record.places, record.n_places);
    }
  wsed_block_writer_finish (&self->writer);
  wsed_block_cursor_release (&self->cursor);
  count_removed (self, visit->block.kept - self->writer.kept);
  sqlite3_bind_int64 (self->update_block, 1, visit->first_n);
  sqlite3_bind_blob (self->update_block, 2, self->writer.header->data, self->writer.header->len, SQLITE_STATIC);
  sqlite3_bind_blob (self->update_block, 3, self->writer.data->data, self->writer.data->len, SQLITE_STATIC);
  return wsed_sqlite_run (self->update_block, error);
}

static gboolean
sweep_block (WsedSweeper  *self,
             const Visit  *visit,
             GError      **error)
{
  guint64 all = 0, live = 0;

  if (!visit->readable)
    return TRUE;
  for (guint i = 0; i < visit->block.n_channels; i++)
    {
      WsedBlockChannel entry = wsed_block_get_channel (&visit->block, i);
      WsedChannel *channel = wsed_index_get (self->index, entry.id);

      all += entry.count;
      if (channel != NULL && entry.last_seq > low_of (channel))
        live += MIN (entry.count, entry.last_seq - low_of (channel));
    }
  if (live == 0)
    return delete_block (self, visit, error);
  return live * 100 >= all * LIVE_PERCENT || rewrite_block (self, visit, error);
}

/* Up to STEP blocks behind @after. The headers are copied: rows change while they are looked at. */
static guint
visit_blocks (WsedSweeper *self,
              guint64      after,
              Visit        visits[STEP],
              GByteArray  *headers)
{
  gsize offsets[STEP + 1] = { 0 };
  guint count = 0;

  g_byte_array_set_size (headers, 0);
  sqlite3_bind_int64 (self->select, 1, after);
  sqlite3_bind_int64 (self->select, 2, STEP);
  while (count < STEP && sqlite3_step (self->select) == SQLITE_ROW)
    {
      visits[count].first_n = sqlite3_column_int64 (self->select, 0);
      visits[count].last_n = sqlite3_column_int64 (self->select, 1);
      visits[count].bytes = sqlite3_column_bytes (self->select, 2) + sqlite3_column_int64 (self->select, 3);
      visits[count].last = visits[count].last_n >= self->index->n;
      g_byte_array_append (headers, sqlite3_column_blob (self->select, 2), sqlite3_column_bytes (self->select, 2));
      offsets[++count] = headers->len;
    }
  sqlite3_reset (self->select);
  for (guint i = 0; i < count; i++)
    visits[i].readable = wsed_block_open_header (&visits[i].block, visits[i].first_n, headers->data + offsets[i],
                                                 offsets[i + 1] - offsets[i]);
  return count;
}

/* By age and by size. A damaged block goes with the one behind it. */
static gboolean
drop_oldest (WsedSweeper  *self,
             gint64        now,
             gboolean     *more,
             GError      **error)
{
  gint64 oldest = self->retention.max_age > 0 ? now - self->retention.max_age : G_MININT64;
  guint64 most = self->retention.max_bytes > 0 ? self->retention.max_bytes : G_MAXUINT64;
  guint64 bytes = self->bytes, freed = 0;
  g_autoptr (GByteArray) headers = g_byte_array_new ();
  Visit visits[STEP];
  guint count, dropped = 0;

  if (oldest == G_MININT64 && bytes <= most)
    return TRUE;
  count = visit_blocks (self, 0, visits, headers);
  while (dropped < count && freed < self->step_bytes &&
         ((bytes > most && !visits[dropped].last) || !visits[dropped].readable || visits[dropped].block.time < oldest))
    {
      freed += visits[dropped].bytes;
      bytes -= MIN (bytes, visits[dropped].bytes);
      if (!drop_block (self, &visits[dropped++], error))
        return FALSE;
    }
  *more |= dropped > 0;
  return TRUE;
}

static gboolean
sweep_round (WsedSweeper  *self,
             gboolean     *more,
             GError      **error)
{
  g_autoptr (GByteArray) headers = g_byte_array_new ();
  Visit visits[STEP];
  guint count, i;
  gsize visited = 0;

  if (!self->round)
    {
      if (!self->erased && self->index->cut - self->round_cut < MAX (ROUND_MIN, self->events))
        return TRUE;
      self->round = TRUE;
      self->erased = FALSE;
      self->round_cut = self->index->cut;
      self->cursor_n = 0;
    }
  count = visit_blocks (self, self->cursor_n, visits, headers);
  for (i = 0; i < count && visited < self->step_bytes; i++)
    {
      if (!sweep_block (self, &visits[i], error))
        return FALSE;
      visited += visits[i].bytes;
    }
  if (i > 0)
    self->cursor_n = visits[i - 1].first_n;
  self->round = count == STEP || i < count;
  *more |= self->round;
  return TRUE;
}

/* A channel that nothing is left of, not even as a name beside an event that other channels keep. */
static gboolean
forget (WsedSweeper  *self,
        WsedChannel  *channel,
        GError      **error)
{
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  g_autofree char *sql = NULL;

  wsed_log_make_epoch (epoch);
  sql = g_strdup_printf ("DELETE FROM channel WHERE id=%u; DELETE FROM run WHERE channel=%u;"
                         "INSERT OR REPLACE INTO forgotten VALUES(%" G_GINT64_FORMAT ",'%s');", channel->id, channel->id,
                         wsed_index_hash (channel->name), epoch);
  self->index->forgot = TRUE;
  if (!wsed_sqlite_exec (self->db, sql, error))
    return FALSE;
  wsed_index_forget (self->index, channel);
  return TRUE;
}

static gboolean
visit_channels (WsedSweeper  *self,
                gint64        now,
                GError      **error)
{
  guint visits = MIN (STEP * 2, self->index->by_id->len);

  for (; visits > 0; visits--)
    {
      WsedChannel *channel = wsed_index_get (self->index, self->channel);

      self->channel = (self->channel + 1) % self->index->by_id->len;
      if (channel == NULL || channel->head == 0 || channel->staged_low > 0)
        continue;
      if (channel->low - channel->run_low >= 128 || (channel->low == channel->head && channel->run_low < channel->low))
        {
          sqlite3_bind_int64 (self->delete_runs, 1, channel->id);
          sqlite3_bind_int64 (self->delete_runs, 2, channel->low);
          if (!wsed_sqlite_run (self->delete_runs, error))
            return FALSE;
          channel->run_low = channel->low;
        }
      if (channel->low == channel->head && channel->expired > 0 && channel->expired < now - FORGET_AFTER &&
          self->index->low_n >= channel->expired_n && !forget (self, channel, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
store_lows (WsedSweeper  *self,
            gint64        now,
            GError      **error)
{
  for (guint i = 0; i < self->staged->len; i++)
    {
      WsedChannel *channel = g_ptr_array_index (self->staged, i);
      gboolean empty = channel->staged_low == channel->head;

      sqlite3_bind_int64 (self->set_low, 1, channel->id);
      sqlite3_bind_int64 (self->set_low, 2, channel->staged_low);
      sqlite3_bind_int64 (self->set_low, 3, empty ? now : 0);
      sqlite3_bind_int64 (self->set_low, 4, empty ? self->index->n : 0);
      if (!wsed_sqlite_run (self->set_low, error))
        return FALSE;
    }
  return TRUE;
}

static void
publish (WsedSweeper *self,
         gint64       now,
         gboolean     done)
{
  guint64 low_n = sqlite3_step (self->first) == SQLITE_ROW ? (guint64) sqlite3_column_int64 (self->first, 0) : self->index->n;

  sqlite3_reset (self->first);
  wsed_index_lock (self->index);
  for (guint i = 0; i < self->staged->len; i++)
    {
      WsedChannel *channel = g_ptr_array_index (self->staged, i);

      if (done)
        wsed_index_set_low (self->index, channel, channel->staged_low);
      if (done && channel->low == channel->head)
        {
          channel->expired = now;
          channel->expired_n = self->index->n;
        }
      channel->staged_low = 0;
    }
  self->index->low_n = low_n;
  wsed_index_unlock (self->index);
  g_ptr_array_set_size (self->staged, 0);
}

gboolean
wsed_sweeper_wrote (WsedSweeper *self,
                    guint        blocks,
                    guint        events)
{
  self->wrote += blocks;
  self->events += events;
  /* A round visits twice as many as come. */
  return self->wrote >= MIN (STEP, self->step_bytes / WSED_BLOCK_BYTES) / 2;
}

/* A step that a power cut undoes is done again, so it waits for no disk; what is appended behind it does, and takes it along. */
static gboolean
set_patient (WsedSweeper  *self,
             gboolean      patient,
             GError      **error)
{
  return !self->retention.sync_full ||
         wsed_sqlite_exec (self->db, patient ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", error);
}

gboolean
wsed_sweeper_step (WsedSweeper  *self,
                   gint64        now,
                   gboolean     *more,
                   GError      **error)
{
  gboolean done;

  *more = FALSE;
  self->wrote = 0;
  measure (self);
  sqlite3_bind_int64 (self->delete_ids, 1, (gint64) self->index->n - WSED_ID_WINDOW_EVENTS - IDS_ROW);
  done = set_patient (self, FALSE, error) && wsed_sqlite_exec (self->db, "BEGIN IMMEDIATE", error) &&
         drop_oldest (self, now, more, error) && sweep_round (self, more, error) && visit_channels (self, now, error) &&
         store_lows (self, now, error) && wsed_sqlite_run (self->delete_ids, error) &&
         wsed_sqlite_exec (self->db, "COMMIT", error);
  wsed_block_cursor_release (&self->cursor);
  wsed_sqlite_rollback (self->db);
  done = set_patient (self, TRUE, done ? error : NULL) && done;
  publish (self, now, done);
  measure (self);
  return done;
}

guint64
wsed_sweeper_find_low (WsedSweeper *self)
{
  WsedBlockRecord record;
  guint64 at = MAX (self->live_n, self->index->low_n), n;
  guint passed = 0;
  gboolean live = FALSE;

  /* Each connection that begins asks. */
  if (self->live_cut == self->index->cut && self->live_n >= self->index->low_n)
    return self->live_n;
  while ((n = wsed_block_cursor_step (&self->cursor, at, FALSE, &record)) != 0 && passed++ < FIND_EVENTS)
    {
      for (guint i = 0; i < record.n_places; i++)
        {
          WsedChannel *channel = wsed_index_get (self->index, record.places[i].id);

          live |= channel != NULL && record.places[i].seq > channel->low;
        }
      if (live)
        break;
      at = n;
    }
  wsed_block_cursor_release (&self->cursor);
  self->live_n = n != 0 ? n - 1 : self->index->n;
  self->live_cut = live || n == 0 ? self->index->cut : G_MAXUINT64;
  return self->live_n;
}
