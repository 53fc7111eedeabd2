/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPgReading owns how far one request has got: several channels merged by n, or the whole log, page by page; it ends before a hole that
 * lies behind an event it gives, and begins the next answer by telling it. After a lost connection it just asks for the page again. */

#include "log/wsed-pg-reading.h"
#include "log/wsed-pg-entry.h"
#include "log/wsed-pg-request.h"

#include <string.h>

/* Events looked at for one read, so that a rare type does not keep the others waiting. */
#define MAX_SCANNED 10000
/* Of one page. */
#define PAGE_EVENTS 1000
#define PAGE_BYTES (1024 * 1024)

struct _WsedPgReading
{
  WsedPgTask *task;
  gint64 most;
  gboolean whole;              /* "*" */
  gboolean begun;              /* heads are known */
  guint64 low, head;           /* LOCATE: of the channel */
  guint64 *ends;               /* READ: of each position, when the reading began */
  guint64 end_n;
  guint *given;                /* READ: rows of each position in this page */
  guint lane_limit, limit;     /* rows of this page: of one position, of all */
  gsize bytes;                 /* of payload given */
  guint scanned, unreadable;
  guint64 at;                  /* LOCATE: looks at this one next */
  guint left;                  /* LOCATE: events still to be found */
};

/* Which of an event's places are still kept; most events have one, and that is what was asked for. */
#define KEPT(most) \
  "(SELECT array_agg(CASE WHEN u.seq > greatest(k.low, k.head - " most ") AND q.n > k.born THEN u.seq ELSE 0 END ORDER BY u.i)" \
  " FROM unnest(string_to_array(q.channels, ','), q.seqs) WITH ORDINALITY u(name, seq, i) LEFT JOIN wse.channel k ON k.name = u.name)"
#define KEPT_BUT_ONE(most) "CASE WHEN cardinality(q.seqs) = 1 THEN q.seqs ELSE " KEPT (most) " END"

enum
{
  PAGE_LANE,
  PAGE_SEQ,
  PAGE_N,
  PAGE_ENTRY,                  /* then seqs, data */
  PAGE_ROWS = PAGE_ENTRY + 3,  /* that there were before bytes cut some */
};

/* Rows of one event stay together, its data is in the first of them. */
static const WsedPostgresStatement read_lanes = { "read-lanes",
  "SELECT q.lane, q.seq, q.n, q.channels, " KEPT_BUT_ONE ("$6") ", CASE WHEN q.again THEN NULL ELSE q.data END, q.rows FROM ("
  " SELECT p.lane, p.seq, p.n, e.channels, e.seqs, e.data, count(*) OVER () AS rows,"
  " lag(p.n) OVER (ORDER BY p.n, p.lane) IS NOT DISTINCT FROM p.n AS again,"
  " sum(e.size) OVER (ORDER BY p.n RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP) AS before"
  " FROM (SELECT w.lane, s.seq, s.n FROM unnest($1, $2) WITH ORDINALITY w(name, after, lane) JOIN wse.channel c ON c.name = w.name"
  " CROSS JOIN LATERAL (SELECT t.seq, t.n FROM wse.place t WHERE t.channel = c.id AND t.seq > greatest(w.after, c.low, c.head - $6)"
  " ORDER BY t.seq LIMIT $3) s ORDER BY s.n FETCH FIRST $4 ROWS WITH TIES) p JOIN wse.entry e ON e.n = p.n) q"
  " WHERE coalesce(q.before, 0) < $5 ORDER BY q.n, q.lane" };

static const WsedPostgresStatement read_log = { "read-log",
  "SELECT 1::bigint, q.n, q.n, q.channels, " KEPT ("$4") ", q.data, q.rows FROM ("
  " SELECT e.*, count(*) OVER () AS rows, sum(e.size) OVER (ORDER BY e.n) - e.size AS before"
  " FROM (SELECT * FROM wse.entry WHERE n > $1 ORDER BY n LIMIT $2) e) q WHERE q.before < $3 ORDER BY q.n" };

static const WsedPostgresStatement search_lane = { "search-lane",
  "SELECT 1::bigint, q.seq, q.n, q.channels, " KEPT_BUT_ONE ("$5") ", q.data, q.rows FROM ("
  " SELECT p.seq, e.*, count(*) OVER () AS rows, sum(e.size) OVER (ORDER BY p.seq DESC) - e.size AS before"
  " FROM (SELECT t.seq, t.n FROM wse.channel c CROSS JOIN LATERAL (SELECT s.seq, s.n FROM wse.place s WHERE s.channel = c.id"
  " AND s.seq <= $2 AND s.seq > greatest(c.low, c.head - $5) ORDER BY s.seq DESC LIMIT $3) t WHERE c.name = $1) p"
  " JOIN wse.entry e ON e.n = p.n) q WHERE q.before < $4 ORDER BY q.seq DESC" };

static const WsedPostgresStatement search_log = { "search-log",
  "SELECT 1::bigint, q.n, q.n, q.channels, " KEPT ("$4") ", q.data, q.rows FROM ("
  " SELECT e.*, count(*) OVER () AS rows, sum(e.size) OVER (ORDER BY e.n DESC) - e.size AS before"
  " FROM (SELECT * FROM wse.entry WHERE n <= $1 ORDER BY n DESC LIMIT $2) e) q WHERE q.before < $3 ORDER BY q.n DESC" };

static const WsedPostgresStatement locate = { "locate", "SELECT seq, low_n FROM wse.locate($1, $2, $3)" };

static guint
count_positions (WsedPgReading *self)
{
  return self->task->kind == WSED_PG_READ ? ((WsedRead *) self->task->request)->positions->len : 0;
}

static WsedPosition *
get_position (WsedPgReading *self,
              guint          i)
{
  return &g_array_index (((WsedRead *) self->task->request)->positions, WsedPosition, i);
}

WsedPgReading *
wsed_pg_reading_new (WsedPgTask         *task,
                     const WsedPgConfig *config)
{
  WsedPgReading *self = g_new0 (WsedPgReading, 1);

  self->task = task;
  self->most = wsed_pg_config_get_most (config);
  self->ends = g_new0 (guint64, count_positions (self) + 1);
  self->given = g_new0 (guint, count_positions (self) + 1);
  if (task->kind == WSED_PG_READ)
    self->whole = count_positions (self) > 0 && strcmp (get_position (self, 0)->channel, "*") == 0;
  else
    self->whole = strcmp (((WsedLocate *) task->request)->channel, "*") == 0;
  return self;
}

void
wsed_pg_reading_free (WsedPgReading *self)
{
  if (self == NULL)
    return;
  g_free (self->ends);
  g_free (self->given);
  g_free (self);
}

guint
wsed_pg_reading_get_unreadable (WsedPgReading *self)
{
  return self->unreadable;
}

/* What a request begins with */

const WsedPostgresStatement *
wsed_pg_reading_fill_heads (WsedPgReading      *self,
                            WsedPostgresValues *values)
{
  if (self->begun)
    return NULL;
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_TEXT);
  for (guint i = 0; i < count_positions (self); i++)
    wsed_postgres_values_put_text (values, get_position (self, i)->channel);
  if (self->task->kind == WSED_PG_LOCATE)
    wsed_postgres_values_put_text (values, ((WsedLocate *) self->task->request)->channel);
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_add_int8 (values, self->most);
  return &wsed_pg_heads;
}

static void
begin_locate (WsedPgReading *self,
              WsedLocate    *request)
{
  self->at = MIN (request->upto, self->head);
  self->left = request->history;
  if (request->history > 0)
    request->seq = MAX (self->low, self->at - MIN (self->at, request->history));
  else
    request->seq = CLAMP (request->after_n, self->low, self->head);
  request->lost = request->history == 0 && self->whole && self->low > request->after_n;
}

void
wsed_pg_reading_take_heads (WsedPgReading  *self,
                            const PGresult *result)
{
  self->end_n = (guint64) wsed_postgres_get_int8 (result, 0, WSED_PG_HEADS_N);
  for (int row = 0; row < PQntuples (result); row++)
    {
      guint64 i = (guint64) wsed_postgres_get_int8 (result, row, WSED_PG_HEADS_CHANNEL);

      self->low = (guint64) wsed_postgres_get_int8 (result, row, WSED_PG_HEADS_LOW);
      self->head = (guint64) wsed_postgres_get_int8 (result, row, WSED_PG_HEADS_HEAD);
      if (i > 0 && i <= count_positions (self))
        {
          WsedPosition *position = get_position (self, i - 1);

          position->low = self->low;
          position->seq = MAX (position->seq, self->low);
          self->ends[i - 1] = self->head;
        }
    }
  if (self->task->kind == WSED_PG_LOCATE)
    begin_locate (self, self->task->request);
  self->begun = TRUE;
}

/* Asking for a page */

static gboolean
has_filter (WsedPgReading *self)
{
  for (guint i = 0; i < count_positions (self); i++)
    if (get_position (self, i)->filter != NULL)
      return TRUE;
  return FALSE;
}

static void
fill_positions (WsedPgReading      *self,
                WsedPostgresValues *values)
{
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_TEXT);
  for (guint i = 0; i < count_positions (self); i++)
    wsed_postgres_values_put_text (values, get_position (self, i)->channel);
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_INT8);
  for (guint i = 0; i < count_positions (self); i++)
    wsed_postgres_values_put_int8 (values, (gint64) MIN (get_position (self, i)->seq, G_MAXINT64));
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_add_int8 (values, self->lane_limit);
}

/* One more than there is room for: whether that is the end shows then. */
static const WsedPostgresStatement *
fill_read (WsedPgReading      *self,
           WsedRead           *request,
           WsedPostgresValues *values)
{
  guint lanes = MAX (1, count_positions (self));
  gsize room = request->max_bytes > self->bytes ? request->max_bytes - self->bytes : 0;

  self->limit = has_filter (self) ? PAGE_EVENTS : MIN (request->max_events - request->entries->len + 1, PAGE_EVENTS);
  self->lane_limit = lanes == 1 ? self->limit : CLAMP (2 * self->limit / lanes, 8, MAX (8, self->limit));
  memset (self->given, 0, lanes * sizeof *self->given);
  if (self->whole)
    wsed_postgres_values_add_int8 (values, (gint64) MIN (get_position (self, 0)->seq, G_MAXINT64));
  else
    fill_positions (self, values);
  wsed_postgres_values_add_int8 (values, self->limit);
  wsed_postgres_values_add_int8 (values, (gint64) CLAMP (room, PAGE_BYTES / 256, PAGE_BYTES / 2) * 2);
  wsed_postgres_values_add_int8 (values, self->most);
  return self->whole ? &read_log : &read_lanes;
}

static const WsedPostgresStatement *
fill_locate (WsedPgReading      *self,
             WsedLocate         *request,
             WsedPostgresValues *values)
{
  if (self->whole ? request->history == 0 || request->filter == NULL : request->history > 0 && request->filter == NULL)
    return NULL;
  if (!self->whole)
    wsed_postgres_values_add_text (values, request->channel);
  if (request->history == 0)
    {
      wsed_postgres_values_add_int8 (values, (gint64) MIN (request->after_n, G_MAXINT64));
      wsed_postgres_values_add_int8 (values, self->most);
      return &locate;
    }
  self->limit = PAGE_EVENTS;
  wsed_postgres_values_add_int8 (values, (gint64) MIN (self->begun ? self->at : request->upto, G_MAXINT64));
  wsed_postgres_values_add_int8 (values, self->limit);
  wsed_postgres_values_add_int8 (values, PAGE_BYTES);
  wsed_postgres_values_add_int8 (values, self->most);
  return self->whole ? &search_log : &search_lane;
}

const WsedPostgresStatement *
wsed_pg_reading_fill_page (WsedPgReading      *self,
                           WsedPostgresValues *values)
{
  return self->task->kind == WSED_PG_READ ? fill_read (self, self->task->request, values)
                                          : fill_locate (self, self->task->request, values);
}

/* Taking a page */

static gboolean
is_last_page (WsedPgReading  *self,
              const PGresult *result)
{
  guint rows = PQntuples (result);

  return rows < self->limit && (rows == 0 || rows == wsed_postgres_get_int8 (result, 0, PAGE_ROWS));
}

static WsedEntry *
take_entry (WsedPgReading  *self,
            const PGresult *result,
            int             row,
            guint64         n)
{
  WsedEntry *entry = wsed_pg_entry_read (result, row, PAGE_ENTRY, n);

  self->unreadable += entry == NULL;
  for (guint i = 0; entry != NULL && i < entry->event->n_channels; i++)
    if (entry->seqs[i] != 0)
      return entry;
  g_clear_pointer (&entry, wsed_entry_unref);
  return NULL;
}

/* Everything up to @seq is gone. FALSE: that waits for the next request. */
static gboolean
pass_hole (WsedRead     *request,
           WsedPosition *position,
           guint64       seq)
{
  if (request->entries->len > 0)
    return FALSE;
  position->low = position->seq = seq;
  return TRUE;
}

/* The positions that stand before the event of rows @first to @last move past it. FALSE: the answer ends before it. */
static gboolean
take_event (WsedPgReading  *self,
            const PGresult *result,
            int             first,
            int             last)
{
  WsedRead *request = self->task->request;
  guint64 n = (guint64) wsed_postgres_get_int8 (result, first, PAGE_N);
  g_autoptr (WsedEntry) entry = take_entry (self, result, first, n);
  gboolean wanted = FALSE;

  for (int row = first; row <= last; row++)
    {
      WsedPosition *position = get_position (self, (guint) wsed_postgres_get_int8 (result, row, PAGE_LANE) - 1);
      guint64 seq = (guint64) wsed_postgres_get_int8 (result, row, PAGE_SEQ);
      guint64 gone = entry == NULL ? seq : seq - 1;

      if (gone > position->seq && !pass_hole (request, position, gone))
        return FALSE;
    }
  self->scanned++;
  if (entry == NULL)
    return TRUE;
  if (request->entries->len > 0 && self->bytes + entry->event->payload_length > request->max_bytes)
    return FALSE;
  for (int row = first; row <= last; row++)
    {
      WsedPosition *position = get_position (self, (guint) wsed_postgres_get_int8 (result, row, PAGE_LANE) - 1);

      position->seq++;
      wanted |= wse_filter_matches (position->filter, entry->event);
    }
  request->n = n;
  if (!wanted)
    return TRUE;
  self->bytes += entry->event->payload_length;
  g_ptr_array_add (request->entries, g_steal_pointer (&entry));
  return TRUE;
}

/* What the positions have not met up to their ends is gone. */
static gboolean
reach_end (WsedPgReading *self)
{
  WsedRead *request = self->task->request;

  for (guint i = 0; i < count_positions (self); i++)
    if (get_position (self, i)->seq < self->ends[i] && !pass_hole (request, get_position (self, i), self->ends[i]))
      return TRUE;
  request->end = TRUE;
  request->n = self->end_n;
  return TRUE;
}

/* A position that has as many rows as it may have in a page may have more before what the others have behind its last. */
static gboolean
has_full_lane (WsedPgReading  *self,
               const PGresult *result,
               int             first,
               int             last)
{
  gboolean full = FALSE;

  for (int row = first; row <= last; row++)
    full |= ++self->given[wsed_postgres_get_int8 (result, row, PAGE_LANE) - 1] == self->lane_limit;
  return full;
}

static gboolean
take_read (WsedPgReading  *self,
           const PGresult *result)
{
  WsedRead *request = self->task->request;
  int rows = PQntuples (result), last;

  for (int row = 0; row < rows; row = last + 1)
    {
      gint64 n = wsed_postgres_get_int8 (result, row, PAGE_N);

      for (last = row; last + 1 < rows && wsed_postgres_get_int8 (result, last + 1, PAGE_N) == n;)
        last++;
      if ((guint64) n > self->end_n)
        return reach_end (self);
      if (request->entries->len >= request->max_events || self->scanned >= MAX_SCANNED || !take_event (self, result, row, last))
        return TRUE;
      if (has_full_lane (self, result, row, last))
        return FALSE;
    }
  return is_last_page (self, result) && reach_end (self);
}

static gboolean
take_search (WsedPgReading  *self,
             const PGresult *result)
{
  WsedLocate *request = self->task->request;
  guint64 start = MIN (request->upto, self->head);

  for (int row = 0; row < PQntuples (result); row++)
    {
      guint64 seq = (guint64) wsed_postgres_get_int8 (result, row, PAGE_SEQ);
      g_autoptr (WsedEntry) entry = NULL;

      if (seq > self->at)
        continue;
      if (start - seq >= WSE_MAX_LOOKBACK)
        {
          request->seq = MAX (start - WSE_MAX_LOOKBACK, self->low);
          return TRUE;
        }
      entry = take_entry (self, result, row, (guint64) wsed_postgres_get_int8 (result, row, PAGE_N));
      self->at = seq - 1;
      if (entry == NULL || !wse_filter_matches (request->filter, entry->event) || --self->left > 0)
        continue;
      request->seq = MAX (self->at, self->low);
      return TRUE;
    }
  request->seq = self->low;
  return is_last_page (self, result) || self->at <= self->low;
}

static gboolean
take_locate (WsedPgReading  *self,
             const PGresult *result)
{
  WsedLocate *request = self->task->request;

  if (request->history > 0)
    return take_search (self, result);
  request->seq = (guint64) wsed_postgres_get_int8 (result, 0, 0);
  request->lost = (guint64) wsed_postgres_get_int8 (result, 0, 1) > request->after_n;
  return TRUE;
}

gboolean
wsed_pg_reading_take_page (WsedPgReading  *self,
                           const PGresult *result)
{
  return self->task->kind == WSED_PG_READ ? take_read (self, result) : take_locate (self, result);
}
