/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <hiredis/hiredis.h>

G_BEGIN_DECLS

/* What Redis answers, out of the bytes that come: hiredis' reader, bounded. */
typedef struct _WsedResp WsedResp;

/* @max_bytes: of one reply. */
WsedResp   *wsed_resp_new  (gsize max_bytes);
void        wsed_resp_free (WsedResp *self);
void        wsed_resp_feed (WsedResp *self, const char *data, gsize length);
/* FALSE with WSE_ERROR_SYNTAX or WSE_ERROR_TOO_LARGE where nothing more can be read. *@reply, NULL: more has to come; freeReplyObject()
 * is for it. */
gboolean    wsed_resp_next (WsedResp *self, redisReply **reply, GError **error);
/* Whether a reply is a text, NUL or not behind it, and equal to @text. */
gboolean    wsed_resp_is   (const redisReply *reply, const char *text);

G_END_DECLS
