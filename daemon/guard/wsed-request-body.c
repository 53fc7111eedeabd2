/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finds the end of a request's body, and takes out of a chunked one what only invites misunderstandings. It keeps no data. */

#include "guard/wsed-request-body.h"

#include <string.h>

/* Digits of a chunk's size: no chunk has so many bytes. */
#define MAX_DIGITS 15

typedef enum
{
  DONE,
  BAD,
  DATA,                        /* with a length */
  SIZE,                        /* here a chunk begins */
  SIZE_SPACE,                  /* before an extension */
  EXTENSION,
  SIZE_LF,
  CHUNK,
  CHUNK_CR,
  CHUNK_LF,
  TRAILER,                     /* here a trailer begins, or the end */
  TRAILER_NAME,
  TRAILER_VALUE,
  TRAILER_LF,
  END_LF,
} State;

void
wsed_request_body_init (WsedRequestBody       *self,
                        const WsedRequestHead *head)
{
  *self = (WsedRequestBody) { .state = DONE, .left = head->length };
  if (head->chunked)
    *self = (WsedRequestBody) { .state = SIZE };
  else if (head->length > 0)
    self->state = DATA;
}

gboolean
wsed_request_body_is_done (const WsedRequestBody *self)
{
  return self->state == DONE;
}

gboolean
wsed_request_body_is_bad (const WsedRequestBody *self)
{
  return self->state == BAD;
}

static State
read_size (WsedRequestBody *self,
           char             byte)
{
  if (g_ascii_isxdigit (byte) && self->digits < MAX_DIGITS)
    {
      self->digits++;
      self->left = self->left * 16 + g_ascii_xdigit_value (byte);
      return SIZE;
    }
  if (self->digits == 0)
    return BAD;
  if (byte == '\r')
    return SIZE_LF;
  if (byte == ';')
    return EXTENSION;
  return byte == ' ' || byte == '\t' ? SIZE_SPACE : BAD;
}

static State
read_space (char byte)
{
  if (byte == ';')
    return EXTENSION;
  return byte == ' ' || byte == '\t' ? SIZE_SPACE : BAD;
}

static State
read_text (State state,
           State at_end,
           char  byte)
{
  if (byte == '\r')
    return at_end;
  return wsed_request_is_text (byte) ? state : BAD;
}

static State
read_trailer (State state,
              char  byte)
{
  if (state == TRAILER && byte == '\r')
    return END_LF;
  if (state == TRAILER_NAME && byte == ':')
    return TRAILER_VALUE;
  return wsed_request_is_token (byte) ? TRAILER_NAME : BAD;
}

/* What follows @byte, which is not data. */
static State
advance (WsedRequestBody *self,
         char             byte)
{
  switch ((State) self->state)
    {
    case SIZE:
      return read_size (self, byte);
    case SIZE_SPACE:
      return read_space (byte);
    case EXTENSION:
      return read_text (EXTENSION, SIZE_LF, byte);
    case SIZE_LF:
      self->digits = 0;
      if (byte != '\n')
        return BAD;
      return self->left > 0 ? CHUNK : TRAILER;
    case CHUNK_CR:
      return byte == '\r' ? CHUNK_LF : BAD;
    case CHUNK_LF:
      return byte == '\n' ? SIZE : BAD;
    case TRAILER:
    case TRAILER_NAME:
      return read_trailer (self->state, byte);
    case TRAILER_VALUE:
      return read_text (TRAILER_VALUE, TRAILER_LF, byte);
    case TRAILER_LF:
      return byte == '\n' ? TRAILER : BAD;
    case END_LF:
      return byte == '\n' ? DONE : BAD;
    case DONE:
    case BAD:
    case DATA:
    case CHUNK:
    default:
      g_assert_not_reached ();
    }
}

/* Whether the byte that led from @before to @after is neither an extension's nor a trailer's. */
static gboolean
is_kept (State before,
         State after)
{
  switch (before)
    {
    case SIZE:
      return after == SIZE || after == SIZE_LF;
    case EXTENSION:
      return after == SIZE_LF;
    case TRAILER:
      return after == END_LF;
    case SIZE_SPACE:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
      return FALSE;
    case DONE:
    case BAD:
    case DATA:
    case SIZE_LF:
    case CHUNK:
    case CHUNK_CR:
    case CHUNK_LF:
    case END_LF:
    default:
      return after != BAD;
    }
}

static void
count_extra (WsedRequestBody *self)
{
  if (++self->extras > WSED_MAX_CHUNK_EXTRAS)
    self->state = BAD;
}

/* A run of data: how many bytes. */
static gsize
take_data (WsedRequestBody *self,
           gsize            length)
{
  gsize part = MIN (self->left, length);

  self->left -= part;
  if (self->left == 0)
    self->state = self->state == DATA ? DONE : CHUNK_CR;
  return part;
}

gsize
wsed_request_body_take (WsedRequestBody *self,
                        char            *bytes,
                        gsize            length,
                        gsize           *kept)
{
  gsize i = 0;

  *kept = 0;
  while (i < length && self->state != DONE && self->state != BAD)
    {
      State before = self->state;
      gsize part = 1;

      if (before == DATA || before == CHUNK)
        part = take_data (self, length - i);
      else
        self->state = advance (self, bytes[i]);
      if (is_kept (before, self->state))
        {
          memmove (bytes + *kept, bytes + i, part);
          *kept += part;
        }
      else if (self->state != BAD)
        count_extra (self);
      i += part;
    }
  return i;
}
