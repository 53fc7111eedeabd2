/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include "wse-event.h"
#include "wse-version.h"

G_BEGIN_DECLS

WSE_AVAILABLE_IN_0_1
gboolean  wse_system_event_is_kind (const char *event_type);
WSE_AVAILABLE_IN_0_1
WseEvent *wse_system_event_complete (WseEvent *event, GError **error);

G_END_DECLS
