/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any text for what a request says in one line: its parameters (first byte Q), its Sec-WebSocket-Extensions (E), its Origin and, behind a
 * line's end, what stands in the list (O). What is taken is whole enough to be acted on, and permitted. */

#include <string.h>

#include "guard/wsed-origin.h"
#include "transport/wsed-endpoint.h"
#include "transport/wsed-extension.h"
#include "wse-limits.h"
#include "wse.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static const WsedEndpoint endpoints[] = {
  { "/wse", WSE_DIALECT_V2, WSED_FRAMING_WEBSOCKET, TRUE, FALSE, TRUE },
  { "/ws/events", WSE_DIALECT_FEED, WSED_FRAMING_WEBSOCKET, FALSE, TRUE, TRUE },
  { "/ws/sessions", WSE_DIALECT_SESSION, WSED_FRAMING_WEBSOCKET, FALSE, FALSE, TRUE },
  { "/sse", WSE_DIALECT_V2, WSED_FRAMING_SSE, TRUE, TRUE, TRUE },
};

static void
hold_admission (const WsedAdmission *admission)
{
  g_assert_nonnull (admission->channels);
  g_assert_cmpuint (g_strv_length (admission->channels), <=, WSE_MAX_CURSOR_CHANNELS);
  for (guint i = 0; admission->channels[i] != NULL; i++)
    {
      if (strcmp (admission->channels[i], "*") == 0)
        g_assert_null (admission->channels[1]);
      else
        g_assert_true (wse_channel_is_valid (admission->channels[i]));
      g_assert_true (wsed_grant_may_subscribe (admission->client.grant, admission->channels[i]));
    }
  g_assert_cmpuint (admission->history, <=, WSE_MAX_HISTORY);
  g_assert_true (admission->client.consumer == NULL || admission->client.owner != NULL);
  g_assert_true (admission->client.grant == NULL || g_strcmp0 (admission->client.user, admission->client.grant->user) == 0);
}

static void
read_query (const WsedEndpoint *endpoint,
            const char         *query,
            WsedGrant          *grant)
{
  WsedAdmission *admission = wsed_admission_new ();
  g_autoptr (GError) error = NULL;

  admission->client.grant = grant;
  if (wsed_endpoint_read (endpoint, query, admission, &error))
    {
      g_assert_no_error (error);
      hold_admission (admission);
    }
  else
    g_assert_true (error != NULL && g_utf8_validate (error->message, -1, NULL));
  wsed_admission_free (admission);
}

static void
read_queries (const char *query)
{
  for (guint i = 0; i < G_N_ELEMENTS (endpoints); i++)
    {
      WsedGrant *grant = wsed_grant_new ();

      grant->user = g_strdup ("alice");
      g_strfreev (grant->subscribe);
      grant->subscribe = g_strsplit ("session:*,role:r", ",", -1);
      read_query (&endpoints[i], query, NULL);
      read_query (&endpoints[i], query, grant);
    }
}

static void
read_extensions (const char *offers)
{
  const char *answer;

  if (!wsed_extension_choose (offers, &answer) || answer == NULL)
    return;
  g_assert_true (g_str_has_prefix (answer, "permessage-deflate;") && strstr (offers, "permessage-deflate") != NULL);
  /* What is answered about a window was offered. */
  g_assert_true (strstr (answer, "server_max_window_bits") == NULL || strstr (offers, "server_max_window_bits") != NULL);
  g_assert_true (wsed_extension_choose (answer, &answer) && answer != NULL);
}

/* Another parser has to find one of the hosts in what is let in. */
static void
hold_host (const char         *origin,
           const char * const *hosts)
{
  g_autoptr (GUri) uri = g_uri_parse (origin, G_URI_FLAGS_NON_DNS, NULL);

  g_assert_nonnull (uri);
  g_assert_true (g_uri_get_userinfo (uri) == NULL && *g_uri_get_path (uri) == '\0' && g_uri_get_query (uri) == NULL);
  while (*hosts != NULL && g_ascii_strcasecmp (*hosts, g_uri_get_host (uri)) != 0)
    hosts++;
  g_assert_nonnull (*hosts);
}

static void
read_origin (char *origin)
{
  static const char * const defaults[] = { "localhost", "127.0.0.1", "::1", NULL };
  char *entry = strchr (origin, '\n');

  if (entry != NULL)
    *entry++ = '\0';
  if (wsed_origin_is_allowed (origin, NULL) && strchr (origin, '[') == NULL)
    hold_host (origin, defaults);
  if (entry != NULL && wsed_origin_is_entry (entry))
    {
      const char * const one[] = { entry, NULL }, * const more[] = { "other.example", entry, NULL };

      if (!wsed_origin_is_allowed (origin, one))
        return;
      g_assert_true (wsed_origin_is_allowed (origin, more));
      g_assert_cmpstr (origin, !=, "null");
      g_assert_true (strstr (entry, "://") != NULL || strchr (origin, '[') != NULL || g_ascii_strncasecmp (strstr (origin, "://") + 3, entry, strcspn (entry, ":")) == 0);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autofree char *text = size > 0 ? g_strndup ((const char *) data + 1, size - 1) : NULL;

  if (text == NULL)
    return 0;
  if (data[0] == 'E')
    read_extensions (text);
  else if (data[0] == 'O')
    read_origin (text);
  else
    read_queries (text);
  return 0;
}
