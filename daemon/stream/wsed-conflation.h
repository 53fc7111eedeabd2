/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-event-private.h"

G_BEGIN_DECLS

/* Which events make which others old: the `conflate=` of the routes. Made before the workers start, then only read. */
typedef struct _WsedConflation WsedConflation;

WsedConflation *wsed_conflation_new     (void);
void            wsed_conflation_free    (WsedConflation *self);
/* Events whose type, on the wire or original, is one of @types, or begins as one that ends in `*`, are conflated by the value at @path:
 * "payload.a.b", "a.b" or "a". The first one added for a type holds. */
void            wsed_conflation_add     (WsedConflation *self, const char * const *types, const char *path);
/* What is the same for events of one type that have the same value there; 0: it is never conflated. */
guint64         wsed_conflation_get_key (const WsedConflation *self, const WseEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedConflation, wsed_conflation_free)

G_END_DECLS
