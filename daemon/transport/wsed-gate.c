/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first look at a request: what libsoup 3.2 lets through and must not be. It never reads a body and knows no path. */

#include "transport/wsed-gate.h"

#include <dlfcn.h>
#include <string.h>

#include "guard/wsed-limits.h"
#include "metrics/wsed-metrics.h"
#include "transport/wsed-answer.h"
#include "transport/wsed-cors.h"
#include "transport/wsed-peer.h"

/* Stands before libsoup's function of this name, which libsoup calls through the dynamic linker: 3.2.3 never frees the path of a request
 * whose length it cannot read, so that anybody could fill the memory with them, 64 KiB at a time. Such a request is malformed here already. */
G_MODULE_EXPORT guint
soup_headers_parse_request (const char          *text,
                            int                  length,
                            SoupMessageHeaders  *headers,
                            char               **method,
                            char               **path,
                            SoupHTTPVersion     *version)
{
  static guint (*parse) (const char *, int, SoupMessageHeaders *, char **, char **, SoupHTTPVersion *);
  guint status;

  if (parse == NULL)
    *(void **) &parse = dlsym (RTLD_NEXT, "soup_headers_parse_request");
  status = parse (text, length, headers, method, path, version);
  if (!SOUP_STATUS_IS_SUCCESSFUL (status) || soup_message_headers_get_encoding (headers) != SOUP_ENCODING_UNRECOGNIZED)
    return status;
  g_clear_pointer (method, g_free);
  g_clear_pointer (path, g_free);
  return SOUP_STATUS_BAD_REQUEST;
}

static guint
count_headers (SoupMessageHeaders *headers,
               const char         *wanted)
{
  SoupMessageHeadersIter iter;
  const char *name, *value;
  guint n = 0;

  soup_message_headers_iter_init (&iter, headers);
  while (soup_message_headers_iter_next (&iter, &name, &value))
    n += g_ascii_strcasecmp (name, wanted) == 0;
  return n;
}

static gboolean
is_chunked (SoupMessageHeaders *headers)
{
  return soup_message_headers_get_one (headers, "Transfer-Encoding") != NULL;
}

guint64
wsed_gate_get_length (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const char *value = soup_message_headers_get_one (headers, "Content-Length");
  guint64 length = 0;

  if (is_chunked (headers))
    return G_MAXUINT64;
  if (value != NULL && !g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT64, &length, NULL))
    return G_MAXUINT64;
  return length;
}

static gsize
measure_head (SoupServerMessage *message)
{
  GUri *uri = soup_server_message_get_uri (message);
  const char *query = g_uri_get_query (uri), *name, *value;
  gsize size = strlen (g_uri_get_path (uri)) + (query != NULL ? strlen (query) : 0);
  SoupMessageHeadersIter iter;

  soup_message_headers_iter_init (&iter, soup_server_message_get_request_headers (message));
  while (soup_message_headers_iter_next (&iter, &name, &value))
    size += strlen (name) + strlen (value);
  return size;
}

WsedRefusal
wsed_gate_check (SoupServerMessage *message,
                 guint64            max_header,
                 guint64            max_body)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  guint n_lengths = count_headers (headers, "Content-Length");
  const char *length = soup_message_headers_get_one (headers, "Content-Length");
  const char *expect = soup_message_headers_get_one (headers, "Expect");

  if (measure_head (message) > max_header)
    {
      wsed_limits_refused (WSED_LIMIT_HEADER);
      return (WsedRefusal) { 431, "headers_too_large", "the address and the headers are larger than allowed" };
    }
  if (count_headers (headers, "Host") > 1)
    return (WsedRefusal) { 400, "bad_request", "send one Host header" };
  if (soup_message_headers_get_one (headers, "Host") == NULL && soup_server_message_get_http_version (message) != SOUP_HTTP_1_0)
    return (WsedRefusal) { 400, "bad_request", "send a Host header" };
  if (*g_uri_get_host (soup_server_message_get_uri (message)) == '\0')
    return (WsedRefusal) { 400, "bad_request", "name a host" };
  if (is_chunked (headers) && n_lengths > 0)
    return (WsedRefusal) { 400, "bad_request", "send either Content-Length or Transfer-Encoding" };
  if (is_chunked (headers) && soup_server_message_get_http_version (message) == SOUP_HTTP_1_0)
    return (WsedRefusal) { 400, "bad_request", "HTTP/1.0 has no Transfer-Encoding" };
  if (n_lengths > 1 || (length != NULL && !g_ascii_string_to_unsigned (length, 10, 0, G_MAXINT64, NULL, NULL)))
    return (WsedRefusal) { 400, "bad_request", "send one Content-Length, a number of bytes" };
  if (!is_chunked (headers) && wsed_gate_get_length (message) > max_body)
    return (WsedRefusal) { 413, "too_large", "the body is larger than allowed; send less at a time" };
  if (expect != NULL && g_ascii_strcasecmp (expect, "100-continue") != 0)
    return (WsedRefusal) { 417, "expectation_failed", "only Expect: 100-continue is known" };
  return (WsedRefusal) { 0 };
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

void
wsed_gate_refuse (SoupServerMessage *message,
                  guint              status,
                  const char        *code,
                  const char        *text,
                  const char        *header,
                  const char        *value)
{
  WsedPeer *peer = wsed_peer_of (message);
  g_autoptr (GString) body = wsed_answer_error_body (code, text);
  g_autoptr (GString) answer = g_string_new (NULL);
  GIOStream *stream;

  count_refusal (code);
  g_string_append_printf (answer, "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n", status,
                          wsed_answer_get_phrase (status), body->len);
  if (header != NULL)
    g_string_append_printf (answer, "%s: %s\r\n", header, value);
  if (status == 429 || status == 503)
    g_string_append (answer, "Retry-After: 1\r\n");
  wsed_cors_append (message, answer);
  g_string_append (answer, "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
  if (!g_str_equal (soup_server_message_get_method (message), "HEAD"))
    g_string_append_len (answer, body->str, body->len);

  stream = soup_server_message_steal_connection (message);
  if (stream == NULL)
    return;
  if (peer == NULL)
    {
      g_object_unref (stream);
      return;
    }
  /* A client that has not read what it was sent before gets a part of it, or nothing. */
  if (wsed_peer_send (peer, answer->str, answer->len) < 0)
    g_debug ("refusing a request: the answer could not be sent");
  wsed_peer_linger (peer, stream);
}
