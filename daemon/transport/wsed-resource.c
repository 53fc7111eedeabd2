/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of what there is over HTTP. It answers nothing. */

#include "transport/wsed-resource.h"

#include <string.h>

static const WsedEndpoint wse = { "/wse", WSE_DIALECT_V2, WSED_FRAMING_WEBSOCKET, TRUE, FALSE, TRUE };
static const WsedEndpoint ws_events = { "/ws/events", WSE_DIALECT_FEED, WSED_FRAMING_WEBSOCKET, FALSE, TRUE, TRUE };
static const WsedEndpoint ws_sessions = { "/ws/sessions", WSE_DIALECT_SESSION, WSED_FRAMING_WEBSOCKET, FALSE, FALSE, TRUE };
static const WsedEndpoint sse = { "/sse", WSE_DIALECT_V2, WSED_FRAMING_SSE, TRUE, TRUE, TRUE };
static const WsedEndpoint test_echo = { "/test/echo", WSE_DIALECT_V2, WSED_FRAMING_WEBSOCKET, FALSE, FALSE, FALSE };

static const WsedResource resources[] = {
  { "/", wsed_api_root, NULL, NULL, .read = WSED_PERMISSION_NONE },
  { "/api/events", wsed_api_history, wsed_api_publish, NULL, .read = WSED_PERMISSION_ANY, .write = WSED_PERMISSION_ANY },
  { "/api/channels/", .delete = wsed_api_erase_channel, .under = TRUE, .write = WSED_PERMISSION_ADMIN },
  { "/api/connections", wsed_api_list_connections, .delete = wsed_api_end_connections, .read = WSED_PERMISSION_MONITOR,
    .write = WSED_PERMISSION_ADMIN },
  { "/api/connections/", .delete = wsed_api_end_connection, .under = TRUE, .write = WSED_PERMISSION_ADMIN },
  { "/api/events/stats", wsed_api_stats, NULL, NULL, .read = WSED_PERMISSION_MONITOR },
  { "/api/health", wsed_api_health, NULL, NULL, .read = WSED_PERMISSION_NONE },
  { "/api/metrics", wsed_api_metrics_json, NULL, NULL, .read = WSED_PERMISSION_MONITOR },
  { "/api/revocations", NULL, wsed_api_revoke, NULL, .write = WSED_PERMISSION_ADMIN },
  { "/asyncapi.json", wsed_api_asyncapi, NULL, NULL, .read = WSED_PERMISSION_NONE },
  { "/metrics", wsed_api_metrics_text, NULL, NULL, .read = WSED_PERMISSION_MONITOR },
  { "/openapi.json", wsed_api_openapi, NULL, NULL, .read = WSED_PERMISSION_NONE },
  { "/wse", NULL, NULL, &wse, .read = WSED_PERMISSION_ANY },
  { "/ws/events", NULL, NULL, &ws_events, .read = WSED_PERMISSION_ANY },
  { "/ws/sessions", NULL, NULL, &ws_sessions, .read = WSED_PERMISSION_ANY },
  { "/sse", NULL, NULL, &sse, .read = WSED_PERMISSION_ANY },
  { "/test/echo", NULL, NULL, &test_echo, .read = WSED_PERMISSION_ANY },
};

static gboolean
is_under (const char *folder,
          const char *path)
{
  gsize length = strlen (folder);

  return strncmp (path, folder, length) == 0 && path[length] != '\0';
}

const WsedResource *
wsed_resource_find (const char *path,
                    gboolean    echo)
{
  for (guint i = 0; i < G_N_ELEMENTS (resources); i++)
    if ((resources[i].under ? is_under (resources[i].path, path) : g_str_equal (resources[i].path, path)) &&
        (echo || resources[i].endpoint != &test_echo))
      return &resources[i];
  return NULL;
}

guint
wsed_resource_count (void)
{
  return G_N_ELEMENTS (resources);
}

const char *
wsed_resource_get_methods (const WsedResource *self)
{
  if (self->endpoint != NULL)
    return "GET";
  if (self->get == NULL)
    return self->post != NULL ? "POST" : "DELETE";
  if (self->delete != NULL)
    return "GET, HEAD, DELETE";
  return self->post != NULL ? "GET, HEAD, POST" : "GET, HEAD";
}

gboolean
wsed_resource_takes (const WsedResource *self,
                     const char         *method)
{
  if (g_str_equal (method, "GET"))
    return self->get != NULL || self->endpoint != NULL;
  return (g_str_equal (method, "HEAD") && self->get != NULL) || (g_str_equal (method, "POST") && self->post != NULL) ||
         (g_str_equal (method, "DELETE") && self->delete != NULL);
}

WsedPermission
wsed_resource_get_permission (const WsedResource *self,
                              const char         *method)
{
  return g_str_equal (method, "GET") || g_str_equal (method, "HEAD") ? self->read : self->write;
}
