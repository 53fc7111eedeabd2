/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* POST /api/revocations: puts an entry on the deny list, and answers when it is on disk. It reads the request and writes the answer. */

#include "transport/wsed-api.h"

#include "transport/wsed-answer.h"
#include "transport/wsed-peer.h"

static void
on_revoked (WsedRevocation *revocation,
            const GError   *error,
            gpointer        user_data)
{
  WsedPending *pending = user_data;
  SoupServerMessage *message = wsed_pending_get_message (pending);
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
  wsed_pending_done (pending);
}

void
wsed_api_revoke (WsedApi           *api,
                 SoupServerMessage *message)
{
  WsedPeer *peer = wsed_peer_of (message);
  g_autoptr (GBytes) body = peer != NULL ? wsed_peer_take_body (peer) : NULL;
  WsedRevocation *revocation;
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
    wsed_answer_error (message, 422, "invalid", problem);
  else
    wsed_authority_revoke (api->authority, revocation, on_revoked, wsed_pending_new (message));
}
