/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The parameters of a request, strictly: percent-decoded, UTF-8, none unknown, none twice that may not be. */
typedef struct _WsedQuery WsedQuery;

/* @query: as it stands in the URI, NULL for none. @once and @many: the names that are allowed, space separated. */
WsedQuery  *wsed_query_new      (const char *query, const char *once, const char *many, GError **error);
/* The value, NULL where it is not given. */
const char *wsed_query_get      (WsedQuery *self, const char *name);
/* The values of one that may be repeated, NULL-terminated, in their order. */
GStrv       wsed_query_get_all  (WsedQuery *self, const char *name);
/* A decimal number in the range; *@number stays as it is where the parameter is not given. */
gboolean    wsed_query_get_uint (WsedQuery *self, const char *name, guint min, guint max, guint *number, GError **error);
void        wsed_query_free     (WsedQuery *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedQuery, wsed_query_free)

G_END_DECLS
