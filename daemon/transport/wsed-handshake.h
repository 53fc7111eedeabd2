/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "auth/wsed-authority.h"
#include "fleet/wsed-fleet.h"
#include "guard/wsed-limits.h"
#include "transport/wsed-endpoint.h"
#include "wsed-config.h"

G_BEGIN_DECLS

/* What begins a stream, over WebSocket or SSE: the refusals, the 101, and the hand-over of the connection to the hub. */
typedef struct _WsedHandshakes WsedHandshakes;

/* @authority: NULL: authentication is off. @fleet: whose connections of a user count, too; NULL: this daemon is alone. @max_connections:
 * WebSocket and SSE connections at a time. Takes over wsed_hub_set_closed(). */
WsedHandshakes *wsed_handshakes_new    (const WsedConfig *config, WsedHub *hub, WsedLog *log, WsedInbox *main, WsedAuthority *authority,
                                        WsedLimits *limits, WsedFleet *fleet, guint max_connections);
/* Answers @message: a refusal, or 101 and then the connection is the hub's. */
void            wsed_handshakes_answer (WsedHandshakes *self, SoupServerMessage *message, const WsedEndpoint *endpoint);
void            wsed_handshakes_free   (WsedHandshakes *self);

G_END_DECLS
