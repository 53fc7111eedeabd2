/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedRing is the order of events in memory, of one channel or of the whole log. It never frees an event. */

#include "log/wsed-ring.h"

void
wsed_ring_push (WsedRing   *ring,
                WsedRecord *record)
{
  if (ring->items == NULL || ring->head - ring->low > ring->mask)
    {
      gsize mask = ring->items == NULL ? 3 : ring->mask * 2 + 1;
      WsedRecord **items = g_new (WsedRecord *, mask + 1);

      for (guint64 at = ring->low + 1; at <= ring->head; at++)
        items[at & mask] = ring->items[at & ring->mask];
      g_free (ring->items);
      ring->items = items;
      ring->mask = mask;
    }
  ring->head++;
  ring->items[ring->head & ring->mask] = record;
}

void
wsed_ring_free (WsedRing *ring)
{
  g_free (ring->items);
  g_free (ring->name);
  g_free (ring);
}

guint64
wsed_ring_locate_n (const WsedRing *ring,
                    guint64         after_n)
{
  guint64 low = ring->low, high = ring->head;

  if (ring->name == NULL)
    return CLAMP (after_n, low, high);
  while (low < high)
    {
      guint64 middle = low + (high - low + 1) / 2;

      if (wsed_ring_at (ring, middle)->entry->n <= after_n)
        low = middle;
      else
        high = middle - 1;
    }
  return low;
}

guint64
wsed_ring_locate_history (const WsedRing   *ring,
                          const WsedLocate *locate)
{
  guint64 at = MIN (locate->upto, ring->head);
  guint left = locate->history;

  for (guint looked = 0; at > ring->low && looked < WSE_MAX_LOOKBACK; at--, looked++)
    {
      WsedRecord *record = wsed_ring_at (ring, at);

      if (record == NULL || !wse_filter_matches (locate->filter, record->entry->event))
        continue;
      if (--left == 0)
        return at - 1;
    }
  return MAX (at, ring->low);
}
