/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib-object.h>

#include "wse-event.h"
#include "wse-version.h"

G_BEGIN_DECLS

/**
 * WseVerdict:
 * @WSE_VERDICT_FAIL: the event could not be transformed; the error says why. It is 0, so that an implementation that breaks off
 *   without a word (an exception in Python) fails and cannot lose an event
 * @WSE_VERDICT_DELIVER: go on with the event given out
 * @WSE_VERDICT_DROP: the event is not wanted
 *
 * What a transformer says of an event.
 *
 * Since: 0.1
 */
typedef enum
{
  WSE_VERDICT_FAIL,
  WSE_VERDICT_DELIVER,
  WSE_VERDICT_DROP,
} WseVerdict;

#define WSE_TYPE_TRANSFORMER (wse_transformer_get_type ())
WSE_AVAILABLE_IN_0_1
G_DECLARE_INTERFACE (WseTransformer, wse_transformer, WSE, TRANSFORMER, GObject)

/**
 * WseTransformerInterface:
 * @parent: the parent interface
 * @transform: turns one event into the event to deliver, drops it, or fails
 *
 * The virtual function table of [iface@Wse.Transformer].
 *
 * Since: 0.1
 */
struct _WseTransformerInterface
{
  GTypeInterface parent;

  WseVerdict (*transform) (WseTransformer *self, WseEvent *event, WseEvent **out, GError **error);
};

WSE_AVAILABLE_IN_0_1
WseVerdict wse_transformer_transform (WseTransformer *self, WseEvent *event, WseEvent **out, GError **error);

G_END_DECLS
