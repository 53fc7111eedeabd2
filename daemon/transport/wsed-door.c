/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedDoor owns the listeners and everybody between them and HTTP: those whose proxy may still say who they are, those whose TLS handshake
 * is under way. Whoever has gone through is no longer its business. */

#include "transport/wsed-door.h"

#include <sys/socket.h>
#include <unistd.h>

#include "transport/wsed-entrance.h"
#include "transport/wsed-porch.h"

#define ADMIN "wsed-admin"

struct _WsedDoor
{
  WsedDoorConfig config;
  WsedListener *listener;
  WsedListener *admin_listener; /* NULL: operators come in with the others */
  WsedTrust *nobody;           /* whose word is taken from operators */
  WsedPorch *porch;
  WsedEntrance *entrance;      /* NULL: everybody speaks in the clear */
};

/* It may be the last that its client hears: one that speaks in the clear is told. */
static void
refuse_connection (int      fd,
                   gboolean clear)
{
  static const char answer[] =
    "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 1\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    "{\"error\":{\"code\":\"too_many_connections\",\"message\":\"your address has, or makes, more connections than allowed; try again later\"}}";
  char waste[4096];

  if (clear && send (fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("refusing a connection: the answer could not be sent");
  /* What has come and is not read would take the answer away. */
  while (clear && recv (fd, waste, sizeof waste, MSG_DONTWAIT) > 0)
    continue;
  close (fd);
}

/* TLS for TCP alone: who can open a Unix socket is on this machine. */
static void
let_in (WsedDoor       *self,
        int             fd,
        GSocketAddress *remote,
        gboolean        local)
{
  gboolean encrypted = self->entrance != NULL && !local;

  if (!wsed_visitor_enter (remote, self->config.limits))
    refuse_connection (fd, !encrypted);
  else if (encrypted)
    wsed_entrance_add (self->entrance, fd, remote);
  else
    self->config.entered (fd, remote, NULL, self->config.user_data);
}

static void
on_changed (guint    count,
            gpointer user_data)
{
  WsedDoor *self = user_data;

  self->config.changed (wsed_door_get_count (self), self->config.user_data);
}

/* What a proxy forwards is as near or far as the proxy: in the clear over a Unix socket. */
static void
on_porch_passed (int             fd,
                 GSocketAddress *remote,
                 gboolean        local,
                 gboolean        named,
                 gpointer        user_data)
{
  WsedDoor *self = user_data;

  if (named)
    wsed_visitor_attach (remote, FALSE, TRUE, self->config.trust);
  let_in (self, fd, remote, local);
}

static void
on_accepted (int             fd,
             GSocketAddress *remote,
             gboolean        local,
             gpointer        user_data)
{
  WsedDoor *self = user_data;

  wsed_visitor_attach (remote, local, FALSE, self->config.trust);
  if (wsed_visitor_is_trusted (remote))
    wsed_porch_add (self->porch, fd, remote, local);
  else
    let_in (self, fd, remote, local);
}

static void
on_admin_accepted (int             fd,
                   GSocketAddress *remote,
                   gboolean        local,
                   gpointer        user_data)
{
  WsedDoor *self = user_data;

  wsed_visitor_attach (remote, local, FALSE, self->nobody);
  g_object_set_data (G_OBJECT (remote), ADMIN, self);
  let_in (self, fd, remote, local);
}

static void
on_entered (int             fd,
            GSocketAddress *remote,
            WsedTlsSession *session,
            gpointer        user_data)
{
  WsedDoor *self = user_data;

  self->config.entered (fd, remote, session, self->config.user_data);
}

WsedDoor *
wsed_door_new (const WsedDoorConfig  *config,
               GError               **error)
{
  g_autoptr (WsedDoor) self = g_new0 (WsedDoor, 1);

  self->config = *config;
  self->nobody = wsed_trust_new (NULL);
  self->porch = wsed_porch_new (on_porch_passed, on_changed, self);
  if (config->tls != NULL)
    self->entrance = wsed_entrance_new (config->tls, config->limits, on_entered, on_changed, self);
  self->listener = wsed_listener_new (config->listen, error);
  if (self->listener == NULL)
    return NULL;
  if (config->admin_listen != NULL)
    {
      self->admin_listener = wsed_listener_new (config->admin_listen, error);
      if (self->admin_listener == NULL)
        return NULL;
    }
  return g_steal_pointer (&self);
}

void
wsed_door_open (WsedDoor *self,
                int       max_fd)
{
  wsed_listener_start (self->listener, max_fd, on_accepted, self);
  if (self->admin_listener != NULL)
    wsed_listener_start (self->admin_listener, max_fd, on_admin_accepted, self);
}

void
wsed_door_set_held (WsedDoor *self,
                    gboolean  held)
{
  wsed_listener_set_held (self->listener, held);
}

void
wsed_door_close (WsedDoor *self)
{
  wsed_listener_stop (self->listener);
  if (self->admin_listener != NULL)
    wsed_listener_stop (self->admin_listener);
  wsed_porch_clear (self->porch);
  wsed_entrance_clear (self->entrance);
}

guint
wsed_door_get_count (WsedDoor *self)
{
  return wsed_porch_get_count (self->porch) + wsed_entrance_get_count (self->entrance);
}

const char * const *
wsed_door_get_addresses (WsedDoor *self)
{
  return wsed_listener_get_addresses (self->listener);
}

const char * const *
wsed_door_get_admin_addresses (WsedDoor *self)
{
  return self->admin_listener != NULL ? wsed_listener_get_addresses (self->admin_listener) : NULL;
}

gboolean
wsed_door_is_admin (WsedDoor          *self,
                    SoupServerMessage *message)
{
  GSocketAddress *remote = soup_server_message_get_remote_address (message);

  return self->admin_listener == NULL || g_object_get_data (G_OBJECT (remote), ADMIN) != NULL;
}

void
wsed_door_free (WsedDoor *self)
{
  if (self == NULL)
    return;
  /* Nobody is to be told any more. */
  wsed_porch_free (self->porch);
  wsed_entrance_free (self->entrance);
  wsed_listener_free (self->listener);
  wsed_listener_free (self->admin_listener);
  wsed_trust_free (self->nobody);
  g_free (self);
}
