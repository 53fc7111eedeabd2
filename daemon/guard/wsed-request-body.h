/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guard/wsed-request-head.h"

G_BEGIN_DECLS

/* The body of an HTTP/1.1 request, to the byte where it ends (RFC 9112 sections 6 and 7). */

/* Bytes in one body that are neither its data nor the sizes of its chunks: their extensions and the trailers. */
#define WSED_MAX_CHUNK_EXTRAS (8 * 1024)

typedef struct
{
  guint state;                 /* private */
  guint64 left;                /* bytes of data until the next thing that is none */
  guint digits;                /* of the size under way */
  gsize extras;                /* bytes of extensions and trailers so far */
} WsedRequestBody;

/* The body that @head announces. */
void     wsed_request_body_init    (WsedRequestBody *self, const WsedRequestHead *head);
/* How many of @bytes belong to the body: all, unless it ends or breaks off among them. Of these, *@kept are moved to the front: without the
 * extensions and the trailers, of which nobody here knows one. */
gsize    wsed_request_body_take    (WsedRequestBody *self, char *bytes, gsize length, gsize *kept);
gboolean wsed_request_body_is_done (const WsedRequestBody *self);
/* Nothing of it is taken any more. */
gboolean wsed_request_body_is_bad  (const WsedRequestBody *self);

G_END_DECLS
