/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedNewest is a hash table with open addressing, of places by key. It remembers more than the view does, for those who read from the
 * log, but is only as large as the view's ring: its memory is bounded with that. What is forgotten is sent, not lost. */

#include "stream/wsed-newest.h"

/* Places for each entry of the view: it is at most half full, and half of that may be of entries that have gone. */
#define PLACES 4u

typedef struct
{
  guint64 key;                 /* 0: free */
  guint64 index;
  guint64 seq;
} Place;

struct _WsedNewest
{
  guint size;                  /* a power of two */
  guint used;
  Place *places;
};

gsize
wsed_newest_get_bytes (guint entries)
{
  return sizeof (WsedNewest) + entries * PLACES * sizeof (Place);
}

WsedNewest *
wsed_newest_new (guint entries)
{
  WsedNewest *self = g_new0 (WsedNewest, 1);

  self->size = entries * PLACES;
  self->places = g_new0 (Place, self->size);
  return self;
}

void
wsed_newest_free (WsedNewest *self)
{
  if (self == NULL)
    return;
  g_free (self->places);
  g_free (self);
}

/* The key's place, or the free one where it would be. */
static Place *
find (const WsedNewest *self,
      guint64           key)
{
  guint at = key & (self->size - 1);

  while (self->places[at].key != 0 && self->places[at].key != key)
    at = (at + 1) & (self->size - 1);
  return &self->places[at];
}

/* Makes a table of @size with those that are at @begin or behind it. */
static void
rebuild (WsedNewest *self,
         guint       size,
         guint64     begin)
{
  Place *places = self->places;
  guint old_size = self->size;

  self->size = size;
  self->used = 0;
  self->places = g_new0 (Place, size);
  for (guint i = 0; i < old_size; i++)
    if (places[i].key != 0 && places[i].index >= begin)
      {
        *find (self, places[i].key) = places[i];
        self->used++;
      }
  g_free (places);
}

void
wsed_newest_resize (WsedNewest *self,
                    guint       entries,
                    guint64     begin)
{
  guint size = entries * PLACES;

  rebuild (self, size, self->used < size / 2 ? 0 : begin);
}

gboolean
wsed_newest_note (WsedNewest *self,
                  guint64     key,
                  guint64     index,
                  guint64     seq,
                  guint64     begin,
                  guint64    *before)
{
  Place *place = find (self, key);
  gboolean known = place->key == key;

  if (!known && self->used >= self->size / 2)
    {
      rebuild (self, self->size, begin);
      place = find (self, key);
    }
  if (known)
    *before = place->index;
  self->used += !known;
  *place = (Place){ key, index, seq };
  return known;
}

guint64
wsed_newest_get_seq (const WsedNewest *self,
                     guint64           key)
{
  const Place *place = find (self, key);

  return place->key == key ? place->seq : 0;
}
