/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSlot and WsedView are what a worker keeps of a stream: an index into the tail's bytes, no bytes of their own. A view is made when
 * the first subscription with its filter comes and is complete from that moment on; what is older, or has been evicted since, is read
 * from the log. */

#include "stream/wsed-view.h"

#include <string.h>

/* Entries of the first ring: most channels have little to say. */
#define FIRST_RING 1u

WsedView *
wsed_slot_get_view (WsedSlot       *slot,
                    WseFilter      *filter,
                    const WsedHead *head)
{
  WsedView *view;

  if (slot->views == NULL)
    {
      slot->head = head->head;
      slot->erased = 0;
      slot->asked = FALSE;
      memcpy (slot->epoch, head->epoch, sizeof slot->epoch);
    }
  for (view = slot->views; view != NULL; view = view->next)
    if (strcmp (wse_filter_get_key (view->filter), wse_filter_get_key (filter)) == 0)
      return view;
  view = g_new0 (WsedView, 1);
  view->slot = slot;
  view->filter = filter != NULL ? wse_filter_ref (filter) : NULL;
  view->complete_from = slot->head + 1;
  view->next = slot->views;
  slot->views = view;
  return view;
}

/* The memory of a ring of @size entries, and of what is remembered of their keys. */
static gsize
measure (guint    size,
         gboolean keyed)
{
  return size > 0 ? sizeof (WsedRing) + size * sizeof (WsedViewEntry) + (keyed ? wsed_newest_get_bytes (size) : 0) : 0;
}

static guint
get_size (const WsedView *view)
{
  return view->ring != NULL ? view->ring->mask + 1 : 0;
}

/* Gives the view a ring of @size entries; 0: none. */
static gssize
resize (WsedView *view,
        guint     size)
{
  gsize before = measure (get_size (view), wsed_view_get_newest (view) != NULL);
  WsedNewest *newest = wsed_view_get_newest (view);
  WsedRing *ring = NULL;

  if (size > 0)
    {
      ring = g_malloc (sizeof (WsedRing) + size * sizeof (WsedViewEntry));
      ring->mask = size - 1;
      ring->newest = newest;
      ring->run_bytes = 0;
      for (guint64 i = view->begin; i < view->end; i++)
        ring->entries[i & ring->mask] = *wsed_view_at (view, i);
    }
  g_free (view->ring);
  view->ring = ring;
  if (size == 0)
    wsed_newest_free (newest);
  else if (newest != NULL)
    wsed_newest_resize (newest, size, view->begin);
  return (gssize) measure (size, newest != NULL) - (gssize) before;
}

/* The size of the ring with one more entry. */
static guint
get_next_size (const WsedView *view)
{
  guint size = get_size (view);

  return view->end - view->begin < size ? size : MAX (FIRST_RING, size * 2);
}

gsize
wsed_view_get_growth (const WsedView    *view,
                      const WsedArrival *arrival)
{
  gboolean keyed = wsed_view_get_newest (view) != NULL;

  return measure (get_next_size (view), keyed || arrival->key != 0) - measure (get_size (view), keyed);
}

/* The one before with the same key is old now. Returns by how much the memory has grown. */
static gssize
supersede (WsedView *view,
           guint64   key,
           guint64   seq)
{
  guint64 before;
  gssize grown = 0;

  if (view->ring->newest == NULL)
    {
      view->ring->newest = wsed_newest_new (get_size (view));
      grown = wsed_newest_get_bytes (get_size (view));
    }
  if (wsed_newest_note (view->ring->newest, key, view->end - 1, seq, view->begin, &before) && before >= view->begin)
    wsed_view_at (view, before)->superseded = TRUE;
  return grown;
}

gssize
wsed_view_append (WsedView          *view,
                  const WsedArrival *arrival)
{
  WsedViewEntry *entry;
  gssize grown = 0;

  if (get_next_size (view) > get_size (view))
    grown = resize (view, get_next_size (view));
  entry = wsed_view_at (view, view->end++);
  entry->piece = arrival->piece;
  entry->seq = arrival->seq;
  entry->n = arrival->entry->n;
  entry->superseded = FALSE;
  entry->several = arrival->entry->event->n_channels > 1 ? wsed_entry_ref (arrival->entry) : NULL;
  if (arrival->key != 0)
    grown += supersede (view, arrival->key, arrival->seq);
  return grown;
}

gssize
wsed_view_drop_first (WsedView *view)
{
  WsedViewEntry *entry = wsed_view_at (view, view->begin++);
  guint64 left = view->end - view->begin;

  view->complete_from = entry->seq + 1;
  g_clear_pointer (&entry->several, wsed_entry_unref);
  if (left == 0)
    return resize (view, 0);
  return left <= view->ring->mask / 4 ? resize (view, (view->ring->mask + 1) / 2) : 0;
}

static void
free_if_forgotten (WsedView *view)
{
  if (view->users > 0)
    return;
  g_clear_pointer (&view->filter, wse_filter_unref);
  g_free (view);
}

gssize
wsed_view_retire (WsedView *view)
{
  WsedView **link = &view->slot->views;
  gssize grown;

  g_assert (view->n_live == 0 && view->users == 0);

  while (*link != view)
    link = &(*link)->next;
  *link = view->next;
  view->slot = NULL;
  for (guint64 i = view->begin; i < view->end; i++)
    g_clear_pointer (&wsed_view_at (view, i)->several, wsed_entry_unref);
  view->users = view->end - view->begin;
  view->begin = view->end;
  grown = resize (view, 0);
  free_if_forgotten (view);
  return grown;
}

void
wsed_view_forget (WsedView *view)
{
  view->users--;
  free_if_forgotten (view);
}

void
wsed_view_attach (WsedView         *view,
                  WsedSubscription *subscription)
{
  if (view->n_live == 1)
    {
      WsedSubscription *one = view->live.one;

      view->live.many = g_new (WsedSubscription *, 2);
      view->live.many[0] = one;
    }
  /* Full: as many as a power of two. */
  else if (view->n_live > 1 && (view->n_live & (view->n_live - 1)) == 0)
    view->live.many = g_renew (WsedSubscription *, view->live.many, view->n_live * 2);
  subscription->place = view->n_live;
  subscription->attached = TRUE;
  view->n_live++;
  wsed_view_get_live (view)[subscription->place] = subscription;
}

void
wsed_view_detach (WsedView         *view,
                  WsedSubscription *subscription)
{
  WsedSubscription *last;

  if (!subscription->attached)
    return;
  subscription->attached = FALSE;
  last = wsed_view_get_live (view)[view->n_live - 1];
  wsed_view_get_live (view)[subscription->place] = last;
  last->place = subscription->place;
  if (view->n_live == 2)
    {
      WsedSubscription **many = view->live.many;

      view->live.one = many[0];
      g_free (many);
    }
  view->n_live--;
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
  WsedRing *ring = view->ring;
  const WsedPiece *last = NULL;
  guint64 at;

  if (from == ring->run_begin && to == ring->run_limit && ring->run_bytes > 0 && ring->run_bytes <= max_bytes)
    {
      *bytes = ring->run_bytes;
      return ring->run_end;
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
  ring->run_begin = from;
  ring->run_end = at;
  ring->run_limit = to;
  ring->run_bytes = *bytes;
  return at;
}
