/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPeers owns every connection that speaks HTTP, and its deadlines: SoupServer has none. It waits for a request's head, gives a sound one
 * to libsoup, and answers any other itself. One timer looks at all peers, there are never many. What a request asks for is not its
 * business. */

#include "transport/wsed-peer.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

#include "guard/wsed-limits.h"
#include "metrics/wsed-metrics.h"
#include "transport/wsed-answer.h"
#include "transport/wsed-inlet.h"
#include "transport/wsed-request-stream.h"

/* Bytes taken along with a connection that is handed over. */
#define MAX_EARLY (64 * 1024)
/* Bytes that a refused client may still send: a body a little too large ends within, so that its sender sees the answer; a head does not go
 * on for so long. */
#define MAX_LINGER (32 * 1024 * 1024)
#define MAX_LINGER_HEAD (1024 * 1024)

/* So long (microseconds) may a connection be idle while others wait to be accepted. */
#define CROWDED_IDLE (5 * G_USEC_PER_SEC)

struct _WsedPeers
{
  SoupServer *server;          /* borrowed */
  GQueue peers;                /* of WsedPeer */
  guint crowd;                 /* as many are enough: idle ones have less time */
  gsize max_head;
  GSocketAddress *local;       /* what libsoup is told: it takes a Unix address for an internet one */
  guint timer;
  gint64 test_deadline;        /* microseconds; 0: the real ones */
  gboolean stopping;
  gboolean freeing;
  gsize held;

  WsedPeersChanged changed;
  gpointer user_data;
  WsedMetricFamily *n_timeouts;
};

struct _WsedPeer
{
  WsedPeers *set;
  GList link;                  /* in set->peers */
  WsedInlet *inlet;
  GSocketAddress *remote;      /* by which messages find the peer */
  WsedPeerState state;
  gint64 since;                /* monotonic microseconds */
  gint64 deadline;             /* 0: none */
  guint64 received;            /* bytes of the body under way */
  GByteArray *body;            /* those kept; libsoup would keep a body of one byte chunks at a hundred times its size */

  WsedRequestStream *stream;   /* NULL: libsoup has none of its requests */
  SoupServerMessage *message;  /* borrowed: what libsoup made of it */
  gboolean answered;           /* all has gone */
  gboolean keep;               /* and the connection may go on */
  gsize waste;                 /* bytes that may still be thrown away, while lingering */
  GSource *watch;              /* while libsoup has nothing of it */
  GIOCondition waits_for;
};

static const struct
{
  guint seconds;
  const char *name;
} states[WSED_PEER_N_STATES] = {
  [WSED_PEER_HEADERS] = { 10, "headers" }, [WSED_PEER_BODY] = { 30, "body" },     [WSED_PEER_WORK] = { 0, "work" },
  [WSED_PEER_ANSWER] = { 60, "answer" },   [WSED_PEER_IDLE] = { 60, "idle" },     [WSED_PEER_LINGER] = { 5, "linger" },
};

static GQuark
peer_quark (void)
{
  return g_quark_from_static_string ("wsed-peer");
}

GBytes *
wsed_peer_take_body (WsedPeer *self)
{
  GByteArray *body = g_steal_pointer (&self->body);

  if (body == NULL)
    return NULL;
  self->set->held -= body->len;
  return g_byte_array_free_to_bytes (body);
}

static void
peer_unwatch (WsedPeer *self)
{
  if (self->watch == NULL)
    return;
  g_source_destroy (self->watch);
  g_clear_pointer (&self->watch, g_source_unref);
}

/* What there is of a request is over. */
static void
peer_forget_request (WsedPeer *self)
{
  GBytes *body = wsed_peer_take_body (self);

  g_clear_pointer (&body, g_bytes_unref);
  self->received = 0;
  self->message = NULL;
  if (self->stream != NULL)
    wsed_request_stream_cut (self->stream);
  g_clear_object (&self->stream);
}

static void
peer_free (WsedPeer *self)
{
  WsedPeers *set = self->set;

  peer_unwatch (self);
  peer_forget_request (self);
  g_object_set_qdata (G_OBJECT (self->remote), peer_quark (), NULL);
  g_object_unref (self->remote);
  g_queue_unlink (&set->peers, &self->link);
  wsed_inlet_free (self->inlet);
  g_free (self);
  if (!set->freeing)
    set->changed (set->peers.length, set->user_data);
}

/* Takes the request under way from libsoup. */
static void
peer_take_back (WsedPeer *self)
{
  SoupServerMessage *message = self->message;
  g_autoptr (GIOStream) stolen = NULL;

  peer_forget_request (self);
  if (message != NULL)
    stolen = soup_server_message_steal_connection (message);
}

static void
peer_watch (WsedPeer    *self,
            GSource     *source,
            GSourceFunc  func)
{
  peer_unwatch (self);
  self->waits_for = 0;
  self->watch = source;
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, NULL);
}

static gboolean
on_linger_event (int          fd,
                 GIOCondition condition,
                 gpointer     user_data)
{
  static char waste[64 * 1024];
  WsedPeer *self = user_data;
  ssize_t n = recv (fd, waste, sizeof waste, MSG_DONTWAIT);

  if (n > 0 && (gsize) n <= self->waste)
    self->waste -= n;
  else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
    peer_free (self);
  return G_SOURCE_CONTINUE;
}

static void
peer_linger (WsedPeer *self)
{
  GSource *source = g_unix_fd_source_new (wsed_inlet_get_fd (self->inlet), G_IO_IN);

  self->waste = wsed_inlet_get_head (self->inlet)->refusal.status != 0 ? MAX_LINGER_HEAD : MAX_LINGER;
  wsed_inlet_finish (self->inlet);
  wsed_peer_enter (self, WSED_PEER_LINGER, 0);
  g_source_set_priority (source, G_PRIORITY_LOW);
  peer_watch (self, source, G_SOURCE_FUNC (on_linger_event));
}

void
wsed_peer_refuse (WsedPeer          *self,
                  const WsedRefusal *refusal,
                  const char        *lines,
                  gboolean           with_body)
{
  g_autoptr (GString) answer = wsed_answer_write (refusal, lines, with_body);

  if (refusal->status == 431)
    wsed_limits_refused (WSED_LIMIT_HEADER);
  peer_take_back (self);
  /* A client that has not read what it was sent before gets a part of it, or nothing. */
  if (wsed_inlet_write (self->inlet, answer->str, answer->len, FALSE) < 0)
    g_debug ("refusing a request: the answer could not be sent");
  peer_linger (self);
}

static gboolean on_bytes (int fd, GIOCondition condition, gpointer user_data);
static gboolean on_ahead (gpointer user_data);

static void
peer_wait (WsedPeer *self)
{
  GIOCondition needed = wsed_inlet_wait_for (self->inlet, G_IO_IN);

  if (self->watch != NULL && self->waits_for == needed)
    return;
  peer_watch (self, g_unix_fd_source_new (wsed_inlet_get_fd (self->inlet), needed), G_SOURCE_FUNC (on_bytes));
  self->waits_for = needed;
}

/* libsoup has closed the stream of the request. */
static void
on_closed (gpointer user_data)
{
  WsedPeer *self = user_data;
  const WsedRefusal *refusal = wsed_inlet_get_refusal (self->inlet);
  /* Its time had gone: nobody is there to be told. */
  gboolean expired = self->deadline == 0 && self->state != WSED_PEER_WORK;

  wsed_inlet_push (self->inlet);
  peer_forget_request (self);
  if (self->set->freeing || expired || (!self->answered && refusal == NULL))
    peer_free (self);
  else if (!self->answered)
    wsed_peer_refuse (self, refusal, NULL, TRUE);
  else if (!self->keep && (!wsed_inlet_is_done (self->inlet) || wsed_inlet_is_ahead (self->inlet)))
    peer_linger (self);
  else if (!self->keep || self->set->stopping)
    peer_free (self);
  else
    {
      wsed_peer_enter (self, WSED_PEER_IDLE, 0);
      if (wsed_inlet_is_ahead (self->inlet))
        /* Not from here: libsoup is not done. */
        peer_watch (self, g_idle_source_new (), on_ahead);
      else
        peer_wait (self);
    }
}

/* @self may be gone after that: libsoup reads and answers what is there at once. */
static void
peer_pass_on (WsedPeer *self)
{
  g_autoptr (WsedRequestStream) stream = wsed_request_stream_new (self->inlet, on_closed, self);

  peer_unwatch (self);
  self->answered = FALSE;
  self->stream = g_object_ref (stream);
  soup_server_accept_iostream (self->set->server, G_IO_STREAM (stream), self->set->local, self->remote, NULL);
}

/* @self may be gone after that. */
static void
peer_advance (WsedPeer *self)
{
  switch (wsed_inlet_next (self->inlet))
    {
    case WSED_INLET_REQUEST:
      peer_pass_on (self);
      break;
    case WSED_INLET_BAD:
      wsed_peer_refuse (self, wsed_inlet_get_refusal (self->inlet), NULL, TRUE);
      break;
    case WSED_INLET_ENDED:
      peer_free (self);
      break;
    case WSED_INLET_PART:
      if (self->state != WSED_PEER_HEADERS)
        wsed_peer_enter (self, WSED_PEER_HEADERS, 0);
      peer_wait (self);
      break;
    case WSED_INLET_NOTHING:
    default:
      peer_wait (self);
      break;
    }
}

static gboolean
on_bytes (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  peer_advance (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_ahead (gpointer user_data)
{
  peer_advance (user_data);
  return G_SOURCE_CONTINUE;
}

static void
peer_expire (WsedPeer *self)
{
  const char * const values[] = { states[self->state].name, NULL };

  wsed_metric_add (wsed_metric_family_get (self->set->n_timeouts, values), 1);
  self->deadline = 0;
  if (self->stream == NULL)
    peer_free (self);
  else
    /* libsoup then finds the stream's end. */
    shutdown (wsed_inlet_get_fd (self->inlet), SHUT_RDWR);
}

static gboolean
on_timer (gpointer user_data)
{
  WsedPeers *self = user_data;
  gint64 now = g_get_monotonic_time ();
  gboolean crowded = self->peers.length >= self->crowd;
  GList *next;

  for (GList *link = self->peers.head; link != NULL; link = next)
    {
      WsedPeer *peer = link->data;
      gboolean idle = crowded && peer->state == WSED_PEER_IDLE && now - peer->since >= CROWDED_IDLE;

      next = link->next;
      if ((peer->deadline != 0 && peer->deadline <= now) || idle)
        peer_expire (peer);
    }
  return G_SOURCE_CONTINUE;
}

WsedPeers *
wsed_peers_new (SoupServer       *server,
                guint             crowd,
                gsize             max_head,
                WsedPeersChanged  changed,
                gpointer          user_data)
{
  static const char * const labels[] = { "state", NULL };
  WsedPeers *self = g_new0 (WsedPeers, 1);
  const char *test = g_getenv ("WSE_TEST_DEADLINE_MS");
  guint interval = 1000;

  self->server = server;
  self->crowd = crowd;
  self->max_head = max_head;
  self->changed = changed;
  self->user_data = user_data;
  self->local = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  self->n_timeouts = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_http_timeouts_total", "HTTP connections ended for being too slow.",
                                             labels, WSED_PEER_N_STATES);
  if (test != NULL)
    {
      self->test_deadline = MAX (1, g_ascii_strtoll (test, NULL, 10)) * 1000;
      interval = CLAMP (self->test_deadline / 4000, 1, 1000);
    }
  self->timer = g_timeout_add (interval, on_timer, self);
  return self;
}

void
wsed_peers_add (WsedPeers      *self,
                int             fd,
                GSocketAddress *remote,
                WsedTlsSession *session)
{
  WsedPeer *peer = g_new0 (WsedPeer, 1);

  peer->set = self;
  peer->link.data = peer;
  peer->inlet = wsed_inlet_new (fd, session, self->max_head);
  peer->remote = g_object_ref (remote);
  g_object_set_qdata (G_OBJECT (remote), peer_quark (), peer);
  g_queue_push_tail_link (&self->peers, &peer->link);
  wsed_peer_enter (peer, WSED_PEER_HEADERS, 0);

  self->changed (self->peers.length, self->user_data);
  peer_advance (peer);
}

guint
wsed_peers_get_count (WsedPeers *self)
{
  return self->peers.length;
}

gsize
wsed_peers_get_held (WsedPeers *self)
{
  return self->held;
}

gboolean
wsed_peers_is_stopping (WsedPeers *self)
{
  return self->stopping;
}

void
wsed_peers_stop (WsedPeers *self)
{
  gint64 soon = g_get_monotonic_time () + G_USEC_PER_SEC;

  self->stopping = TRUE;
  for (GList *link = self->peers.head, *next; link != NULL; link = next)
    {
      WsedPeer *peer = link->data;

      next = link->next;
      if (peer->state == WSED_PEER_IDLE)
        peer_free (peer);
      else if (peer->state == WSED_PEER_HEADERS)
        peer->deadline = MIN (peer->deadline, soon);
    }
}

void
wsed_peers_free (WsedPeers *self)
{
  if (self == NULL)
    return;
  self->freeing = TRUE;
  /* It closes the streams of the requests under way. */
  soup_server_disconnect (self->server);
  for (GList *link = self->peers.head, *next; link != NULL; link = next)
    {
      next = link->next;
      peer_free (link->data);
    }
  g_source_remove (self->timer);
  g_object_unref (self->local);
  g_free (self);
}

WsedPeer *
wsed_peer_of (SoupServerMessage *message)
{
  WsedPeer *self = g_object_get_qdata (G_OBJECT (soup_server_message_get_remote_address (message)), peer_quark ());

  return self != NULL && self->stream != NULL && (self->message == NULL || self->message == message) ? self : NULL;
}

WsedPeers *
wsed_peer_get_set (WsedPeer *self)
{
  return self->set;
}

guint64
wsed_peer_get_length (WsedPeer *self)
{
  const WsedRequestHead *head = wsed_inlet_get_head (self->inlet);

  return head->chunked ? G_MAXUINT64 : head->length;
}

void
wsed_peer_enter (WsedPeer      *self,
                 WsedPeerState  state,
                 guint64        body_bytes)
{
  gint64 allowed = states[state].seconds * G_USEC_PER_SEC;

  if (state != self->state || state != WSED_PEER_BODY || self->since == 0)
    self->since = g_get_monotonic_time ();
  self->state = state;
  if (state == WSED_PEER_BODY)
    allowed += body_bytes / (64 * 1024) * G_USEC_PER_SEC;
  if (self->set->test_deadline != 0 && allowed != 0)
    allowed = self->set->test_deadline;
  self->deadline = allowed == 0 ? 0 : self->since + allowed;
}

guint64
wsed_peer_receive (WsedPeer *self,
                   GBytes   *chunk,
                   gboolean  keep)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (chunk, &length);

  self->received += length;
  if (keep)
    {
      if (self->body == NULL)
        self->body = g_byte_array_new ();
      g_byte_array_append (self->body, data, length);
      self->set->held += length;
    }
  return self->received;
}

void
wsed_peer_begin (WsedPeer          *self,
                 SoupServerMessage *message)
{
  self->message = message;
  wsed_peer_enter (self, WSED_PEER_HEADERS, 0);
}

void
wsed_peer_end (WsedPeer          *self,
               SoupServerMessage *message)
{
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);
  const char *connection = soup_message_headers_get_one (answer, "Connection");

  soup_message_body_truncate (soup_server_message_get_request_body (message));
  soup_message_body_truncate (soup_server_message_get_response_body (message));
  self->answered = TRUE;
  self->keep = wsed_inlet_is_done (self->inlet) && wsed_inlet_get_head (self->inlet)->keep &&
               (connection == NULL || g_ascii_strcasecmp (connection, "close") != 0);
}

int
wsed_peer_hand_over (WsedPeer        *self,
                     WsedTlsSession **session,
                     GByteArray     **early)
{
  int fd;

  peer_take_back (self);
  fd = wsed_inlet_hand_over (self->inlet, MAX_EARLY, session, early);
  peer_free (self);
  return fd;
}
