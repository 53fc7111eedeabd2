/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedEntrance owns the TLS sessions of connections whose handshake is under way. A handshake takes the main thread for as long as its
 * signature does; between its steps it takes nothing. So many may begin in a second; those who come beyond that wait for their turn, and are
 * told where it does not come. It never sees a byte of a request. */

#include "transport/wsed-entrance.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics/wsed-metrics.h"

static const char wrong_port[] =
  "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 89\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
  "{\"error\":{\"code\":\"bad_request\",\"message\":\"this port speaks TLS: use https:// or wss://\"}}";

/* Where what nobody reads ends up. */
static char waste[16 * 1024];

struct _WsedEntrance
{
  WsedTlsContext *context;     /* borrowed */
  WsedLimits *limits;          /* borrowed */
  WsedLobby *lobby;
  GQueue waiting;              /* of Newcomer, as they came: for their turn */
  guint turn;                  /* timer until the first of them may begin; 0: nobody waits */
  WsedEntered entered;
  gpointer user_data;
  WsedMetricFamily *handshakes;
};

typedef struct
{
  WsedGuest guest;
  WsedEntrance *entrance;
  enum { ARRIVED, WAITING, SHAKING } state;
  GList turn_link;             /* in entrance->waiting */
  WsedTlsSession *session;     /* NULL: refused; what it still sends is thrown away */
} Newcomer;

static void
count (WsedEntrance *self,
       const char   *result)
{
  const char * const values[] = { result, NULL };

  wsed_metric_add (wsed_metric_family_get (self->handshakes, values), 1);
}

static void
enter (Newcomer *self)
{
  WsedEntrance *entrance = self->entrance;
  g_autoptr (GSocketAddress) remote = g_object_ref (self->guest.remote);
  WsedTlsSession *session = g_steal_pointer (&self->session);
  int fd = wsed_guest_leave (&self->guest);

  count (entrance, "done");
  entrance->entered (fd, remote, session, entrance->user_data);
}

/* In the clear, since that is what it understands; the end of its request is waited for, or a reset would take the answer away. */
static void
send_away (Newcomer *self)
{
  count (self->entrance, "plain");
  if (send (self->guest.fd, wrong_port, sizeof wrong_port - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("a plain request on a TLS port: the answer could not be sent");
  shutdown (self->guest.fd, SHUT_WR);
  g_clear_pointer (&self->session, wsed_tls_session_free);
  wsed_guest_wait_for (&self->guest, G_IO_IN);
}

static void
shake_hands (Newcomer *self)
{
  const char *reason = NULL;

  self->state = SHAKING;
  switch (wsed_tls_session_shake_hands (self->session, &reason))
    {
    case WSED_TLS_DONE:
      enter (self);
      break;
    case WSED_TLS_WANTS_READ:
      wsed_guest_wait_for (&self->guest, G_IO_IN);
      break;
    case WSED_TLS_WANTS_WRITE:
      wsed_guest_wait_for (&self->guest, G_IO_OUT);
      break;
    case WSED_TLS_SPEAKS_HTTP:
      send_away (self);
      break;
    case WSED_TLS_FAILED:
    default:
      count (self->entrance, "failed");
      g_debug ("a TLS handshake failed: %s", reason);
      wsed_guest_free (&self->guest);
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
      Newcomer *newcomer = self->waiting.head->data;

      g_queue_unlink (&self->waiting, &newcomer->turn_link);
      shake_hands (newcomer);
    }
  if (self->waiting.length > 0)
    self->turn = g_timeout_add (wait / 1000 + 1, on_turn, self);
  return G_SOURCE_REMOVE;
}

static void
await_turn (Newcomer *self)
{
  WsedEntrance *entrance = self->entrance;

  wsed_guest_rest (&self->guest);
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
throw_away (Newcomer *self)
{
  ssize_t n = recv (self->guest.fd, waste, sizeof waste, MSG_DONTWAIT);

  if (n == 0 || (n < 0 && errno != EAGAIN))
    wsed_guest_free (&self->guest);
}

static void
on_ready (WsedGuest *guest)
{
  Newcomer *self = (Newcomer *) guest;

  if (self->session == NULL)
    throw_away (self);
  else if (self->state == ARRIVED && begins_handshake (guest->fd))
    await_turn (self);
  else
    shake_hands (self);
}

/* In the clear, and before anything was read: there is no alert that says more. */
static void
refuse (Newcomer *self)
{
  static const guint8 alert[] = { SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, SSL_AD_INTERNAL_ERROR };

  wsed_limits_refused (WSED_LIMIT_HANDSHAKE_RATE);
  if (send (self->guest.fd, alert, sizeof alert, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    g_debug ("refusing a TLS handshake: the alert could not be sent");
  /* What has come and is not read would take the alert away. */
  if (recv (self->guest.fd, waste, sizeof waste, MSG_DONTWAIT) < 0)
    g_debug ("refusing a TLS handshake: nothing has come");
}

static void
on_expired (WsedGuest *guest)
{
  Newcomer *self = (Newcomer *) guest;

  if (self->state == WAITING)
    refuse (self);
  else if (self->session != NULL)
    count (self->entrance, "timeout");
}

static void
on_cleared (WsedGuest *guest)
{
  Newcomer *self = (Newcomer *) guest;

  if (self->state == WAITING)
    g_queue_unlink (&self->entrance->waiting, &self->turn_link);
  wsed_tls_session_free (self->session);
}

WsedEntrance *
wsed_entrance_new (WsedTlsContext   *context,
                   WsedLimits       *limits,
                   WsedEntered       entered,
                   WsedLobbyChanged  changed,
                   gpointer          user_data)
{
  static const char * const labels[] = { "result", NULL };
  static const WsedHost host = { sizeof (Newcomer), on_ready, on_expired, on_cleared };
  WsedEntrance *self = g_new0 (WsedEntrance, 1);

  self->context = context;
  self->limits = limits;
  self->entered = entered;
  self->user_data = user_data;
  self->lobby = wsed_lobby_new (&host, changed, user_data);
  self->handshakes = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_tls_handshakes_total",
                                             "TLS handshakes: done, failed, timeout, or plain where a request came in the clear.", labels, 4);
  return self;
}

void
wsed_entrance_add (WsedEntrance   *self,
                   int             fd,
                   GSocketAddress *remote)
{
  WsedTlsSession *session = wsed_tls_session_new (self->context, fd);
  Newcomer *newcomer;

  if (session == NULL)
    {
      count (self, "failed");
      close (fd);
      return;
    }
  newcomer = (Newcomer *) wsed_lobby_add (self->lobby, fd, remote);
  newcomer->entrance = self;
  newcomer->turn_link.data = newcomer;
  newcomer->session = session;
  wsed_guest_wait_for (&newcomer->guest, G_IO_IN);
}

guint
wsed_entrance_get_count (WsedEntrance *self)
{
  return self != NULL ? wsed_lobby_get_count (self->lobby) : 0;
}

void
wsed_entrance_clear (WsedEntrance *self)
{
  if (self != NULL)
    wsed_lobby_clear (self->lobby);
}

void
wsed_entrance_free (WsedEntrance *self)
{
  if (self == NULL)
    return;
  wsed_lobby_free (self->lobby);
  g_clear_handle_id (&self->turn, g_source_remove);
  g_free (self);
}
