/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include "wse-transformer.h"

G_BEGIN_DECLS

#define WSE_TYPE_TYPE_MAPPER (wse_type_mapper_get_type ())
WSE_AVAILABLE_IN_0_1
G_DECLARE_FINAL_TYPE (WseTypeMapper, wse_type_mapper, WSE, TYPE_MAPPER, GObject)

WSE_AVAILABLE_IN_0_1
WseTypeMapper *wse_type_mapper_new (void);
WSE_AVAILABLE_IN_0_1
gboolean       wse_type_mapper_add (WseTypeMapper *self, const char *from, const char *to, GError **error);
WSE_AVAILABLE_IN_0_1
void           wse_type_mapper_add_defaults (WseTypeMapper *self);
WSE_AVAILABLE_IN_0_1
char          *wse_type_mapper_map (WseTypeMapper *self, const char *event_type);

G_END_DECLS
