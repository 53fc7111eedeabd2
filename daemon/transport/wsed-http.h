/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-authority.h"
#include "fleet/wsed-following.h"
#include "log/wsed-log.h"
#include "stream/wsed-hub.h"
#include "wsed-config.h"
#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* The HTTP side of the daemon: listening sockets, requests, the API, and WebSocket handshakes up to the hand-over to the hub. Main
 * thread. It borrows what it is made with: free it before them. */
typedef struct _WsedHttp WsedHttp;

/* Opens the listening sockets (a connection made from now on waits in the kernel), but accepts nothing yet. Raises the soft limit of
 * descriptors to the hard one. NULL with @error, which names the address that could not be opened. @main: the inbox that the main loop
 * runs. @authority: NULL: authentication is off. Takes over wsed_hub_set_closed(). */
WsedHttp           *wsed_http_new            (const WsedConfig *config, WsedPipeline *pipeline, WsedLog *log, WsedHub *hub, WsedInbox *main,
                                              WsedAuthority *authority, WsedFollowing *following, GError **error);
/* Begins to accept, in the default main context. */
void                wsed_http_start          (WsedHttp *self);
/* Where it listens, with the real ports, in the order of the configuration: "127.0.0.1:8000", "[::1]:34567", "unix:PATH". */
const char * const *wsed_http_get_addresses  (WsedHttp *self);
/* The same of those for operators; NULL: there are none. */
const char * const *wsed_http_get_admin_addresses (WsedHttp *self);
/* Closes the listening sockets; requests under way are finished, idle connections closed. */
void                wsed_http_stop_accepting (WsedHttp *self);
/* HTTP connections that are still open (not the WebSockets handed over): 0 after stop_accepting means all has been answered. */
guint               wsed_http_get_pending    (WsedHttp *self);
/* Ends what is still open. NULL is allowed. */
void                wsed_http_free           (WsedHttp *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedHttp, wsed_http_free)

G_END_DECLS
