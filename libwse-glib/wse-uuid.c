/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random ids for events that come without one. Random bytes are fetched from the kernel for many ids at once, per thread: a call or a
 * lock for each would cost more than the rest of an event. */

#include "wse-uuid-private.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#define IDS_PER_FETCH 64

typedef struct
{
  guint8 bytes[IDS_PER_FETCH][16];
  guint left;
  guint generation;
} Pool;

static __thread Pool pool;

/* A child of fork() has its parent's pool, and would give out the same ids. */
static guint generation = 1;

static void
forget_pools (void)
{
  __atomic_add_fetch (&generation, 1, __ATOMIC_RELAXED);
}

static void
watch_forks (void)
{
  pthread_atfork (NULL, NULL, forget_pools);
}

static void
fill_pool (void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  guint8 *bytes = pool.bytes[0];
  gsize filled = 0;

  pthread_once (&once, watch_forks);
  while (filled < sizeof pool.bytes)
    {
      gssize got = getrandom (bytes + filled, sizeof pool.bytes - filled, 0);

      /* Without flags it can only be interrupted. */
      g_assert (got > 0 || errno == EINTR);
      filled += MAX (got, 0);
    }
  pool.left = IDS_PER_FETCH;
  pool.generation = __atomic_load_n (&generation, __ATOMIC_RELAXED);
}

void
wse_uuid_make (char out[WSE_UUID_LENGTH + 1])
{
  static const char digits[] = "0123456789abcdef";
  guint8 *bytes;

  if (pool.left == 0 || pool.generation != __atomic_load_n (&generation, __ATOMIC_RELAXED))
    fill_pool ();
  bytes = pool.bytes[--pool.left];
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  for (guint i = 0; i < 16; i++)
    {
      if (i == 4 || i == 6 || i == 8 || i == 10)
        *out++ = '-';
      *out++ = digits[bytes[i] >> 4];
      *out++ = digits[bytes[i] & 15];
    }
  *out = '\0';
}
