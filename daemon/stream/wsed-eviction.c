/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedEviction bounds what a worker remembers of the tail: it drops the views' entries in the order in which they came, when the tail has
 * evicted their bytes and, so that views without end cannot take memory without end, when the entries themselves need more than their
 * share. Whoever stood there reads on from the log. */

#include "stream/wsed-eviction.h"

#include "stream/wsed-stream-metrics.h"

#define MIN_SIZE 16u

void
wsed_eviction_init (WsedEviction *eviction,
                    gsize         max_bytes)
{
  *eviction = (WsedEviction){ .max_bytes = max_bytes };
}

static WsedView **
at (WsedEviction *eviction,
    guint64       index)
{
  return &eviction->views[index & (eviction->size - 1)];
}

static void
resize (WsedEviction *eviction,
        gsize         size)
{
  WsedView **views = g_new (WsedView *, size);

  for (guint64 i = eviction->begin; i < eviction->end; i++)
    views[i & (size - 1)] = *at (eviction, i);
  g_free (eviction->views);
  eviction->views = views;
  eviction->bytes += (size - eviction->size) * sizeof (WsedView *);
  eviction->size = size;
}

static void
drop_first (WsedEviction *eviction)
{
  WsedView *view = *at (eviction, eviction->begin++);

  if (view->slot == NULL)
    wsed_view_forget (view);
  else
    eviction->bytes += wsed_view_drop_first (view);
  if (eviction->size > MIN_SIZE && eviction->end - eviction->begin <= eviction->size / 4)
    resize (eviction, eviction->size / 2);
}

/* Bytes that one more entry of @view takes. */
static gsize
get_growth (WsedEviction      *eviction,
            WsedView          *view,
            const WsedArrival *arrival)
{
  gsize growth = wsed_view_get_growth (view, arrival);

  if (eviction->end - eviction->begin == eviction->size)
    growth += MAX (MIN_SIZE, eviction->size) * sizeof (WsedView *);
  return growth;
}

void
wsed_eviction_append (WsedEviction      *eviction,
                      WsedView          *view,
                      const WsedArrival *arrival)
{
  gsize growth;

  while ((growth = get_growth (eviction, view, arrival)) > 0 && eviction->bytes + growth > eviction->max_bytes
         && eviction->begin < eviction->end)
    drop_first (eviction);
  if (eviction->end - eviction->begin == eviction->size)
    resize (eviction, MAX (MIN_SIZE, eviction->size * 2));
  *at (eviction, eviction->end++) = view;
  eviction->bytes += wsed_view_append (view, arrival);
}

void
wsed_eviction_empty (WsedEviction *eviction,
                     WsedView     *view)
{
  while (view->begin < view->end)
    drop_first (eviction);
}

void
wsed_eviction_retire (WsedEviction *eviction,
                      WsedView     *view)
{
  eviction->bytes += wsed_view_retire (view);
}

void
wsed_eviction_take_chunk (WsedEviction *eviction,
                          WsedChunk    *chunk)
{
  g_queue_push_tail (&eviction->chunks, chunk);
}

void
wsed_eviction_run (WsedEviction *eviction,
                   guint64       first_chunk)
{
  while (eviction->begin < eviction->end)
    {
      WsedView *view = *at (eviction, eviction->begin);

      if (view->slot != NULL && wsed_view_at (view, view->begin)->piece.chunk->id >= first_chunk)
        break;
      drop_first (eviction);
    }
  while (eviction->chunks.length > 0 && ((WsedChunk *) g_queue_peek_head (&eviction->chunks))->id < first_chunk)
    wsed_chunk_unref (g_queue_pop_head (&eviction->chunks));
  wsed_metric_add (wsed_stream_metrics ()->tail_index_bytes, (gint64) eviction->bytes - (gint64) eviction->told);
  eviction->told = eviction->bytes;
}

void
wsed_eviction_clear (WsedEviction *eviction)
{
  wsed_eviction_run (eviction, G_MAXUINT64);
  g_free (eviction->views);
}
