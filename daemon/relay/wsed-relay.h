/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-entry.h"

G_BEGIN_DECLS

/* Tells every daemon that has subscribers of appended events. One implementation so far: to this process itself. Main thread. */

/* Gets @entries in the order of their n; who wants to keep one takes a reference. */
typedef void (*WsedRelayDeliver) (WsedEntry * const *entries, guint n_entries, gpointer user_data);

typedef struct _WsedRelay WsedRelay;

WsedRelay *wsed_relay_new_local (WsedRelayDeliver deliver, gpointer user_data);
void       wsed_relay_publish   (WsedRelay *self, WsedEntry * const *entries, guint n_entries);
void       wsed_relay_free      (WsedRelay *self);

G_END_DECLS
