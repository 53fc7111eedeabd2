/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* A step of the chain that drops what nobody wants: the `drop=` of the routes. */
#define WSED_TYPE_SIEVE (wsed_sieve_get_type ())
G_DECLARE_FINAL_TYPE (WsedSieve, wsed_sieve, WSED, SIEVE, GObject)

/* Borrows @pipeline, which says where an event comes from. */
WsedSieve *wsed_sieve_new (WsedPipeline *pipeline);
/* Drops events whose type, on the wire or original, is one of @types, and that come from one of @topics; NULL: any, or from anywhere. Of
 * either at the end may stand a `*`. */
void       wsed_sieve_add (WsedSieve *self, const char * const *types, const char * const *topics);

G_END_DECLS
