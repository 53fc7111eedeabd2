/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an operator is told of a connection, from what it keeps of itself anyway; and which connections an operator means. */

#include <string.h>
#include <sys/socket.h>

#include "transport/wsed-connection-private.h"
#include "wse-json-private.h"
#include "wse-time-private.h"

static void
append_text (GString    *out,
             const char *name,
             const char *value)
{
  g_string_append_printf (out, ",\"%s\":", name);
  if (value != NULL)
    wse_json_append_string (out, value, -1);
  else
    g_string_append (out, "null");
}

static void
append_number (GString    *out,
               const char *name,
               guint64     value)
{
  g_string_append_printf (out, ",\"%s\":%" G_GUINT64_FORMAT, name, value);
}

/* Of a connection that is over a Unix socket "unix". */
static void
append_remote (GString *out,
               int      fd)
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  g_autoptr (GSocketAddress) remote = NULL;
  g_autofree char *text = NULL;

  if (getpeername (fd, (struct sockaddr *) &address, &length) == 0)
    remote = address.ss_family == AF_UNIX ? NULL : g_socket_address_new_from_native (&address, length);
  if (G_IS_INET_SOCKET_ADDRESS (remote))
    text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (remote));
  append_text (out, "remote", text != NULL ? text : "unix");
}

static const char *
get_state (WsedConnection *self,
           const WsedLag  *lag)
{
  if (self->reader != NULL && !wsed_reader_started (self->reader))
    return "starting";
  return lag->replaying ? "replaying" : "live";
}

static void
append_lag (WsedConnection *self,
            const WsedLag  *lag,
            GString        *out)
{
  gint64 now = wsed_worker_get_now (self->subscriber.worker);
  /* In its first replay it never had all. */
  gint64 since = lag->since > 0 ? lag->since : lag->replaying ? self->began_at : now;
  gint64 behind = lag->events > 0 ? now - since : 0;
  gsize rest = self->outbox.rest != NULL ? self->outbox.rest->len : 0;

  g_string_append_printf (out, ",\"lag\":{\"events\":%" G_GUINT64_FORMAT ",\"bytes\":%" G_GUINT64_FORMAT
                          ",\"seconds\":%" G_GINT64_FORMAT ".%03u}", lag->events, lag->bytes + rest, behind / G_USEC_PER_SEC,
                          (guint) (behind % G_USEC_PER_SEC / 1000));
}

static void
append_round_trip (WsedConnection *self,
                   GString        *out)
{
  if (self->round_trip < 0)
    g_string_append (out, ",\"rtt_ms\":null");
  else
    g_string_append_printf (out, ",\"rtt_ms\":%" G_GINT64_FORMAT ".%03u", self->round_trip / 1000, (guint) (self->round_trip % 1000));
}

void
wsed_connection_describe (WsedSubscriber *subscriber,
                          GString        *out)
{
  WsedConnection *self = (WsedConnection *) subscriber;
  const WsedClient *client = &self->client;
  WsedLag lag = { 0 };

  if (self->reader != NULL)
    wsed_reader_get_lag (self->reader, &lag);
  g_string_append (out, "{\"id\":");
  wse_json_append_string (out, client->id, -1);
  append_text (out, "user", client->owner);
  append_text (out, "endpoint", client->endpoint);
  append_text (out, "format", wse_dialect_get_name (client->dialect));
  append_text (out, "consumer", client->consumer);
  if (client->remote != NULL)
    append_text (out, "remote", client->remote);
  else
    append_remote (out, subscriber->fd);
  g_string_append (out, ",\"since\":\"");
  wse_time_append_iso (out, self->since);
  g_string_append_c (out, '"');
  append_text (out, "state", get_state (self, &lag));
  append_number (out, "channels", lag.subscriptions);
  append_number (out, "sent", self->sent);
  append_number (out, "sent_bytes", self->sent_bytes);
  append_number (out, "dropped", lag.dropped);
  append_lag (self, &lag, out);
  append_round_trip (self, out);
  g_string_append_c (out, '}');
}

static gboolean
is_subscribed (WsedConnection *self,
               const char     *channel)
{
  const char *epoch;
  guint64 seq;

  return self->reader != NULL && wsed_reader_get_sent (self->reader, channel, &epoch, &seq);
}

/* One that is being closed is gone already. */
gboolean
wsed_connection_matches (WsedSubscriber       *subscriber,
                         const WsedSurveyWish *wish)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  return self->state == WSED_CONNECTION_OPEN && (wish->id == NULL || strcmp (wish->id, self->client.id) == 0) &&
         (wish->user == NULL || g_strcmp0 (wish->user, self->client.owner) == 0) &&
         (wish->endpoint == NULL || strcmp (wish->endpoint, self->client.endpoint) == 0) &&
         (wish->channel == NULL || is_subscribed (self, wish->channel));
}
