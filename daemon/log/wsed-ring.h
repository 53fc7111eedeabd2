/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"

G_BEGIN_DECLS

/* An event in memory. */
typedef struct
{
  WsedEntry *entry;
  gint64 time;                 /* when it was appended, microseconds */
  gsize bytes;
  guint live;                  /* channels that still hold it */
} WsedRecord;

/* Records at low + 1 … head; a record removed out of order leaves NULL. Owns none of them. */
typedef struct
{
  char *name;                  /* NULL: the whole log */
  guint64 low, head;
  guint64 low_n;               /* the n of the record at low */
  WsedRecord **items;
  gsize mask;
} WsedRing;

void    wsed_ring_free (WsedRing *ring);
void    wsed_ring_push (WsedRing *ring, WsedRecord *record);
/* The last place whose n is at most @after_n. */
guint64 wsed_ring_locate_n (const WsedRing *ring, guint64 after_n);
/* Where to begin for locate->history events. */
guint64 wsed_ring_locate_history (const WsedRing *ring, const WsedLocate *locate);

static inline WsedRecord *
wsed_ring_at (const WsedRing *ring,
              guint64         at)
{
  return at > ring->low && at <= ring->head ? ring->items[at & ring->mask] : NULL;
}

G_END_DECLS
