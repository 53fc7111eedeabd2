/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedListener owns the listening sockets. libsoup's own listener leaks a socket per connection and dies for good when accept() fails
 * once; this one goes on after 100 ms. It never reads from a connection. */

#include "transport/wsed-listener.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "metrics/wsed-metrics.h"
#include "wse-error.h"

/* Connections taken in one turn of the main loop, so that a storm does not starve the rest of it. */
#define ACCEPTS_PER_TURN 64
/* After accept() failed for want of descriptors or memory (ms). */
#define PAUSE_MS 100

typedef struct
{
  WsedListener *listener;
  int fd;
  char *path;                  /* of a Unix socket; NULL: TCP */
  GSource *source;             /* NULL: not accepting */
} Socket;

struct _WsedListener
{
  GPtrArray *sockets;          /* (element-type Socket) */
  GPtrArray *addresses;        /* NULL-terminated */

  int max_fd;
  WsedAccepted accepted;
  gpointer user_data;
  gboolean started;
  gboolean held;
  guint pause;                 /* timer; 0: not pausing */

  WsedMetric *n_accepted;
  WsedMetric *n_refused;
  WsedMetric *n_pauses;
};

static void
socket_stop_accepting (Socket *self)
{
  if (self->source == NULL)
    return;
  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
}

static void
socket_free (Socket *self)
{
  socket_stop_accepting (self);
  if (self->path != NULL)
    unlink (self->path);
  close (self->fd);
  g_free (self->path);
  g_free (self);
}

#define ANOTHER "choose another address with --listen or --admin-listen"
#define IN_USE "stop what listens there, or " ANOTHER

static void
set_error_from_errno (GError     **error,
                      const char  *address,
                      const char  *doing)
{
  int code = errno;

  g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "listening on %s: %s: %s; %s", address, doing, g_strerror (code),
               code == EADDRINUSE ? IN_USE : ANOTHER);
}

/* Whether the file at @path may be replaced: there is none, or a socket that nobody listens on. */
static gboolean
clear_stale_socket (const struct sockaddr_un *address,
                    const char               *name,
                    GError                  **error)
{
  struct stat info;
  int fd;
  gboolean stale;

  if (lstat (address->sun_path, &info) < 0)
    return TRUE;
  if (!S_ISSOCK (info.st_mode))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "listening on %s: the file is there and is not a socket; " ANOTHER, name);
      return FALSE;
    }

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  stale = fd >= 0 && connect (fd, (const struct sockaddr *) address, sizeof *address) < 0 && errno == ECONNREFUSED;
  if (fd >= 0)
    close (fd);
  if (!stale)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "listening on %s: another program listens there; " IN_USE, name);
      return FALSE;
    }
  unlink (address->sun_path);
  return TRUE;
}

static Socket *
socket_new (int         fd,
            const char *path)
{
  Socket *self = g_new0 (Socket, 1);

  self->fd = fd;
  self->path = g_strdup (path);
  return self;
}

static Socket *
open_unix (const char  *name,
           GError     **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  const char *path = name + strlen ("unix:");
  int fd;

  if (*path == '\0' || strlen (path) >= sizeof address.sun_path)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "listening on %s: a path of 1 to %zu bytes is needed", name,
                   sizeof address.sun_path - 1);
      return NULL;
    }
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (!clear_stale_socket (&address, name, error))
    return NULL;

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* The mode before the name: nobody else can connect in between. */
  if (fd < 0 || fchmod (fd, 0600) < 0 || bind (fd, (struct sockaddr *) &address, sizeof address) < 0)
    {
      set_error_from_errno (error, name, "bind");
      if (fd >= 0)
        close (fd);
      return NULL;
    }
  if (chmod (path, 0660) < 0 || listen (fd, SOMAXCONN) < 0)
    {
      set_error_from_errno (error, name, "listen");
      unlink (path);
      close (fd);
      return NULL;
    }
  return socket_new (fd, path);
}

static GSocketAddress *
parse_inet (const char  *name,
            GError     **error)
{
  const char *colon = strrchr (name, ':');
  g_autofree char *host = NULL;
  GSocketAddress *address = NULL;
  guint64 port;

  if (colon != NULL && g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
    {
      gboolean bracketed = name[0] == '[' && colon - name >= 2 && colon[-1] == ']';

      host = bracketed ? g_strndup (name + 1, colon - name - 2) : g_strndup (name, colon - name);
      if (bracketed == (strchr (host, ':') != NULL))
        address = g_inet_socket_address_new_from_string (host, port);
    }
  if (address == NULL)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
                 "listening on %s: ADDRESS:PORT with a numeric address, [ADDRESS]:PORT for IPv6, or unix:PATH is needed", name);
  return address;
}

static Socket *
open_inet (const char  *name,
           GError     **error)
{
  g_autoptr (GSocketAddress) address = parse_inet (name, error);
  struct sockaddr_storage native;
  gssize size;
  int fd, on = 1;

  if (address == NULL)
    return NULL;
  size = g_socket_address_get_native_size (address);
  if (!g_socket_address_to_native (address, &native, sizeof native, error))
    return NULL;

  fd = socket (native.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    {
      set_error_from_errno (error, name, "socket");
      return NULL;
    }
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (native.ss_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind (fd, (struct sockaddr *) &native, size) < 0 || listen (fd, SOMAXCONN) < 0)
    {
      set_error_from_errno (error, name, "bind");
      close (fd);
      return NULL;
    }
  return socket_new (fd, NULL);
}

static char *
socket_describe (Socket *self)
{
  struct sockaddr_storage native;
  socklen_t size = sizeof native;
  g_autoptr (GSocketAddress) address = NULL;
  g_autofree char *host = NULL;

  if (self->path != NULL)
    return g_strconcat ("unix:", self->path, NULL);
  getsockname (self->fd, (struct sockaddr *) &native, &size);
  address = g_socket_address_new_from_native (&native, size);
  host = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
  return g_strdup_printf (native.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
                          g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
}

WsedListener *
wsed_listener_new (const char * const  *addresses,
                   GError             **error)
{
  g_autoptr (WsedListener) self = g_new0 (WsedListener, 1);

  self->sockets = g_ptr_array_new_with_free_func ((GDestroyNotify) socket_free);
  self->addresses = g_ptr_array_new_with_free_func (g_free);
  self->n_accepted = wsed_metric_new (WSED_METRIC_COUNTER, "wse_connections_accepted_total", "Connections accepted.");
  self->n_refused = wsed_metric_new (WSED_METRIC_COUNTER, "wse_connections_refused_total",
                                     "Connections closed at once because the descriptors are used up.");
  self->n_pauses = wsed_metric_new (WSED_METRIC_COUNTER, "wse_accept_pauses_total",
                                    "Times that accepting stopped for 100 ms because the system refused a descriptor.");

  for (guint i = 0; addresses[i] != NULL; i++)
    {
      gboolean local = g_str_has_prefix (addresses[i], "unix:");
      Socket *opened = local ? open_unix (addresses[i], error) : open_inet (addresses[i], error);

      if (opened == NULL)
        return NULL;
      opened->listener = self;
      g_ptr_array_add (self->sockets, opened);
      g_ptr_array_add (self->addresses, socket_describe (opened));
    }
  g_ptr_array_add (self->addresses, NULL);
  return g_steal_pointer (&self);
}

static void update_sources (WsedListener *self);

static gboolean
on_pause_over (gpointer user_data)
{
  WsedListener *self = user_data;

  self->pause = 0;
  update_sources (self);
  return G_SOURCE_REMOVE;
}

static void
take_connection (Socket                        *self,
                 int                            fd,
                 const struct sockaddr_storage *native,
                 socklen_t                      size)
{
  WsedListener *listener = self->listener;
  g_autoptr (GSocketAddress) remote = NULL;
  int on = 1;

  if (fd >= listener->max_fd)
    {
      wsed_metric_add (listener->n_refused, 1);
      close (fd);
      return;
    }
  wsed_metric_add (listener->n_accepted, 1);
  if (self->path == NULL)
    {
      setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      remote = g_socket_address_new_from_native ((gpointer) native, size);
    }
  if (remote == NULL)
    remote = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  listener->accepted (fd, remote, self->path != NULL, listener->user_data);
}

/* What went wrong with one connection, not with accepting. */
static gboolean
concerns_one_connection (int code)
{
  return code == EINTR || code == ECONNABORTED || code == EPROTO || code == EPERM || code == ENETDOWN || code == ENETUNREACH ||
         code == EHOSTDOWN || code == EHOSTUNREACH || code == ENOPROTOOPT || code == EOPNOTSUPP || code == ENONET;
}

static gboolean
on_connection (int          fd,
               GIOCondition condition,
               gpointer     user_data)
{
  Socket *self = user_data;
  WsedListener *listener = self->listener;

  for (guint i = 0; i < ACCEPTS_PER_TURN && self->source != NULL; i++)
    {
      struct sockaddr_storage native;
      socklen_t size = sizeof native;
      int accepted = accept4 (self->fd, (struct sockaddr *) &native, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (accepted >= 0)
        take_connection (self, accepted, &native, size);
      else if (errno == EAGAIN)
        break;
      else if (!concerns_one_connection (errno))
        {
          wsed_metric_add (listener->n_pauses, 1);
          if (listener->pause == 0)
            listener->pause = g_timeout_add (PAUSE_MS, on_pause_over, listener);
          update_sources (listener);
          break;
        }
    }
  return G_SOURCE_CONTINUE;
}

/* Accepts exactly while it is started and nothing holds it. */
static void
update_sources (WsedListener *self)
{
  gboolean accepting = self->started && !self->held && self->pause == 0;

  for (guint i = 0; i < self->sockets->len; i++)
    {
      Socket *each = g_ptr_array_index (self->sockets, i);

      if (!accepting)
        socket_stop_accepting (each);
      else if (each->source == NULL)
        {
          each->source = g_unix_fd_source_new (each->fd, G_IO_IN);
          g_source_set_callback (each->source, G_SOURCE_FUNC (on_connection), each, NULL);
          g_source_set_name (each->source, "wsed-listener");
          g_source_attach (each->source, NULL);
        }
    }
}

void
wsed_listener_start (WsedListener *self,
                     int           max_fd,
                     WsedAccepted  accepted,
                     gpointer      user_data)
{
  self->max_fd = max_fd;
  self->accepted = accepted;
  self->user_data = user_data;
  self->started = TRUE;
  update_sources (self);
}

void
wsed_listener_set_held (WsedListener *self,
                        gboolean      held)
{
  if (self->held == held)
    return;
  self->held = held;
  update_sources (self);
}

const char * const *
wsed_listener_get_addresses (WsedListener *self)
{
  return (const char * const *) self->addresses->pdata;
}

void
wsed_listener_stop (WsedListener *self)
{
  self->started = FALSE;
  g_clear_handle_id (&self->pause, g_source_remove);
  g_ptr_array_set_size (self->sockets, 0);
}

void
wsed_listener_free (WsedListener *self)
{
  if (self == NULL)
    return;
  wsed_listener_stop (self);
  g_ptr_array_unref (self->sockets);
  g_ptr_array_unref (self->addresses);
  g_free (self);
}

int
wsed_listener_raise_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return 1024;
  if (limit.rlim_cur < limit.rlim_max)
    {
      limit.rlim_cur = limit.rlim_max;
      if (setrlimit (RLIMIT_NOFILE, &limit) < 0)
        getrlimit (RLIMIT_NOFILE, &limit);
    }
  return MIN (limit.rlim_cur, (rlim_t) G_MAXINT);
}
