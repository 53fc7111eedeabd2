/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-entry.h"
#include "wse-dialect.h"
#include "wse-frame-private.h"

G_BEGIN_DECLS

/* A dialect in the framing of a transport: what of an event is the same bytes for all its receivers. */
typedef guint WsedEncoding;

typedef enum
{
  WSED_FRAMING_WEBSOCKET,      /* a text frame, RFC 6455 */
  WSED_FRAMING_DEFLATE,        /* the same where permessage-deflate was negotiated, RFC 7692 */
  WSED_FRAMING_SSE,            /* an event of a text/event-stream */
  WSED_N_FRAMINGS,
} WsedFraming;

#define WSED_N_ENCODINGS (WSE_N_DIALECTS * WSED_N_FRAMINGS)
#define WSED_ENCODING_HEAD 96

static inline WsedEncoding
wsed_encoding (WseDialect  dialect,
               WsedFraming framing)
{
  return dialect * WSED_N_FRAMINGS + framing;
}

static inline WsedFraming
wsed_encoding_get_framing (WsedEncoding encoding)
{
  return encoding % WSED_N_FRAMINGS;
}

/* Puts @entry, as it is written for @channel where it has @seq, into @body and what goes before it into @head; returns that one's
 * length. @epoch: the log's. */
gsize wsed_encoding_write   (WsedEncoding encoding, const WsedEntry *entry, const char *channel, guint64 seq, const char *epoch,
                             GString *body, char head[WSED_ENCODING_HEAD]);
/* Appends a message, text or binary, to @out; not for SSE. */
void  wsed_framing_append   (WsedFraming framing, WseOpcode opcode, const char *data, gsize length, GByteArray *out);
/* Appends a message about the stream, of the given type, to @out. */
void  wsed_encoding_control (WsedEncoding encoding, const char *type, const char *text, gsize length, GByteArray *out);

G_END_DECLS
