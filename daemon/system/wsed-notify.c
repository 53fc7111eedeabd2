/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells the service manager that wsed is ready, stopping and alive. The watchdog's timer runs in the main loop, in milliseconds: a loop
 * that is stuck feeds nothing. Never blocks and never fails the daemon: a manager that does not listen is not our trouble. */
#include "wsed-notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct _WsedNotify
{
  int fd;                      /* -1: nobody to tell */
  struct sockaddr_un address;
  socklen_t length;
  guint interval;              /* ms between two checks; 0: no watchdog */
  guint timer;
  WsedNotifyCheck check;
  gpointer user_data;
};

static void
tell (WsedNotify *self, const char *state)
{
  if (self->fd < 0)
    return;
  if (sendto (self->fd, state, strlen (state), MSG_NOSIGNAL, (const struct sockaddr *) &self->address, self->length) < 0)
    g_debug ("telling the service manager: %s", g_strerror (errno));
}

/* An absolute path, or an abstract name that begins with @. */
static gboolean
set_address (WsedNotify *self, const char *path)
{
  gsize length = strlen (path);

  if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof self->address.sun_path)
    return FALSE;
  self->address.sun_family = AF_UNIX;
  memcpy (self->address.sun_path, path, length);
  if (path[0] == '@')
    self->address.sun_path[0] = '\0';
  self->length = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length);
  return TRUE;
}

/* Half of what the manager allows, 0 where it expects nothing of this process. */
static guint
read_interval (GStrv environment)
{
  const char *text = g_environ_getenv (environment, "WATCHDOG_USEC");
  const char *pid = g_environ_getenv (environment, "WATCHDOG_PID");
  guint64 value;

  if (pid != NULL && (!g_ascii_string_to_unsigned (pid, 10, 1, G_MAXINT, &value, NULL) || value != (guint64) getpid ()))
    return 0;
  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT64, &value, NULL))
    return 0;
  return (guint) CLAMP (value / 2000, 1, G_MAXINT);
}

WsedNotify *
wsed_notify_new (GStrv environment)
{
  WsedNotify *self = g_new0 (WsedNotify, 1);
  const char *path = g_environ_getenv (environment, "NOTIFY_SOCKET");

  self->fd = -1;
  if (path == NULL)
    return self;
  if (!set_address (self, path))
    {
      g_warning ("NOTIFY_SOCKET “%s” is no address of a Unix socket, the service manager is not told anything", path);
      return self;
    }
  self->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  self->interval = read_interval (environment);
  return self;
}

static gboolean
on_timer (gpointer user_data)
{
  WsedNotify *self = user_data;

  self->check (self, self->user_data);
  return G_SOURCE_CONTINUE;
}

void
wsed_notify_ready (WsedNotify *self, const char *status, WsedNotifyCheck check, gpointer user_data)
{
  g_autofree char *state = g_strdup_printf ("READY=1\nSTATUS=%s", status);

  tell (self, state);
  if (self->fd < 0 || self->interval == 0)
    return;
  self->check = check;
  self->user_data = user_data;
  g_clear_handle_id (&self->timer, g_source_remove);
  self->timer = g_timeout_add_full (G_PRIORITY_DEFAULT, self->interval, on_timer, self, NULL);
}

/* The watchdog is fed on: the stop has deadlines of its own, and the manager one for the whole. */
void
wsed_notify_stopping (WsedNotify *self)
{
  tell (self, "STOPPING=1\nSTATUS=Stopping");
}

void
wsed_notify_alive (WsedNotify *self)
{
  tell (self, "WATCHDOG=1");
}

void
wsed_notify_free (WsedNotify *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->timer, g_source_remove);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}
