/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedStream names a channel in one encoding for one worker. What is in it lies in the tail; what the worker sees of it is in its slot. */

#include "stream/wsed-stream.h"

#include <string.h>

WsedStream *
wsed_stream_new (const char  *channel,
                 WsedEncoding encoding,
                 guint        worker)
{
  gsize size = strlen (channel) + 1;
  WsedStream *stream = g_malloc0 (G_STRUCT_OFFSET (WsedStream, channel) + size);

  g_atomic_ref_count_init (&stream->refs);
  memcpy (stream->channel, channel, size);
  stream->slot.encoding = encoding;
  stream->slot.worker = worker;
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
  if (g_atomic_ref_count_dec (&stream->refs))
    g_free (stream);
}

gboolean
wsed_stream_is_whole (const WsedStream *stream)
{
  return strcmp (stream->channel, "*") == 0;
}
