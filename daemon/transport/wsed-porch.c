/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPorch owns connections from trusted proxies until their first bytes have come. It only looks at them, and takes away a header of the
 * PROXY protocol alone: neither HTTP nor TLS begins as one. */

#include "transport/wsed-porch.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "guard/wsed-proxy-header.h"
#include "metrics/wsed-metrics.h"

/* Between two looks at a header that has come in part (ms). */
#define LOOK_AGAIN 50

struct _WsedPorch
{
  WsedLobby *lobby;
  WsedPorchPassed passed;
  gpointer user_data;
  WsedMetricFamily *headers;
};

typedef struct
{
  WsedGuest guest;
  WsedPorch *porch;
  gboolean local;
} Waiting;

static void
count (WsedPorch  *self,
       const char *result)
{
  const char * const values[] = { result, NULL };

  wsed_metric_add (wsed_metric_family_get (self->headers, values), 1);
}

/* @client: NULL: nobody else. */
static void
pass (Waiting           *self,
      const WsedAddress *client,
      guint16            port)
{
  WsedPorch *porch = self->porch;
  g_autoptr (GSocketAddress) remote = g_object_ref (self->guest.remote);
  gboolean local = self->local;
  int fd;

  if (client != NULL)
    {
      g_autofree char *text = wsed_address_to_string (client);

      g_object_unref (remote);
      remote = g_inet_socket_address_new_from_string (text, port);
    }
  fd = wsed_guest_leave (&self->guest);
  porch->passed (fd, remote, local, client != NULL, porch->user_data);
}

static void
refuse (Waiting    *self,
        const char *why)
{
  count (self->porch, "bad");
  g_debug ("a proxy sent a malformed header of the PROXY protocol: %s", why);
  wsed_guest_free (&self->guest);
}

static gboolean
has_ended (int fd)
{
  struct pollfd poll_fd = { fd, POLLRDHUP, 0 };

  return poll (&poll_fd, 1, 0) > 0;
}

static void
look (Waiting *self)
{
  guint8 bytes[WSED_MAX_PROXY_HEADER];
  int fd = self->guest.fd;
  /* Before the bytes: what comes after that is seen. */
  gboolean ended = has_ended (fd);
  ssize_t n = recv (fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  WsedProxyVerdict verdict;
  WsedAddress client;
  guint16 port;
  gsize size;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      wsed_guest_free (&self->guest);
      return;
    }
  verdict = wsed_proxy_header_read (bytes, n, &size, &client, &port);
  switch (verdict)
    {
    case WSED_PROXY_NONE:
      pass (self, NULL, 0);
      break;
    case WSED_PROXY_MORE:
      if (ended)
        refuse (self, "it breaks off");
      else
        wsed_guest_wait (&self->guest, LOOK_AGAIN);
      break;
    case WSED_PROXY_SAME:
    case WSED_PROXY_CLIENT:
      count (self->porch, "taken");
      /* It has come: it is taken whole. */
      if (recv (fd, bytes, size, MSG_DONTWAIT) == (ssize_t) size)
        pass (self, verdict == WSED_PROXY_CLIENT ? &client : NULL, port);
      else
        wsed_guest_free (&self->guest);
      break;
    case WSED_PROXY_BAD:
    default:
      refuse (self, "it is none of version 2");
      break;
    }
}

static void
on_ready (WsedGuest *guest)
{
  look ((Waiting *) guest);
}

static void
on_expired (WsedGuest *guest)
{
  count (((Waiting *) guest)->porch, "timeout");
}

WsedPorch *
wsed_porch_new (WsedPorchPassed  passed,
                WsedLobbyChanged changed,
                gpointer         user_data)
{
  static const char * const labels[] = { "result", NULL };
  static const WsedHost host = { sizeof (Waiting), on_ready, on_expired, NULL };
  WsedPorch *self = g_new0 (WsedPorch, 1);

  self->passed = passed;
  self->user_data = user_data;
  self->lobby = wsed_lobby_new (&host, changed, user_data);
  self->headers = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_proxy_headers_total",
                                          "Headers of the PROXY protocol: taken, bad, or timeout where nothing, or only a part, came.", labels, 3);
  return self;
}

void
wsed_porch_add (WsedPorch      *self,
                int             fd,
                GSocketAddress *remote,
                gboolean        local)
{
  Waiting *waiting = (Waiting *) wsed_lobby_add (self->lobby, fd, remote);

  waiting->porch = self;
  waiting->local = local;
  wsed_guest_wait_for (&waiting->guest, G_IO_IN);
}

guint
wsed_porch_get_count (WsedPorch *self)
{
  return wsed_lobby_get_count (self->lobby);
}

void
wsed_porch_clear (WsedPorch *self)
{
  wsed_lobby_clear (self->lobby);
}

void
wsed_porch_free (WsedPorch *self)
{
  if (self == NULL)
    return;
  wsed_lobby_free (self->lobby);
  g_free (self);
}
