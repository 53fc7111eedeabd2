/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSpan owns how the two parts of the index, the rows in the file and the tail in memory, are read as one. */

#include "log/wsed-sqlite-span.h"

#include <string.h>

void
wsed_span_begin (WsedSpan  *self,
                 WsedIndex *index,
                 guint32    channel_id,
                 guint64    after,
                 guint64    upto,
                 guint      most)
{
  WsedChannel *channel = wsed_index_get (index, channel_id);

  self->channel = channel_id;
  self->first = after + 1;
  self->count = upto > after ? MIN (upto - after, MIN (most, WSED_SPAN)) : 0;
  memset (self->ns, 0, self->count * sizeof self->ns[0]);
  for (guint i = 0; channel != NULL && i < self->count; i++)
    {
      guint64 seq = self->first + i;

      if (seq >= channel->tail_first && seq - channel->tail_first < channel->tail_length)
        self->ns[i] = channel->tail[seq - channel->tail_first];
    }
}

void
wsed_span_complete (WsedSpan     *self,
                    sqlite3_stmt *runs)
{
  guint64 ns[WSED_RUN_ENTRIES], last, next = self->first;

  if (self->count == 0 || self->ns[0] != 0)
    return;
  sqlite3_bind_int64 (runs, 1, self->channel);
  sqlite3_bind_int64 (runs, 2, self->first);
  while (next < self->first + self->count && self->ns[next - self->first] == 0 && sqlite3_step (runs) == SQLITE_ROW)
    {
      guint count = wsed_run_decode (sqlite3_column_blob (runs, 1), sqlite3_column_bytes (runs, 1), ns);

      last = sqlite3_column_int64 (runs, 0);
      next = last + 1;
      for (guint i = 0; i < count; i++)
        {
          guint64 seq = last - count + 1 + i;

          if (seq >= self->first && seq < self->first + self->count && self->ns[seq - self->first] == 0)
            self->ns[seq - self->first] = ns[i];
        }
    }
  sqlite3_reset (runs);
}
