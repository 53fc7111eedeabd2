/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of the workers' indices: bounded whatever the number of views, given back where nobody reads. */

#include <string.h>

#include "stream/wsed-eviction.h"
#include "stream/wsed-stream-metrics.h"

#define MAX_BYTES 65536u
#define VIEWS 100

typedef struct
{
  WsedStream *stream;
  WsedTail *tail;
  WsedEviction eviction;
  WsedView *views[VIEWS];
  guint64 seq;
} Fixture;

static WseFilter *
make_filter (guint i)
{
  g_autofree char *types = g_strdup_printf ("t,other%u", i);
  WseFilter *filter = NULL;
  g_autoptr(GError) error = NULL;

  wse_filter_parse (types, NULL, &filter, &error);
  g_assert_no_error (error);
  return filter;
}

static void
set_up (Fixture      *fixture,
        gconstpointer unused)
{
  const WsedHead head = { .epoch = "e" };

  wsed_stream_metrics_init ();
  fixture->stream = wsed_stream_new ("global", 0, 0);
  fixture->tail = wsed_tail_new (1 << 20);
  wsed_eviction_init (&fixture->eviction, MAX_BYTES);
  for (guint i = 0; i < VIEWS; i++)
    {
      g_autoptr(WseFilter) filter = make_filter (i);

      fixture->views[i] = wsed_slot_get_view (&fixture->stream->slot, filter, &head);
    }
}

static void
retire_all (Fixture *fixture)
{
  while (fixture->stream->slot.views != NULL)
    wsed_eviction_retire (&fixture->eviction, fixture->stream->slot.views);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer unused)
{
  retire_all (fixture);
  wsed_eviction_clear (&fixture->eviction);
  wsed_tail_free (fixture->tail);
  wsed_stream_unref (fixture->stream);
}

/* One event in @n views; @key: 0 where it is never conflated. */
static void
arrive_keyed (Fixture    *fixture,
              guint       n,
              const char *second_channel,
              guint64     key)
{
  const char * const channels[] = { "global", second_channel, NULL };
  WseEventFields fields = { .event_type = "t", .id = "1", .payload = "{}", .payload_length = 2, .channels = channels,
                            .n_channels = second_channel != NULL ? 2 : 1, .latency = -1 };
  g_autoptr(WseEvent) event = wse_event_new_from_fields (&fields);
  const guint64 seqs[] = { ++fixture->seq, fixture->seq };
  g_autoptr(WsedEntry) entry = wsed_entry_new (event, fixture->seq, seqs);
  WsedArrival arrival = { fixture->stream, entry, { 0 }, fixture->seq, key };
  guint64 last = wsed_tail_get_first_id (fixture->tail);

  wsed_tail_write (fixture->tail, "h", 1, "{}", 2, &arrival.piece);
  if (fixture->seq == 1 || arrival.piece.chunk->id > last)
    wsed_eviction_take_chunk (&fixture->eviction, wsed_chunk_ref (arrival.piece.chunk));
  for (guint i = 0; i < n; i++)
    wsed_eviction_append (&fixture->eviction, fixture->views[i], &arrival);
}

static void
arrive (Fixture    *fixture,
        guint       n,
        const char *second_channel)
{
  arrive_keyed (fixture, n, second_channel, 0);
}

/* Every view is complete from where it says, and holds what it says. */
static void
check (Fixture *fixture,
       guint    n)
{
  for (guint i = 0; i < n; i++)
    {
      WsedView *view = fixture->views[i];

      g_assert_cmpuint (fixture->seq - view->complete_from + 1, ==, view->end - view->begin);
      for (guint64 at = view->begin; at < view->end; at++)
        g_assert_cmpuint (wsed_view_at (view, at)->seq, ==, view->complete_from + at - view->begin);
    }
}

static void
test_one_view (Fixture      *fixture,
               gconstpointer unused)
{
  gsize most = 0;

  for (guint i = 0; i < 10000; i++)
    {
      arrive (fixture, 1, i % 7 == 0 ? "user:a" : NULL);
      g_assert_cmpuint (fixture->eviction.bytes, <=, MAX_BYTES);
      most = MAX (most, fixture->views[0]->end - fixture->views[0]->begin);
    }
  check (fixture, 1);
  /* At least half of the room is used, and in the end it is. */
  g_assert_cmpuint (most * sizeof (WsedViewEntry), >=, MAX_BYTES / 3);
  g_assert_cmpuint (fixture->views[0]->end - fixture->views[0]->begin, ==, most);
}

static void
test_many_views (Fixture      *fixture,
                 gconstpointer unused)
{
  for (guint i = 0; i < 1000; i++)
    {
      arrive (fixture, VIEWS, i % 7 == 0 ? "user:a" : NULL);
      g_assert_cmpuint (fixture->eviction.bytes, <=, MAX_BYTES);
      check (fixture, VIEWS);
    }
}

/* Memory follows from views that were busy to one that is. */
static void
test_shrink (Fixture      *fixture,
             gconstpointer unused)
{
  for (guint i = 0; i < 1000; i++)
    arrive (fixture, VIEWS, NULL);
  for (guint i = 0; i < 10000; i++)
    arrive (fixture, 1, NULL);
  check (fixture, 1);
  for (guint i = 1; i < VIEWS; i++)
    g_assert_null (fixture->views[i]->ring);
  g_assert_cmpuint ((fixture->views[0]->end - fixture->views[0]->begin) * sizeof (WsedViewEntry), >=, MAX_BYTES / 3);
}

/* Keys without end, in one view after the other: what is remembered of them is in the bound, and goes with the entries. */
static void
test_keys (Fixture      *fixture,
           gconstpointer unused)
{
  for (guint i = 1; i <= 5000; i++)
    {
      arrive_keyed (fixture, i % 1000 == 0 ? VIEWS : 1 + i % 3, i % 7 == 0 ? "user:a" : NULL, i % 5 == 0 ? 1 : i);
      g_assert_cmpuint (fixture->eviction.bytes, <=, MAX_BYTES);
      check (fixture, 1);
    }
  for (guint i = 0; i < 10000; i++)
    arrive (fixture, 1, NULL);
  for (guint i = 1; i < VIEWS; i++)
    g_assert_null (wsed_view_get_newest (fixture->views[i]));
  retire_all (fixture);
  wsed_eviction_run (&fixture->eviction, G_MAXUINT64);
  g_assert_cmpuint (fixture->eviction.bytes, <=, 16 * sizeof (gpointer));
}

static void
test_retired (Fixture      *fixture,
              gconstpointer unused)
{
  for (guint i = 0; i < 10; i++)
    arrive (fixture, VIEWS, "user:a");
  retire_all (fixture);
  g_assert_cmpuint (fixture->eviction.bytes, <=, 2048 * sizeof (gpointer));
  wsed_eviction_run (&fixture->eviction, G_MAXUINT64);
  g_assert_cmpuint (fixture->eviction.bytes, <=, 16 * sizeof (gpointer));
}

/* What goes with a frame is in the bound as well. */
static void
test_charge (void)
{
  WsedTail *tail = wsed_tail_new (1 << 20);
  WsedPiece piece;

  wsed_tail_write (tail, "h", 1, "{}", 2, &piece);
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *data = g_malloc0 (3000);

      wsed_tail_write (tail, "h", 1, data, 3000, &piece);
      wsed_tail_charge (tail, 10000);
      g_assert_cmpuint (wsed_tail_get_bytes (tail) + wsed_tail_get_index_share (1 << 20), <=, 1 << 20);
    }
  wsed_tail_free (tail);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/eviction/one-view", Fixture, NULL, set_up, test_one_view, tear_down);
  g_test_add ("/eviction/many-views", Fixture, NULL, set_up, test_many_views, tear_down);
  g_test_add ("/eviction/shrink", Fixture, NULL, set_up, test_shrink, tear_down);
  g_test_add ("/eviction/keys", Fixture, NULL, set_up, test_keys, tear_down);
  g_test_add ("/eviction/retired", Fixture, NULL, set_up, test_retired, tear_down);
  g_test_add_func ("/eviction/charge", test_charge);
  return g_test_run ();
}
