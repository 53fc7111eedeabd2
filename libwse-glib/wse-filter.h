/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib-object.h>

#include "wse-event.h"
#include "wse-version.h"

G_BEGIN_DECLS

#define WSE_TYPE_FILTER (wse_filter_get_type ())

/**
 * WseFilter:
 *
 * Which events a subscriber wants: a set of types (wire or original, any where empty) and a least severity. Immutable; equal filters
 * have equal keys, so that subscribers with the same one can share the work (PROTOCOL section 3).
 *
 * Since: 0.1
 */
typedef struct _WseFilter WseFilter;

WSE_AVAILABLE_IN_0_1
GType        wse_filter_get_type (void);
WSE_AVAILABLE_IN_0_1
WseFilter   *wse_filter_new (const char * const *types, WseSeverity severity, GError **error);
WSE_AVAILABLE_IN_0_1
gboolean     wse_filter_parse (const char *types, const char *severity, WseFilter **filter, GError **error);
WSE_AVAILABLE_IN_0_1
WseFilter   *wse_filter_ref (WseFilter *filter);
WSE_AVAILABLE_IN_0_1
void         wse_filter_unref (WseFilter *filter);
WSE_AVAILABLE_IN_0_1
gboolean     wse_filter_matches (WseFilter *filter, WseEvent *event);
WSE_AVAILABLE_IN_0_1
const char  *wse_filter_get_key (WseFilter *filter);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WseFilter, wse_filter_unref)

G_END_DECLS
