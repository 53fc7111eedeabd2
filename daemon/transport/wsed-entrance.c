/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedEntrance owns connections whose TLS handshake is under way, each a descriptor and a session, and gives all of them 10 s. A handshake
 * takes the main thread for as long as its signature does; between its steps it takes nothing. So many may begin in a second; those who come
 * beyond that wait for their turn, and are told where it does not come. It never sees a byte of a request. */

#include "transport/wsed-entrance.h"

#include <glib-unix.h>
#include <errno.h>
#include <openssl/ssl.h>
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

/* Where what nobody reads ends up. */
static char waste[16 * 1024];

struct _WsedEntrance
{
  WsedTlsContext *context;     /* borrowed */
  WsedLimits *limits;          /* borrowed */
  GQueue guests;               /* of Guest, by deadline */
  GQueue waiting;              /* of Guest, as they came: for their turn */
  guint turn;                  /* timer until the first of them may begin; 0: nobody waits */
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
  GList turn_link;             /* in entrance->waiting */
  enum { ARRIVED, WAITING, SHAKING } state;
  int fd;                      /* -1: has been passed on */
  GSocketAddress *remote;
  WsedTlsSession *session;     /* NULL: refused; what it still sends is thrown away */
  GSource *watch;              /* NULL: waits for its turn */
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
guest_unwatch (Guest *self)
{
  if (self->watch == NULL)
    return;
  g_source_destroy (self->watch);
  g_clear_pointer (&self->watch, g_source_unref);
}

static void
guest_free (Guest *self)
{
  WsedEntrance *entrance = self->entrance;

  guest_unwatch (self);
  if (self->state == WAITING)
    g_queue_unlink (&entrance->waiting, &self->turn_link);
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

static void
guest_go_on (Guest *self)
{
  const char *reason = NULL;

  self->state = SHAKING;
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
}

static gboolean
on_turn (gpointer user_data)
{
  WsedEntrance *self = user_data;
  gint64 wait = 0;

  self->turn = 0;
  while (self->waiting.length > 0 && (wait = wsed_limits_handshake (self->limits)) == 0)
    {
      Guest *guest = self->waiting.head->data;

      g_queue_unlink (&self->waiting, &guest->turn_link);
      guest_go_on (guest);
    }
  if (self->waiting.length > 0)
    self->turn = g_timeout_add (wait / 1000 + 1, on_turn, self);
  return G_SOURCE_REMOVE;
}

static void
guest_await_turn (Guest *self)
{
  WsedEntrance *entrance = self->entrance;

  guest_unwatch (self);
  self->state = WAITING;
  g_queue_push_tail_link (&entrance->waiting, &self->turn_link);
  if (entrance->turn == 0)
    on_turn (entrance);
}

/* What costs nothing waits for no turn: who goes again at once, and what is no handshake. */
static gboolean
begins_handshake (int fd)
{
  guint8 kind;

  return recv (fd, &kind, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && kind == SSL3_RT_HANDSHAKE;
}

/* Until TCP's end, so that the answer arrives. */
static void
guest_waste (Guest *self)
{
  ssize_t n = recv (self->fd, waste, sizeof waste, MSG_DONTWAIT);

  if (n == 0 || (n < 0 && errno != EAGAIN))
    guest_free (self);
}

static gboolean
on_ready (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  Guest *self = user_data;

  if (self->session == NULL)
    guest_waste (self);
  else if (self->state == ARRIVED && begins_handshake (fd))
    guest_await_turn (self);
  else
    guest_go_on (self);
  return G_SOURCE_CONTINUE;
}

static void
guest_watch (Guest        *self,
             GIOCondition  condition)
{
  if (self->watch != NULL && self->waits_for == condition)
    return;
  guest_unwatch (self);
  self->waits_for = condition;
  self->watch = g_unix_fd_source_new (self->fd, condition);
  g_source_set_callback (self->watch, G_SOURCE_FUNC (on_ready), self, NULL);
  g_source_attach (self->watch, NULL);
}

/* In the clear, and before anything was read: there is no alert that says more. */
static void
guest_refuse (Guest *self)
{
  static const guint8 alert[] = { SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, SSL_AD_INTERNAL_ERROR };

  wsed_limits_refused (WSED_LIMIT_HANDSHAKE_RATE);
  if (send (self->fd, alert, sizeof alert, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("refusing a TLS handshake: the alert could not be sent");
  /* What has come and is not read would take the alert away. */
  if (recv (self->fd, waste, sizeof waste, MSG_DONTWAIT) < 0)
    g_debug ("refusing a TLS handshake: nothing has come");
}

static gboolean
on_timer (gpointer user_data)
{
  WsedEntrance *self = user_data;
  gint64 now = g_get_monotonic_time ();
  Guest *guest;

  while (self->guests.length > 0 && (guest = self->guests.head->data)->deadline <= now)
    {
      if (guest->state == WAITING)
        guest_refuse (guest);
      else if (guest->session != NULL)
        count (self, "timeout");
      guest_free (guest);
    }
  return G_SOURCE_CONTINUE;
}

WsedEntrance *
wsed_entrance_new (WsedTlsContext      *context,
                   WsedLimits          *limits,
                   WsedEntered          entered,
                   WsedEntranceChanged  changed,
                   gpointer             user_data)
{
  static const char * const labels[] = { "result", NULL };
  WsedEntrance *self = g_new0 (WsedEntrance, 1);
  const char *test = g_getenv ("WSE_TEST_DEADLINE_MS");
  guint interval = INTERVAL;

  self->context = context;
  self->limits = limits;
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
  guest->link.data = guest->turn_link.data = guest;
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
  g_clear_handle_id (&self->turn, g_source_remove);
  g_free (self);
}
