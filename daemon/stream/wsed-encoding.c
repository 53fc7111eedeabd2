/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From an event to the bytes that go over the wire: the dialect's text in the framing of the transport. */

#include "stream/wsed-encoding.h"

#include <string.h>

#include "stream/wsed-stream-metrics.h"
#include "wse-deflate-private.h"

/* @data deflated, NULL where it goes as it is. */
static const char *
deflate (const char *data,
         gsize       length,
         gsize      *deflated)
{
  const char *shorter = wse_deflate (data, length, deflated);

  if (shorter == NULL)
    return NULL;
  wsed_metric_add (wsed_stream_metrics ()->deflated, 1);
  wsed_metric_add (wsed_stream_metrics ()->deflated_from, length);
  wsed_metric_add (wsed_stream_metrics ()->deflated_to, *deflated);
  return shorter;
}

gsize
wsed_encoding_write (WsedEncoding     encoding,
                     const WsedEntry *entry,
                     const char      *channel,
                     guint64          seq,
                     const char      *epoch,
                     GString         *body,
                     char             head[WSED_ENCODING_HEAD])
{
  WsedFraming framing = wsed_encoding_get_framing (encoding);
  const char *shorter;
  gsize length;

  g_string_truncate (body, 0);
  wse_dialect_write (encoding / WSED_N_FRAMINGS, entry->event, channel, seq, body);
  if (framing == WSED_FRAMING_SSE)
    {
      g_string_append (body, "\n\n");
      /* What is kept nowhere is no place to go on from. */
      if (entry->n == 0)
        return g_strlcpy (head, "data: ", WSED_ENCODING_HEAD);
      return g_snprintf (head, WSED_ENCODING_HEAD, "id: *@%s:%" G_GUINT64_FORMAT "\ndata: ", epoch, entry->n);
    }
  shorter = framing == WSED_FRAMING_DEFLATE ? deflate (body->str, body->len, &length) : NULL;
  if (shorter == NULL)
    return wse_frame_header ((guint8 *) head, WSE_OPCODE_TEXT, body->len);
  g_string_truncate (body, 0);
  g_string_append_len (body, shorter, length);
  return wse_frame_header ((guint8 *) head, WSE_OPCODE_TEXT | WSE_FRAME_DEFLATED, length);
}

void
wsed_framing_append (WsedFraming framing,
                     WseOpcode   opcode,
                     const char *data,
                     gsize       length,
                     GByteArray *out)
{
  gsize deflated;
  const char *shorter = framing == WSED_FRAMING_DEFLATE ? deflate (data, length, &deflated) : NULL;

  if (shorter != NULL)
    wse_frame_append (out, opcode | WSE_FRAME_DEFLATED, shorter, deflated);
  else
    wse_frame_append (out, opcode, data, length);
}

static void
append (GByteArray *out,
        const char *text)
{
  g_byte_array_append (out, (const guint8 *) text, strlen (text));
}

void
wsed_encoding_control (WsedEncoding encoding,
                       const char  *type,
                       const char  *text,
                       gsize        length,
                       GByteArray  *out)
{
  if (wsed_encoding_get_framing (encoding) != WSED_FRAMING_SSE)
    {
      wsed_framing_append (wsed_encoding_get_framing (encoding), WSE_OPCODE_TEXT, text, length, out);
      return;
    }
  append (out, "event: ");
  append (out, type);
  append (out, "\ndata: ");
  g_byte_array_append (out, (const guint8 *) text, length);
  append (out, "\n\n");
}
