/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-reader.h"
#include "wse-cursor.h"

G_BEGIN_DECLS

/* One `ack` of a consumer, from the cursor to the log (PROTOCOL section 3): checked against what was sent, all or nothing, durable before
 * it is answered. */
typedef struct _WsedAcknowledge WsedAcknowledge;

/* @error: NULL where it is kept; WSE_ERROR_INVALID: the cursor is beyond what was sent, or of another epoch or channel. */
typedef void (*WsedAcknowledged) (GArray *acks, const GError *error, gpointer user_data);

/* The answer may come before it returns: then it returns NULL. */
WsedAcknowledge *wsed_acknowledge_new    (WsedReader *reader, WsedWorker *worker, const char *user, const char *consumer, WseCursor *cursor,
                                          WsedAcknowledged done, gpointer user_data);
/* TRUE: nothing of it is kept, and @done is not called any more. FALSE: the log is keeping it just now, and @done will be called. */
gboolean         wsed_acknowledge_withdraw (WsedAcknowledge *self);
/* @done is not called any more; the log may keep the ack all the same. */
void             wsed_acknowledge_cancel (WsedAcknowledge *self);

G_END_DECLS
