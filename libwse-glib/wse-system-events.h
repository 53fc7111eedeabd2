/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include "wse-event.h"
#include "wse-version.h"

G_BEGIN_DECLS

/* The six kinds of system events: query_route, model_state, cgrag, cache, error, performance (PROTOCOL section 2). */

WSE_AVAILABLE_IN_0_1
gboolean  wse_system_event_is_kind (const char *event_type);
/* Checks the metadata (payload) of @event against its kind and completes it: severity where none was given, message where there is
 * none. A new reference: the same event where nothing had to be added. */
WSE_AVAILABLE_IN_0_1
WseEvent *wse_system_event_complete (WseEvent *event, GError **error);

G_END_DECLS
