/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "guard/wsed-request-head.h"

G_BEGIN_DECLS

/* Answers to requests, and the waiting for them. */

/* An answer with @body, which it takes; not to be stored by anybody. @content_type: NULL: there is no body, @body is empty. */
void   wsed_answer_set        (SoupServerMessage *message, guint status, const char *content_type, GString *body);
void   wsed_answer_json       (SoupServerMessage *message, guint status, GString *body);
/* `{"error":{"code","message"}}`; 429 and 503 with Retry-After. */
void   wsed_answer_error      (SoupServerMessage *message, guint status, const char *code, const char *text);
/* The status that an error of WSE_ERROR stands for (PROTOCOL section 2), its code and message. */
void   wsed_answer_gerror     (SoupServerMessage *message, const GError *error);
GString *wsed_answer_error_body (const char *code, const char *text);
/* An answer in whole, for who writes it by hand and then closes. @lines: more headers, each with CR and LF; NULL: none. It is counted. */
GString *wsed_answer_write    (const WsedRefusal *refusal, const char *lines, gboolean with_body);
void   wsed_answer_append_error (GString *out, const char *code, const char *text);

/* A request whose answer comes later. libsoup holds still meanwhile; the connection can end in between. */
typedef struct _WsedPending WsedPending;

WsedPending       *wsed_pending_new  (SoupServerMessage *message);
/* NULL once the connection has ended: nobody waits for the answer. */
SoupServerMessage *wsed_pending_get_message (WsedPending *pending);
/* The answer is set: sends it and frees @pending. */
void               wsed_pending_done (WsedPending *pending);

G_END_DECLS
