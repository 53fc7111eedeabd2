/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedStream names a channel in one encoding and counts who subscribes to it. What is in it lies in the tail; what a worker sees of it is
 * in the worker's slot. */

#include "stream/wsed-stream.h"

#include <string.h>

WsedStream *
wsed_stream_new (const char  *channel,
                 WsedEncoding encoding,
                 guint        n_workers)
{
  WsedStream *stream = g_malloc0 (sizeof (WsedStream) + n_workers * sizeof (stream->at[0]));

  g_atomic_ref_count_init (&stream->refs);
  stream->channel = g_strdup (channel);
  stream->encoding = encoding;
  return stream;
}

WsedStream *
wsed_stream_ref (WsedStream *stream)
{
  g_atomic_ref_count_inc (&stream->refs);
  return stream;
}

void
wsed_stream_unref (WsedStream *stream)
{
  if (!g_atomic_ref_count_dec (&stream->refs))
    return;
  g_free (stream->channel);
  g_free (stream);
}

void
wsed_stream_subscribe (WsedStream *stream,
                       guint       worker)
{
  stream->at[worker].subscriptions++;
  stream->workers |= G_GUINT64_CONSTANT (1) << worker;
}

gboolean
wsed_stream_unsubscribe (WsedStream *stream,
                         guint       worker)
{
  g_assert (stream->at[worker].subscriptions > 0);

  if (--stream->at[worker].subscriptions == 0)
    stream->workers &= ~(G_GUINT64_CONSTANT (1) << worker);
  return stream->workers == 0;
}

gboolean
wsed_stream_is_whole (const WsedStream *stream)
{
  return strcmp (stream->channel, "*") == 0;
}
