/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes that are written once, by the main thread, and from then on only read, by the workers. */
typedef struct
{
  gatomicrefcount refs;
  guint64 id;                  /* 1, 2, 3 … in the order of making */
  guint32 size;
  guint32 used;                /* the writer's; readers know what they may read from what they were told */
  gsize charged;               /* the writer's: bytes elsewhere that go with it */
  char data[];
} WsedChunk;

WsedChunk *wsed_chunk_ref   (WsedChunk *chunk);
void       wsed_chunk_unref (WsedChunk *chunk);

/* A frame's place in the tail. */
typedef struct
{
  WsedChunk *chunk;
  guint32 offset;
  guint32 length;
} WsedPiece;

typedef struct _WsedTail WsedTail;

/* @max_bytes: of the bytes and of what the workers need to find their way in them. */
WsedTail *wsed_tail_new          (gsize max_bytes);
/* Of @max_bytes, what is left to all the workers together. */
gsize     wsed_tail_get_index_share (gsize max_bytes);
void      wsed_tail_free         (WsedTail *tail);
/* Writes @header and @data one behind the other; *@piece stays good as long as its chunk is referenced. */
void      wsed_tail_write        (WsedTail *tail, const void *header, gsize header_length, const void *data, gsize length,
                                  WsedPiece *piece);
/* Something of @bytes is held for as long as what was written last. */
void      wsed_tail_charge       (WsedTail *tail, gsize bytes);
/* The oldest chunk still kept; all with a smaller id are evicted. */
guint64   wsed_tail_get_first_id (WsedTail *tail);
gsize     wsed_tail_get_bytes    (WsedTail *tail);

G_END_DECLS
