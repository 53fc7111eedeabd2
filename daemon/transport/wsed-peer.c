/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPeers owns the record of every connection that speaks HTTP, and its deadlines: SoupServer has none. One timer looks at all of them,
 * there are never many. An idle connection is watched here, because libsoup 3.2 keeps one for ever whose client closes between two
 * requests. It never reads or writes a byte. */

#include "transport/wsed-peer.h"

#include <errno.h>
#include <gio/gunixoutputstream.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics/wsed-metrics.h"
#include "transport/wsed-tls-stream.h"

/* Bytes of requests sent ahead by a client that sends no more. */
#define MAX_AHEAD (1024 * 1024)
/* Bytes that a refused client may still send: a body a little too large ends within, so that its sender sees the answer. */
#define MAX_LINGER (32 * 1024 * 1024)

/* So long (microseconds) may a connection be idle while others wait to be accepted. */
#define CROWDED_IDLE (5 * G_USEC_PER_SEC)

struct _WsedPeers
{
  SoupServer *server;          /* borrowed */
  GQueue peers;                /* of WsedPeer */
  guint crowd;                 /* as many are enough: idle ones have less time */
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
  GIOStream *stream;           /* weak: its end is the peer's */
  WsedTlsStream *tls;          /* the same; NULL: plain */
  GSocket *socket;             /* borrowed from the stream */
  GSocketAddress *remote;      /* by which messages find the peer */
  WsedPeerState state;
  gint64 since;                /* monotonic microseconds */
  gint64 deadline;             /* 0: none */
  guint64 received;            /* bytes of the body under way */
  GByteArray *body;            /* those kept; libsoup would keep a body of one byte chunks at a hundred times its size */

  SoupServerMessage *last;     /* while idle: the way to the connection */
  GIOStream *stolen;           /* while lingering */
  GSource *watch;              /* in both */
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

int
wsed_peer_get_fd (WsedPeer *self)
{
  return g_socket_get_fd (self->socket);
}

gssize
wsed_peer_send (WsedPeer   *self,
                const void *data,
                gsize       length)
{
  if (self->tls != NULL)
    return wsed_tls_stream_send (self->tls, data, length);
  return send (wsed_peer_get_fd (self), data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

gboolean
wsed_peer_is_tls (WsedPeer *self)
{
  return self->tls != NULL;
}

WsedTlsSession *
wsed_peer_take_session (WsedPeer *self,
                        int       fd)
{
  WsedTlsSession *session = self->tls != NULL ? wsed_tls_stream_steal (self->tls) : NULL;

  if (session != NULL && !wsed_tls_session_move (session, fd))
    g_clear_pointer (&session, wsed_tls_session_free);
  return session;
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

/* The last message holds its connection, and that the stream: neither must outlive the connection's end. */
static void
peer_unwatch (WsedPeer *self)
{
  if (self->watch != NULL)
    {
      g_source_destroy (self->watch);
      g_clear_pointer (&self->watch, g_source_unref);
    }
  if (self->tls != NULL)
    wsed_tls_stream_on_end (self->tls, NULL, NULL);
  if (self->last != NULL)
    {
      g_autoptr (SoupServerMessage) last = g_steal_pointer (&self->last);

      g_signal_handlers_disconnect_by_data (last, self);
    }
}

static void
peer_release (WsedPeer *self)
{
  GBytes *body = wsed_peer_take_body (self);

  g_clear_pointer (&body, g_bytes_unref);
  self->received = 0;
}

static void
on_stream_gone (gpointer  user_data,
                GObject  *where_it_was)
{
  WsedPeer *self = user_data;
  WsedPeers *set = self->set;

  peer_unwatch (self);
  peer_release (self);
  g_object_set_qdata (G_OBJECT (self->remote), peer_quark (), NULL);
  g_object_unref (self->remote);
  g_queue_unlink (&set->peers, &self->link);
  g_free (self);
  if (!set->freeing)
    set->changed (set->peers.length, set->user_data);
}

/* Takes an idle connection from libsoup; through its last message, because no other handle is let out. With the stream's last reference
 * @self is gone. */
static GIOStream *
peer_steal (WsedPeer *self)
{
  g_autoptr (SoupServerMessage) last = g_object_ref (self->last);

  peer_unwatch (self);
  return soup_server_message_steal_connection (last);
}

static void
peer_drop (WsedPeer *self)
{
  g_autoptr (GIOStream) stream = peer_steal (self);
}

/* The client has said that it sends no more. What of it is still in libsoup's buffer, requests sent ahead, is given back as a stream
 * that ends there. */
static void
peer_finish_input (WsedPeer *self)
{
  g_autoptr (GIOStream) stolen = peer_steal (self);
  GPollableInputStream *input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (stolen));
  g_autoptr (GByteArray) rest = g_byte_array_new ();
  g_autoptr (GBytes) requests = NULL;
  g_autoptr (GInputStream) ahead = NULL;
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GIOStream) stream = NULL;
  guint8 bytes[4096];
  gssize n;

  while (rest->len < MAX_AHEAD && (n = g_pollable_input_stream_read_nonblocking (input, bytes, sizeof bytes, NULL, NULL)) > 0)
    g_byte_array_append (rest, bytes, n);
  if (rest->len == 0)
    return;
  requests = g_byte_array_free_to_bytes (g_steal_pointer (&rest));
  ahead = g_memory_input_stream_new_from_bytes (requests);
  /* Not the socket's own, which would be closed with this stream, once for each of the requests. */
  output = g_unix_output_stream_new (wsed_peer_get_fd (self), FALSE);
  stream = g_simple_io_stream_new (ahead, output);
  /* The peer lives as long as its socket's stream. */
  g_object_set_data_full (G_OBJECT (stream), "wsed-socket", g_object_ref (self->stream), g_object_unref);
  wsed_peer_enter (self, WSED_PEER_HEADERS, 0);
  soup_server_accept_iostream (self->set->server, stream, self->set->local, self->remote, NULL);
}

static void
on_tls_ended (gpointer user_data)
{
  WsedPeer *self = user_data;

  if (self->last != NULL)
    peer_drop (self);
}

static gboolean
on_idle_event (int          fd,
               GIOCondition condition,
               gpointer     user_data)
{
  WsedPeer *self = user_data;
  char byte;

  if ((condition & (POLLHUP | POLLERR)) != 0)
    /* Nobody is there to take an answer. */
    peer_drop (self);
  else if (recv (fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
    {
      /* A last request: libsoup reads it, and then finds the end within a request, which it can. */
      peer_unwatch (self);
      wsed_peer_enter (self, WSED_PEER_HEADERS, 0);
    }
  else
    peer_finish_input (self);
  return G_SOURCE_REMOVE;
}

/* Ends a lingering connection: @self is gone after that, unless somebody else still holds the stream. */
static void
peer_end_linger (WsedPeer *self)
{
  GIOStream *stolen = g_steal_pointer (&self->stolen);

  peer_unwatch (self);
  g_clear_object (&stolen);
}

static gboolean
on_linger_event (int          fd,
                 GIOCondition condition,
                 gpointer     user_data)
{
  static char waste[64 * 1024];
  WsedPeer *self = user_data;
  ssize_t n = recv (fd, waste, sizeof waste, MSG_DONTWAIT);

  if (n > 0)
    self->received += n;
  if ((n > 0 && self->received <= MAX_LINGER) || (n < 0 && (errno == EAGAIN || errno == EINTR)))
    return G_SOURCE_CONTINUE;
  peer_end_linger (self);
  return G_SOURCE_REMOVE;
}

static void
peer_watch (WsedPeer          *self,
            GUnixFDSourceFunc  func,
            int                condition,
            int                priority)
{
  self->watch = g_unix_fd_source_new (wsed_peer_get_fd (self), condition);
  g_source_set_priority (self->watch, priority);
  g_source_set_callback (self->watch, G_SOURCE_FUNC (func), self, NULL);
  g_source_attach (self->watch, NULL);
}

static void
peer_expire (WsedPeer *self)
{
  const char * const values[] = { states[self->state].name, NULL };

  wsed_metric_add (wsed_metric_family_get (self->set->n_timeouts, values), 1);
  self->deadline = 0;
  if (self->last != NULL)
    peer_drop (self);
  else if (self->stolen != NULL)
    peer_end_linger (self);
  else
    /* libsoup then finds the stream's end. */
    g_socket_shutdown (self->socket, TRUE, TRUE, NULL);
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

      next = link->next;
      if ((peer->deadline != 0 && peer->deadline <= now) || (crowded && peer->last != NULL && now - peer->since >= CROWDED_IDLE))
        peer_expire (peer);
    }
  return G_SOURCE_CONTINUE;
}

WsedPeers *
wsed_peers_new (SoupServer       *server,
                guint             crowd,
                WsedPeersChanged  changed,
                gpointer          user_data)
{
  static const char * const labels[] = { "state", NULL };
  WsedPeers *self = g_new0 (WsedPeers, 1);
  const char *test = g_getenv ("WSE_TEST_DEADLINE_MS");
  guint interval = 1000;

  self->server = server;
  self->crowd = crowd;
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
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) opened = g_socket_new_from_fd (fd, &error);
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GIOStream) stream = NULL;
  WsedPeer *peer;

  if (opened == NULL)
    {
      /* The client has gone already. */
      g_debug ("taking a connection: %s", error->message);
      wsed_tls_session_free (session);
      close (fd);
      return;
    }
  connection = g_socket_connection_factory_create_connection (opened);
  stream = session != NULL ? G_IO_STREAM (wsed_tls_stream_new (connection, session)) : G_IO_STREAM (g_object_ref (connection));

  peer = g_new0 (WsedPeer, 1);
  peer->set = self;
  peer->link.data = peer;
  peer->stream = stream;
  peer->tls = session != NULL ? WSED_TLS_STREAM (stream) : NULL;
  peer->socket = opened;
  peer->remote = g_object_ref (remote);
  g_object_set_qdata (G_OBJECT (remote), peer_quark (), peer);
  g_object_weak_ref (G_OBJECT (stream), on_stream_gone, peer);
  g_queue_push_tail_link (&self->peers, &peer->link);
  wsed_peer_enter (peer, WSED_PEER_HEADERS, 0);

  self->changed (self->peers.length, self->user_data);
  soup_server_accept_iostream (self->server, stream, self->local, remote, NULL);
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

static void
drop_idle (WsedPeers *self)
{
  GList *next;

  for (GList *link = self->peers.head; link != NULL; link = next)
    {
      WsedPeer *peer = link->data;

      next = link->next;
      if (peer->last != NULL)
        peer_drop (peer);
    }
}

void
wsed_peers_stop (WsedPeers *self)
{
  gint64 soon = g_get_monotonic_time () + G_USEC_PER_SEC;

  self->stopping = TRUE;
  drop_idle (self);
  for (GList *link = self->peers.head; link != NULL; link = link->next)
    {
      WsedPeer *peer = link->data;

      if (peer->state == WSED_PEER_HEADERS)
        peer->deadline = MIN (peer->deadline, soon);
    }
}

void
wsed_peers_free (WsedPeers *self)
{
  if (self == NULL)
    return;
  self->freeing = TRUE;
  drop_idle (self);
  soup_server_disconnect (self->server);
  for (GList *link = self->peers.head, *next; link != NULL; link = next)
    {
      WsedPeer *peer = link->data;

      next = link->next;
      if (peer->stolen != NULL)
        peer_end_linger (peer);
    }
  /* A stream that somebody else still holds, with the message of a request under way, outlives the set. */
  for (GList *link = self->peers.head, *next; link != NULL; link = next)
    {
      WsedPeer *peer = link->data;

      next = link->next;
      g_object_weak_unref (G_OBJECT (peer->stream), on_stream_gone, peer);
      on_stream_gone (peer, NULL);
    }
  g_source_remove (self->timer);
  g_object_unref (self->local);
  g_free (self);
}

WsedPeer *
wsed_peer_of (SoupServerMessage *message)
{
  return g_object_get_qdata (G_OBJECT (soup_server_message_get_remote_address (message)), peer_quark ());
}

WsedPeers *
wsed_peer_get_set (WsedPeer *self)
{
  return self->set;
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

/* The kernel counts a FIN as a byte for a moment before it says that the stream has ended: the socket is then readable, but POLLRDHUP is
 * not set yet. libsoup would read that end, forget its message and crash when the connection is taken from it. With two bytes as the least
 * that makes an idle socket readable, only a real request does; its first two bytes come together or the first one waits. */
static void
peer_set_least (WsedPeer *self,
                int       bytes)
{
  if (setsockopt (wsed_peer_get_fd (self), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) != 0)
    g_debug ("setting SO_RCVLOWAT: %s", g_strerror (errno));
}

void
wsed_peer_begin (WsedPeer          *self,
                 SoupServerMessage *message)
{
  if (self->last != NULL && self->tls == NULL)
    peer_set_least (self, 1);
  peer_unwatch (self);
  self->received = 0;
  wsed_peer_enter (self, WSED_PEER_HEADERS, 0);
}

void
wsed_peer_end (WsedPeer          *self,
               SoupServerMessage *message)
{
  peer_release (self);
  soup_message_body_truncate (soup_server_message_get_request_body (message));
  soup_message_body_truncate (soup_server_message_get_response_body (message));
  wsed_peer_enter (self, WSED_PEER_IDLE, 0);
  if (self->last == NULL)
    {
      self->last = g_object_ref (message);
      g_signal_connect_swapped (message, "disconnected", G_CALLBACK (peer_unwatch), self);
      if (self->tls != NULL)
        {
          /* libsoup reads, and the stream does not let it see the end. */
          wsed_tls_stream_on_end (self->tls, on_tls_ended, self);
          return;
        }
      peer_set_least (self, 2);
      /* Before libsoup's own source: it must not see the end of the stream first. Not for input, which is libsoup's. */
      peer_watch (self, on_idle_event, POLLRDHUP | POLLHUP | POLLERR, G_PRIORITY_HIGH);
    }
}

void
wsed_peer_linger (WsedPeer  *self,
                  GIOStream *stream)
{
  g_assert (self->watch == NULL && self->stolen == NULL);
  if (self->tls != NULL)
    wsed_tls_stream_finish (self->tls);
  g_socket_shutdown (self->socket, FALSE, TRUE, NULL);
  peer_release (self);
  self->stolen = stream;
  wsed_peer_enter (self, WSED_PEER_LINGER, 0);
  peer_watch (self, on_linger_event, POLLIN | POLLHUP | POLLERR, G_PRIORITY_LOW);
}
