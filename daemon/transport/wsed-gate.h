/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* What a request's headers tell before its body is read. */

/* Why a request is not taken; status 0: it is. */
typedef struct
{
  guint status;
  const char *code;            /* static */
  const char *text;            /* static */
} WsedRefusal;

/* The rules that hold for every request: one Host, one clear body length, at most @max_body bytes of it, and @max_header bytes
 * of address, names and values before it. */
WsedRefusal wsed_gate_check      (SoupServerMessage *message, guint64 max_header, guint64 max_body);
/* Whether a body is announced, and how many bytes; chunked: G_MAXUINT64. */
guint64     wsed_gate_get_length (SoupServerMessage *message);
/* Steals the connection and answers by hand, without reading on: libsoup answers only when the whole body has come. @header: one more for
 * the answer, "Allow", with @value; NULL: none. */
void        wsed_gate_refuse     (SoupServerMessage *message, guint status, const char *code, const char *text, const char *header,
                               const char *value);

G_END_DECLS
