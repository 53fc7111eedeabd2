/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib-object.h>

#include "wse-version.h"

G_BEGIN_DECLS

#define WSE_TYPE_SUBSCRIPTION (wse_subscription_get_type ())
WSE_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (WseSubscription, wse_subscription, WSE, SUBSCRIPTION, GObject)

WSE_AVAILABLE_IN_0_1
void     wse_subscription_cancel (WseSubscription *self);
WSE_AVAILABLE_IN_0_1
gboolean wse_subscription_is_cancelled (WseSubscription *self);
WSE_AVAILABLE_IN_0_1
guint64  wse_subscription_get_dropped (WseSubscription *self);

G_END_DECLS
