/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guard/wsed-limits.h"
#include "tls/wsed-tls-session.h"
#include "transport/wsed-lobby.h"

G_BEGIN_DECLS

/* The connections between the accepting and the end of their TLS handshake. */
typedef struct _WsedEntrance WsedEntrance;

/* One's handshake is done. The receiver owns @fd and @session. */
typedef void (*WsedEntered) (int fd, GSocketAddress *remote, WsedTlsSession *session, gpointer user_data);

WsedEntrance *wsed_entrance_new       (WsedTlsContext *context, WsedLimits *limits, WsedEntered entered, WsedLobbyChanged changed,
                                       gpointer user_data);
/* Takes @fd. */
void          wsed_entrance_add       (WsedEntrance *self, int fd, GSocketAddress *remote);
guint         wsed_entrance_get_count (WsedEntrance *self);
/* Ends all that are there. */
void          wsed_entrance_clear     (WsedEntrance *self);
void          wsed_entrance_free      (WsedEntrance *self);

G_END_DECLS
