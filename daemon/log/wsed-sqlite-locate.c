/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where reading begins: so many matching events before a place, or behind an n. */

#include "log/wsed-sqlite-reader.h"
#include "log/wsed-sqlite-span.h"

#include <string.h>

typedef struct
{
  WsedSqliteReader *reader;
  WsedLocate *locate;
  guint32 channel;
  guint64 low, at;             /* at: the place that is looked at next; everything behind it was */
  guint found, looked;
  gboolean done;
} Search;

/* Counts the event at `at` and moves before it. */
static void
look (Search          *self,
      guint64          n,
      WsedBlockRecord *record)
{
  g_autoptr (WsedEntry) entry = record != NULL ? wsed_sqlite_reader_make_entry (self->reader, n, record) : NULL;
  gboolean live = FALSE;

  for (guint i = 0; entry != NULL && i < entry->event->n_channels; i++)
    live |= entry->seqs[i] != 0;
  if (live && wse_filter_matches (self->locate->filter, entry->event))
    self->found++;
  self->at--;
  self->looked++;
  self->done = self->found >= self->locate->history || self->looked >= WSE_MAX_LOOKBACK || self->at <= self->low;
}

static void
search_channel_page (Search   *self,
                     WsedSpan *span)
{
  WsedBlockRecord record;

  wsed_span_complete (span, self->reader->runs);
  for (guint i = span->count; i-- > 0 && !self->done;)
    {
      guint64 n = span->ns[i];

      look (self, n, n != 0 && wsed_block_cursor_get (&self->reader->cursor, n, &record) ? &record : NULL);
    }
}

static void
search_log_page (Search *self)
{
  WsedBlockRecord record;

  for (guint i = 0; i < WSED_READ_EVENTS && !self->done; i++)
    {
      guint64 n = wsed_block_cursor_step (&self->reader->cursor, self->at + 1, TRUE, &record);

      if (n == 0 || n <= self->low)
        {
          self->at = self->low;
          self->done = TRUE;
          return;
        }
      self->looked += self->at - n;
      self->at = n;
      look (self, n, &record);
    }
}

static void
search (Search *self)
{
  gboolean all = strcmp (self->locate->channel, "*") == 0;
  WsedSpan span;

  self->done = self->at <= self->low;
  while (!self->done)
    {
      if (!all)
        {
          guint64 after = self->at - MIN (self->at - self->low, WSED_SPAN);

          wsed_index_lock (self->reader->index);
          wsed_span_begin (&span, self->reader->index, self->channel, after, self->at, WSED_SPAN);
          wsed_index_unlock (self->reader->index);
        }
      if (!wsed_sqlite_reader_begin (self->reader, &self->locate->error))
        return;
      if (all)
        search_log_page (self);
      else
        search_channel_page (self, &span);
      if (!wsed_sqlite_reader_end (self->reader, &self->locate->error))
        return;
    }
  self->locate->seq = MAX (self->at, self->low);
}

/* The last of @ns that is not behind @n; how many up to it. */
static guint
count_upto (const guint64 *ns,
            guint          count,
            guint64        n)
{
  guint low = 0;

  while (low < count)
    {
      guint middle = low + (count - low) / 2;

      if (ns[middle] <= n)
        low = middle + 1;
      else
        count = middle;
    }
  return low;
}

static void
find_in_runs (Search *self)
{
  sqlite3_stmt *runs = self->reader->runs_back;
  guint64 ns[WSED_RUN_ENTRIES], seq = 0;

  if (!wsed_sqlite_reader_begin (self->reader, &self->locate->error))
    return;
  sqlite3_bind_int64 (runs, 1, self->channel);
  while (seq == 0 && sqlite3_step (runs) == SQLITE_ROW)
    {
      guint64 last = sqlite3_column_int64 (runs, 0);
      guint count = wsed_run_decode (sqlite3_column_blob (runs, 1), sqlite3_column_bytes (runs, 1), ns);
      guint upto = count_upto (ns, count, self->locate->after_n);

      if (last <= self->low)
        break;
      if (upto > 0)
        seq = last - count + upto;
    }
  sqlite3_reset (runs);
  wsed_sqlite_reader_end (self->reader, &self->locate->error);
  self->locate->seq = MAX (seq, self->low);
}

/* With the index locked: whether memory knows. */
static gboolean
find_in_tail (Search      *self,
              WsedChannel *channel)
{
  guint upto = count_upto (channel->tail, channel->tail_length, self->locate->after_n);

  self->locate->seq = MAX (self->low, channel->tail_first + upto - 1);
  return upto > 0 || channel->tail_first <= channel->low + 1;
}

static void
locate_in_channel (Search *self)
{
  WsedLocate *locate = self->locate;
  WsedChannel *channel;
  gboolean known = TRUE, removed = FALSE;

  wsed_index_lock (self->reader->index);
  channel = wsed_index_find (self->reader->index, locate->channel);
  if (channel != NULL)
    {
      self->channel = channel->id;
      self->low = channel->low;
      /* Of what is removed only the bound of a channel that has nothing left is known. */
      removed = channel->low > 0 && (channel->low < channel->head || channel->expired_n > locate->after_n || channel->expired == 0);
      self->at = MIN (locate->upto, channel->head);
      if (locate->history == 0)
        known = find_in_tail (self, channel);
      else if (locate->filter == NULL)
        locate->seq = MAX (self->low, self->at - MIN (self->at, locate->history));
      else
        known = FALSE;
    }
  wsed_index_unlock (self->reader->index);
  if (!known && locate->history == 0)
    find_in_runs (self);
  else if (!known)
    search (self);
  locate->lost = removed && locate->history == 0 && locate->seq <= self->low;
}

static void
locate_in_log (Search *self)
{
  guint64 end;

  wsed_index_lock (self->reader->index);
  self->low = self->reader->index->low_n;
  end = self->reader->index->n;
  wsed_index_unlock (self->reader->index);
  self->at = MIN (self->locate->upto, end);
  if (self->locate->history == 0)
    self->locate->seq = CLAMP (self->locate->after_n, self->low, end);
  else
    search (self);
}

void
wsed_sqlite_reader_run_locate (WsedSqliteReader *self,
                        WsedLocate *locate)
{
  Search search_state = { .reader = self, .locate = locate };

  if (strcmp (locate->channel, "*") == 0)
    locate_in_log (&search_state);
  else
    locate_in_channel (&search_state);
  if (locate->error != NULL)
    {
      locate->error->domain = WSE_ERROR;
      locate->error->code = WSE_ERROR_UNAVAILABLE;
    }
}
