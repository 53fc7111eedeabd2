/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the head of a request, line by line as it comes. It refuses what two readers could understand differently: bare CR or LF, folded
 * lines, white space before a colon, two lengths, a length beside a coding. What the target and the other headers mean is not asked here. */

#include "guard/wsed-request-head.h"

#include <string.h>

/* Digits of a length: no body has so many bytes. */
#define MAX_DIGITS 18

typedef struct
{
  const char *start;
  gsize length;
} Piece;

gboolean
wsed_request_is_token (char byte)
{
  return g_ascii_isalnum (byte) || (byte != '\0' && strchr ("!#$%&'*+-.^_`|~", byte) != NULL);
}

static void
refuse (WsedRequestHead *self,
        guint            status,
        const char      *code,
        const char      *text)
{
  self->refusal = (WsedRefusal) { status, code, text };
}

static void
refuse_syntax (WsedRequestHead *self,
               const char      *text)
{
  refuse (self, 400, "bad_request", text);
}

static gboolean
piece_is (Piece       piece,
          const char *word)
{
  return piece.length == strlen (word) && g_ascii_strncasecmp (piece.start, word, piece.length) == 0;
}

static gboolean
piece_is_token (Piece piece)
{
  for (gsize i = 0; i < piece.length; i++)
    if (!wsed_request_is_token (piece.start[i]))
      return FALSE;
  return piece.length > 0;
}

static Piece
piece_strip (Piece piece)
{
  while (piece.length > 0 && (*piece.start == ' ' || *piece.start == '\t'))
    piece = (Piece) { piece.start + 1, piece.length - 1 };
  while (piece.length > 0 && (piece.start[piece.length - 1] == ' ' || piece.start[piece.length - 1] == '\t'))
    piece.length--;
  return piece;
}

/* What is before @delimiter; *@rest is what is after it, start NULL: there is none. */
static Piece
piece_cut (Piece  piece,
           char   delimiter,
           Piece *rest)
{
  const char *at = memchr (piece.start, delimiter, piece.length);

  *rest = (Piece) { NULL, 0 };
  if (at == NULL)
    return piece;
  *rest = (Piece) { at + 1, piece.length - (at + 1 - piece.start) };
  return (Piece) { piece.start, at - piece.start };
}

static void
read_version (WsedRequestHead *self,
              Piece            version)
{
  self->old = version.length == 8 && memcmp (version.start, "HTTP/1.0", 8) == 0;
  self->keep = !self->old;
  if (self->old || (version.length == 8 && memcmp (version.start, "HTTP/1.1", 8) == 0))
    return;
  if (version.length == 8 && memcmp (version.start, "HTTP/", 5) == 0 && g_ascii_isdigit (version.start[5]) && version.start[6] == '.' &&
      g_ascii_isdigit (version.start[7]))
    refuse (self, 505, "http_version", "this server speaks HTTP/1.1");
  else
    refuse_syntax (self, "a request begins with a line of method, path and HTTP/1.1, each behind one space");
}

static void
read_request_line (WsedRequestHead *self,
                   Piece            line)
{
  Piece method, target, version;

  method = piece_cut (line, ' ', &target);
  target = target.start != NULL ? piece_cut (target, ' ', &version) : line;
  if (!piece_is_token (method) || target.start == line.start || target.length == 0 || version.start == NULL ||
      memchr (target.start, '\t', target.length) != NULL)
    refuse_syntax (self, "a request begins with a line of method, path and HTTP/1.1, each behind one space");
  else
    read_version (self, version);
}

static void
read_length (WsedRequestHead *self,
             Piece            value)
{
  self->length = 0;
  for (gsize i = 0; i < value.length && value.length <= MAX_DIGITS; i++)
    {
      if (!g_ascii_isdigit (value.start[i]))
        value.length = 0;
      else
        self->length = self->length * 10 + (value.start[i] - '0');
    }
  if (++self->n_lengths > 1 || value.length == 0 || value.length > MAX_DIGITS)
    refuse_syntax (self, "send one Content-Length, a number of bytes");
}

/* What it names belongs to this connection alone, and some readers drop it: the length of a body does not. */
static void
read_connection (WsedRequestHead *self,
                 Piece            value)
{
  while (value.start != NULL)
    {
      Piece option = piece_strip (piece_cut (value, ',', &value));

      if (piece_is (option, "close"))
        self->keep = FALSE;
      else if (piece_is (option, "content-length") || piece_is (option, "transfer-encoding") || piece_is (option, "host"))
        refuse_syntax (self, "the header Connection cannot name Host, Content-Length or Transfer-Encoding");
    }
}

static void
read_header (WsedRequestHead *self,
             Piece            line)
{
  Piece value, name = piece_cut (line, ':', &value);

  if (value.start == NULL || !piece_is_token (name))
    {
      refuse_syntax (self, "a line of a header is its name, a colon right behind it, and its value");
      return;
    }
  value = piece_strip (value);
  switch (g_ascii_tolower (*name.start))
    {
    case 'h':
      if (piece_is (name, "host") && ++self->n_hosts > 1)
        refuse_syntax (self, "send one Host header");
      break;
    case 't':
      if (piece_is (name, "transfer-encoding") && (++self->n_codings > 1 || !piece_is (value, "chunked")))
        refuse_syntax (self, "send Content-Length, or Transfer-Encoding: chunked and no other");
      break;
    case 'e':
      if (piece_is (name, "expect") && (++self->n_expectations > 1 || !piece_is (value, "100-continue")))
        refuse (self, 417, "expectation_failed", "only Expect: 100-continue is known");
      break;
    case 'c':
      if (piece_is (name, "content-length"))
        read_length (self, value);
      else if (piece_is (name, "connection"))
        read_connection (self, value);
      break;
    default:
      break;
    }
}

static void
finish (WsedRequestHead *self)
{
  self->chunked = self->n_codings > 0;
  if (self->n_hosts == 0 && !self->old)
    refuse_syntax (self, "send a Host header");
  else if (self->chunked && self->n_lengths > 0)
    refuse_syntax (self, "send either Content-Length or Transfer-Encoding");
  else if (self->chunked && self->old)
    refuse_syntax (self, "HTTP/1.0 has no Transfer-Encoding");
}

/* TRUE: it was the last one. */
static gboolean
read_line (WsedRequestHead *self,
           Piece            line)
{
  if (memchr (line.start, '\r', line.length) != NULL)
    refuse_syntax (self, "a line ends with CR and LF, and has no other CR");
  else if (line.length == 0 && self->n_lines == 0)
    self->begin = self->size;
  else if (line.length == 0)
    {
      finish (self);
      return TRUE;
    }
  else if (self->n_lines++ == 0)
    read_request_line (self, line);
  else if (self->n_lines > 1 + WSED_MAX_HEADERS)
    refuse (self, 431, "headers_too_large", "these are more headers than allowed");
  else
    read_header (self, line);
  return FALSE;
}

static gboolean
is_text (const char *bytes,
         gsize       length)
{
  for (gsize i = 0; i < length; i++)
    if (!wsed_request_is_text (bytes[i]) && bytes[i] != '\r')
      return FALSE;
  return TRUE;
}

WsedHeadVerdict
wsed_request_head_read (WsedRequestHead *self,
                        const char      *bytes,
                        gsize            length,
                        gsize            max)
{
  gboolean done = FALSE;

  /* One more byte says that it is too many: the verdict is the same however they come. */
  length = MIN (length, max + 1);
  while (self->size < length && self->refusal.status == 0 && !done)
    {
      const char *from = bytes + self->size, *newline = memchr (from, '\n', length - self->size);
      gsize end = newline != NULL ? (gsize) (newline - bytes) : length;

      if (!is_text (from, end - self->size))
        refuse_syntax (self, "this is not an HTTP request: it has control characters");
      else if (newline == NULL)
        self->size = length;
      else
        {
          self->size = end + 1;
          if (end == self->line || bytes[end - 1] != '\r')
            refuse_syntax (self, "a line ends with CR and LF");
          else
            done = read_line (self, (Piece) { bytes + self->line, end - 1 - self->line });
          self->line = self->size;
        }
    }
  if (self->refusal.status == 0 && self->size > max)
    refuse (self, 431, "headers_too_large", "the address and the headers are larger than allowed");
  if (self->refusal.status != 0)
    return WSED_HEAD_BAD;
  return done ? WSED_HEAD_DONE : WSED_HEAD_MORE;
}
