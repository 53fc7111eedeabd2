/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The RFC 6455 codec: bytes in, messages out, and the frames that a server writes. It owns the bytes of a message under way and nothing
 * else; it does no I/O, answers no ping and sends no close: that is the connection's. A frame's header is judged byte by byte, before
 * anything of its payload is kept, so that what cannot be right costs no memory. */

#include "wse-deflate-private.h"
#include "wse-frame-private.h"
#include "wse-utf8-private.h"

#include <string.h>

#define FIN 0x80
#define RSV1 0x40            /* on a message's first frame: deflated (RFC 7692 6) */
#define RSV 0x70
#define MASKED 0x80
#define CONTROL_MAX 125        /* RFC 6455 5.5 */
#define REASON_MAX 123         /* a control frame's payload but for the code */
#define INFLATED_PART 4096     /* bytes inflated at a time, on the stack */
#define FIRST_BUFFER 256       /* bytes a message's buffer begins with; it grows with what came, not with what was declared */

struct _WseFrameDecoder
{
  gsize max_message;

  /* The message under way: its fragments so far. */
  char *buffer;
  gsize held;
  gsize capacity;
  WseInflater *inflater;       /* NULL: nothing of it came yet, or it is not deflated */

  /* The frame under way. */
  guint64 remaining;           /* bytes of its payload still to come */
  char *control;               /* a control frame that came in pieces */
  guint8 header[14];
  guint8 n_header;
  guint8 n_control;

  char *given;                 /* what the last frame given out points into */
  const char *problem;
  guint16 close_code;          /* 0: no error */
  guint8 message;              /* opcode of the message under way, 0: none */
  guint8 mask_at;
  WseUtf8 utf8;
  guint8 masked : 1;
  guint8 binary : 1;
  guint8 deflate : 1;          /* messages may be deflated */
  guint8 deflated : 1;         /* the one under way is */
  guint8 in_payload : 1;
  guint8 closed : 1;           /* a close frame was given out */
};

G_STATIC_ASSERT (sizeof (WseFrameDecoder) <= 104);

WseFrameDecoder *
wse_frame_decoder_new (gboolean masked, gsize max_message, gboolean binary)
{
  WseFrameDecoder *self = g_new0 (WseFrameDecoder, 1);

  self->masked = masked != FALSE;
  self->binary = binary != FALSE;
  self->max_message = max_message;
  return self;
}

void
wse_frame_decoder_set_deflate (WseFrameDecoder *self, gboolean deflate)
{
  self->deflate = deflate != FALSE;
}

void
wse_frame_decoder_free (WseFrameDecoder *self)
{
  g_clear_pointer (&self->inflater, wse_inflater_free);
  g_free (self->buffer);
  g_free (self->control);
  g_free (self->given);
  g_free (self);
}

static gboolean
fail (WseFrameDecoder *self, guint16 code, const char *problem)
{
  self->close_code = code;
  self->problem = problem;
  g_clear_pointer (&self->buffer, g_free);
  g_clear_pointer (&self->control, g_free);
  g_clear_pointer (&self->inflater, wse_inflater_free);
  self->held = self->capacity = 0;
  self->n_control = 0;
  return FALSE;
}

static guint8
frame_opcode (const WseFrameDecoder *self)
{
  return self->header[0] & 0x0f;
}

static gboolean
is_control (const WseFrameDecoder *self)
{
  return (frame_opcode (self) & 0x08) != 0;
}

static gboolean
check_control (WseFrameDecoder *self, guint8 first)
{
  if (frame_opcode (self) > WSE_OPCODE_PONG)
    return fail (self, WSE_CLOSE_PROTOCOL, "reserved opcode");
  if ((first & FIN) == 0)
    return fail (self, WSE_CLOSE_PROTOCOL, "fragmented control frame");
  return TRUE;
}

static gboolean
check_first (WseFrameDecoder *self)
{
  guint8 first = self->header[0];
  guint8 opcode = frame_opcode (self);

  if ((first & RSV) != 0 && ((first & RSV) != RSV1 || !self->deflate || is_control (self) || opcode == WSE_OPCODE_CONTINUATION))
    return fail (self, WSE_CLOSE_PROTOCOL, "reserved bit set");
  if (is_control (self))
    return check_control (self, first);
  if (opcode > WSE_OPCODE_BINARY)
    return fail (self, WSE_CLOSE_PROTOCOL, "reserved opcode");
  if (opcode == WSE_OPCODE_CONTINUATION)
    return self->message != 0 || fail (self, WSE_CLOSE_PROTOCOL, "continuation without a message");
  if (self->message != 0)
    return fail (self, WSE_CLOSE_PROTOCOL, "new message within a fragmented one");
  if (opcode == WSE_OPCODE_BINARY && !self->binary)
    return fail (self, WSE_CLOSE_UNSUPPORTED, "binary message");

  self->message = opcode;
  self->deflated = (first & RSV1) != 0;
  memset (&self->utf8, 0, sizeof self->utf8);
  return TRUE;
}

/* A data frame's declared length, before a byte of it is kept. A deflated message may be longer than what it says, since nothing of it is
 * kept; but not without end. */
static gboolean
check_limit (WseFrameDecoder *self)
{
  guint64 limit = self->max_message, used = self->held;

  if (is_control (self))
    return TRUE;
  if (self->deflated)
    {
      limit = 2 * limit;
      used = self->inflater != NULL ? wse_inflater_get_used (self->inflater) : 0;
    }
  return self->remaining <= limit - used || fail (self, WSE_CLOSE_TOO_LARGE, "message too large");
}

static gboolean
check_second (WseFrameDecoder *self)
{
  guint8 length = self->header[1] & 0x7f;

  if (((self->header[1] & MASKED) != 0) != self->masked)
    return fail (self, WSE_CLOSE_PROTOCOL, self->masked ? "frame without mask" : "masked frame");
  if (is_control (self) && length > CONTROL_MAX)
    return fail (self, WSE_CLOSE_PROTOCOL, "control frame too long");
  if (frame_opcode (self) == WSE_OPCODE_CLOSE && length == 1)
    return fail (self, WSE_CLOSE_PROTOCOL, "close frame with half a code");

  self->remaining = length;
  return length > CONTROL_MAX || check_limit (self);
}

static gboolean
check_length (WseFrameDecoder *self, guint n_bytes)
{
  guint64 length = 0;

  for (guint i = 0; i < n_bytes; i++)
    length = length << 8 | self->header[2 + i];

  if ((length >> 63) != 0)
    return fail (self, WSE_CLOSE_PROTOCOL, "length with the top bit set");
  if (length < (n_bytes == 2 ? 126 : 65536))
    return fail (self, WSE_CLOSE_PROTOCOL, "length not in its shortest form");

  self->remaining = length;
  return check_limit (self);
}

/* Takes the header's bytes one by one, so that it is refused at the first that is wrong. TRUE once it is whole. */
static gboolean
read_header (WseFrameDecoder *self, char **data, gsize *length)
{
  while (*length > 0)
    {
      guint n_length, length_code;

      self->header[self->n_header++] = (guint8) **data;
      (*data)++;
      (*length)--;

      if (self->n_header == 1)
        {
          if (!check_first (self))
            return FALSE;
          continue;
        }
      if (self->n_header == 2 && !check_second (self))
        return FALSE;

      length_code = self->header[1] & 0x7f;
      n_length = length_code == 127 ? 8 : length_code == 126 ? 2 : 0;
      if (n_length > 0 && self->n_header == 2 + n_length && !check_length (self, n_length))
        return FALSE;
      if (self->n_header == 2 + n_length + (self->masked ? 4 : 0))
        return TRUE;
    }
  return FALSE;
}

/* XORs with the mask, which stands last in the header, going on at mask_at. */
static void
unmask (WseFrameDecoder *self, char *data, gsize length)
{
  const guint8 *mask = self->header + self->n_header - 4;
  guint8 turned[8];
  guint64 wide;
  gsize i = 0;

  for (guint k = 0; k < 8; k++)
    turned[k] = mask[(self->mask_at + k) & 3];
  memcpy (&wide, turned, sizeof wide);

  for (; length - i >= 8; i += 8)
    {
      guint64 word;

      memcpy (&word, data + i, sizeof word);
      word ^= wide;
      memcpy (data + i, &word, sizeof word);
    }
  for (; i < length; i++)
    data[i] ^= (char) turned[i & 7];
  self->mask_at = (self->mask_at + length) & 3;
}

static void
keep (WseFrameDecoder *self, const char *data, gsize length)
{
  gsize needed = self->held + length;

  if (length == 0)
    return;
  if (needed > self->capacity)
    {
      gsize doubled = MAX (self->capacity * 2, FIRST_BUFFER);

      self->capacity = MIN (MAX (doubled, needed), self->max_message);
      self->buffer = g_realloc (self->buffer, self->capacity);
    }
  memcpy (self->buffer + self->held, data, length);
  self->held = needed;
}

static gboolean
is_valid_close_code (guint16 code)
{
  if (code >= 3000)
    return code < 5000;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static gboolean
read_close (WseFrameDecoder *self, WseFrame *frame)
{
  WseUtf8 utf8 = { 0 };

  self->closed = TRUE;
  frame->close_code = WSE_CLOSE_NO_STATUS;
  if (frame->length == 0)
    return TRUE;

  frame->close_code = (guint16) ((guint8) frame->data[0] << 8 | (guint8) frame->data[1]);
  frame->data += 2;
  frame->length -= 2;
  if (!is_valid_close_code (frame->close_code))
    return fail (self, WSE_CLOSE_PROTOCOL, "close code that may not be sent");
  if (!wse_utf8_feed (&utf8, frame->data, frame->length) || !wse_utf8_is_whole (&utf8))
    return fail (self, WSE_CLOSE_NOT_UTF8, "close reason is not UTF-8");
  return TRUE;
}

/* @part: the next bytes of the frame's payload, the last if nothing remains. TRUE where @frame was filled in. */
static gboolean
take_control (WseFrameDecoder *self, char *part, gsize length, WseFrame *frame)
{
  *frame = (WseFrame) { .opcode = frame_opcode (self), .data = part, .length = length };
  if (self->remaining > 0 || self->n_control > 0)
    {
      if (length > 0 && self->control == NULL)
        self->control = g_malloc (CONTROL_MAX);
      if (length > 0)
        memcpy (self->control + self->n_control, part, length);
      self->n_control += length;
      if (self->remaining > 0)
        return FALSE;

      self->given = g_steal_pointer (&self->control);
      frame->data = self->given;
      frame->length = self->n_control;
      self->n_control = 0;
    }
  return frame->opcode != WSE_OPCODE_CLOSE || read_close (self, frame);
}

static gboolean
check_text (WseFrameDecoder *self, const char *part, gsize length)
{
  if (self->message != WSE_OPCODE_TEXT || wse_utf8_feed (&self->utf8, part, length))
    return TRUE;
  return fail (self, WSE_CLOSE_NOT_UTF8, "text is not UTF-8");
}

/* Inflates and keeps what comes out, up to the limit: never more, however much it would become. */
static gboolean
take_deflated (WseFrameDecoder *self, const char *part, gsize length)
{
  char inflated[INFLATED_PART];
  gsize allowed;
  gssize n;

  if (self->inflater == NULL)
    self->inflater = wse_inflater_new ();
  do
    {
      allowed = self->max_message - self->held;
      n = wse_inflater_read (self->inflater, &part, &length, inflated, MIN (allowed + 1, sizeof inflated));
      if (n < 0)
        return fail (self, WSE_CLOSE_NOT_UTF8, "message is not deflate data");
      if (!check_text (self, inflated, MIN ((gsize) n, allowed)))
        return FALSE;
      if ((gsize) n > allowed)
        return fail (self, WSE_CLOSE_TOO_LARGE, "message too large");
      keep (self, inflated, n);
    }
  while (n > 0);
  return TRUE;
}

static gboolean
finish_deflated (WseFrameDecoder *self)
{
  if (!wse_inflater_finish (self->inflater))
    return fail (self, WSE_CLOSE_NOT_UTF8, "deflate data breaks off");
  g_clear_pointer (&self->inflater, wse_inflater_free);
  return TRUE;
}

static gboolean
take_data (WseFrameDecoder *self, char *part, gsize length, WseFrame *frame)
{
  gboolean last = (self->header[0] & FIN) != 0 && self->remaining == 0;

  if (self->deflated ? !take_deflated (self, part, length) : !check_text (self, part, length))
    return FALSE;
  if (!self->deflated && (!last || self->held > 0))
    keep (self, part, length);
  if (!last)
    return FALSE;
  if (self->deflated && !finish_deflated (self))
    return FALSE;
  if (self->message == WSE_OPCODE_TEXT && !wse_utf8_is_whole (&self->utf8))
    return fail (self, WSE_CLOSE_NOT_UTF8, "text ends within a character");

  *frame = (WseFrame) { .opcode = self->message, .data = part, .length = self->deflated ? 0 : length };
  if (self->held > 0)
    {
      self->given = g_steal_pointer (&self->buffer);
      frame->data = self->given;
      frame->length = self->held;
      self->held = self->capacity = 0;
    }
  self->message = 0;
  return TRUE;
}

static gboolean
read_payload (WseFrameDecoder *self, char **data, gsize *length, WseFrame *frame)
{
  gsize n = (gsize) MIN (*length, self->remaining);
  char *part = *data;

  if (self->masked)
    unmask (self, part, n);
  self->remaining -= n;
  *data += n;
  *length -= n;
  if (self->remaining == 0)
    {
      self->in_payload = FALSE;
      self->n_header = 0;
    }
  return is_control (self) ? take_control (self, part, n, frame) : take_data (self, part, n, frame);
}

WseFrameStatus
wse_frame_decoder_feed (WseFrameDecoder *self, char **data, gsize *length, WseFrame *frame)
{
  g_clear_pointer (&self->given, g_free);

  if (self->close_code != 0)
    return WSE_FRAME_ERROR;
  if (self->closed)
    {
      *data += *length;
      *length = 0;
    }

  do
    {
      if (!self->in_payload)
        {
          if (!read_header (self, data, length))
            break;
          self->in_payload = TRUE;
          self->mask_at = 0;
        }
      if (read_payload (self, data, length, frame))
        return WSE_FRAME_MESSAGE;
    }
  while (*length > 0 && self->close_code == 0);
  return self->close_code != 0 ? WSE_FRAME_ERROR : WSE_FRAME_MORE;
}

guint16
wse_frame_decoder_get_close_code (WseFrameDecoder *self)
{
  return self->close_code;
}

const char *
wse_frame_decoder_get_problem (WseFrameDecoder *self)
{
  return self->problem;
}

gboolean
wse_frame_decoder_is_fresh (WseFrameDecoder *self)
{
  return self->n_header == 0 && !self->in_payload && self->message == 0 && self->n_control == 0 && !self->closed &&
         self->close_code == 0;
}

gsize
wse_frame_decoder_get_held (WseFrameDecoder *self)
{
  return self->held + self->n_control;
}

gsize
wse_frame_header (guint8 header[WSE_FRAME_HEADER_MAX], WseOpcode opcode, gsize length)
{
  guint n_length = length < 126 ? 0 : length < 65536 ? 2 : 8;

  header[0] = FIN | opcode;
  header[1] = n_length == 0 ? length : n_length == 2 ? 126 : 127;
  for (guint i = 0; i < n_length; i++)
    header[2 + i] = (guint8) ((guint64) length >> (8 * (n_length - 1 - i)));
  return 2 + n_length;
}

void
wse_frame_append (GByteArray *out, WseOpcode opcode, const char *data, gsize length)
{
  guint8 header[WSE_FRAME_HEADER_MAX];

  g_assert ((opcode & 0x08) == 0 || length <= CONTROL_MAX);

  g_byte_array_append (out, header, wse_frame_header (header, opcode, length));
  if (length > 0)
    g_byte_array_append (out, (const guint8 *) data, length);
}

void
wse_frame_append_close (GByteArray *out, guint16 code, const char *reason)
{
  char payload[CONTROL_MAX];
  gsize length = 0;

  if (code != 0 && code != WSE_CLOSE_NO_STATUS)
    {
      gsize cut = reason != NULL ? strlen (reason) : 0;

      if (cut > REASON_MAX)
        for (cut = REASON_MAX; cut > 0 && ((guint8) reason[cut] & 0xc0) == 0x80; cut--)
          ;
      payload[0] = (char) (code >> 8);
      payload[1] = (char) (code & 0xff);
      if (cut > 0)
        memcpy (payload + 2, reason, cut);
      length = 2 + cut;
    }
  wse_frame_append (out, WSE_OPCODE_CLOSE, payload, length);
}
