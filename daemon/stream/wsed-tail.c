/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedTail is the live end of all streams: framed bytes in a ring of chunks, at most max_bytes of them. It is written by the main thread
 * alone and evicts its oldest chunk whole, so what is evicted is first in, first out by construction. Workers keep a reference to each
 * chunk until they have forgotten every frame in it; the tail never waits for them. */

#include "stream/wsed-tail.h"

#include <string.h>

#define CHUNK_BYTES (256 * 1024)

struct _WsedTail
{
  GQueue chunks;               /* oldest first */
  gsize max_bytes;
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
  tail->max_bytes = MAX (max_bytes, 2 * CHUNK_BYTES);
  return tail;
}

void
wsed_tail_free (WsedTail *tail)
{
  g_queue_clear_full (&tail->chunks, (GDestroyNotify) wsed_chunk_unref);
  g_free (tail);
}

static WsedChunk *
add_chunk (WsedTail *tail,
           gsize     needed)
{
  guint32 size = MAX (CHUNK_BYTES - sizeof (WsedChunk), needed);
  WsedChunk *chunk = g_malloc (sizeof (WsedChunk) + size);

  g_atomic_ref_count_init (&chunk->refs);
  chunk->id = ++tail->last_id;
  chunk->size = size;
  chunk->used = 0;
  tail->bytes += sizeof (WsedChunk) + size;
  g_queue_push_tail (&tail->chunks, chunk);
  while (tail->bytes > tail->max_bytes && tail->chunks.length > 1)
    {
      WsedChunk *oldest = g_queue_pop_head (&tail->chunks);

      tail->bytes -= sizeof (WsedChunk) + oldest->size;
      wsed_chunk_unref (oldest);
    }
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

  if (chunk == NULL || chunk->size - chunk->used < needed)
    chunk = add_chunk (tail, needed);
  piece->chunk = chunk;
  piece->offset = chunk->used;
  piece->length = needed;
  memcpy (chunk->data + chunk->used, header, header_length);
  memcpy (chunk->data + chunk->used + header_length, data, length);
  chunk->used += needed;
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
