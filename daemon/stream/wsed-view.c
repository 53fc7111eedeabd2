/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSlot and WsedView are what a worker keeps of a stream: an index into the tail's bytes, no bytes of their own. A view is made when
 * the first subscription with its filter comes and is complete from that moment on; what is older, or has been evicted since, is read
 * from the log. */

#include "stream/wsed-view.h"

#include <string.h>

#define FIRST_RING 8u

WsedSlot *
wsed_slot_new (WsedStream     *stream,
               guint           worker,
               const WsedHead *head)
{
  WsedSlot *slot = g_new0 (WsedSlot, 1);

  slot->stream = wsed_stream_ref (stream);
  slot->head = head->head;
  memcpy (slot->epoch, head->epoch, sizeof slot->epoch);
  slot->views = g_ptr_array_sized_new (1);
  stream->at[worker].slot = slot;
  return slot;
}

void
wsed_slot_free (WsedSlot *slot,
                guint     worker)
{
  g_assert (slot->views->len == 0);

  slot->stream->at[worker].slot = NULL;
  wsed_stream_unref (slot->stream);
  g_ptr_array_unref (slot->views);
  g_free (slot);
}

WsedView *
wsed_slot_get_view (WsedSlot  *slot,
                    WseFilter *filter)
{
  WsedView *view;

  for (guint i = 0; i < slot->views->len; i++)
    {
      view = g_ptr_array_index (slot->views, i);
      if (strcmp (wse_filter_get_key (view->filter), wse_filter_get_key (filter)) == 0)
        return view;
    }
  view = g_new0 (WsedView, 1);
  view->slot = slot;
  view->filter = filter != NULL ? wse_filter_ref (filter) : NULL;
  view->complete_from = slot->head + 1;
  view->subscriptions = g_ptr_array_sized_new (1);
  g_ptr_array_add (slot->views, view);
  return view;
}

static void
free_if_forgotten (WsedView *view)
{
  if (view->slot != NULL || view->remembered > 0)
    return;
  g_clear_pointer (&view->filter, wse_filter_unref);
  g_ptr_array_unref (view->subscriptions);
  g_free (view->ring);
  g_free (view);
}

void
wsed_view_retire (WsedView *view)
{
  g_assert (view->subscriptions->len == 0);

  g_ptr_array_remove_fast (view->slot->views, view);
  view->slot = NULL;
  free_if_forgotten (view);
}

static void
grow (WsedView *view)
{
  guint old_size = view->ring != NULL ? view->mask + 1 : 0;
  guint size = MAX (FIRST_RING, old_size * 2);
  WsedViewEntry *ring = g_new (WsedViewEntry, size);

  for (guint64 i = view->begin; i < view->end; i++)
    ring[i & (size - 1)] = view->ring[i & view->mask];
  g_free (view->ring);
  view->ring = ring;
  view->mask = size - 1;
}

void
wsed_view_append (WsedView          *view,
                  const WsedArrival *arrival)
{
  WsedViewEntry *entry;

  if (view->ring == NULL || view->end - view->begin > view->mask)
    grow (view);
  entry = wsed_view_at (view, view->end++);
  entry->piece = arrival->piece;
  entry->seq = arrival->seq;
  entry->n = arrival->entry->n;
  entry->several = arrival->entry->event->n_channels > 1 ? wsed_entry_ref (arrival->entry) : NULL;
  view->remembered++;
}

void
wsed_view_drop_first (WsedView *view)
{
  WsedViewEntry *entry = wsed_view_at (view, view->begin++);

  view->complete_from = entry->seq + 1;
  g_clear_pointer (&entry->several, wsed_entry_unref);
  view->remembered--;
  free_if_forgotten (view);
}

void
wsed_view_attach (WsedView         *view,
                  WsedSubscription *subscription)
{
  subscription->place = view->subscriptions->len;
  subscription->attached = TRUE;
  g_ptr_array_add (view->subscriptions, subscription);
}

void
wsed_view_detach (WsedView         *view,
                  WsedSubscription *subscription)
{
  WsedSubscription *last;

  if (!subscription->attached)
    return;
  subscription->attached = FALSE;
  last = g_ptr_array_index (view->subscriptions, view->subscriptions->len - 1);
  view->subscriptions->pdata[subscription->place] = last;
  last->place = subscription->place;
  g_ptr_array_set_size (view->subscriptions, view->subscriptions->len - 1);
}

static guint64
find (WsedView *view,
      guint64   place,
      gboolean  by_n)
{
  guint64 low = view->begin, high = view->end;

  while (low < high)
    {
      guint64 middle = low + (high - low) / 2;
      const WsedViewEntry *entry = wsed_view_at (view, middle);

      if ((by_n ? entry->n : entry->seq) < place)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

guint64
wsed_view_find (WsedView *view,
                guint64   seq)
{
  return find (view, seq, FALSE);
}

guint64
wsed_view_find_n (WsedView *view,
                  guint64   n)
{
  return find (view, n, TRUE);
}

guint64
wsed_view_run (WsedView *view,
               guint64   from,
               guint64   to,
               gsize     max_bytes,
               gsize    *bytes)
{
  const WsedPiece *last = NULL;
  guint64 at;

  if (from == view->run_begin && to == view->run_limit && view->run_bytes > 0 && view->run_bytes <= max_bytes)
    {
      *bytes = view->run_bytes;
      return view->run_end;
    }
  *bytes = 0;
  for (at = from; at < to; at++)
    {
      WsedViewEntry *entry = wsed_view_at (view, at);

      if (entry->several != NULL)
        break;
      if (last != NULL && (entry->piece.chunk != last->chunk || entry->piece.offset != last->offset + last->length))
        break;
      if (last != NULL && *bytes + entry->piece.length > max_bytes)
        break;
      *bytes += entry->piece.length;
      last = &entry->piece;
    }
  view->run_begin = from;
  view->run_end = at;
  view->run_limit = to;
  view->run_bytes = *bytes;
  return at;
}
