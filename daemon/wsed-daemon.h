/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wsed-config.h"

G_BEGIN_DECLS

/* The composition root: makes all parts, joins them, and takes them down in order. Main thread, default main context. */
typedef struct _WsedDaemon WsedDaemon;

/* Opens the log and the listening sockets; nothing is accepted yet. @config and @environment are borrowed. NULL with @error, which names
 * what is in the way. */
WsedDaemon *wsed_daemon_new  (const WsedConfig *config, GStrv environment, GError **error);
/* Serves until wsed_daemon_stop(), or SIGTERM or SIGINT, and the orderly stop after it. FALSE: it could not go on by itself. */
gboolean    wsed_daemon_run  (WsedDaemon *self);
/* Begins the stop; run() returns when it is done. */
void        wsed_daemon_stop (WsedDaemon *self);
void        wsed_daemon_free (WsedDaemon *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedDaemon, wsed_daemon_free)

G_END_DECLS
