/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedQuota owns token buckets by key. A key is kept as its hash, seeded at random, so that nobody can choose keys that meet in one set.
 * It never grows and never counts what it refuses. */

#include "guard/wsed-quota.h"

#include <string.h>

#define N_SETS 2048
#define N_WAYS 8

typedef struct
{
  guint64 key;                 /* 0: empty */
  WsedBucket bucket;
} Slot;

struct _WsedQuota
{
  guint rate, burst;
  guint64 seed;
  Slot slots[N_SETS][N_WAYS];
};

gint64
wsed_bucket_take (WsedBucket *self,
                  guint       rate,
                  guint       burst,
                  gint64      now)
{
  gint64 interval = G_GINT64_CONSTANT (1000000000) / rate;
  gint64 then = MAX (self->spent, now * 1000) + interval;
  gint64 wait = then - now * 1000 - interval * MAX (burst, 1);

  if (wait > 0)
    return (wait + 999) / 1000;
  self->spent = then;
  return 0;
}

WsedQuota *
wsed_quota_new (guint rate,
                guint burst)
{
  WsedQuota *self;

  if (rate == 0)
    return NULL;
  self = g_new0 (WsedQuota, 1);
  self->rate = rate;
  self->burst = burst;
  self->seed = (guint64) g_random_int () << 32 | g_random_int ();
  return self;
}

static guint64
mix (guint64 x)
{
  x ^= x >> 33;
  x *= G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
  x ^= x >> 33;
  x *= G_GUINT64_CONSTANT (0xc4ceb9fe1a85ec53);
  return x ^ x >> 33;
}

static guint64
hash (const WsedQuota *self,
      const guint8    *key,
      gsize            length)
{
  guint64 sum = mix (self->seed ^ length);

  for (; length > 0; length -= MIN (length, sizeof sum), key += sizeof sum)
    {
      guint64 word = 0;

      memcpy (&word, key, MIN (length, sizeof word));
      sum = mix (sum + self->seed) ^ mix (word ^ self->seed);
      sum = mix (sum);
    }
  return sum | 1;
}

gint64
wsed_quota_take (WsedQuota  *self,
                 const void *key,
                 gsize       length,
                 gint64      now)
{
  Slot *set, *slot;
  guint64 sum;

  if (self == NULL)
    return 0;
  sum = hash (self, key, length);
  set = self->slots[(sum >> 32) % N_SETS];
  slot = &set[0];
  for (guint i = 0; i < N_WAYS; i++)
    {
      if (set[i].key == sum)
        {
          slot = &set[i];
          break;
        }
      if (set[i].bucket.spent < slot->bucket.spent)
        slot = &set[i];
    }
  if (slot->key != sum)
    *slot = (Slot) { sum, { 0 } };
  return wsed_bucket_take (&slot->bucket, self->rate, self->burst, now);
}

void
wsed_quota_free (WsedQuota *self)
{
  g_free (self);
}
