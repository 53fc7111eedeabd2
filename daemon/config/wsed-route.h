/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A group [route NAME]: what becomes of events of certain types, or from certain topics. */
typedef struct
{
  char *name;                  /* the group's */
  GStrv types;                 /* a type, on the wire or original, or how it begins, with a `*` behind it; NULL: any */
  GStrv topics;                /* the topics of a source, in the same way; NULL: from anywhere */
  guint drop;                  /* TRUE: nobody wants them */
  char *conflate;              /* the path of the key in the payload */
} WsedRoute;

WsedRoute *wsed_route_new        (const char *group);
void       wsed_route_free       (WsedRoute *route);
/* Whether it says all that it has to. */
gboolean   wsed_route_check      (const WsedRoute *route, GError **error);
/* What its keys may be. */
gboolean   wsed_route_check_type (const char *item, GError **error);
gboolean   wsed_route_check_path (const char *text, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedRoute, wsed_route_free)

G_END_DECLS
