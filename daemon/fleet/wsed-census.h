/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many connections each user has, at one daemon. */
typedef struct _WsedCensus WsedCensus;

WsedCensus *wsed_census_new     (void);
void        wsed_census_free    (WsedCensus *self);
/* 0: none. FALSE where there are too many users to keep one more. */
gboolean    wsed_census_set     (WsedCensus *self, const char *user, guint count);
guint       wsed_census_get     (WsedCensus *self, const char *user);
/* The same of two that say the same, whatever the order in which they came to it. */
guint64     wsed_census_get_sum (WsedCensus *self);
/* Sets the counts of a text of lines "COUNT USER"; those that cannot be read are passed over. */
void        wsed_census_take    (WsedCensus *self, const char *text);
/* All of it as such lines, in pieces of at most @max_bytes (element-type utf8). */
GPtrArray  *wsed_census_write   (WsedCensus *self, gsize max_bytes);
void        wsed_census_write_line (GString *out, const char *user, guint count);
void        wsed_census_clear   (WsedCensus *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedCensus, wsed_census_free)

G_END_DECLS
