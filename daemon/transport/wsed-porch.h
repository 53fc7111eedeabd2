/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "transport/wsed-lobby.h"

G_BEGIN_DECLS

/* Where connections from trusted proxies wait until it is clear whether they begin with a header of the PROXY protocol, version 2. */
typedef struct _WsedPorch WsedPorch;

/* @fd, which is the receiver's: what comes now are the connection's own bytes. @remote: as it was added, or, with @named, another: the client
 * that the proxy names. */
typedef void (*WsedPorchPassed) (int fd, GSocketAddress *remote, gboolean local, gboolean named, gpointer user_data);

WsedPorch *wsed_porch_new       (WsedPorchPassed passed, WsedLobbyChanged changed, gpointer user_data);
/* Takes @fd. A malformed header, one that breaks off, or none of its bytes within 10 s, closes it. */
void       wsed_porch_add       (WsedPorch *self, int fd, GSocketAddress *remote, gboolean local);
guint      wsed_porch_get_count (WsedPorch *self);
/* Closes what waits. */
void       wsed_porch_clear     (WsedPorch *self);
void       wsed_porch_free      (WsedPorch *self);

G_END_DECLS
