/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "postgres/wsed-postgres-address.h"
#include "relay/wsed-relay.h"

G_BEGIN_DECLS

/* The relay over PostgreSQL's LISTEN and NOTIFY: the transaction of an append tells how far the log reaches now; a few small events go
 * along. What daemons say to each other goes the same way. */
#define WSED_TYPE_NOTIFY_RELAY (wsed_notify_relay_get_type ())
G_DECLARE_FINAL_TYPE (WsedNotifyRelay, wsed_notify_relay, WSED, NOTIFY_RELAY, GObject)

/* @address: the log's database, where its appends NOTIFY wse_log, 'EPOCH N WRITER …'. @writer: what this daemon's own say there. */
WsedRelay *wsed_notify_relay_new (WsedPostgresAddress *address, const char *writer);

G_END_DECLS
