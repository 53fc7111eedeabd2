/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsectlServer owns where the server is and the HTTP session with it. It knows no endpoint and never tries twice. */

#include "wsectl-server.h"

#include <string.h>

#include "wse-error.h"
#include "wsectl-command.h"

/* Seconds without a byte before an answer is given up. */
#define PATIENCE 60
/* Bytes of one answer: a page of history has about 4 MiB; a server that sends more is not ours. */
#define MAX_ANSWER (64 * 1024 * 1024)
#define CHUNK (64 * 1024)
/* RFC 6750 section 2.1 */
#define TOKEN_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

struct _WsectlServer
{
  char *address;
  GUri *base;
  char *authorization;         /* NULL: nobody in particular asks */
  SoupSession *session;
};

/* NULL where none is named. FALSE: it is of no use. */
static gboolean
open_trusted (const char    *path,
              GTlsDatabase **trusted,
              GError       **error)
{
  g_autofree char *absolute = path != NULL ? g_canonicalize_filename (path, NULL) : NULL;
  g_autoptr (GError) problem = NULL;

  *trusted = path != NULL ? g_tls_file_database_new (absolute, &problem) : NULL;
  if (problem == NULL)
    return TRUE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--ca-file: %s: %s", path, problem->message);
  return FALSE;
}

WsectlServer *
wsectl_server_new (const char  *address,
                   GError     **error)
{
  const char *named = address != NULL ? address : g_getenv ("WSE_SERVER");
  const char *used = named != NULL && *named != '\0' ? named : WSECTL_DEFAULT_SERVER;
  g_autoptr (GUri) base = g_uri_parse (used, G_URI_FLAGS_ENCODED, NULL);
  const char *scheme = base != NULL ? g_uri_get_scheme (base) : "";
  const char *token = g_getenv ("WSE_TOKEN");
  g_autoptr (GTlsDatabase) trusted = NULL;
  WsectlServer *self;

  if ((!g_str_equal (scheme, "http") && !g_str_equal (scheme, "https")) || g_uri_get_host (base) == NULL ||
      *g_uri_get_host (base) == '\0' || g_uri_get_userinfo (base) != NULL || g_uri_get_query (base) != NULL ||
      g_uri_get_fragment (base) != NULL)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: http://HOST:PORT or https://HOST:PORT is needed, not “%s”",
                   address != NULL ? "--server" : "WSE_SERVER", used);
      return NULL;
    }
  if (token != NULL && (*token == '\0' || strspn (token, TOKEN_CHARACTERS) != strlen (token)))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "WSE_TOKEN, --token: it %s",
                   *token == '\0' ? "is empty" : "has characters that no token and no key has");
      return NULL;
    }
  if (!open_trusted (wsectl_command_get_ca_file (), &trusted, error))
    return NULL;
  self = g_new0 (WsectlServer, 1);
  self->authorization = token != NULL ? g_strconcat ("Bearer ", token, NULL) : NULL;
  self->address = g_strdup (used);
  self->base = g_steal_pointer (&base);
  self->session = soup_session_new_with_options ("timeout", PATIENCE, "user-agent", "wsectl/" WSECTL_VERSION, NULL);
  if (trusted != NULL)
    soup_session_set_tls_database (self->session, trusted);
  /* What is small on the wire and large in memory is not asked for. */
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_WEBSOCKET_EXTENSION_MANAGER);
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_CONTENT_DECODER);
  return self;
}

void
wsectl_server_free (WsectlServer *self)
{
  soup_session_abort (self->session);
  g_object_unref (self->session);
  g_uri_unref (self->base);
  g_free (self->address);
  g_free (self->authorization);
  g_free (self);
}

const char *
wsectl_server_get_address (WsectlServer *self)
{
  return self->address;
}

SoupSession *
wsectl_server_get_session (WsectlServer *self)
{
  return self->session;
}

GUri *
wsectl_server_get_uri (WsectlServer *self,
                       const char   *path,
                       const char   *query,
                       gboolean      websocket)
{
  const char *below = g_uri_get_path (self->base);
  gsize length = strlen (below);
  gboolean tls = g_str_equal (g_uri_get_scheme (self->base), "https");
  const char *scheme = websocket ? (tls ? "wss" : "ws") : g_uri_get_scheme (self->base);
  g_autofree char *whole = NULL;

  while (length > 0 && below[length - 1] == '/')
    length--;
  whole = g_strdup_printf ("%.*s%s", (int) length, below, path);
  return g_uri_build (G_URI_FLAGS_ENCODED, scheme, NULL, g_uri_get_host (self->base), g_uri_get_port (self->base), whole, query,
                      NULL);
}

void
wsectl_server_sign (WsectlServer *self,
                    SoupMessage  *message)
{
  if (self->authorization != NULL)
    soup_message_headers_replace (soup_message_get_request_headers (message), "Authorization", self->authorization);
}

static GBytes *
read_all (GInputStream  *stream,
          GError       **error)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  g_autofree guint8 *chunk = g_malloc (CHUNK);

  while (TRUE)
    {
      gssize n = g_input_stream_read (stream, chunk, CHUNK, NULL, error);

      if (n < 0)
        return NULL;
      if (n == 0)
        return g_byte_array_free_to_bytes (g_steal_pointer (&all));
      g_byte_array_append (all, chunk, n);
      if (all->len > MAX_ANSWER)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "an answer of more than %d bytes", MAX_ANSWER);
          return NULL;
        }
    }
}

static guint
read_retry_after (SoupMessage *message)
{
  const char *text = soup_message_headers_get_one (soup_message_get_response_headers (message), "Retry-After");
  guint64 seconds;

  return text != NULL && g_ascii_string_to_unsigned (text, 10, 0, 3600, &seconds, NULL) ? seconds : 0;
}

gboolean
wsectl_server_ask (WsectlServer  *self,
                   const char    *method,
                   const char    *path,
                   const char    *query,
                   const char    *content_type,
                   GBytes        *body,
                   WsectlReply   *reply,
                   GError       **error)
{
  g_autoptr (GUri) uri = wsectl_server_get_uri (self, path, query, FALSE);
  g_autoptr (SoupMessage) message = soup_message_new_from_uri (method, uri);
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GBytes) read = NULL;

  wsectl_reply_clear (reply);
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  wsectl_server_sign (self, message);
  if (body != NULL)
    soup_message_set_request_body_from_bytes (message, content_type, body);
  stream = soup_session_send (self->session, message, NULL, error);
  if (stream != NULL)
    read = read_all (stream, error);
  if (read == NULL)
    {
      g_prefix_error (error, "%s cannot be reached; is wsed running there? (--server, WSE_SERVER): ", self->address);
      return FALSE;
    }
  reply->status = soup_message_get_status (message);
  reply->retry_after = read_retry_after (message);
  reply->body = g_steal_pointer (&read);
  return TRUE;
}

void
wsectl_reply_clear (WsectlReply *reply)
{
  g_clear_pointer (&reply->body, g_bytes_unref);
  reply->status = reply->retry_after = 0;
}

void
wsectl_query_add (GString    *query,
                  const char *name,
                  const char *value)
{
  if (value == NULL)
    return;
  if (query->len > 0)
    g_string_append_c (query, '&');
  g_string_append_printf (query, "%s=", name);
  g_string_append_uri_escaped (query, value, ":,@*", FALSE);
}
