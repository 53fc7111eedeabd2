/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedHttp owns the SoupServer and everything around it, and leads each request from its headers to its handler. What a handler answers
 * is not its business. */

#include "transport/wsed-http.h"

#include "metrics/wsed-metrics.h"
#include "transport/wsed-answer.h"
#include "transport/wsed-api.h"
#include "transport/wsed-cors.h"
#include "transport/wsed-door.h"
#include "transport/wsed-hearsay.h"
#include "transport/wsed-peer.h"
#include "transport/wsed-resource.h"
#include "transport/wsed-visitor.h"

/* Connections that speak HTTP at a time: libsoup's main loop looks at each of them in every turn. Further ones wait in the kernel. */
#define MAX_PEERS 1024
/* Descriptors left to the log, the workers and libraries, which do not survive running out of them. */
#define RESERVED_FDS 64
/* Where no body is expected (bytes); a small one is read and thrown away, so that the connection can go on. */
#define MAX_UNWANTED_BODY (64 * 1024)
/* Bodies under way on all connections (bytes), unless one alone may be larger. */
#define MAX_BODIES ((guint64) 256 * 1024 * 1024)

struct _WsedHttp
{
  WsedApi api;
  SoupServer *server;
  WsedDoor *door;
  WsedPeers *peers;
  WsedTrust *trust;
  WsedTlsContext *tls;         /* NULL: everybody speaks in the clear */
  guint max_peers;
  int max_fd;
  gboolean echo;
  WsedMetricFamily *n_requests;
};

static guint64
max_body_of (WsedHttp           *self,
             const WsedResource *resource,
             SoupServerMessage  *message)
{
  gboolean wanted = resource != NULL && resource->post != NULL && g_str_equal (soup_server_message_get_method (message), "POST");

  return wanted ? self->api.config->max_body : MAX_UNWANTED_BODY;
}

static gboolean
is_large (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  WsedPeer *peer = wsed_peer_of (message);

  return peer == NULL || wsed_peer_get_length (peer) > MAX_UNWANTED_BODY || soup_message_headers_get_one (headers, "Expect") != NULL;
}

/* Answers without waiting for the body, and ends the connection. @header: one more for the answer, "Allow", with @value; NULL: none. */
static void
refuse (SoupServerMessage *message,
        WsedRefusal        refusal,
        const char        *header,
        const char        *value)
{
  WsedPeer *peer = wsed_peer_of (message);
  g_autoptr (GString) lines = g_string_new (NULL);

  if (peer == NULL)
    return;
  if (header != NULL)
    g_string_append_printf (lines, "%s: %s\r\n", header, value);
  wsed_cors_append (message, lines);
  wsed_peer_refuse (peer, &refusal, lines->str, !g_str_equal (soup_server_message_get_method (message), "HEAD"));
}

/* Answers before the body. Where that is small it is read, and the connection lives on. */
static void
turn_away (SoupServerMessage *message,
           guint              status,
           const char        *code,
           const char        *text,
           const char        *header,
           const char        *value)
{
  if (is_large (message))
    {
      refuse (message, (WsedRefusal) { status, code, text }, header, value);
      return;
    }
  if (header != NULL)
    soup_message_headers_replace (soup_server_message_get_response_headers (message), header, value);
  wsed_answer_error (message, status, code, text);
}

/* Until the headers are understood the answer is this one: libsoup gives no other chance to say why it refuses a request. */
static void
preset_answer (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  g_autoptr (GString) body = wsed_answer_error_body ("bad_request", "this is not an HTTP request that is understood");

  soup_message_headers_replace (headers, "Connection", "close");
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY, body->str, body->len);
}

static void
clear_preset (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_message_headers_remove (headers, "Connection");
  soup_message_headers_remove (headers, "Content-Type");
  soup_message_headers_remove (headers, "Content-Length");
  /* Removing the length also forgot that there is to be one: the body would end with the connection only. */
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CONTENT_LENGTH);
  soup_message_body_truncate (soup_server_message_get_response_body (message));
  /* Parts of a page are not served; libsoup would, as many as are asked for. */
  soup_message_headers_remove (soup_server_message_get_request_headers (message), "Range");
}

/* What is for operators is not where they have a place of their own. */
static gboolean
is_out_of_place (WsedHttp           *self,
                 const WsedResource *resource,
                 SoupServerMessage  *message)
{
  WsedPermission permission = wsed_resource_get_permission (resource, soup_server_message_get_method (message));

  return wsed_resource_takes (resource, soup_server_message_get_method (message)) && !wsed_door_is_admin (self->door, message) &&
         (permission == WSED_PERMISSION_MONITOR || permission == WSED_PERMISSION_ADMIN);
}

/* Who asks, before more of a body is read than there is room for anyway. FALSE: answered. */
static gboolean
check_credential (WsedHttp           *self,
                  const WsedResource *resource,
                  SoupServerMessage  *message,
                  gboolean            may_wait)
{
  WsedGrant *grant;
  WsedPermission permission = wsed_resource_get_permission (resource, soup_server_message_get_method (message));
  WsedDenial denial = wsed_credential_check (self->api.authority, message, permission, resource->endpoint != NULL,
                                             self->api.config->allow_url_token, may_wait, &grant);
  g_autofree char *challenge = NULL;

  if (denial.undecided)
    {
      wsed_credential_defer (message);
      return TRUE;
    }
  if (denial.status == 0)
    {
      g_autofree char *holder = wsed_grant_dup_holder (grant);

      wsed_credential_keep (message, grant);
      if (wsed_limits_request_by_key (self->api.limits, holder))
        return TRUE;
      turn_away (message, 429, "too_many_requests", "who asks does so more often than allowed; send the same again later", NULL, NULL);
      return FALSE;
    }
  challenge = denial.status == 401 ? wsed_credential_challenge (&denial) : NULL;
  turn_away (message, denial.status, denial.code, denial.text, challenge != NULL ? "WWW-Authenticate" : NULL, challenge);
  return FALSE;
}

/* The resource's own conditions that the headers can fail. @admitted: the origin may. FALSE: answered. */
static gboolean
check_resource (WsedHttp           *self,
                const WsedResource *resource,
                SoupServerMessage  *message,
                gboolean            admitted)
{
  const char *method = soup_server_message_get_method (message);
  const char *problem;
  WsedForm form;

  if (!wsed_limits_request (self->api.limits, wsed_visitor_get (message)->place))
    turn_away (message, 429, "too_many_requests", "your address asks more often than allowed; send the same again later", NULL, NULL);
  else if (!admitted)
    turn_away (message, 403, "forbidden_origin", "pages of this origin may not connect; the operator can allow its host", NULL, NULL);
  else if (resource == NULL || is_out_of_place (self, resource, message))
    turn_away (message, 404, "not_found", "there is nothing at this path; GET / names what there is", NULL, NULL);
  else if (wsed_cors_is_asked (message))
    wsed_cors_answer (message, wsed_resource_get_methods (resource));
  else if (!wsed_resource_takes (resource, method))
    turn_away (message, 405, "method_not_allowed", "this path does not take this method", "Allow", wsed_resource_get_methods (resource));
  else if (!check_credential (self, resource, message, !is_large (message)))
    return FALSE;
  else if (resource->post == wsed_api_publish && g_str_equal (method, "POST") && !wsed_api_publish_form (message, &form, &problem))
    turn_away (message, 415, "unsupported_media_type", problem, NULL, NULL);
  else if (resource->endpoint != NULL && wsed_peer_get_length (wsed_peer_of (message)) > 0)
    turn_away (message, 400, "bad_handshake", "a WebSocket handshake has no body", NULL, NULL);
  else
    return TRUE;
  return FALSE;
}

/* What of a head is not a matter of its form. */
static WsedRefusal
check_request (WsedHttp          *self,
               SoupServerMessage *message,
               guint64            length,
               guint64            max_body)
{
  if (soup_server_message_get_status (message) != 0)
    return (WsedRefusal) { 400, "bad_request", "this is not an HTTP request that is understood" };
  if (*g_uri_get_host (soup_server_message_get_uri (message)) == '\0')
    return (WsedRefusal) { 400, "bad_request", "name a host" };
  if (length != G_MAXUINT64 && length > max_body)
    return (WsedRefusal) { 413, "too_large", "the body is larger than allowed; send less at a time" };
  if (!wsed_visitor_read (message, self->trust))
    return (WsedRefusal) { 400, "bad_request", "the headers Forwarded and X-Forwarded-For are malformed, or name different clients" };
  return (WsedRefusal) { 0 };
}

static void
on_got_headers (SoupServerMessage *message,
                WsedHttp          *self)
{
  const WsedResource *resource = wsed_resource_find (g_uri_get_path (soup_server_message_get_uri (message)), self->echo);
  WsedPeer *peer = wsed_peer_of (message);
  WsedRefusal refusal;
  guint64 length;
  gboolean admitted;

  if (peer == NULL)
    return;
  length = wsed_peer_get_length (peer);
  refusal = check_request (self, message, length, max_body_of (self, resource, message));
  clear_preset (message);
  admitted = wsed_cors_admit (message, (const char * const *) self->api.config->allowed_origins);
  if (refusal.status != 0)
    {
      refuse (message, refusal, NULL, NULL);
      return;
    }
  if (length > 0)
    wsed_peer_enter (peer, WSED_PEER_BODY, length != G_MAXUINT64 ? length : 0);
  else
    wsed_peer_enter (peer, WSED_PEER_WORK, 0);
  if (!check_resource (self, resource, message, admitted))
    return;
  g_object_set_data (G_OBJECT (message), "wsed-resource", (gpointer) resource);
}

static void
on_got_chunk (SoupServerMessage *message,
              GBytes            *chunk,
              WsedHttp          *self)
{
  const WsedResource *resource = g_object_get_data (G_OBJECT (message), "wsed-resource");
  WsedPeer *peer = wsed_peer_of (message);
  guint64 received;

  if (peer == NULL)
    return;
  received = wsed_peer_receive (peer, chunk, resource != NULL && g_str_equal (soup_server_message_get_method (message), "POST"));
  if (received > max_body_of (self, resource, message))
    refuse (message, (WsedRefusal) { 413, "too_large", "the body is larger than allowed; send less at a time" }, NULL, NULL);
  else if (wsed_peers_get_held (self->peers) > MAX (MAX_BODIES, self->api.config->max_body))
    refuse (message, (WsedRefusal) { 503, "busy", "too many bodies are under way; send the same again later" }, NULL, NULL);
  else if (wsed_peer_get_length (peer) == G_MAXUINT64)
    wsed_peer_enter (peer, WSED_PEER_BODY, received);
}

static void
on_got_body (SoupServerMessage *message,
             WsedHttp          *self)
{
  WsedPeer *peer = wsed_peer_of (message);

  if (peer != NULL && soup_server_message_get_status (message) == 0)
    wsed_peer_enter (peer, WSED_PEER_WORK, 0);
}

static void
dispatch (WsedHttp           *self,
          const WsedResource *resource,
          SoupServerMessage  *message)
{
  if (resource->endpoint != NULL)
    wsed_handshakes_answer (self->api.handshakes, message, resource->endpoint);
  else if (g_str_equal (soup_server_message_get_method (message), "POST"))
    resource->post (&self->api, message);
  else if (g_str_equal (soup_server_message_get_method (message), "DELETE"))
    resource->delete (&self->api, message);
  else
    resource->get (&self->api, message);
}

/* A second time, now that the keys have been read. */
static void
on_decided (SoupServerMessage *message,
            gpointer           user_data)
{
  WsedHttp *self = user_data;
  const WsedResource *resource = g_object_get_data (G_OBJECT (message), "wsed-resource");

  if (check_credential (self, resource, message, FALSE))
    dispatch (self, resource, message);
}

/* The headers' handler has found the resource, the body is there. */
static void
on_request (SoupServer        *server,
            SoupServerMessage *message,
            const char        *path,
            GHashTable        *query,
            gpointer           user_data)
{
  WsedHttp *self = user_data;
  const WsedResource *resource = g_object_get_data (G_OBJECT (message), "wsed-resource");

  g_assert (resource != NULL);
  if (wsed_credential_is_deferred (message))
    wsed_credential_await (self->api.authority, message, on_decided, self);
  else
    dispatch (self, resource, message);
}

static void
on_request_started (SoupServer        *server,
                    SoupServerMessage *message,
                    WsedHttp          *self)
{
  WsedPeer *peer = wsed_peer_of (message);

  preset_answer (message);
  /* Bodies are kept by the peer, within bounds. */
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  /* After libsoup's own handler of the same, before the one that calls on_request. */
  g_signal_connect (message, "got-headers", G_CALLBACK (on_got_headers), self);
  g_signal_connect (message, "got-chunk", G_CALLBACK (on_got_chunk), self);
  g_signal_connect (message, "got-body", G_CALLBACK (on_got_body), self);
  if (peer != NULL)
    wsed_peer_begin (peer, message);
}

static void
count_request (WsedHttp          *self,
               SoupServerMessage *message)
{
  const WsedResource *resource = g_object_get_data (G_OBJECT (message), "wsed-resource");
  g_autofree char *status = g_strdup_printf ("%u", soup_server_message_get_status (message));
  const char * const values[] = { resource != NULL ? resource->path : "other", status, NULL };

  wsed_metric_add (wsed_metric_family_get (self->n_requests, values), 1);
}

static void
on_request_finished (SoupServer        *server,
                     SoupServerMessage *message,
                     WsedHttp          *self)
{
  WsedPeer *peer = wsed_peer_of (message);

  count_request (self, message);
  if (peer != NULL)
    wsed_peer_end (peer, message);
}

static void
on_peers_changed (guint    count,
                  gpointer user_data)
{
  WsedHttp *self = user_data;

  /* Who is there while the door is made, or gone, is nobody. */
  if (self->door != NULL)
    wsed_door_set_held (self->door, wsed_http_get_pending (self) >= self->max_peers);
}

static void
on_entered (int             fd,
            GSocketAddress *remote,
            WsedTlsSession *session,
            gpointer        user_data)
{
  WsedHttp *self = user_data;

  wsed_peers_add (self->peers, fd, remote, session);
}

static gboolean
make_door (WsedHttp  *self,
           GError   **error)
{
  const WsedConfig *config = self->api.config;
  WsedDoorConfig door = {
    .listen = (const char * const *) config->listen,
    .admin_listen = (const char * const *) config->admin_listen,
    .trust = self->trust,
    .limits = self->api.limits,
    .entered = on_entered,
    .changed = on_peers_changed,
    .user_data = self,
  };

  if (config->tls_cert != NULL)
    {
      self->tls = wsed_tls_context_new (config->tls_cert, config->tls_key, self->api.main, error);
      if (self->tls == NULL)
        return FALSE;
    }
  door.tls = self->tls;
  self->door = wsed_door_new (&door, error);
  return self->door != NULL;
}

static SoupServer *
make_server (WsedHttp *self)
{
  SoupServer *server = g_object_new (SOUP_TYPE_SERVER, "raw-paths", TRUE, NULL);

  soup_server_remove_websocket_extension (server, SOUP_TYPE_WEBSOCKET_EXTENSION_DEFLATE);
  soup_server_add_handler (server, NULL, on_request, self, NULL);
  g_signal_connect (server, "request-started", G_CALLBACK (on_request_started), self);
  g_signal_connect (server, "request-finished", G_CALLBACK (on_request_finished), self);
  return server;
}

WsedHttp *
wsed_http_new (const WsedConfig  *config,
               WsedPipeline      *pipeline,
               WsedLog           *log,
               WsedHub           *hub,
               WsedInbox         *main,
               WsedAuthority     *authority,
               WsedFollowing     *following,
               GError           **error)
{
  static const char * const labels[] = { "endpoint", "status", NULL };
  g_autoptr (WsedHttp) self = g_new0 (WsedHttp, 1);
  int limit = wsed_listener_raise_limit ();
  WsedLimits *limits;

  self->max_fd = MAX (limit - RESERVED_FDS, 16);
  self->max_peers = CLAMP (self->max_fd / 4, 1, MAX_PEERS);
  self->trust = wsed_trust_new ((const char * const *) config->trusted_proxies);
  limits = wsed_limits_new (&config->limits);
  self->echo = config->dev && g_strcmp0 (g_getenv ("WSE_TEST_ECHO"), "1") == 0;
  self->api = (WsedApi) { config, pipeline, log, hub, main, authority, limits,
                          wsed_handshakes_new (config, hub, log, main, authority, limits, wsed_following_get_fleet (following),
                                               MIN (config->max_connections, (guint) (self->max_fd - self->max_peers))),
                          following, wsed_following_get_fleet (following) };
  wsed_hearsay_listen (&self->api);
  self->n_requests = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_http_requests_total", "HTTP requests answered.", labels,
                                             wsed_resource_count () + 1);
  self->server = make_server (self);
  self->peers = wsed_peers_new (self->server, self->max_peers, config->max_header, on_peers_changed, self);
  if (!make_door (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
wsed_http_start (WsedHttp *self)
{
  wsed_door_open (self->door, self->max_fd);
}

const char * const *
wsed_http_get_admin_addresses (WsedHttp *self)
{
  return wsed_door_get_admin_addresses (self->door);
}

const char * const *
wsed_http_get_addresses (WsedHttp *self)
{
  return wsed_door_get_addresses (self->door);
}

void
wsed_http_stop_accepting (WsedHttp *self)
{
  wsed_door_close (self->door);
  if (self->tls != NULL)
    wsed_tls_context_stop (self->tls);
  wsed_peers_stop (self->peers);
}

guint
wsed_http_get_pending (WsedHttp *self)
{
  return wsed_peers_get_count (self->peers) + wsed_door_get_count (self->door);
}

void
wsed_http_free (WsedHttp *self)
{
  if (self == NULL)
    return;
  if (self->door != NULL)
    wsed_door_close (self->door);
  g_clear_pointer (&self->door, wsed_door_free);
  wsed_tls_context_free (self->tls);
  wsed_peers_free (self->peers);
  g_clear_object (&self->server);
  wsed_handshakes_free (self->api.handshakes);
  wsed_limits_unref (self->api.limits);
  wsed_trust_free (self->trust);
  g_free (self);
}
