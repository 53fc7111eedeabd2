/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "stream/wsed-admission.h"

G_BEGIN_DECLS

/* The opening of a consumer before its connection is admitted: what it has acked, and with SSE what Last-Event-ID acks. */

/* @error: NULL where @acks (element-type WsedAck, to be referenced) is what it has acked; WSE_ERROR_BUSY: the user has too many
 * consumers. */
typedef void (*WsedOpened) (GArray *acks, const GError *error, gpointer user_data);

/* @admission: whose consumer it is; looked at during the call only. @seen: the cursor of Last-Event-ID, NULL without. */
void wsed_opening_start (WsedLog *log, WsedInbox *main, const WsedAdmission *admission, WseCursor *seen, WsedOpened done,
                         gpointer user_data);

G_END_DECLS
