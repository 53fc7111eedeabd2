/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One try to get to Redis: name, socket and TLS handshake, all of it asynchronous and within a deadline. It says nothing over the stream
 * that it makes, and lets no certificate through that does not verify. */

#include "redis/wsed-redis-link.h"

#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "wse-error.h"

typedef struct
{
  WsedRedisTrust trust;
  guint deadline;              /* ms */
  GCancellable *cancellable;   /* the caller's */
  GCancellable *own;           /* of what is under way: the caller's or the deadline's end */
  gulong cancelled;
  guint timer;
  WsedRedisLinked linked;
  gpointer user_data;
} Try;

gboolean
wsed_redis_trust_load (WsedRedisTrust *trust, const char *ca, const char *certificate, const char *key, GError **error)
{
  *trust = (WsedRedisTrust) { 0 };
  if (ca != NULL)
    {
      trust->database = g_tls_file_database_new (ca, error);
      if (trust->database == NULL)
        {
          g_prefix_error (error, "reading the certificates %s for Redis: ", ca);
          return FALSE;
        }
    }
  if (certificate != NULL)
    {
      trust->certificate = g_tls_certificate_new_from_files (certificate, key, error);
      if (trust->certificate == NULL)
        {
          g_prefix_error (error, "reading the certificate %s for Redis: ", certificate);
          wsed_redis_trust_clear (trust);
          return FALSE;
        }
    }
  return TRUE;
}

void
wsed_redis_trust_clear (WsedRedisTrust *trust)
{
  g_clear_object (&trust->database);
  g_clear_object (&trust->certificate);
}

static void
try_free (Try *self)
{
  g_cancellable_disconnect (self->cancellable, self->cancelled);
  g_clear_handle_id (&self->timer, g_source_remove);
  wsed_redis_trust_clear (&self->trust);
  g_object_unref (self->cancellable);
  g_object_unref (self->own);
  g_free (self);
}

static void
on_event (GSocketClient *client, GSocketClientEvent event, GSocketConnectable *where, GIOStream *stream, gpointer user_data)
{
  Try *self = user_data;

  if (event != G_SOCKET_CLIENT_TLS_HANDSHAKING)
    return;
  if (self->trust.database != NULL)
    g_tls_connection_set_database (G_TLS_CONNECTION (stream), self->trust.database);
  if (self->trust.certificate != NULL)
    g_tls_connection_set_certificate (G_TLS_CONNECTION (stream), self->trust.certificate);
}

static gboolean
on_deadline (gpointer user_data)
{
  Try *self = user_data;

  self->timer = 0;
  g_cancellable_cancel (self->own);
  return G_SOURCE_REMOVE;
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

static void
on_connected (GObject *client, GAsyncResult *result, gpointer user_data)
{
  Try *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocketConnection) connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (client), result, &error);

  if (g_cancellable_is_cancelled (self->cancellable))
    {
      try_free (self);
      return;
    }
  if (connection == NULL && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_clear_error (&error);
      g_set_error (&error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "no connection within %u ms", self->deadline);
    }
  /* Commands are gathered before they are written; nothing is gained by waiting for more. */
  if (connection != NULL && g_socket_get_family (g_socket_connection_get_socket (connection)) != G_SOCKET_FAMILY_UNIX)
    g_socket_set_option (g_socket_connection_get_socket (connection), IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  self->linked ((GIOStream *) connection, error, self->user_data);
  try_free (self);
}

void
wsed_redis_link (const WsedRedisAddress *address, const WsedRedisTrust *trust, guint deadline, GCancellable *cancellable,
                 WsedRedisLinked linked, gpointer user_data)
{
  Try *self = g_new0 (Try, 1);
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketConnectable) where = NULL;

  self->trust.database = trust->database != NULL ? g_object_ref (trust->database) : NULL;
  self->trust.certificate = trust->certificate != NULL ? g_object_ref (trust->certificate) : NULL;
  self->deadline = deadline;
  self->cancellable = g_object_ref (cancellable);
  self->own = g_cancellable_new ();
  self->cancelled = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), g_object_ref (self->own), g_object_unref);
  self->timer = g_timeout_add (deadline, on_deadline, self);
  self->linked = linked;
  self->user_data = user_data;
  where = address->path != NULL ? G_SOCKET_CONNECTABLE (g_unix_socket_address_new (address->path))
                                : G_SOCKET_CONNECTABLE (g_network_address_new (address->host, address->port));
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_set_tls (client, address->tls);
  g_signal_connect (client, "event", G_CALLBACK (on_event), self);
  g_socket_client_connect_async (client, where, self->own, on_connected, self);
}
