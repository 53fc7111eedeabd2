/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib-object.h>

#include "wse-bus-stats.h"
#include "wse-event.h"
#include "wse-filter.h"
#include "wse-subscription.h"
#include "wse-transformer.h"
#include "wse-type-mapper.h"
#include "wse-version.h"

G_BEGIN_DECLS

#define WSE_TYPE_BUS (wse_bus_get_type ())
WSE_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (WseBus, wse_bus, WSE, BUS, GObject)

WSE_AVAILABLE_IN_0_1
WseBus          *wse_bus_new (void);
WSE_AVAILABLE_IN_0_1
void             wse_bus_start (WseBus *self);
WSE_AVAILABLE_IN_0_1
void             wse_bus_stop (WseBus *self);
WSE_AVAILABLE_IN_0_1
gboolean         wse_bus_is_running (WseBus *self);
WSE_AVAILABLE_IN_0_1
WseTypeMapper   *wse_bus_get_type_mapper (WseBus *self);
WSE_AVAILABLE_IN_0_1
void             wse_bus_add_transformer (WseBus *self, WseTransformer *transformer);
WSE_AVAILABLE_IN_0_1
gboolean         wse_bus_publish (WseBus *self, WseEvent *event, GError **error);
WSE_AVAILABLE_IN_0_1
WseSubscription *wse_bus_subscribe (WseBus *self, const char * const *channels, WseFilter *filter, guint history, GError **error);
WSE_AVAILABLE_IN_0_1
void             wse_bus_get_stats (WseBus *self, WseBusStats *stats);

G_END_DECLS
