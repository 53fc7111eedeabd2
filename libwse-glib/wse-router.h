/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include "wse-transformer.h"

G_BEGIN_DECLS

#define WSE_TYPE_ROUTER (wse_router_get_type ())
WSE_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (WseRouter, wse_router, WSE, ROUTER, GObject)

WSE_AVAILABLE_IN_0_1
WseRouter *wse_router_new (void);

G_END_DECLS
