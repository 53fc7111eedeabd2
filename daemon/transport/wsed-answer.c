/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes answers into libsoup's messages: one form for every error, and what each answer has in its headers. It never decides which. */

#include "transport/wsed-answer.h"

#include "metrics/wsed-metrics.h"
#include "transport/wsed-peer.h"
#include "wse-error.h"
#include "wse-json-private.h"

struct _WsedPending
{
  SoupServerMessage *message;
  gboolean gone;
};

/* Also of those that libsoup does not know. */
static const char *
get_phrase (guint status)
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
  soup_server_message_set_status (message, status, get_phrase (status));
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

static void
count_refusal (const char *code)
{
  static const char * const labels[] = { "code", NULL };
  const char * const values[] = { code, NULL };
  WsedMetricFamily *family = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_http_refusals_total",
                                                     "Requests refused without reading their bodies.", labels, 50);

  wsed_metric_add (wsed_metric_family_get (family, values), 1);
}

GString *
wsed_answer_write (const WsedRefusal *refusal,
                   const char        *lines,
                   gboolean           with_body)
{
  g_autoptr (GString) body = wsed_answer_error_body (refusal->code, refusal->text);
  GString *answer = g_string_new (NULL);

  count_refusal (refusal->code);
  g_string_append_printf (answer, "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n",
                          refusal->status, get_phrase (refusal->status), body->len);
  if (lines != NULL)
    g_string_append (answer, lines);
  if (refusal->status == 429 || refusal->status == 503)
    g_string_append (answer, "Retry-After: 1\r\n");
  g_string_append (answer, "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
  if (with_body)
    g_string_append_len (answer, body->str, body->len);
  return answer;
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
