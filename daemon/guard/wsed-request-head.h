/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The head of an HTTP/1.x request (RFC 9112), read as strictly as it is written: whoever reads it after us finds the same. */

/* Lines of headers in one head. */
#define WSED_MAX_HEADERS 128

/* Why a request is not taken; status 0: it is. */
typedef struct
{
  guint status;
  const char *code;            /* static */
  const char *text;            /* static */
} WsedRefusal;

typedef enum
{
  WSED_HEAD_MORE,
  WSED_HEAD_DONE,
  WSED_HEAD_BAD,               /* the refusal says why */
} WsedHeadVerdict;

/* To begin with, all 0. */
typedef struct
{
  gsize size;                  /* bytes read so far; of a head that is done, all of it with its empty line */
  gsize begin;                 /* of these, empty lines before it */
  WsedRefusal refusal;

  /* Of a head that is done. */
  gboolean keep;               /* the client goes on with the connection */
  gboolean old;                /* HTTP/1.0 */
  gboolean chunked;
  guint64 length;              /* bytes of the body that is announced; 0: there is none, or it is chunked */

  /* Of one that is not. */
  gsize line;                  /* where the line under way begins */
  guint n_lines;
  guint n_hosts, n_lengths, n_codings, n_expectations;
} WsedRequestHead;

/* Goes on reading: @bytes are all that have come since the last request, @length at least as many as before. @max: bytes of the head. */
WsedHeadVerdict wsed_request_head_read (WsedRequestHead *self, const char *bytes, gsize length, gsize max);

/* A character of a name (RFC 9110 section 5.6.2). */
gboolean        wsed_request_is_token  (char byte);

/* A character of a value, or of the target: anything but control characters. */
static inline gboolean
wsed_request_is_text (char byte)
{
  return ((guchar) byte >= ' ' && byte != 0x7f) || byte == '\t';
}

G_END_DECLS
