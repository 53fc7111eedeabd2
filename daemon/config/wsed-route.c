/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One [route NAME] group as plain data, and what is allowed in it. What it does with events is not known here. */
#include "wsed-route.h"

#include <string.h>

#include "wse.h"

/* Steps into a payload. */
#define MAX_STEPS 16

WsedRoute *
wsed_route_new (const char *group)
{
  WsedRoute *route = g_new0 (WsedRoute, 1);

  route->name = g_strdup (group);
  return route;
}

void
wsed_route_free (WsedRoute *route)
{
  g_free (route->name);
  g_strfreev (route->types);
  g_strfreev (route->topics);
  g_free (route->conflate);
  g_free (route);
}

static gboolean
refuse (GError **error, const char *reason)
{
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, reason);
  return FALSE;
}

gboolean
wsed_route_check (const WsedRoute *route, GError **error)
{
  if (route->types == NULL && route->topics == NULL)
    return refuse (error, "types is missing, and topic: they say which events the route is for");
  if (route->conflate == NULL && !route->drop)
    return refuse (error, "it does nothing with its events: in this version of wsed a route says conflate or drop");
  if (route->conflate != NULL && route->drop)
    return refuse (error, "conflate and drop: what is dropped is never conflated");
  if (route->conflate != NULL && (route->topics != NULL || route->types == NULL))
    return refuse (error, "conflate goes by types alone: where an event came from is not known any more when it is sent");
  return TRUE;
}

gboolean
wsed_route_check_type (const char *item, GError **error)
{
  const char *star = strchr (item, '*');

  return star == NULL || star[1] == '\0' || refuse (error, "a pattern has its * at the end, nowhere else");
}

gboolean
wsed_route_check_path (const char *text, GError **error)
{
  g_auto (GStrv) steps = g_strsplit (text, ".", -1);

  if (g_strv_length (steps) > MAX_STEPS)
    return refuse (error, "a path has at most 16 steps");
  if (strcmp (text, "payload") == 0)
    return refuse (error, "a path names a value in the payload: payload.KEY, or just KEY");
  for (guint i = 0; steps[i] != NULL; i++)
    {
      if (steps[i][0] == '\0')
        return refuse (error, "a path has no empty steps");
    }
  return TRUE;
}
