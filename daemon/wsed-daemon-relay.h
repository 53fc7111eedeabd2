/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fleet/wsed-following.h"
#include "log/wsed-log.h"
#include "relay/wsed-relay.h"
#include "wsed-config.h"

G_BEGIN_DECLS

/* The relay that the configuration names, else the one that comes with a shared log. *@relay: NULL where there is none. @shared: the log, where
 * others append to it, too; else NULL. @get_backlog: bytes handed on and not yet taken. FALSE where it cannot be made. */
gboolean wsed_daemon_make_relay (const WsedConfig *config, WsedLog *shared, gsize (*get_backlog) (gpointer), gpointer user_data, WsedRelay **relay,
                                 GError **error);
/* Has what it does counted, for the metrics; until the end of the process. */
void     wsed_daemon_count_following (WsedFollowing *following);

G_END_DECLS
