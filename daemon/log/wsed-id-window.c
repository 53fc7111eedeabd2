/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedIdWindow owns a ring of hashes in the order of n and an open-addressing table over it. It never sees an event, and it never
 * asks the disk: a hash that is found is a likely duplicate, and who can still read the first event compares the ids. */

#include "log/wsed-id-window.h"

#include <string.h>

typedef struct
{
  guint64 hash;
  guint64 seq;
} Slot;

/* Of an event: the low 32 bits of its n, 0: empty (n itself follows from the ring's bounds), and those of its hash, so that to
 * look for one touches the ring only where it is there. */
typedef struct
{
  guint32 n;
  guint32 hash;
} Cell;

struct _WsedIdWindow
{
  guint64 key[2];
  guint capacity;

  /* (first, last]: the events in the ring; slot of n: n & ring_mask */
  guint64 first, last;
  Slot *ring;
  gsize ring_mask;

  /* Twice the ring's size, linear probing. */
  Cell *table;
  gsize table_mask;
};

#define ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

typedef struct
{
  guint64 v0, v1, v2, v3;
} Sip;

static inline void
sip_round (Sip *s)
{
  s->v0 += s->v1; s->v1 = ROTATE (s->v1, 13); s->v1 ^= s->v0; s->v0 = ROTATE (s->v0, 32);
  s->v2 += s->v3; s->v3 = ROTATE (s->v3, 16); s->v3 ^= s->v2;
  s->v0 += s->v3; s->v3 = ROTATE (s->v3, 21); s->v3 ^= s->v0;
  s->v2 += s->v1; s->v1 = ROTATE (s->v1, 17); s->v1 ^= s->v2; s->v2 = ROTATE (s->v2, 32);
}

/* SipHash-2-4 (Aumasson, Bernstein 2012). */
static guint64
sip_hash (const guint64 key[2],
          const char   *data,
          gsize         length)
{
  Sip s = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
  guint64 word;
  gsize i;

  for (i = 0; i + 8 <= length; i += 8)
    {
      memcpy (&word, data + i, 8);
      word = GUINT64_FROM_LE (word);
      s.v3 ^= word;
      sip_round (&s);
      sip_round (&s);
      s.v0 ^= word;
    }
  word = (guint64) length << 56;
  for (gsize j = 0; i + j < length; j++)
    word |= (guint64) (guint8) data[i + j] << (8 * j);
  s.v3 ^= word;
  sip_round (&s);
  sip_round (&s);
  s.v0 ^= word;
  s.v2 ^= 0xff;
  for (i = 0; i < 4; i++)
    sip_round (&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

WsedIdWindow *
wsed_id_window_new (const guint8 secret[WSED_ID_SECRET_BYTES],
                    guint        capacity)
{
  WsedIdWindow *self = g_new0 (WsedIdWindow, 1);

  memcpy (self->key, secret, WSED_ID_SECRET_BYTES);
  self->key[0] = GUINT64_FROM_LE (self->key[0]);
  self->key[1] = GUINT64_FROM_LE (self->key[1]);
  self->capacity = capacity;
  self->ring_mask = 1023;
  self->ring = g_new (Slot, self->ring_mask + 1);
  self->table_mask = 2047;
  self->table = g_new0 (Cell, self->table_mask + 1);
  return self;
}

void
wsed_id_window_free (WsedIdWindow *self)
{
  if (self == NULL)
    return;
  g_free (self->ring);
  g_free (self->table);
  g_free (self);
}

guint64
wsed_id_window_hash (WsedIdWindow *self,
                     const char   *channel,
                     const char   *id)
{
  gsize channel_length = strlen (channel) + 1, id_length = strlen (id);
  char fixed[320];
  g_autofree char *large = NULL;
  char *text = fixed;

  if (channel_length + id_length > sizeof fixed)
    text = large = g_malloc (channel_length + id_length);
  memcpy (text, channel, channel_length);
  memcpy (text + channel_length, id, id_length);
  return sip_hash (self->key, text, channel_length + id_length);
}

/* 0 stands for an empty slot: an n whose low bits are 0 is left out, one event in 4,294,967,296. */
static inline guint64
expand (WsedIdWindow *self,
        guint32       low)
{
  return self->last - (guint32) ((guint32) self->last - low);
}

static inline Slot *
slot_of (WsedIdWindow *self,
         guint64       n)
{
  return &self->ring[n & self->ring_mask];
}

gboolean
wsed_id_window_find (WsedIdWindow *self,
                     guint64       hash,
                     guint64      *n,
                     guint64      *seq)
{
  guint64 found = 0;

  for (gsize i = hash & self->table_mask; self->table[i].n != 0; i = (i + 1) & self->table_mask)
    {
      guint64 at = expand (self, self->table[i].n);

      if (self->table[i].hash == (guint32) hash && at > found && slot_of (self, at)->hash == hash)
        found = at;
    }
  if (found == 0)
    return FALSE;
  *n = found;
  *seq = slot_of (self, found)->seq;
  return TRUE;
}

static void
table_insert (WsedIdWindow *self,
              guint64       n)
{
  guint64 hash = slot_of (self, n)->hash;
  gsize i = hash & self->table_mask;

  while (self->table[i].n != 0)
    i = (i + 1) & self->table_mask;
  self->table[i] = (Cell) { (guint32) n, (guint32) hash };
}

/* Closes the hole by moving up those that would no longer be found behind it. */
static void
table_remove (WsedIdWindow *self,
              guint64       n)
{
  gsize i = slot_of (self, n)->hash & self->table_mask, hole;

  if ((guint32) n == 0)
    return;
  while (self->table[i].n != (guint32) n)
    i = (i + 1) & self->table_mask;
  hole = i;
  for (i = (i + 1) & self->table_mask; self->table[i].n != 0; i = (i + 1) & self->table_mask)
    {
      gsize home = self->table[i].hash & self->table_mask;

      if (((i - home) & self->table_mask) >= ((i - hole) & self->table_mask))
        {
          self->table[hole] = self->table[i];
          hole = i;
        }
    }
  self->table[hole] = (Cell) { 0, 0 };
}

static void
grow (WsedIdWindow *self)
{
  gsize mask = self->ring_mask * 2 + 1;
  Slot *ring = g_new (Slot, mask + 1);

  for (guint64 n = self->first + 1; n <= self->last; n++)
    ring[n & mask] = *slot_of (self, n);
  g_free (self->ring);
  self->ring = ring;
  self->ring_mask = mask;
  g_free (self->table);
  self->table_mask = mask * 2 + 1;
  self->table = g_new0 (Cell, self->table_mask + 1);
  for (guint64 n = self->first + 1; n <= self->last; n++)
    if ((guint32) n != 0)
      table_insert (self, n);
}

void
wsed_id_window_add (WsedIdWindow *self,
                    guint64       n,
                    guint64       hash,
                    guint64       seq)
{
  Slot *slot;

  if (n != self->last + 1)
    {
      memset (self->table, 0, (self->table_mask + 1) * sizeof *self->table);
      self->first = self->last = n - 1;
    }
  if (self->last - self->first > self->ring_mask)
    grow (self);
  self->last = n;
  slot = slot_of (self, n);
  slot->hash = hash;
  slot->seq = seq;
  if ((guint32) n != 0)
    table_insert (self, n);
}

void
wsed_id_window_drop (WsedIdWindow *self,
                     guint64       n)
{
  while (self->last > self->first && self->last > n)
    {
      table_remove (self, self->last);
      self->last--;
    }
}

void
wsed_id_window_trim (WsedIdWindow *self)
{
  while (self->last - self->first > self->capacity)
    {
      table_remove (self, self->first + 1);
      self->first++;
    }
}
