/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedLobby owns connections for as long as they wait to go on, and the time they have for it. What they wait for is their host's business;
 * it reads and writes nothing. */

#include "transport/wsed-lobby.h"

#include <glib-unix.h>
#include <unistd.h>

/* From the coming of a guest (µs). */
#define PATIENCE (10 * G_USEC_PER_SEC)
/* Between two looks at the clock (ms). */
#define INTERVAL 1000

struct _WsedLobby
{
  WsedHost host;
  GQueue guests;               /* of WsedGuest, by deadline */
  WsedLobbyChanged changed;
  gpointer user_data;
  gint64 patience;
  guint timer;
};

void
wsed_guest_rest (WsedGuest *self)
{
  if (self->watch == NULL)
    return;
  g_source_destroy (self->watch);
  g_clear_pointer (&self->watch, g_source_unref);
}

int
wsed_guest_leave (WsedGuest *self)
{
  WsedLobby *lobby = self->lobby;
  int fd = self->fd;

  wsed_guest_rest (self);
  if (lobby->host.cleared != NULL)
    lobby->host.cleared (self);
  g_queue_unlink (&lobby->guests, &self->link);
  g_object_unref (self->remote);
  g_free (self);
  lobby->changed (lobby->guests.length, lobby->user_data);
  return fd;
}

void
wsed_guest_free (WsedGuest *self)
{
  close (wsed_guest_leave (self));
}

static gboolean
on_ready (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  WsedGuest *self = user_data;

  self->lobby->host.ready (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_interval (gpointer user_data)
{
  WsedGuest *self = user_data;

  self->lobby->host.ready (self);
  return G_SOURCE_CONTINUE;
}

static void
guest_watch (WsedGuest   *self,
             GSource     *source,
             GSourceFunc  func)
{
  wsed_guest_rest (self);
  self->watch = source;
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, NULL);
}

void
wsed_guest_wait_for (WsedGuest    *self,
                     GIOCondition  condition)
{
  if (self->watch != NULL && self->waits_for == condition)
    return;
  self->waits_for = condition;
  guest_watch (self, g_unix_fd_source_new (self->fd, condition), G_SOURCE_FUNC (on_ready));
}

void
wsed_guest_wait (WsedGuest *self,
                 guint      interval)
{
  if (self->watch != NULL && self->waits_for == 0)
    return;
  self->waits_for = 0;
  guest_watch (self, g_timeout_source_new (interval), on_interval);
}

static gboolean
on_timer (gpointer user_data)
{
  WsedLobby *self = user_data;
  gint64 now = g_get_monotonic_time ();
  WsedGuest *guest;

  while (self->guests.length > 0 && (guest = self->guests.head->data)->deadline <= now)
    {
      self->host.expired (guest);
      wsed_guest_free (guest);
    }
  return G_SOURCE_CONTINUE;
}

WsedLobby *
wsed_lobby_new (const WsedHost   *host,
                WsedLobbyChanged  changed,
                gpointer          user_data)
{
  WsedLobby *self = g_new0 (WsedLobby, 1);
  const char *test = g_getenv ("WSE_TEST_DEADLINE_MS");
  guint interval = INTERVAL;

  self->host = *host;
  self->changed = changed;
  self->user_data = user_data;
  self->patience = PATIENCE;
  if (test != NULL)
    {
      self->patience = MAX (1, g_ascii_strtoll (test, NULL, 10)) * 1000;
      interval = CLAMP (self->patience / 4000, 1, INTERVAL);
    }
  self->timer = g_timeout_add (interval, on_timer, self);
  return self;
}

WsedGuest *
wsed_lobby_add (WsedLobby      *self,
                int             fd,
                GSocketAddress *remote)
{
  WsedGuest *guest = g_malloc0 (self->host.size);

  guest->lobby = self;
  guest->link.data = guest;
  guest->fd = fd;
  guest->remote = g_object_ref (remote);
  guest->deadline = g_get_monotonic_time () + self->patience;
  g_queue_push_tail_link (&self->guests, &guest->link);
  self->changed (self->guests.length, self->user_data);
  return guest;
}

guint
wsed_lobby_get_count (WsedLobby *self)
{
  return self->guests.length;
}

void
wsed_lobby_clear (WsedLobby *self)
{
  while (self->guests.length > 0)
    wsed_guest_free (self->guests.head->data);
}

void
wsed_lobby_free (WsedLobby *self)
{
  wsed_lobby_clear (self);
  g_source_remove (self->timer);
  g_free (self);
}
