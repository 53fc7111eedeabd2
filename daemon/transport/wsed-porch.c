/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPorch owns connections from trusted proxies until their first bytes have come. It only looks at them, and takes away a header of the
 * PROXY protocol alone: neither HTTP nor TLS begins as one. */

#include "transport/wsed-porch.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard/wsed-proxy-header.h"
#include "metrics/wsed-metrics.h"

/* From the accepting (µs). */
#define PATIENCE (10 * G_USEC_PER_SEC)
/* Between two looks at a header that has come in part (ms). */
#define LOOK_AGAIN 50

struct _WsedPorch
{
  GQueue waiting;              /* of Waiting, by deadline */
  WsedPorchPassed passed;
  WsedPorchChanged changed;
  gpointer user_data;
  gint64 patience;
  WsedMetricFamily *headers;
};

typedef struct
{
  WsedPorch *porch;
  GList link;                  /* in porch->waiting */
  int fd;                      /* -1: has been passed on */
  GSocketAddress *remote;
  gboolean local;
  GSource *watch;              /* for its first bytes, or for the next look */
  GSource *end;                /* its deadline */
} Waiting;

static void
count (WsedPorch  *self,
       const char *result)
{
  const char * const values[] = { result, NULL };

  wsed_metric_add (wsed_metric_family_get (self->headers, values), 1);
}

static void
drop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
waiting_free (Waiting *self)
{
  WsedPorch *porch = self->porch;

  drop_source (&self->watch);
  drop_source (&self->end);
  g_queue_unlink (&porch->waiting, &self->link);
  g_object_unref (self->remote);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
  porch->changed (porch->waiting.length, porch->user_data);
}

/* @client: NULL: nobody else. */
static void
pass (Waiting           *self,
      const WsedAddress *client,
      guint16            port)
{
  WsedPorch *porch = self->porch;
  g_autoptr (GSocketAddress) remote = g_object_ref (self->remote);
  int fd = self->fd;
  gboolean local = self->local;

  if (client != NULL)
    {
      g_autofree char *text = wsed_address_to_string (client);

      g_object_unref (remote);
      remote = g_inet_socket_address_new_from_string (text, port);
    }
  self->fd = -1;
  waiting_free (self);
  porch->passed (fd, remote, local, client != NULL, porch->user_data);
}

static void wait_for (Waiting *self, GSource *source, GSourceFunc func);
static gboolean on_look (gpointer user_data);

static void
look (Waiting *self)
{
  guint8 bytes[WSED_MAX_PROXY_HEADER];
  ssize_t n = recv (self->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  WsedProxyVerdict verdict;
  WsedAddress client;
  guint16 port;
  gsize size;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      waiting_free (self);
      return;
    }
  verdict = wsed_proxy_header_read (bytes, n, &size, &client, &port);
  switch (verdict)
    {
    case WSED_PROXY_NONE:
      pass (self, NULL, 0);
      break;
    case WSED_PROXY_MORE:
      wait_for (self, g_timeout_source_new (LOOK_AGAIN), on_look);
      break;
    case WSED_PROXY_SAME:
    case WSED_PROXY_CLIENT:
      count (self->porch, "taken");
      /* It has come: it is taken whole. */
      if (recv (self->fd, bytes, size, MSG_DONTWAIT) == (ssize_t) size)
        pass (self, verdict == WSED_PROXY_CLIENT ? &client : NULL, port);
      else
        waiting_free (self);
      break;
    case WSED_PROXY_BAD:
    default:
      count (self->porch, "bad");
      g_debug ("a proxy sent a malformed header of the PROXY protocol");
      waiting_free (self);
      break;
    }
}

static gboolean
on_bytes (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  look (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_look (gpointer user_data)
{
  look (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_end (gpointer user_data)
{
  Waiting *self = user_data;

  count (self->porch, "timeout");
  waiting_free (self);
  return G_SOURCE_REMOVE;
}

/* Takes @source: for a descriptor, or a time. */
static void
wait_for (Waiting     *self,
          GSource     *source,
          GSourceFunc  func)
{
  drop_source (&self->watch);
  self->watch = source;
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, NULL);
}

WsedPorch *
wsed_porch_new (WsedPorchPassed  passed,
                WsedPorchChanged changed,
                gpointer         user_data)
{
  static const char * const labels[] = { "result", NULL };
  WsedPorch *self = g_new0 (WsedPorch, 1);
  const char *test = g_getenv ("WSE_TEST_DEADLINE_MS");

  self->passed = passed;
  self->changed = changed;
  self->user_data = user_data;
  self->patience = test != NULL ? MAX (1, g_ascii_strtoll (test, NULL, 10)) * 1000 : PATIENCE;
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
  Waiting *waiting = g_new0 (Waiting, 1);

  waiting->porch = self;
  waiting->link.data = waiting;
  waiting->fd = fd;
  waiting->remote = g_object_ref (remote);
  waiting->local = local;
  g_queue_push_tail_link (&self->waiting, &waiting->link);
  waiting->end = g_timeout_source_new (self->patience / 1000);
  g_source_set_callback (waiting->end, on_end, waiting, NULL);
  g_source_attach (waiting->end, NULL);
  wait_for (waiting, g_unix_fd_source_new (fd, G_IO_IN), G_SOURCE_FUNC (on_bytes));
  self->changed (self->waiting.length, self->user_data);
}

guint
wsed_porch_get_count (WsedPorch *self)
{
  return self->waiting.length;
}

void
wsed_porch_clear (WsedPorch *self)
{
  while (self->waiting.length > 0)
    waiting_free (self->waiting.head->data);
}

void
wsed_porch_free (WsedPorch *self)
{
  if (self == NULL)
    return;
  wsed_porch_clear (self);
  g_free (self);
}
