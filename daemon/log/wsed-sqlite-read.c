/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How one read request is served: several channels merged by n, or the whole log by n, page by page. It ends before a hole that
 * lies behind an event it gives, and begins the next answer by telling it, so that no hole is passed over in silence. */

#include "log/wsed-sqlite-reader.h"
#include "log/wsed-sqlite-span.h"

#include <string.h>

/* Events looked at for one request, so that a rare type does not keep the others waiting. */
#define MAX_SCANNED 10000

/* One position's way through its channel. */
typedef struct
{
  WsedPosition *position;
  guint32 channel;
  guint64 end;                 /* its head when the reading began */
  WsedSpan span;
} Lane;

typedef struct
{
  WsedSqliteReader *reader;
  WsedRead *read;
  Lane *lanes;
  guint n_lanes;
  guint64 end;                 /* the log's */
  gsize bytes;                 /* given */
  guint scanned;
  guint page_events;
  gsize page_bytes;
  gboolean done;
} Reading;

/* Whether one more event may be given, or looked at. */
static gboolean
has_room (Reading   *self,
          WsedEntry *entry)
{
  if (self->read->entries->len > 0 && self->bytes + entry->event->payload_length > self->read->max_bytes)
    self->done = TRUE;
  return !self->done;
}

static void
give (Reading   *self,
      WsedEntry *entry,
      gboolean   wanted)
{
  self->read->n = entry->n;
  self->scanned++;
  self->page_events++;
  self->page_bytes += entry->event->payload_length;
  if (wanted)
    {
      self->bytes += entry->event->payload_length;
      g_ptr_array_add (self->read->entries, wsed_entry_ref (entry));
    }
}

static gboolean
page_is_full (const Reading *self)
{
  return self->done || self->page_events >= WSED_READ_EVENTS || self->page_bytes >= WSED_READ_BYTES;
}

/* Everything up to @seq is gone. FALSE: that has to wait for the next request. */
static gboolean
pass_hole (Reading      *self,
           WsedPosition *position,
           guint64       seq)
{
  if (self->read->entries->len > 0)
    {
      self->done = TRUE;
      return FALSE;
    }
  position->low = position->seq = seq;
  return TRUE;
}

static gboolean
lane_is_loaded (const Lane *lane)
{
  return lane->position->seq + 1 >= lane->span.first && lane->position->seq + 1 < lane->span.first + lane->span.count;
}

static guint64
lane_n (const Lane *lane)
{
  return lane->span.ns[lane->position->seq + 1 - lane->span.first];
}

/* The lane whose next event comes first; NULL where all are at their ends, or one has to be loaded. */
static Lane *
first_lane (Reading  *self,
            gboolean *at_end)
{
  Lane *first = NULL;

  *at_end = TRUE;
  for (guint i = 0; i < self->n_lanes; i++)
    {
      Lane *lane = &self->lanes[i];

      if (lane->position->seq >= lane->end)
        continue;
      *at_end = FALSE;
      if (!lane_is_loaded (lane))
        return NULL;
      if (first == NULL || lane_n (lane) < lane_n (first))
        first = lane;
    }
  return first;
}

static gboolean
lane_has (const Lane            *lane,
          const WsedEntry       *entry,
          const WsedBlockRecord *record)
{
  for (guint i = 0; i < record->n_places; i++)
    if (record->places[i].id == lane->channel)
      return entry->seqs[i] == lane->position->seq + 1;
  return FALSE;
}

/* One event, for all lanes that stand before it. */
static void
read_event (Reading *self,
            Lane    *first)
{
  guint64 n = lane_n (first);
  g_autoptr (WsedEntry) entry = NULL;
  WsedBlockRecord record;
  gboolean wanted = FALSE;

  if (n != 0 && wsed_block_cursor_get (&self->reader->cursor, n, &record))
    entry = wsed_sqlite_reader_make_entry (self->reader, n, &record);
  if (self->reader->cursor.failed)
    self->done = TRUE;
  else if (entry == NULL || !lane_has (first, entry, &record))
    {
      /* A hole costs as much as an event. */
      self->page_events++;
      self->scanned++;
      pass_hole (self, first->position, first->position->seq + 1);
    }
  else if (has_room (self, entry))
    {
      for (guint i = 0; i < self->n_lanes; i++)
        {
          Lane *lane = &self->lanes[i];

          if (lane->position->seq >= lane->end || lane_n (lane) != n || !lane_has (lane, entry, &record))
            continue;
          lane->position->seq++;
          wanted |= wse_filter_matches (lane->position->filter, entry->event);
        }
      give (self, entry, wanted);
    }
}

static void
read_page (Reading *self)
{
  gboolean at_end;
  Lane *lane;

  while (!page_is_full (self))
    {
      lane = first_lane (self, &at_end);
      if (at_end)
        {
          self->read->end = self->done = TRUE;
          self->read->n = self->end;
        }
      if (lane == NULL)
        return;
      if (self->read->entries->len >= self->read->max_events || self->scanned >= MAX_SCANNED)
        {
          self->done = TRUE;
          return;
        }
      read_event (self, lane);
    }
}

static void
load_lanes (Reading *self)
{
  guint most = CLAMP (2 * self->read->max_events / MAX (1, self->n_lanes), 8, WSED_SPAN);

  wsed_index_lock (self->reader->index);
  for (guint i = 0; i < self->n_lanes; i++)
    if (self->lanes[i].position->seq < self->lanes[i].end && !lane_is_loaded (&self->lanes[i]))
      wsed_span_begin (&self->lanes[i].span, self->reader->index, self->lanes[i].channel, self->lanes[i].position->seq,
                       self->lanes[i].end, most);
  wsed_index_unlock (self->reader->index);
}

static void
find_lanes (Reading *self)
{
  GArray *positions = self->read->positions;

  wsed_index_lock (self->reader->index);
  self->end = self->reader->index->n;
  for (guint i = 0; i < positions->len; i++)
    {
      WsedPosition *position = &g_array_index (positions, WsedPosition, i);
      WsedChannel *channel = wsed_index_find (self->reader->index, position->channel);

      position->low = channel != NULL ? channel->low : 0;
      position->seq = MAX (position->seq, position->low);
      if (channel == NULL)
        continue;
      self->lanes[self->n_lanes].position = position;
      self->lanes[self->n_lanes].channel = channel->id;
      self->lanes[self->n_lanes++].end = channel->head;
    }
  wsed_index_unlock (self->reader->index);
}

static void
read_channels (Reading *self)
{
  g_autofree Lane *lanes = g_new0 (Lane, MAX (1, self->read->positions->len));

  self->lanes = lanes;
  find_lanes (self);
  while (!self->done)
    {
      load_lanes (self);
      if (!wsed_sqlite_reader_begin (self->reader, &self->read->error))
        return;
      self->page_events = self->page_bytes = 0;
      for (guint i = 0; i < self->n_lanes; i++)
        if (lanes[i].position->seq < lanes[i].end)
          wsed_span_complete (&lanes[i].span, self->reader->runs);
      read_page (self);
      if (!wsed_sqlite_reader_end (self->reader, &self->read->error))
        return;
    }
}

static gboolean
is_live (const WsedEntry *entry)
{
  for (guint i = 0; i < entry->event->n_channels; i++)
    if (entry->seqs[i] != 0)
      return TRUE;
  return FALSE;
}

/* The next kept event of the log; holes are what is in no channel any more. FALSE: the end, or a hole that waits. */
static gboolean
read_next (Reading      *self,
           WsedPosition *all)
{
  WsedBlockRecord record;
  guint64 n = all->seq < self->end ? wsed_block_cursor_step (&self->reader->cursor, all->seq, FALSE, &record) : 0;
  g_autoptr (WsedEntry) entry = NULL;

  if (self->reader->cursor.failed)
    {
      self->done = TRUE;
      return FALSE;
    }
  if (n == 0 || n > self->end)
    {
      if (all->seq < self->end && !pass_hole (self, all, self->end))
        return FALSE;
      self->read->end = self->done = TRUE;
      self->read->n = MAX (self->end, all->seq);
      return FALSE;
    }
  if (self->read->entries->len >= self->read->max_events || self->scanned >= MAX_SCANNED)
    {
      self->done = TRUE;
      return FALSE;
    }
  if (n > all->seq + 1 && !pass_hole (self, all, n - 1))
    return FALSE;
  entry = wsed_sqlite_reader_make_entry (self->reader, n, &record);
  if (!is_live (entry))
    {
      self->page_events++;
      return pass_hole (self, all, n);
    }
  if (!has_room (self, entry))
    return FALSE;
  all->seq = n;
  give (self, entry, wse_filter_matches (all->filter, entry->event));
  return TRUE;
}

static void
read_log (Reading *self)
{
  WsedPosition *all = &g_array_index (self->read->positions, WsedPosition, 0);

  wsed_index_lock (self->reader->index);
  self->end = self->reader->index->n;
  all->low = self->reader->index->low_n;
  wsed_index_unlock (self->reader->index);
  all->seq = MAX (all->seq, all->low);
  while (!self->done)
    {
      if (!wsed_sqlite_reader_begin (self->reader, &self->read->error))
        return;
      self->page_events = self->page_bytes = 0;
      while (!page_is_full (self) && read_next (self, all))
        ;
      if (!wsed_sqlite_reader_end (self->reader, &self->read->error))
        return;
    }
}

void
wsed_sqlite_reader_run_read (WsedSqliteReader *self,
                      WsedRead   *read)
{
  Reading reading = { .reader = self, .read = read };

  if (read->positions->len > 0 && strcmp (g_array_index (read->positions, WsedPosition, 0).channel, "*") == 0)
    read_log (&reading);
  else
    read_channels (&reading);
  if (read->error != NULL)
    {
      read->error->domain = WSE_ERROR;
      read->error->code = WSE_ERROR_UNAVAILABLE;
    }
}
