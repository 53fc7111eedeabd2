/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes answers into libsoup's messages: one form for every error, and what each answer has in its headers. It never decides which. */

#include "transport/wsed-answer.h"

#include "transport/wsed-peer.h"
#include "wse-error.h"
#include "wse-json-private.h"

struct _WsedPending
{
  SoupServerMessage *message;
  gboolean gone;
};

const char *
wsed_answer_get_phrase (guint status)
{
  if (status == 426)
    return "Upgrade Required";
  if (status == 431)
    return "Request Header Fields Too Large";
  if (status == 429)
    return "Too Many Requests";
  return soup_status_get_phrase (status);
}

void
wsed_answer_set (SoupServerMessage *message,
                 guint              status,
                 const char        *content_type,
                 GString           *body)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  WsedPeer *peer = wsed_peer_of (message);
  gsize length = body->len;

  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  if (status == 429 || status == 503)
    soup_message_headers_replace (headers, "Retry-After", "1");
  if (peer != NULL)
    {
      if (wsed_peers_is_stopping (wsed_peer_get_set (peer)))
        soup_message_headers_replace (headers, "Connection", "close");
      wsed_peer_enter (peer, WSED_PEER_ANSWER, 0);
    }
  if (content_type != NULL)
    soup_server_message_set_response (message, content_type, SOUP_MEMORY_TAKE, g_string_free (body, FALSE), length);
  else
    g_string_free (body, TRUE);
  soup_server_message_set_status (message, status, wsed_answer_get_phrase (status));
}

void
wsed_answer_json (SoupServerMessage *message,
                  guint              status,
                  GString           *body)
{
  wsed_answer_set (message, status, "application/json", body);
}

void
wsed_answer_append_error (GString    *out,
                          const char *code,
                          const char *text)
{
  g_string_append (out, "{\"code\":");
  wse_json_append_string (out, code, -1);
  g_string_append (out, ",\"message\":");
  wse_json_append_string (out, text, -1);
  g_string_append_c (out, '}');
}

GString *
wsed_answer_error_body (const char *code,
                        const char *text)
{
  GString *body = g_string_new ("{\"error\":");

  wsed_answer_append_error (body, code, text);
  g_string_append_c (body, '}');
  return body;
}

void
wsed_answer_error (SoupServerMessage *message,
                   guint              status,
                   const char        *code,
                   const char        *text)
{
  wsed_answer_json (message, status, wsed_answer_error_body (code, text));
}

void
wsed_answer_gerror (SoupServerMessage *message,
                    const GError      *error)
{
  static const guint16 statuses[] = {
    [WSE_ERROR_FAILED] = 500,   [WSE_ERROR_SYNTAX] = 400,   [WSE_ERROR_INVALID] = 422, [WSE_ERROR_TOO_LARGE] = 413,
    [WSE_ERROR_TOO_DEEP] = 422, [WSE_ERROR_NO_ROUTE] = 422, [WSE_ERROR_BUSY] = 429,    [WSE_ERROR_UNAVAILABLE] = 503,
    [WSE_ERROR_UNSUPPORTED] = 415, [WSE_ERROR_FORBIDDEN] = 403, [WSE_ERROR_CONFLICT] = 409,
  };
  guint status = 500;

  if (error->domain == WSE_ERROR && error->code >= 0 && error->code < (int) G_N_ELEMENTS (statuses))
    status = statuses[error->code];
  wsed_answer_error (message, status, wse_error_get_code (error), error->message);
}

static void
on_disconnected (SoupServerMessage *message,
                 WsedPending       *pending)
{
  pending->gone = TRUE;
}

WsedPending *
wsed_pending_new (SoupServerMessage *message)
{
  WsedPending *pending = g_new0 (WsedPending, 1);

  pending->message = g_object_ref (message);
  g_signal_connect (message, "disconnected", G_CALLBACK (on_disconnected), pending);
  soup_server_message_pause (message);
  return pending;
}

SoupServerMessage *
wsed_pending_get_message (WsedPending *pending)
{
  return pending->gone ? NULL : pending->message;
}

void
wsed_pending_done (WsedPending *pending)
{
  g_signal_handlers_disconnect_by_data (pending->message, pending);
  if (!pending->gone)
    soup_server_message_unpause (pending->message);
  g_object_unref (pending->message);
  g_free (pending);
}
