/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The RFC 6455 codec, both directions, no I/O. The decoder is fed bytes as they come and gives out messages; it never holds more than
 * max_message bytes and costs nothing but its struct while no message is under way. */

typedef enum
{
  WSE_OPCODE_CONTINUATION = 0x0,
  WSE_OPCODE_TEXT = 0x1,
  WSE_OPCODE_BINARY = 0x2,
  WSE_OPCODE_CLOSE = 0x8,
  WSE_OPCODE_PING = 0x9,
  WSE_OPCODE_PONG = 0xa,
} WseOpcode;

typedef enum
{
  WSE_CLOSE_NORMAL = 1000,
  WSE_CLOSE_GOING_AWAY = 1001,
  WSE_CLOSE_PROTOCOL = 1002,
  WSE_CLOSE_UNSUPPORTED = 1003,
  WSE_CLOSE_NO_STATUS = 1005,      /* never on the wire */
  WSE_CLOSE_NOT_UTF8 = 1007,
  WSE_CLOSE_POLICY = 1008,
  WSE_CLOSE_TOO_LARGE = 1009,
  WSE_CLOSE_INTERNAL = 1011,
  WSE_CLOSE_BAD_TOKEN = 4401,
  WSE_CLOSE_FORBIDDEN = 4403,
  WSE_CLOSE_TOO_SLOW = 4408,
  WSE_CLOSE_TOO_MANY = 4429,
} WseCloseCode;

typedef struct _WseFrameDecoder WseFrameDecoder;

typedef enum
{
  WSE_FRAME_MORE,                  /* all bytes used, nothing complete yet */
  WSE_FRAME_MESSAGE,               /* a whole data message, or a control frame */
  WSE_FRAME_ERROR,                 /* close with the decoder's close code; feed nothing more */
} WseFrameStatus;

typedef struct
{
  WseOpcode opcode;                /* TEXT, BINARY, CLOSE, PING or PONG */
  const char *data;                /* valid until the next call; text is checked UTF-8; a close's reason without its code */
  gsize length;
  guint16 close_code;              /* of a CLOSE: WSE_CLOSE_NO_STATUS where it had none */
} WseFrame;

/* @masked: frames must be masked (a server's view), else must not be. @max_message: bytes, all fragments added up. @binary: FALSE
 * makes a binary message an error with 1003. Text fails fast: within a frame, as soon as a byte cannot be UTF-8. */
WseFrameDecoder *wse_frame_decoder_new (gboolean masked, gsize max_message, gboolean binary);
/* permessage-deflate was negotiated: a message may come deflated, with RSV1. @max_message then bounds what it inflates to. */
void             wse_frame_decoder_set_deflate (WseFrameDecoder *decoder, gboolean deflate);
void             wse_frame_decoder_free (WseFrameDecoder *decoder);
/* Uses bytes from *@data / *@length, moving them forward; may unmask in place. Call again until MORE or ERROR. What comes after a close
 * frame is used up unseen (RFC 6455 5.5.1). */
WseFrameStatus   wse_frame_decoder_feed (WseFrameDecoder *decoder, char **data, gsize *length, WseFrame *frame);
guint16          wse_frame_decoder_get_close_code (WseFrameDecoder *decoder);
const char      *wse_frame_decoder_get_problem (WseFrameDecoder *decoder);
/* Whether it stands between two messages, and has seen neither an error nor a close: another one in its place would go on alike. */
gboolean         wse_frame_decoder_is_fresh (WseFrameDecoder *decoder);
/* Bytes held for a message under way. */
gsize            wse_frame_decoder_get_held (WseFrameDecoder *decoder);

/* Or-ed to an opcode: RSV1, the payload is deflated. */
#define WSE_FRAME_DEFLATED 0x40

/* A server's frame (unmasked, FIN): header of 2, 4 or 10 bytes. */
#define WSE_FRAME_HEADER_MAX 10
gsize            wse_frame_header (guint8 header[WSE_FRAME_HEADER_MAX], WseOpcode opcode, gsize length);
/* Appends a whole frame. */
void             wse_frame_append (GByteArray *out, WseOpcode opcode, const char *data, gsize length);
/* Appends a close frame; the reason is cut at 123 bytes on a character's boundary. Code 0 or NO_STATUS: an empty one. */
void             wse_frame_append_close (GByteArray *out, guint16 code, const char *reason);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WseFrameDecoder, wse_frame_decoder_free)

G_END_DECLS
