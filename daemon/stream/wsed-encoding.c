/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From an event to the bytes that go over the wire: the dialect's text in the framing of the transport. */

#include "stream/wsed-encoding.h"

#include <string.h>

#include "wse-frame-private.h"

gsize
wsed_encoding_write (WsedEncoding     encoding,
                     const WsedEntry *entry,
                     const char      *channel,
                     guint64          seq,
                     const char      *epoch,
                     GString         *body,
                     char             head[WSED_ENCODING_HEAD])
{
  g_string_truncate (body, 0);
  wse_dialect_write (encoding / WSED_N_FRAMINGS, entry->event, channel, seq, body);
  if (wsed_encoding_get_framing (encoding) == WSED_FRAMING_WEBSOCKET)
    return wse_frame_header ((guint8 *) head, WSE_OPCODE_TEXT, body->len);
  g_string_append (body, "\n\n");
  return g_snprintf (head, WSED_ENCODING_HEAD, "id: *@%s:%" G_GUINT64_FORMAT "\ndata: ", epoch, entry->n);
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
  if (wsed_encoding_get_framing (encoding) == WSED_FRAMING_WEBSOCKET)
    {
      wse_frame_append (out, WSE_OPCODE_TEXT, text, length);
      return;
    }
  append (out, "event: ");
  append (out, type);
  append (out, "\ndata: ");
  g_byte_array_append (out, (const guint8 *) text, length);
  append (out, "\n\n");
}
