/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-encoding.h"
#include "stream/wsed-tail.h"
#include "wse-limits.h"

G_BEGIN_DECLS

#define WSED_MAX_WORKERS 64

typedef struct _WsedView WsedView;
typedef struct _WsedStream WsedStream;

/* What a worker knows of a stream of its own; that thread's alone. */
typedef struct
{
  WsedView *views;             /* a list; NULL: nothing is kept, and the rest means nothing */
  guint64 head;                /* the last seq that this worker was told of */
  guint64 erased;              /* what lies in the views up to here was erased from the log; 0: nothing */
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  guint8 asked;                /* for the channel's epoch: nothing is read of it until it is known (wsed-renewal.c) */
  guint8 worker;               /* its index; this and the next never change */
  guint16 encoding;            /* a WsedEncoding */
} WsedSlot;

/* A channel in one encoding on one worker, while that worker subscribes to it. Refcounted. A subscription to a channel that nobody else
 * has costs one of these: it is kept small. */
struct _WsedStream
{
  gatomicrefcount refs;
  guint subscriptions;         /* main: how many the worker has */
  WsedStream *next;            /* main: of the same channel */
  WsedSlot slot;
  char channel[];              /* "*": the whole log, its positions are n */
};

WsedStream *wsed_stream_new   (const char *channel, WsedEncoding encoding, guint worker);
WsedStream *wsed_stream_ref   (WsedStream *stream);
void        wsed_stream_unref (WsedStream *stream);
gboolean    wsed_stream_is_whole (const WsedStream *stream);

static inline WsedStream *
wsed_stream_of_slot (WsedSlot *slot)
{
  return (WsedStream *) ((char *) slot - G_STRUCT_OFFSET (WsedStream, slot));
}

/* One new entry of a stream, on its way to a worker. */
typedef struct
{
  WsedStream *stream;          /* referenced */
  WsedEntry *entry;            /* referenced */
  WsedPiece piece;
  guint64 seq;
  guint64 key;                 /* 0: it is never conflated */
} WsedArrival;

G_END_DECLS
