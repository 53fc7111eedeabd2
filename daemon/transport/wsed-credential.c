/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finds the credential of a request and has it judged. It decides nothing itself, keeps no credential, and writes none anywhere. */

#include "transport/wsed-credential.h"

#include <string.h>

#include "metrics/wsed-metrics.h"
#include "transport/wsed-answer.h"

#define KEPT "wsed-grant"
#define DEFERRED "wsed-deferred"

/* A request that waits for keys to be read. */
typedef struct
{
  WsedPending *pending;
  WsedDecide decide;
  gpointer user_data;
} Awaiting;

/* What was found; more than one is none. */
typedef struct
{
  char *credential;            /* NULL: none */
  guint n;
  gboolean astray;             /* one is in the address, where none is taken */
} Found;

static void
found_add (Found *found,
           char  *credential)
{
  found->n++;
  g_free (found->credential);
  found->credential = credential;
}

static void
find_in_headers (SoupMessageHeaders *headers,
                 gboolean            streaming,
                 Found              *found)
{
  const char *authorization = soup_message_headers_get_list (headers, "Authorization");
  const char *key = soup_message_headers_get_list (headers, "X-API-Key");
  const char *offered = soup_message_headers_get_list (headers, "Sec-WebSocket-Protocol");
  g_auto (GStrv) protocols = g_strsplit (streaming && offered != NULL ? offered : "", ",", -1);

  if (authorization != NULL && g_ascii_strncasecmp (authorization, "Bearer ", strlen ("Bearer ")) == 0)
    found_add (found, g_strstrip (g_strdup (authorization + strlen ("Bearer "))));
  if (key != NULL)
    found_add (found, g_strstrip (g_strdup (key)));
  for (guint i = 0; protocols[i] != NULL; i++)
    if (g_str_has_prefix (g_strstrip (protocols[i]), "bearer."))
      found_add (found, g_strdup (protocols[i] + strlen ("bearer.")));
}

static void
find_in_query (const char *query,
               gboolean    allowed,
               Found      *found)
{
  g_auto (GStrv) pairs = g_strsplit (query != NULL ? query : "", "&", -1);

  for (guint i = 0; pairs[i] != NULL; i++)
    {
      if (!g_str_has_prefix (pairs[i], "token="))
        continue;
      if (allowed)
        found_add (found, g_strdup (pairs[i] + strlen ("token=")));
      else
        found->astray = TRUE;
    }
}

static WsedDenial
judge (WsedAuthority  *authority,
       const Found    *found,
       WsedPermission  permission,
       WsedGrant     **grant)
{
  WsedCredentialProblem problem;

  if (found->n > 1)
    return (WsedDenial) { 400, "bad_request", "send one credential, in one place", "several", TRUE };
  if (found->n == 0)
    return (WsedDenial) { 401, "unauthorized",
                          found->astray ? "a token in the address is not taken here: send it as Authorization: Bearer"
                                        : "send a token, or the key of a service, as Authorization: Bearer", "missing", FALSE };
  if (found->astray)
    return (WsedDenial) { 400, "bad_request", "the query parameter `token` is not taken here", "astray", TRUE };
  *grant = wsed_authority_check (authority, found->credential, &problem);
  if (*grant == NULL)
    return (WsedDenial) { 401, "unauthorized", problem.text, problem.reason, TRUE, problem.undecided };
  if (permission == WSED_PERMISSION_MONITOR && !wsed_grant_may_monitor (*grant))
    return (WsedDenial) { 403, "forbidden", "this needs the permission to monitor", "permission", TRUE };
  if (permission == WSED_PERMISSION_ADMIN && !wsed_grant_may_administer (*grant))
    return (WsedDenial) { 403, "forbidden", "this needs the permission to administer", "permission", TRUE };
  return (WsedDenial) { 0 };
}

static void
count_denial (const char *reason)
{
  static const char * const labels[] = { "reason", NULL };
  const char * const values[] = { reason, NULL };
  WsedMetricFamily *family = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_credentials_refused_total",
                                                     "Requests refused for what they brought along to say who asks.", labels, 20);

  wsed_metric_add (wsed_metric_family_get (family, values), 1);
}

WsedDenial
wsed_credential_check (WsedAuthority     *authority,
                       SoupServerMessage *message,
                       WsedPermission     permission,
                       gboolean           streaming,
                       gboolean           url_token,
                       gboolean           may_wait,
                       WsedGrant        **grant)
{
  Found found = { NULL, 0, FALSE };
  WsedDenial denial;

  *grant = NULL;
  if (authority == NULL || permission == WSED_PERMISSION_NONE)
    return (WsedDenial) { 0 };
  find_in_headers (soup_server_message_get_request_headers (message), streaming, &found);
  find_in_query (g_uri_get_query (soup_server_message_get_uri (message)), streaming && url_token, &found);
  denial = judge (authority, &found, permission, grant);
  g_free (found.credential);
  denial.undecided &= may_wait;
  if (denial.status == 0 || denial.undecided)
    return denial;
  count_denial (denial.reason);
  g_clear_pointer (grant, wsed_grant_unref);
  return denial;
}

static void
on_settled (gpointer user_data)
{
  g_autofree Awaiting *awaiting = user_data;
  SoupServerMessage *message = wsed_pending_get_message (awaiting->pending);
  g_autoptr (SoupServerMessage) held = message != NULL ? g_object_ref (message) : NULL;

  /* Before it is decided: what answers it may pause it again. */
  wsed_pending_done (awaiting->pending);
  if (held != NULL)
    awaiting->decide (held, awaiting->user_data);
}

void
wsed_credential_await (WsedAuthority     *authority,
                       SoupServerMessage *message,
                       WsedDecide         decide,
                       gpointer           user_data)
{
  Awaiting *awaiting = g_new (Awaiting, 1);

  *awaiting = (Awaiting) { wsed_pending_new (message), decide, user_data };
  wsed_authority_await (authority, on_settled, awaiting);
}

char *
wsed_credential_challenge (const WsedDenial *denial)
{
  if (!denial->presented)
    return g_strdup ("Bearer realm=\"wse\"");
  return g_strdup_printf ("Bearer realm=\"wse\", error=\"invalid_token\", error_description=\"%s\"", denial->text);
}

void
wsed_credential_keep (SoupServerMessage *message,
                      WsedGrant         *grant)
{
  g_object_set_data_full (G_OBJECT (message), KEPT, grant, (GDestroyNotify) wsed_grant_unref);
}

WsedGrant *
wsed_credential_get (SoupServerMessage *message)
{
  return g_object_get_data (G_OBJECT (message), KEPT);
}

void
wsed_credential_defer (SoupServerMessage *message)
{
  wsed_credential_keep (message, wsed_grant_new ());
  g_object_set_data (G_OBJECT (message), DEFERRED, message);
}

gboolean
wsed_credential_is_deferred (SoupServerMessage *message)
{
  return g_object_get_data (G_OBJECT (message), DEFERRED) != NULL;
}
