/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The listening sockets and the accepting. */
typedef struct _WsedListener WsedListener;

/* A connection: non-blocking, close-on-exec, without Nagle's delay. The receiver owns @fd. @remote is an object of its own for each
 * connection, always an internet address: for a Unix socket's peer, which is @local, 127.0.0.1:0. */
typedef void (*WsedAccepted) (int fd, GSocketAddress *remote, gboolean local, gpointer user_data);

/* Opens @addresses: "127.0.0.1:8000", "[::1]:0", "unix:PATH". The kernel queues connections from now on. */
WsedListener       *wsed_listener_new           (const char * const *addresses, GError **error);
/* Accepts from the default main context. Descriptors from @max_fd on are closed at once and counted. */
void                wsed_listener_start         (WsedListener *self, int max_fd, WsedAccepted accepted, gpointer user_data);
/* TRUE: nothing is accepted, the kernel's backlog waits. May be called from the accepted callback. */
void                wsed_listener_set_held      (WsedListener *self, gboolean held);
/* With the real ports, in the order of the configuration. */
const char * const *wsed_listener_get_addresses (WsedListener *self);
/* Closes the sockets and removes the files of Unix ones. */
void                wsed_listener_stop          (WsedListener *self);
void                wsed_listener_free          (WsedListener *self);

/* Raises the soft limit of descriptors to the hard one and returns it. */
int                 wsed_listener_raise_limit   (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedListener, wsed_listener_free)

G_END_DECLS
