/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A WebSocket connection from the end of its handshake to its own: reads and answers what the client says, sends what its reader has,
 * keeps the heartbeat, closes. It belongs to its worker's thread and owns its wire, reader, decoder and outbox. */

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
  wsed_dispatch_cancel (self);
  g_clear_pointer (&self->input, g_byte_array_unref);
  g_clear_pointer (&self->reader, wsed_reader_free);
  g_clear_pointer (&self->decoder, wse_frame_decoder_free);
  wsed_outbox_clear (&self->outbox);
  wsed_wire_free (self->wire);
  self->admission->fd = -1;
  wsed_hub_ended (wsed_worker_get_hub (worker), g_steal_pointer (&self->admission->user));
  wsed_admission_free (self->admission);
  g_free (self);
}

static void
append_text (GByteArray *out,
             const char *text,
             gsize       length)
{
  wse_frame_append (out, WSE_OPCODE_TEXT, text, length);
}

void
wsed_connection_send_text (WsedConnection *self,
                           const GString  *text)
{
  append_text (wsed_outbox_get_own (&self->outbox), text->str, text->len);
}

void
wsed_connection_close (WsedConnection *self,
                       guint16         code,
                       const char     *reason)
{
  if (self->state != WSED_CONNECTION_OPEN)
    return;
  self->state = WSED_CONNECTION_CLOSING;
  wse_frame_append_close (wsed_outbox_get_own (&self->outbox), code, reason);
  wsed_worker_set_timer (self->subscriber.worker, &self->subscriber, WSED_TIMER_END);
  wsed_worker_mark (self->subscriber.worker, &self->subscriber);
}

/* What comes in */

static void
on_frame (WsedConnection *self,
          const WseFrame *frame)
{
  self->heard_at = wsed_worker_get_now (self->subscriber.worker);
  switch (frame->opcode)
    {
    case WSE_OPCODE_TEXT:
    case WSE_OPCODE_BINARY:
      if (self->reader != NULL)
        wsed_dispatch_message (self, frame->data, frame->length);
      else
        wse_frame_append (wsed_outbox_get_own (&self->outbox), frame->opcode, frame->data, frame->length);
      break;
    case WSE_OPCODE_PING:
      wse_frame_append (wsed_outbox_get_own (&self->outbox), WSE_OPCODE_PONG, frame->data, frame->length);
      break;
    case WSE_OPCODE_CLOSE:
      wsed_connection_close (self, frame->close_code, "");
      break;
    case WSE_OPCODE_PONG:
    case WSE_OPCODE_CONTINUATION:
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Messages are answered in their order, and only so many answers wait for a peer that does not take them. */
static gboolean
is_busy (WsedConnection *self)
{
  return self->command != NULL || wsed_outbox_is_full (&self->outbox);
}

static void
take_in (WsedConnection *self,
         char           *data,
         gsize           length)
{
  while (self->state == WSED_CONNECTION_OPEN)
    {
      WseFrame frame;

      if (is_busy (self))
        {
          if (length > 0)
            self->input = g_byte_array_append (g_byte_array_new (), (const guint8 *) data, length);
          return;
        }

      switch (wse_frame_decoder_feed (self->decoder, &data, &length, &frame))
        {
        case WSE_FRAME_MESSAGE:
          on_frame (self, &frame);
          break;
        case WSE_FRAME_ERROR:
          wsed_connection_close (self, wse_frame_decoder_get_close_code (self->decoder),
                                 wse_frame_decoder_get_problem (self->decoder));
          break;
        case WSE_FRAME_MORE:
          return;
        default:
          g_assert_not_reached ();
        }
    }
}

static gboolean
may_read (WsedConnection *self)
{
  if ((!self->readable && self->input == NULL) || self->gone)
    return FALSE;
  if (self->state != WSED_CONNECTION_OPEN)
    return self->readable;
  return !is_busy (self) && (self->reader == NULL || wsed_reader_started (self->reader));
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

          take_in (self, (char *) input->data, input->len);
          continue;
        }
      n = wsed_wire_read (self->wire, buffer, sizeof buffer);
      if (n > 0)
        take_in (self, buffer, n);
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
  return self->outbox.rest != NULL || (self->reader != NULL && wsed_reader_has_more (self->reader));
}

static void
write_some (WsedConnection *self)
{
  WsedReader *reader = self->state == WSED_CONNECTION_OPEN ? self->reader : NULL;
  gint64 now = wsed_worker_get_now (self->subscriber.worker);
  guint events;
  gsize bytes;

  if (self->state == WSED_CONNECTION_FINISHED || !self->writable || self->gone)
    return;
  if (reader != NULL && !wsed_reader_started (reader))
    return;
  switch (wsed_outbox_flush (&self->outbox, self->wire, reader, &events, &bytes))
    {
    case WSED_OUTBOX_EMPTY:
      self->moved_at = now;
      if (self->state == WSED_CONNECTION_CLOSING)
        {
          self->state = WSED_CONNECTION_FINISHED;
          wsed_wire_finish (self->wire);
        }
      break;
    case WSED_OUTBOX_BLOCKED:
      self->writable = FALSE;
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
  if (events > 0)
    self->moved_at = now;
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
  turn (self);
}

static void
on_flush (WsedSubscriber *subscriber)
{
  turn ((WsedConnection *) subscriber);
}

/* Times */

static void
on_heartbeat (WsedSubscriber *subscriber)
{
  WsedConnection *self = (WsedConnection *) subscriber;
  WsedWorker *worker = subscriber->worker;
  gint64 now = wsed_worker_get_now (worker);
  gint64 limit = 2 * (gint64) wsed_worker_get_config (worker)->heartbeat * G_USEC_PER_SEC;

  if (now - self->heard_at >= limit && (!events_wait (self) || now - self->moved_at >= limit))
    {
      wsed_metric_add (wsed_stream_metrics ()->dead_peers, 1);
      connection_free (self);
      return;
    }
  if (self->state != WSED_CONNECTION_OPEN)
    return;
  if (self->reader != NULL)
    wsed_reader_mark (self->reader);
  /* One that takes nothing gets no second ping behind the first. */
  if (!wsed_outbox_has_own (&self->outbox))
    {
      GByteArray *own = wsed_outbox_get_own (&self->outbox);

      wse_frame_append (own, WSE_OPCODE_PING, "", 0);
      if (self->admission->dialect == WSE_DIALECT_ENVELOPE && self->reader != NULL)
        {
          g_autoptr(GString) text = g_string_new ("{\"type\":\"ping\",\"timestamp\":\"");

          wse_time_append_iso (text, wse_time_now ());
          g_string_append (text, "\"}");
          append_text (own, text->str, text->len);
        }
    }
  wsed_worker_mark (worker, subscriber);
}

static void
on_expired (WsedSubscriber *subscriber,
            WsedTimer       timer)
{
  if (timer == WSED_TIMER_END)
    connection_free ((WsedConnection *) subscriber);
  else
    wsed_dispatch_time_out ((WsedConnection *) subscriber);
}

static void
on_shutdown (WsedSubscriber *subscriber,
             guint           retry_after_ms)
{
  WsedConnection *self = (WsedConnection *) subscriber;

  if (self->state != WSED_CONNECTION_OPEN)
    return;
  if (self->admission->control)
    {
      g_autoptr(GString) text = g_string_new (NULL);

      wsed_control_write_bye (text, "shutdown", retry_after_ms);
      wsed_connection_send_text (self, text);
    }
  wsed_connection_close (self, WSE_CLOSE_GOING_AWAY, "the server shuts down");
}

static void
on_failed (WsedSubscriber *subscriber,
           const char     *reason)
{
  g_warning ("connection %s: %s", ((WsedConnection *) subscriber)->admission->id, reason);
  wsed_connection_close ((WsedConnection *) subscriber, WSE_CLOSE_INTERNAL, "the log cannot be read now");
}

void
wsed_connection_start (WsedWorker    *worker,
                       WsedAdmission *admission)
{
  static const WsedSubscriberClass klass = { on_ready, on_flush, on_heartbeat, on_expired, on_shutdown };
  WsedConnection *self = g_new0 (WsedConnection, 1);
  gboolean echo = strcmp (admission->endpoint, "/test/echo") == 0;

  self->subscriber.klass = &klass;
  self->subscriber.fd = admission->fd;
  self->admission = admission;
  if (!wsed_worker_add (worker, &self->subscriber))
    {
      wsed_hub_ended (wsed_worker_get_hub (worker), g_steal_pointer (&admission->user));
      wsed_admission_free (admission);
      g_free (self);
      return;
    }
  self->wire = wsed_socket_wire_new (admission->fd);
  self->decoder = wse_frame_decoder_new (TRUE, wsed_worker_get_config (worker)->max_message, echo);
  self->readable = self->writable = TRUE;
  self->heard_at = self->moved_at = wsed_worker_get_now (worker);
  if (admission->early_length > 0)
    self->input = g_byte_array_append (g_byte_array_new (), (const guint8 *) admission->early, admission->early_length);
  g_clear_pointer (&admission->early, g_free);
  if (!echo)
    self->reader = wsed_reader_new (&self->subscriber, admission, on_failed);
  wsed_worker_mark (worker, &self->subscriber);
}
