/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fleet/wsed-fleet.h"

G_BEGIN_DECLS

/* Questions to other daemons that are not answered yet. An answer comes in pieces, in their order; one that is missing is no answer. */
typedef struct _WsedInquiries WsedInquiries;

WsedInquiries *wsed_inquiries_new    (WsedRelay *relay);
/* Those under way, and those to come, get no answer. */
void           wsed_inquiries_stop   (WsedInquiries *self);
void           wsed_inquiries_free   (WsedInquiries *self);
void           wsed_inquiries_ask    (WsedInquiries *self, const char *to, const char *text, WsedAnswered done, gpointer user_data);
/* "ID INDEX LAST" and a piece of the answer. */
void           wsed_inquiries_take   (WsedInquiries *self, const char *from, const char *head, const char *text);
/* @from is gone: it answers nothing any more. */
void           wsed_inquiries_forget (WsedInquiries *self, const char *from);
/* Sends the answer to the question @id of @to. */
void           wsed_inquiries_reply  (WsedInquiries *self, const char *to, guint64 id, const char *text);

G_END_DECLS
