/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedTail is the live end of all streams: framed bytes in a ring of chunks, at most three quarters of max_bytes of them; the rest is for
 * the workers' indices (wsed-eviction.c). It is written by the main thread
 * alone and evicts its oldest chunk whole, so what is evicted is first in, first out by construction. Workers keep a reference to each
 * chunk until they have forgotten every frame in it; the tail never waits for them. */

#include "stream/wsed-tail.h"

#include <string.h>

#define CHUNK_BYTES (256 * 1024)
#define MIN_CHUNK_BYTES (16 * 1024)

struct _WsedTail
{
  GQueue chunks;               /* oldest first */
  gsize max_bytes;
  gsize chunk_bytes;           /* at least two of them are kept */
  gsize bytes;
  guint64 last_id;
};

WsedChunk *
wsed_chunk_ref (WsedChunk *chunk)
{
  g_atomic_ref_count_inc (&chunk->refs);
  return chunk;
}

void
wsed_chunk_unref (WsedChunk *chunk)
{
  if (g_atomic_ref_count_dec (&chunk->refs))
    g_free (chunk);
}

WsedTail *
wsed_tail_new (gsize max_bytes)
{
  WsedTail *tail = g_new0 (WsedTail, 1);

  g_queue_init (&tail->chunks);
  tail->max_bytes = max_bytes - wsed_tail_get_index_share (max_bytes);
  tail->chunk_bytes = CLAMP (tail->max_bytes / 2, MIN_CHUNK_BYTES, CHUNK_BYTES);
  return tail;
}

gsize
wsed_tail_get_index_share (gsize max_bytes)
{
  return max_bytes / 4;
}

void
wsed_tail_free (WsedTail *tail)
{
  g_queue_clear_full (&tail->chunks, (GDestroyNotify) wsed_chunk_unref);
  g_free (tail);
}

/* The newest stays, whatever it holds. */
static void
evict (WsedTail *tail)
{
  while (tail->bytes > tail->max_bytes && tail->chunks.length > 1)
    {
      WsedChunk *oldest = g_queue_pop_head (&tail->chunks);

      tail->bytes -= sizeof (WsedChunk) + oldest->size + oldest->charged;
      wsed_chunk_unref (oldest);
    }
}

static WsedChunk *
add_chunk (WsedTail *tail,
           gsize     needed)
{
  guint32 size = MAX (tail->chunk_bytes - sizeof (WsedChunk), needed);
  WsedChunk *chunk = g_malloc (sizeof (WsedChunk) + size);

  g_atomic_ref_count_init (&chunk->refs);
  chunk->id = ++tail->last_id;
  chunk->size = size;
  chunk->used = 0;
  chunk->charged = 0;
  tail->bytes += sizeof (WsedChunk) + size;
  g_queue_push_tail (&tail->chunks, chunk);
  evict (tail);
  return chunk;
}

void
wsed_tail_write (WsedTail   *tail,
                 const void *header,
                 gsize       header_length,
                 const void *data,
                 gsize       length,
                 WsedPiece  *piece)
{
  WsedChunk *chunk = g_queue_peek_tail (&tail->chunks);
  gsize needed = header_length + length;

  g_assert (needed < G_MAXUINT32 / 2);

  if (chunk == NULL || chunk->size - chunk->used < needed || chunk->used + chunk->charged >= tail->chunk_bytes)
    chunk = add_chunk (tail, needed);
  piece->chunk = chunk;
  piece->offset = chunk->used;
  piece->length = needed;
  memcpy (chunk->data + chunk->used, header, header_length);
  memcpy (chunk->data + chunk->used + header_length, data, length);
  chunk->used += needed;
}

void
wsed_tail_charge (WsedTail *tail,
                  gsize     bytes)
{
  WsedChunk *newest = g_queue_peek_tail (&tail->chunks);

  if (newest == NULL)
    return;
  newest->charged += bytes;
  tail->bytes += bytes;
  evict (tail);
}

guint64
wsed_tail_get_first_id (WsedTail *tail)
{
  WsedChunk *first = g_queue_peek_head (&tail->chunks);

  return first != NULL ? first->id : tail->last_id + 1;
}

gsize
wsed_tail_get_bytes (WsedTail *tail)
{
  return tail->bytes;
}
