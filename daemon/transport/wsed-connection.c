/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A connection from the end of its handshake to its own: reads what the client sends, sends what its reader has, keeps the heartbeat,
 * closes. It belongs to its worker's thread and owns its wire, reader and outbox; what differs between WebSocket and SSE is its kind's. */

#include "transport/wsed-connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "stream/wsed-control.h"
#include "stream/wsed-stream-metrics.h"
#include "transport/wsed-connection-private.h"
#include "wse-time-private.h"

#define READ_BYTES (64 * 1024)
/* Reads of one turn. */
#define READS_PER_TURN 8

static void
connection_free (WsedConnection *self)
{
  WsedWorker *worker = self->subscriber.worker;

  wsed_worker_remove (worker, &self->subscriber);
  self->kind->clear (self);
  g_clear_pointer (&self->input, g_byte_array_unref);
  g_clear_pointer (&self->reader, wsed_reader_free);
  wsed_outbox_clear (&self->outbox);
  wsed_wire_free (self->wire);
  wsed_hub_ended (wsed_worker_get_hub (worker), g_steal_pointer (&self->client.user), g_steal_pointer (&self->client.place));
  wsed_client_clear (&self->client);
  g_free (self);
}

void
wsed_connection_close (WsedConnection *self,
                       guint16         code,
                       const char     *reason)
{
  if (self->state != WSED_CONNECTION_OPEN)
    return;
  self->state = WSED_CONNECTION_CLOSING;
  self->kind->say_goodbye (self, code, reason);
  /* One that is slow gets the time of one that is silent to read why: it costs next to nothing now. */
  if (code != WSE_CLOSE_TOO_SLOW)
    wsed_worker_set_timer (self->subscriber.worker, &self->subscriber, WSED_TIMER_END);
  wsed_worker_mark (self->subscriber.worker, &self->subscriber);
}

/* What comes in */

static gboolean
may_read (WsedConnection *self)
{
  if ((!self->readable && self->input == NULL) || self->gone)
    return FALSE;
  if (self->state != WSED_CONNECTION_OPEN)
    return self->readable;
  return !self->kind->is_busy (self) && (self->reader == NULL || wsed_reader_started (self->reader));
}

static void
read_some (WsedConnection *self)
{
  static __thread char buffer[READ_BYTES];

  for (guint i = 0; i < READS_PER_TURN && may_read (self); i++)
    {
      gssize n;

      if (self->input != NULL && self->state == WSED_CONNECTION_OPEN)
        {
          g_autoptr(GByteArray) input = g_steal_pointer (&self->input);

          self->kind->take_in (self, (char *) input->data, input->len);
          continue;
        }
      n = wsed_wire_read (self->wire, buffer, sizeof buffer);
      if (n > 0)
        self->kind->take_in (self, buffer, n);
      else if (n == 0 && self->state == WSED_CONNECTION_CLOSING)
        {
          /* It may still read the goodbye. */
          self->half_closed = TRUE;
          self->readable = FALSE;
        }
      else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        self->gone = TRUE;
      else
        self->readable = FALSE;
    }
}

/* What goes out */

static gboolean
events_wait (WsedConnection *self)
{
  return self->outbox.rest != NULL || self->wire->holds || (self->reader != NULL && wsed_reader_has_more (self->reader));
}

/* It takes nothing more now. */
static void
hold (WsedConnection *self)
{
  if (self->state != WSED_CONNECTION_OPEN || self->reader == NULL || wsed_reader_hold (self->reader))
    return;
  wsed_metric_add (wsed_stream_metrics ()->disconnected, 1);
  wsed_connection_close (self, WSE_CLOSE_TOO_SLOW, "it lies too far behind");
  g_clear_pointer (&self->reader, wsed_reader_free);
  /* At most one event stands before the goodbye: the kernel may have room for both. */
  wsed_wire_let_go (self->wire);
  self->writable = TRUE;
}

static void
write_some (WsedConnection *self)
{
  WsedReader *reader = self->state == WSED_CONNECTION_OPEN ? self->reader : NULL;
  gint64 now = wsed_worker_get_now (self->subscriber.worker);
  guint events;
  gsize bytes;

  if (self->state == WSED_CONNECTION_FINISHED || self->gone)
    return;
  if (!self->writable)
    {
      hold (self);
      return;
    }
  /* Not before the stream's own beginning, but for what has to be said at once. */
  if (reader != NULL && !wsed_reader_started (reader))
    reader = NULL;
  switch (wsed_outbox_flush (&self->outbox, self->wire, reader, &events, &bytes))
    {
    case WSED_OUTBOX_EMPTY:
      self->moved_at = now;
      if (self->state == WSED_CONNECTION_CLOSING)
        {
          self->state = WSED_CONNECTION_FINISHED;
          self->gone = self->half_closed;
          wsed_wire_finish (self->wire);
        }
      break;
    case WSED_OUTBOX_BLOCKED:
      self->writable = FALSE;
      hold (self);
      break;
    case WSED_OUTBOX_MORE:
      wsed_worker_mark (self->subscriber.worker, &self->subscriber);
      break;
    case WSED_OUTBOX_BROKEN:
      self->gone = TRUE;
      break;
    default:
      g_assert_not_reached ();
    }
  if (events > 0 || (bytes > 0 && !self->kind->answers))
    self->moved_at = now;
  self->sent += events;
  self->sent_bytes += bytes;
  wsed_metric_add (wsed_stream_metrics ()->sent, events);
  wsed_metric_add (wsed_stream_metrics ()->sent_bytes, bytes);
}

/* One turn: read, answer, send; read on what the sending made room for. */
static void
turn (WsedConnection *self)
{
  read_some (self);
  write_some (self);
  if (self->gone)
    connection_free (self);
  else if (may_read (self))
    wsed_worker_mark (self->subscriber.worker, &self->subscriber);
}

static void
on_ready (WsedSubscriber *subscriber,
          guint32         events)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    self->readable = TRUE;
  if (events & EPOLLERR)
    self->gone = TRUE;
  if (events & EPOLLOUT)
    self->writable = TRUE;
  if (self->wire->crossed)
    self->readable = self->writable = TRUE;
  turn (self);
}

static void
on_flush (WsedSubscriber *subscriber)
{
  turn ((WsedConnection *) subscriber);
}

/* Times */

/* A peer may take less in two intervals than the kernel holds for it: then nothing goes out here, and yet it reads. */
static void
look_for_progress (WsedConnection *self,
                   gint64          now)
{
  gsize queued = wsed_wire_get_queued (self->wire);

  if (queued != self->queued && !self->writable)
    self->moved_at = now;
  self->queued = queued;
}

/* PROTOCOL section 3, heartbeat: nothing came, and of what waits nothing went. */
static gboolean
is_dead (WsedConnection *self,
         gint64          now,
         gint64          limit)
{
  gboolean waits = events_wait (self) || (!self->kind->answers && wsed_outbox_has_own (&self->outbox));

  if (self->kind->answers && now - self->heard_at < limit)
    return FALSE;
  return waits ? now - self->moved_at >= limit : self->kind->answers;
}

static void
on_touched (WsedMessage *message,
            gpointer     user_data)
{
  wsed_consumer_free ((WsedConsumer *) message);
}

/* PROTOCOL section 3: forgotten after 30 days unused. One that is connected is in use, also where it acks nothing. */
static void
touch_consumer (WsedConnection *self,
                gint64          now)
{
  WsedWorker *worker = self->subscriber.worker;
  WsedConsumer *request;

  if (self->client.consumer == NULL || now - self->touched_at < wsed_worker_get_config (worker)->touch)
    return;
  self->touched_at = now;
  request = wsed_consumer_new (self->client.owner, self->client.consumer, wsed_worker_get_inbox (worker));
  request->message.run = on_touched;
  wsed_log_consume (wsed_worker_get_log (worker), request);
}

/* The clock that tokens go by may be set while one is open; the deadline goes by one that is not. */
static void
watch_expiry (WsedConnection *self)
{
  const WsedGrant *grant = self->client.grant;
  WsedWorker *worker = self->subscriber.worker;
  gint64 left;

  if (grant == NULL || grant->expires == G_MAXINT64 || self->state != WSED_CONNECTION_OPEN)
    return;
  left = grant->expires - g_get_real_time ();
  if (left <= 0)
    wsed_connection_close (self, WSE_CLOSE_BAD_TOKEN, "the token has expired");
  else
    wsed_worker_set_deadline (worker, &self->subscriber, g_get_monotonic_time () + left);
}

static void
on_heartbeat (WsedSubscriber *subscriber)
{
  WsedConnection *self = (WsedConnection *) subscriber;
  WsedWorker *worker = subscriber->worker;
  gint64 now = wsed_worker_get_now (worker);
  gint64 limit = 2 * (gint64) wsed_worker_get_config (worker)->heartbeat * G_USEC_PER_SEC;

  look_for_progress (self, now);
  if (is_dead (self, now, limit))
    {
      wsed_metric_add (wsed_stream_metrics ()->dead_peers, 1);
      connection_free (self);
      return;
    }
  if (self->state != WSED_CONNECTION_OPEN)
    return;
  watch_expiry (self);
  if (self->reader != NULL)
    wsed_reader_mark (self->reader);
  touch_consumer (self, now);
  /* One that takes nothing gets no second sign of life behind the first. */
  if (!wsed_outbox_has_own (&self->outbox) && (self->reader == NULL || wsed_reader_started (self->reader)))
    self->kind->beat (self);
  wsed_worker_mark (worker, subscriber);
}

static void
on_expired (WsedSubscriber *subscriber,
            WsedTimer       timer)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  switch (timer)
    {
    case WSED_TIMER_END:
      connection_free (self);
      break;
    case WSED_TIMER_COMMAND:
      wsed_dispatch_time_out (self);
      break;
    case WSED_TIMER_PAUSE:
      self->paused = FALSE;
      wsed_worker_mark (subscriber->worker, subscriber);
      break;
    default:
      g_assert_not_reached ();
    }
}

void
wsed_connection_set_grant (WsedConnection *self,
                           WsedGrant      *grant)
{
  wsed_grant_ref (grant);
  wsed_grant_unref (self->client.grant);
  self->client.grant = grant;
  wsed_worker_set_deadline (self->subscriber.worker, &self->subscriber, G_MAXINT64);
  watch_expiry (self);
}

static void
on_due (WsedSubscriber *subscriber)
{
  watch_expiry ((WsedConnection *) subscriber);
}

static void
on_withdraw (WsedSubscriber       *subscriber,
             const WsedWithdrawal *withdrawal)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  if (self->client.grant != NULL && wsed_withdrawal_covers (withdrawal, self->client.grant))
    wsed_connection_close (self, WSE_CLOSE_BAD_TOKEN, "the credential was revoked");
}

/* @retry_after_ms: 0: it is not to come back. */
static void
say_bye (WsedConnection *self,
         const char     *reason,
         guint           retry_after_ms)
{
  g_autoptr(GString) text = g_string_new (NULL);

  wsed_control_write_bye (text, reason, retry_after_ms);
  wsed_encoding_control (wsed_encoding (self->client.dialect, self->client.framing), "bye", text->str, text->len,
                         wsed_outbox_get_own (&self->outbox));
}

static void
on_shutdown (WsedSubscriber *subscriber,
             guint           retry_after_ms)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  if (self->state != WSED_CONNECTION_OPEN)
    {
      wsed_worker_set_timer (subscriber->worker, subscriber, WSED_TIMER_END);
      return;
    }
  if (self->client.control)
    say_bye (self, "shutdown", retry_after_ms);
  wsed_connection_close (self, WSE_CLOSE_GOING_AWAY, "the server shuts down");
}

static void
on_erased (WsedSubscriber *subscriber,
           const char     *channel)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  if (self->state == WSED_CONNECTION_OPEN && self->reader != NULL && wsed_reader_started (self->reader))
    wsed_reader_erase (self->reader, channel);
}

static void
on_renewed (WsedSubscriber *subscriber,
            WsedStream     *stream)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  if (self->state == WSED_CONNECTION_OPEN && self->reader != NULL && wsed_reader_started (self->reader))
    wsed_reader_renew (self->reader, stream);
}

/* An SSE client has no close code: it is told by name, and not when to come back. */
static void
on_dismissed (WsedSubscriber *subscriber)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  if (self->kind == &wsed_sse)
    say_bye (self, "operator", 0);
  wsed_connection_close (self, WSE_CLOSE_FORBIDDEN, "ended by an operator");
}

static void
on_failed (WsedSubscriber *subscriber,
           const char     *reason)
{
  g_warning ("connection %s: %s", ((WsedConnection *) subscriber)->client.id, reason);
  wsed_connection_close ((WsedConnection *) subscriber, WSE_CLOSE_INTERNAL, "the log cannot be read now");
}

void
wsed_connection_start (WsedWorker    *worker,
                       WsedAdmission *admission)
{
  static const WsedSubscriberClass klass = {
    .ready = on_ready, .flush = on_flush, .heartbeat = on_heartbeat, .expired = on_expired, .due = on_due, .erased = on_erased,
    .renewed = on_renewed,
    .withdraw = on_withdraw, .matches = wsed_connection_matches, .describe = wsed_connection_describe, .dismiss = on_dismissed,
    .shutdown = on_shutdown,
  };
  WsedConnection *self = g_new0 (WsedConnection, 1);
  gboolean echo = strcmp (admission->client.endpoint, "/test/echo") == 0;

  self->subscriber.klass = &klass;
  self->subscriber.fd = admission->fd;
  self->subscriber.serial = admission->serial;
  self->kind = admission->client.framing == WSED_FRAMING_SSE ? &wsed_sse : &wsed_websocket;
  if (!wsed_worker_add (worker, &self->subscriber))
    {
      wsed_hub_ended (wsed_worker_get_hub (worker), g_steal_pointer (&admission->client.user), g_steal_pointer (&admission->client.place));
      wsed_admission_free (admission);
      g_free (self);
      return;
    }
  self->client = admission->client;
  memset (&admission->client, 0, sizeof admission->client);
  self->wire = admission->tls != NULL ? wsed_tls_wire_new (admission->fd, g_steal_pointer (&admission->tls))
                                      : wsed_socket_wire_new (admission->fd);
  admission->fd = -1;
  self->readable = self->writable = TRUE;
  self->heard_at = self->moved_at = self->touched_at = self->began_at = wsed_worker_get_now (worker);
  self->since = wse_time_now ();
  self->round_trip = -1;
  if (admission->early_length > 0)
    self->input = g_byte_array_append (g_byte_array_new (), (const guint8 *) admission->early, admission->early_length);
  if (self->kind == &wsed_sse)
    wsed_sse_init (self, admission->head);
  else if (admission->head != NULL)
    wsed_websocket_init (self, admission->head);
  if (!echo)
    self->reader = wsed_reader_new (&self->subscriber, &self->client, admission, on_failed);
  if (admission->withdrawn)
    wsed_connection_close (self, WSE_CLOSE_BAD_TOKEN, "the credential was revoked");
  watch_expiry (self);
  wsed_worker_mark (worker, &self->subscriber);
  wsed_admission_free (admission);
}
