/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* POST /api/revocations: puts an entry on the deny list, and answers when it is kept for good: on disk, or where all daemons
 * of the log find it. It reads the request and writes the answer. */

#include "transport/wsed-api.h"

#include "transport/wsed-answer.h"
#include "transport/wsed-hearsay.h"
#include "transport/wsed-peer.h"

typedef struct
{
  WsedApi *api;
  WsedPending *pending;
  WsedRevocation *revocation;
} Request;

static void
on_kept (const GError *error,
         gpointer      user_data)
{
  g_autofree Request *request = user_data;
  g_autoptr (WsedRevocation) revocation = request->revocation;
  SoupServerMessage *message = wsed_pending_get_message (request->pending);
  GString *out;

  if (message != NULL && error != NULL)
    wsed_answer_error (message, 503, wse_error_get_code (error), error->message);
  else if (message != NULL)
    {
      out = g_string_new ("{\"revoked\":");
      wsed_revocation_append (revocation, out);
      g_string_append_c (out, '}');
      wsed_answer_json (message, 201, out);
    }
  wsed_pending_done (request->pending);
}

static void
on_revoked (WsedRevocation *revocation,
            const GError   *error,
            gpointer        user_data)
{
  Request *request = user_data;

  request->revocation = wsed_revocation_ref (revocation);
  if (error == NULL)
    wsed_hearsay_tell_revoked (request->api, revocation, on_kept, request);
  else
    on_kept (error, request);
}

void
wsed_api_revoke (WsedApi           *api,
                 SoupServerMessage *message)
{
  WsedPeer *peer = wsed_peer_of (message);
  g_autoptr (GBytes) body = peer != NULL ? wsed_peer_take_body (peer) : NULL;
  WsedRevocation *revocation;
  Request *request;
  const char *problem = NULL;

  if (!wsed_api_check_query (api, message))
    return;
  if (api->authority == NULL)
    {
      wsed_answer_error (message, 422, "invalid", "authentication is off: there is no token to revoke");
      return;
    }
  if (body == NULL)
    {
      wsed_answer_error (message, 400, "syntax", "the body is empty; send {\"jti\":…} or {\"sub\":…,\"iat\":…}");
      return;
    }
  revocation = wsed_revocation_new (g_bytes_get_data (body, NULL), g_bytes_get_size (body), g_get_real_time (), &problem);
  if (revocation == NULL)
    {
      wsed_answer_error (message, 422, "invalid", problem);
      return;
    }
  request = g_new (Request, 1);
  *request = (Request) { api, wsed_pending_new (message), NULL };
  wsed_authority_revoke (api->authority, revocation, on_revoked, request);
}
