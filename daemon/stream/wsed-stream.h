/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-encoding.h"
#include "stream/wsed-tail.h"

G_BEGIN_DECLS

#define WSED_MAX_WORKERS 64

/* A channel in one encoding, while somebody subscribes to it. Refcounted; the fields belong to the main thread but for the slots: each
 * worker has one for what it keeps of the stream and touches no other. */
typedef struct _WsedStream WsedStream;
struct _WsedStream
{
  gatomicrefcount refs;
  char *channel;               /* "*": the whole log, its positions are n */
  WsedEncoding encoding;
  guint64 workers;             /* main: a bit for each worker that has subscriptions */
  struct
  {
    guint subscriptions;       /* main: how many that worker has */
    gpointer slot;             /* the worker: its WsedSlot, NULL where it keeps nothing */
  } at[];
};

WsedStream *wsed_stream_new   (const char *channel, WsedEncoding encoding, guint n_workers);
WsedStream *wsed_stream_ref   (WsedStream *stream);
void        wsed_stream_unref (WsedStream *stream);
/* Main thread: counts a worker's subscriptions; unsubscribe tells whether that was the last of all. */
void        wsed_stream_subscribe   (WsedStream *stream, guint worker);
gboolean    wsed_stream_unsubscribe (WsedStream *stream, guint worker);
gboolean    wsed_stream_is_whole    (const WsedStream *stream);

/* One new entry of a stream, on its way to a worker. */
typedef struct
{
  WsedStream *stream;          /* referenced */
  WsedEntry *entry;            /* referenced */
  WsedPiece piece;
  guint64 seq;
} WsedArrival;

G_END_DECLS
