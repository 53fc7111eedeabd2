/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedHandshakes owns the count of each user's connections and, between the 101 and the hand-over, the admission. Everything that can be
 * refused is refused here, as an HTTP answer; after the 101 it knows nothing of the connection but its end. */

#include "transport/wsed-handshake.h"

#include <string.h>

#include "metrics/wsed-metrics.h"
#include "transport/wsed-answer.h"
#include "transport/wsed-cors.h"
#include "transport/wsed-credential.h"
#include "transport/wsed-extension.h"
#include "transport/wsed-opening.h"
#include "transport/wsed-peer.h"
#include "transport/wsed-visitor.h"
#include "wse-limits.h"

struct _WsedHandshakes
{
  const WsedConfig *config;
  WsedHub *hub;
  WsedLog *log;
  WsedInbox *main;
  WsedAuthority *authority;    /* NULL: authentication is off */
  WsedLimits *limits;
  WsedFleet *fleet;            /* NULL: this daemon is alone on its log */
  guint max_connections;
  guint n_pending;             /* admissions not yet handed over */
  GHashTable *users;           /* user → connections */
  WsedMetricFamily *refused;
};

/* An admission that waits for its consumer to be opened, or its 101 to be written. Belongs to its message. */
typedef struct
{
  WsedHandshakes *handshakes;
  WsedAdmission *admission;
} Admitting;

static void
count_user (WsedHandshakes *self,
            const char     *user,
            int             more)
{
  int count;

  if (user == NULL)
    return;
  count = GPOINTER_TO_INT (g_hash_table_lookup (self->users, user)) + more;
  if (count > 0)
    g_hash_table_insert (self->users, g_strdup (user), GINT_TO_POINTER (count));
  else
    g_hash_table_remove (self->users, user);
  if (self->fleet != NULL)
    wsed_fleet_count (self->fleet, user, MAX (count, 0));
}

/* Here and at the other daemons. */
static guint
get_connections (WsedHandshakes *self,
                 const char     *user)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->users, user)) + (self->fleet != NULL ? wsed_fleet_get_elsewhere (self->fleet, user) : 0);
}

static void
on_closed (const char *user,
           const char *place,
           gpointer    user_data)
{
  WsedHandshakes *self = user_data;

  count_user (self, user, -1);
  wsed_limits_leave (self->limits, place);
}

static void
admitting_free (Admitting *self)
{
  self->handshakes->n_pending--;
  if (self->admission != NULL)
    {
      on_closed (self->admission->client.user, self->admission->client.place, self->handshakes);
      wsed_admission_free (self->admission);
    }
  g_free (self);
}

WsedHandshakes *
wsed_handshakes_new (const WsedConfig *config,
                     WsedHub          *hub,
                     WsedLog          *log,
                     WsedInbox        *main,
                     WsedAuthority    *authority,
                     WsedLimits       *limits,
                     WsedFleet        *fleet,
                     guint             max_connections)
{
  static const char * const labels[] = { "reason", NULL };
  WsedHandshakes *self = g_new0 (WsedHandshakes, 1);

  self->config = config;
  self->hub = hub;
  self->log = log;
  self->main = main;
  self->authority = authority;
  self->limits = limits;
  self->fleet = fleet;
  self->max_connections = max_connections;
  self->users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->refused = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_handshakes_refused_total", "WebSocket handshakes refused.", labels, 50);
  wsed_hub_set_closed (hub, on_closed, self);
  return self;
}

void
wsed_handshakes_free (WsedHandshakes *self)
{
  if (self == NULL)
    return;
  wsed_hub_set_closed (self->hub, NULL, NULL);
  g_hash_table_unref (self->users);
  g_free (self);
}

static void
refuse (WsedHandshakes    *self,
        SoupServerMessage *message,
        guint              status,
        const char        *code,
        const char        *text)
{
  const char * const values[] = { code, NULL };

  wsed_metric_add (wsed_metric_family_get (self->refused, values), 1);
  wsed_answer_error (message, status, code, text);
}

/* Whether one of the comma separated tokens of the header is @token, in any case. */
static gboolean
header_has_token (SoupMessageHeaders *headers,
                  const char         *name,
                  const char         *token)
{
  const char *value = soup_message_headers_get_list (headers, name);

  return value != NULL && soup_header_contains (value, token);
}

static gboolean
key_is_valid (SoupMessageHeaders *headers)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *key = soup_message_headers_get_list (headers, "Sec-WebSocket-Key");
  g_autofree guchar *bytes = NULL;
  gsize length;

  if (key == NULL || strlen (key) != 24 || strspn (key, alphabet) != 22 || !g_str_has_suffix (key, "=="))
    return FALSE;
  bytes = g_base64_decode (key, &length);
  return length == 16;
}

static void
refuse_upgrade (WsedHandshakes    *self,
                SoupServerMessage *message,
                const char        *text)
{
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);

  soup_message_headers_replace (answer, "Upgrade", "websocket");
  soup_message_headers_replace (answer, "Connection", "Upgrade");
  soup_message_headers_replace (answer, "Sec-WebSocket-Version", "13");
  refuse (self, message, 426, "upgrade_required", text);
}

/* RFC 6455 section 4.2.1. */
static gboolean
check_protocol (WsedHandshakes    *self,
                SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const char *version = soup_message_headers_get_list (headers, "Sec-WebSocket-Version");

  if (soup_server_message_get_http_version (message) != SOUP_HTTP_1_1)
    refuse (self, message, 400, "bad_handshake", "a WebSocket handshake needs HTTP/1.1");
  else if (!header_has_token (headers, "Upgrade", "websocket") || !header_has_token (headers, "Connection", "upgrade"))
    refuse_upgrade (self, message, "this endpoint speaks WebSocket: connect with a WebSocket client");
  else if (version == NULL || !g_str_equal (version, "13"))
    refuse_upgrade (self, message, "only version 13 of the WebSocket protocol is spoken; send Sec-WebSocket-Version: 13");
  else if (!key_is_valid (headers))
    refuse (self, message, 400, "bad_handshake", "send one Sec-WebSocket-Key, 16 bytes in base64");
  else
    return TRUE;
  return FALSE;
}

/* *@control: whether wse.v2 was offered. */
static gboolean
check_subprotocol (WsedHandshakes     *self,
                   SoupServerMessage  *message,
                   const WsedEndpoint *endpoint,
                   gboolean           *control)
{
  const char *offered = soup_message_headers_get_list (soup_server_message_get_request_headers (message), "Sec-WebSocket-Protocol");
  g_auto (GStrv) tokens = g_strsplit (offered != NULL ? offered : "", ",", -1);

  *control = FALSE;
  for (guint i = 0; tokens[i] != NULL; i++)
    *control |= g_str_equal (g_strstrip (tokens[i]), "wse.v2");
  if (offered == NULL || *control || !endpoint->parameters)
    return TRUE;
  refuse (self, message, 400, "bad_subprotocol", "offer the subprotocol wse.v2, beside a bearer.TOKEN if you like, or none");
  return FALSE;
}

/* *@extension: the answer to what is offered; NULL: none of it. */
static gboolean
check_extensions (WsedHandshakes     *self,
                  SoupServerMessage  *message,
                  const char        **extension)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  *extension = NULL;
  if (!self->config->compression || wsed_extension_choose (soup_message_headers_get_list (headers, "Sec-WebSocket-Extensions"), extension))
    return TRUE;
  refuse (self, message, 400, "bad_handshake", "the header Sec-WebSocket-Extensions is not a list of extensions");
  return FALSE;
}

static gboolean
check_limits (WsedHandshakes    *self,
              SoupServerMessage *message,
              const char        *user,
              char             **place)
{
  if (user != NULL && get_connections (self, user) >= self->config->max_connections_per_user)
    {
      wsed_limits_refused (WSED_LIMIT_CONNECTIONS_PER_USER);
      refuse (self, message, 429, "too_many_connections", "this user has as many connections as are allowed; close one first");
    }
  else if (wsed_hub_get_connections (self->hub) + self->n_pending >= self->max_connections)
    {
      wsed_limits_refused (WSED_LIMIT_CONNECTIONS);
      refuse (self, message, 503, "too_many_connections", "this server has as many connections as it can hold; try again later");
    }
  else if (!wsed_visitor_stay (message, self->limits, place))
    refuse (self, message, 429, "too_many_connections", "your address has as many connections as are allowed; close one first");
  else
    return TRUE;
  return FALSE;
}

/* The connection is the hub's from here on. */
static void
hand_over (Admitting         *admitting,
           SoupServerMessage *message)
{
  WsedAdmission *admission = admitting->admission;
  WsedPeer *peer = wsed_peer_of (message);
  GByteArray *early = NULL;

  if (admission == NULL || peer == NULL)
    return;
  soup_server_message_set_status (message, admission->client.framing == WSED_FRAMING_SSE ? 200 : 101, NULL);
  admission->fd = wsed_peer_hand_over (peer, &admission->tls, &early);
  if (early != NULL)
    {
      admission->early_length = early->len;
      admission->early = (char *) g_byte_array_free (early, FALSE);
    }
  wsed_hub_admit (admitting->handshakes->hub, g_steal_pointer (&admitting->admission));
}

/* RFC 6455 section 4.2.2, 5.4. */
static char *
accept_key (const char *key)
{
  g_autofree char *salted = g_strconcat (key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", NULL);
  guint8 digest[20];
  gsize length = sizeof digest;
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);

  g_checksum_update (checksum, (const guchar *) salted, -1);
  g_checksum_get_digest (checksum, digest, &length);
  return g_base64_encode (digest, length);
}

/* The head of an upgrade's answer; of a stream's, what is its own. Its connection writes it, in one piece with the beginning of the stream:
 * the main thread, which accepts all of them, has that system call less. */
static char *
make_head (SoupServerMessage   *message,
           const WsedAdmission *admission,
           const char          *extension)
{
  GString *head = g_string_new (NULL);

  if (admission->client.framing != WSED_FRAMING_SSE)
    {
      SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
      g_autofree char *accept = accept_key (soup_message_headers_get_one (headers, "Sec-WebSocket-Key"));

      g_string_append (head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
      g_string_append (head, accept);
      g_string_append (head, "\r\n");
      if (admission->client.control)
        g_string_append (head, "Sec-WebSocket-Protocol: wse.v2\r\n");
      if (extension != NULL)
        {
          g_string_append (head, "Sec-WebSocket-Extensions: ");
          g_string_append (head, extension);
          g_string_append (head, "\r\n");
        }
    }
  wsed_cors_append (message, head);
  return g_string_free (head, FALSE);
}

static void
on_opened (GArray       *acks,
           const GError *error,
           gpointer      user_data)
{
  WsedPending *pending = user_data;
  SoupServerMessage *message = wsed_pending_get_message (pending);

  /* The connection may have ended in between, and the admission with it. */
  if (message != NULL)
    {
      Admitting *admitting = g_object_get_data (G_OBJECT (message), "wsed-admitting");

      if (error == NULL)
        {
          admitting->admission->client.acks = g_array_ref (acks);
          hand_over (admitting, message);
        }
      else
        {
          gboolean many = g_error_matches (error, WSE_ERROR, WSE_ERROR_BUSY);

          refuse (admitting->handshakes, message, many ? 429 : 503, many ? "too_many_consumers" : "unavailable", error->message);
          /* What was counted for it was its place. */
          soup_message_headers_replace (soup_server_message_get_response_headers (message), "Connection", "close");
          g_object_set_data (G_OBJECT (message), "wsed-admitting", NULL);
        }
    }
  wsed_pending_done (pending);
}

/* @seen: the place of Last-Event-ID, NULL without. Takes @admission, and counts it from now on. */
static void
prepare (WsedHandshakes    *self,
         SoupServerMessage *message,
         WsedAdmission     *admission,
         WseCursor         *seen)
{
  Admitting *admitting = g_new0 (Admitting, 1);
  g_autofree char *id = g_uuid_string_random ();

  g_strlcpy (admission->client.id, id, sizeof admission->client.id);
  admitting->handshakes = self;
  admitting->admission = admission;
  self->n_pending++;
  count_user (self, admission->client.user, 1);
  g_object_set_data_full (G_OBJECT (message), "wsed-admitting", admitting, (GDestroyNotify) admitting_free);
  if (admission->client.consumer != NULL)
    wsed_opening_start (self->log, self->main, admission, seen, on_opened, wsed_pending_new (message));
  else
    hand_over (admitting, message);
}

/* What an EventSource says when it comes back. Without a consumer it is where to go on, as `after` is. */
static gboolean
read_last_event_id (WsedHandshakes    *self,
                    SoupServerMessage *message,
                    WsedAdmission     *admission,
                    WseCursor        **seen)
{
  const char *id = soup_message_headers_get_one (soup_server_message_get_request_headers (message), "Last-Event-ID");
  g_autoptr (GError) error = NULL;

  *seen = NULL;
  if (id == NULL || *id == '\0')
    return TRUE;
  *seen = wse_cursor_new (id, &error);
  if (*seen == NULL)
    {
      refuse (self, message, 400, "bad_request", "the header Last-Event-ID is not the id of an event of this stream");
      return FALSE;
    }
  if (admission->client.consumer == NULL)
    {
      g_clear_pointer (&admission->after, wse_cursor_unref);
      admission->after = wse_cursor_ref (*seen);
      if (!admission->history_given)
        admission->history = 0;
    }
  return TRUE;
}

void
wsed_handshakes_answer (WsedHandshakes     *self,
                        SoupServerMessage  *message,
                        const WsedEndpoint *endpoint)
{
  gboolean sse = endpoint->framing == WSED_FRAMING_SSE, control = TRUE;
  g_autoptr (GError) error = NULL;
  g_autoptr (WseCursor) seen = NULL;
  const char *extension = NULL;
  WsedAdmission *admission;

  if ((!sse && !check_protocol (self, message))
      || (!sse && (!check_subprotocol (self, message, endpoint, &control) || !check_extensions (self, message, &extension))))
    return;
  admission = wsed_admission_new ();
  admission->client.control = control;
  if (wsed_visitor_get (message)->named)
    admission->client.remote = g_strdup (wsed_visitor_get (message)->text);
  if (wsed_credential_get (message) != NULL)
    admission->client.grant = wsed_grant_ref (wsed_credential_get (message));
  if (!wsed_endpoint_read (endpoint, g_uri_get_query (soup_server_message_get_uri (message)), admission, &error))
    {
      gboolean forbidden = g_error_matches (error, WSE_ERROR, WSE_ERROR_FORBIDDEN);

      refuse (self, message, forbidden ? 403 : 400, forbidden ? "forbidden" : "bad_request", error->message);
    }
  else if (g_strv_length (admission->channels) > self->config->max_subscriptions)
    {
      wsed_limits_refused (WSED_LIMIT_SUBSCRIPTIONS);
      refuse (self, message, 400, "too_many_subscriptions", "that is more channels than a connection may be subscribed to; open several");
    }
  else if ((!sse || read_last_event_id (self, message, admission, &seen)) && check_limits (self, message, admission->client.user, &admission->client.place))
    {
      if (extension != NULL)
        admission->client.framing = WSED_FRAMING_DEFLATE;
      admission->head = make_head (message, admission, extension);
      prepare (self, message, g_steal_pointer (&admission), seen);
      return;
    }
  wsed_admission_free (admission);
}
