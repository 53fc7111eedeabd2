/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-transformer.h"

G_BEGIN_DECLS

/* Takes an event through the transformers of @chain (element-type WseTransformer), in their order. *@event is replaced by what each gives
 * out; where the verdict is not DELIVER it stays what the last one that was asked had got. */
WseVerdict wse_transformers_run (GPtrArray *chain, WseEvent **event, GError **error);

G_END_DECLS
