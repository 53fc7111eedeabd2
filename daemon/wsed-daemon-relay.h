/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "relay/wsed-relay.h"
#include "wsed-config.h"

G_BEGIN_DECLS

/* The relay that the configuration names. *@relay: NULL where it names none. @shared: others append to the log, too. @get_backlog: bytes
 * handed on and not yet taken. FALSE where it cannot be made. */
gboolean wsed_daemon_make_relay (const WsedConfig *config, gboolean shared, gsize (*get_backlog) (gpointer), gpointer user_data, WsedRelay **relay,
                                 GError **error);

G_END_DECLS
