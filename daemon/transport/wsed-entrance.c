/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedEntrance owns connections whose TLS handshake is under way, each a descriptor and a session, and gives all of them 10 s. A handshake
 * takes the main thread for as long as its signature does; between its steps it takes nothing. It never sees a byte of a request. */

#include "transport/wsed-entrance.h"

#include <glib-unix.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics/wsed-metrics.h"

/* From the accepting to the end of the handshake (µs). */
#define PATIENCE (10 * G_USEC_PER_SEC)
/* Between two looks at the clock (ms). */
#define INTERVAL 1000

static const char wrong_port[] =
  "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 89\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
  "{\"error\":{\"code\":\"bad_request\",\"message\":\"this port speaks TLS: use https:// or wss://\"}}";

struct _WsedEntrance
{
  WsedTlsContext *context;     /* borrowed */
  GQueue guests;               /* of Guest, by deadline */
  WsedEntered entered;
  WsedEntranceChanged changed;
  gpointer user_data;
  gint64 patience;
  guint timer;
  WsedMetricFamily *handshakes;
};

typedef struct
{
  WsedEntrance *entrance;
  GList link;                  /* in entrance->guests */
  int fd;                      /* -1: has been passed on */
  GSocketAddress *remote;
  WsedTlsSession *session;     /* NULL: refused; what it still sends is thrown away */
  GSource *watch;
  GIOCondition waits_for;
  gint64 deadline;
} Guest;

static void
count (WsedEntrance *self,
       const char   *result)
{
  const char * const values[] = { result, NULL };

  wsed_metric_add (wsed_metric_family_get (self->handshakes, values), 1);
}

static void
guest_free (Guest *self)
{
  WsedEntrance *entrance = self->entrance;

  g_source_destroy (self->watch);
  g_source_unref (self->watch);
  g_queue_unlink (&entrance->guests, &self->link);
  wsed_tls_session_free (self->session);
  g_object_unref (self->remote);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
  entrance->changed (entrance->guests.length, entrance->user_data);
}

static void
guest_enter (Guest *self)
{
  WsedEntrance *entrance = self->entrance;
  g_autoptr (GSocketAddress) remote = g_object_ref (self->remote);
  WsedTlsSession *session = g_steal_pointer (&self->session);
  int fd = self->fd;

  self->fd = -1;
  guest_free (self);
  count (entrance, "done");
  entrance->entered (fd, remote, session, entrance->user_data);
}

/* In the clear, since that is what it understands; the end of its request is waited for, or a reset would take the answer away. */
static void
guest_send_away (Guest *self)
{
  count (self->entrance, "plain");
  if (send (self->fd, wrong_port, sizeof wrong_port - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("a plain request on a TLS port: the answer could not be sent");
  shutdown (self->fd, SHUT_WR);
  g_clear_pointer (&self->session, wsed_tls_session_free);
}

static void guest_watch (Guest *self, GIOCondition condition);

static gboolean
on_ready (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  static char waste[16 * 1024];
  Guest *self = user_data;
  const char *reason = NULL;

  if (self->session == NULL)
    {
      ssize_t n = recv (fd, waste, sizeof waste, MSG_DONTWAIT);

      if (n == 0 || (n < 0 && errno != EAGAIN))
        guest_free (self);
      return G_SOURCE_CONTINUE;
    }
  switch (wsed_tls_session_shake_hands (self->session, &reason))
    {
    case WSED_TLS_DONE:
      guest_enter (self);
      break;
    case WSED_TLS_WANTS_READ:
      guest_watch (self, G_IO_IN);
      break;
    case WSED_TLS_WANTS_WRITE:
      guest_watch (self, G_IO_OUT);
      break;
    case WSED_TLS_SPEAKS_HTTP:
      guest_send_away (self);
      guest_watch (self, G_IO_IN);
      break;
    case WSED_TLS_FAILED:
    default:
      count (self->entrance, "failed");
      g_debug ("a TLS handshake failed: %s", reason);
      guest_free (self);
      break;
    }
  return G_SOURCE_CONTINUE;
}

static void
guest_watch (Guest        *self,
             GIOCondition  condition)
{
  if (self->watch != NULL && self->waits_for == condition)
    return;
  if (self->watch != NULL)
    {
      g_source_destroy (self->watch);
      g_source_unref (self->watch);
    }
  self->waits_for = condition;
  self->watch = g_unix_fd_source_new (self->fd, condition);
  g_source_set_callback (self->watch, G_SOURCE_FUNC (on_ready), self, NULL);
  g_source_attach (self->watch, NULL);
}

static gboolean
on_timer (gpointer user_data)
{
  WsedEntrance *self = user_data;
  gint64 now = g_get_monotonic_time ();
  Guest *guest;

  while (self->guests.length > 0 && (guest = self->guests.head->data)->deadline <= now)
    {
      if (guest->session != NULL)
        count (self, "timeout");
      guest_free (guest);
    }
  return G_SOURCE_CONTINUE;
}

WsedEntrance *
wsed_entrance_new (WsedTlsContext      *context,
                   WsedEntered          entered,
                   WsedEntranceChanged  changed,
                   gpointer             user_data)
{
  static const char * const labels[] = { "result", NULL };
  WsedEntrance *self = g_new0 (WsedEntrance, 1);
  const char *test = g_getenv ("WSE_TEST_DEADLINE_MS");
  guint interval = INTERVAL;

  self->context = context;
  self->entered = entered;
  self->changed = changed;
  self->user_data = user_data;
  self->patience = PATIENCE;
  self->handshakes = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_tls_handshakes_total",
                                             "TLS handshakes: done, failed, timeout, or plain where a request came in the clear.", labels, 4);
  if (test != NULL)
    {
      self->patience = MAX (1, g_ascii_strtoll (test, NULL, 10)) * 1000;
      interval = CLAMP (self->patience / 4000, 1, INTERVAL);
    }
  self->timer = g_timeout_add (interval, on_timer, self);
  return self;
}

void
wsed_entrance_add (WsedEntrance   *self,
                   int             fd,
                   GSocketAddress *remote)
{
  WsedTlsSession *session = wsed_tls_session_new (self->context, fd);
  Guest *guest;

  if (session == NULL)
    {
      count (self, "failed");
      close (fd);
      return;
    }
  guest = g_new0 (Guest, 1);
  guest->entrance = self;
  guest->link.data = guest;
  guest->fd = fd;
  guest->remote = g_object_ref (remote);
  guest->session = session;
  guest->deadline = g_get_monotonic_time () + self->patience;
  g_queue_push_tail_link (&self->guests, &guest->link);
  guest_watch (guest, G_IO_IN);
  self->changed (self->guests.length, self->user_data);
}

guint
wsed_entrance_get_count (WsedEntrance *self)
{
  return self != NULL ? self->guests.length : 0;
}

void
wsed_entrance_clear (WsedEntrance *self)
{
  while (self != NULL && self->guests.length > 0)
    guest_free (self->guests.head->data);
}

void
wsed_entrance_free (WsedEntrance *self)
{
  if (self == NULL)
    return;
  wsed_entrance_clear (self);
  g_source_remove (self->timer);
  g_free (self);
}
