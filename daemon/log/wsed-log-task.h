/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "thread/wsed-inbox.h"

G_BEGIN_DECLS

/* A request's way to a thread of the log: the request's own message is for the way back. @run gets the envelope and @user_data. */
void     wsed_log_task_send (WsedInbox *inbox, gpointer request, void (*run) (WsedMessage *, gpointer), gpointer user_data);
/* In @run: the request; the envelope is gone then. */
gpointer wsed_log_task_take (WsedMessage *message);

G_END_DECLS
