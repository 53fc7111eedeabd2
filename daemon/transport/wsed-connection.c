/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A WebSocket connection from the end of its handshake to its own: reads and answers what the client says, sends what its reader has,
 * keeps the heartbeat, closes. It belongs to its worker's thread and owns its wire, reader, decoder and outbox. */

#include "transport/wsed-connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "stream/wsed-control.h"
#include "stream/wsed-stream-metrics.h"
#include "transport/wsed-command.h"
#include "transport/wsed-outbox.h"
#include "wse-frame-private.h"
#include "wse-time-private.h"

#define READ_BYTES (64 * 1024)
/* Reads of one turn. */
#define READS_PER_TURN 8
/* PROTOCOL section 3: so many messages in a row that cannot be understood close the connection. */
#define MAX_BAD_IN_A_ROW 20

typedef enum
{
  OPEN,
  CLOSING,                     /* a close frame waits in the outbox, nothing else is added */
  FINISHED,                    /* it has gone; the peer is given a moment to end */
} State;

typedef struct
{
  WsedSubscriber subscriber;
  WsedAdmission *admission;
  WsedWire *wire;
  WsedReader *reader;          /* NULL: the test's echo */
  WseFrameDecoder *decoder;
  WsedOutbox outbox;
  State state;
  gboolean readable;           /* the socket may have something */
  gboolean writable;           /* the socket may take something */
  gboolean gone;               /* to be freed at the end of the turn */
  guint bad_in_a_row;
  gint64 heard_at;             /* when the last frame came */
  gint64 moved_at;             /* when events last went out, or none were waiting */
} Connection;

static void
connection_free (Connection *connection)
{
  WsedWorker *worker = connection->subscriber.worker;

  wsed_worker_remove (worker, &connection->subscriber);
  g_clear_pointer (&connection->reader, wsed_reader_free);
  g_clear_pointer (&connection->decoder, wse_frame_decoder_free);
  wsed_outbox_clear (&connection->outbox);
  wsed_wire_free (connection->wire);
  connection->admission->fd = -1;
  wsed_hub_ended (wsed_worker_get_hub (worker), g_steal_pointer (&connection->admission->user));
  wsed_admission_free (connection->admission);
  g_free (connection);
}

static void
append_text (GByteArray *out,
             const char *text,
             gsize       length)
{
  wse_frame_append (out, WSE_OPCODE_TEXT, text, length);
}

static void
connection_close (Connection *connection,
                  guint16     code,
                  const char *reason)
{
  if (connection->state != OPEN)
    return;
  connection->state = CLOSING;
  wse_frame_append_close (wsed_outbox_get_own (&connection->outbox), code, reason);
  wsed_worker_set_deadline (connection->subscriber.worker, &connection->subscriber);
  wsed_worker_mark (connection->subscriber.worker, &connection->subscriber);
}

/* What comes in */

static void
on_text (Connection     *connection,
         const WseFrame *frame)
{
  g_autoptr(GString) answer = g_string_new (NULL);

  switch (wsed_command_answer (frame->data, frame->length, answer))
    {
    case WSED_COMMAND_BAD:
      wsed_metric_add (wsed_stream_metrics ()->bad_messages, 1);
      connection->bad_in_a_row++;
      break;
    case WSED_COMMAND_ANSWERED:
    case WSED_COMMAND_TAKEN:
      connection->bad_in_a_row = 0;
      break;
    default:
      g_assert_not_reached ();
    }
  if (answer->len > 0)
    {
      append_text (wsed_outbox_get_own (&connection->outbox), answer->str, answer->len);
      connection->outbox.answers++;
    }
  if (connection->bad_in_a_row >= MAX_BAD_IN_A_ROW)
    connection_close (connection, WSE_CLOSE_POLICY, "too many messages that cannot be understood");
}

static void
on_frame (Connection     *connection,
          const WseFrame *frame)
{
  connection->heard_at = wsed_worker_get_now (connection->subscriber.worker);
  switch (frame->opcode)
    {
    case WSE_OPCODE_TEXT:
    case WSE_OPCODE_BINARY:
      if (connection->reader != NULL)
        on_text (connection, frame);
      else
        wse_frame_append (wsed_outbox_get_own (&connection->outbox), frame->opcode, frame->data, frame->length);
      break;
    case WSE_OPCODE_PING:
      wse_frame_append (wsed_outbox_get_own (&connection->outbox), WSE_OPCODE_PONG, frame->data, frame->length);
      break;
    case WSE_OPCODE_CLOSE:
      connection_close (connection, frame->close_code, "");
      break;
    case WSE_OPCODE_PONG:
    case WSE_OPCODE_CONTINUATION:
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
take_in (Connection *connection,
         char       *data,
         gsize       length)
{
  while (connection->state == OPEN)
    {
      WseFrame frame;

      switch (wse_frame_decoder_feed (connection->decoder, &data, &length, &frame))
        {
        case WSE_FRAME_MESSAGE:
          on_frame (connection, &frame);
          break;
        case WSE_FRAME_ERROR:
          connection_close (connection, wse_frame_decoder_get_close_code (connection->decoder),
                            wse_frame_decoder_get_problem (connection->decoder));
          break;
        case WSE_FRAME_MORE:
          return;
        default:
          g_assert_not_reached ();
        }
    }
}

static gboolean
may_read (Connection *connection)
{
  if (!connection->readable || connection->gone)
    return FALSE;
  if (connection->state != OPEN)
    return TRUE;
  return !wsed_outbox_is_full (&connection->outbox) && (connection->reader == NULL || wsed_reader_started (connection->reader));
}

static void
read_some (Connection *connection)
{
  static __thread char buffer[READ_BYTES];

  if (connection->admission->early != NULL && may_read (connection))
    {
      g_autofree char *early = g_steal_pointer (&connection->admission->early);

      take_in (connection, early, connection->admission->early_length);
    }
  for (guint i = 0; i < READS_PER_TURN && may_read (connection); i++)
    {
      gssize n = wsed_wire_read (connection->wire, buffer, sizeof buffer);

      if (n > 0)
        take_in (connection, buffer, n);
      else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        connection->gone = TRUE;
      else
        connection->readable = FALSE;
    }
}

/* What goes out */

static gboolean
events_wait (Connection *connection)
{
  return connection->outbox.rest != NULL || (connection->reader != NULL && wsed_reader_has_more (connection->reader));
}

static void
write_some (Connection *connection)
{
  WsedReader *reader = connection->state == OPEN ? connection->reader : NULL;
  gint64 now = wsed_worker_get_now (connection->subscriber.worker);
  guint events;
  gsize bytes;

  if (connection->state == FINISHED || !connection->writable || connection->gone)
    return;
  if (reader != NULL && !wsed_reader_started (reader))
    return;
  switch (wsed_outbox_flush (&connection->outbox, connection->wire, reader, &events, &bytes))
    {
    case WSED_OUTBOX_EMPTY:
      connection->moved_at = now;
      if (connection->state == CLOSING)
        {
          connection->state = FINISHED;
          wsed_wire_finish (connection->wire);
        }
      break;
    case WSED_OUTBOX_BLOCKED:
      connection->writable = FALSE;
      break;
    case WSED_OUTBOX_MORE:
      wsed_worker_mark (connection->subscriber.worker, &connection->subscriber);
      break;
    case WSED_OUTBOX_BROKEN:
      connection->gone = TRUE;
      break;
    default:
      g_assert_not_reached ();
    }
  if (events > 0)
    connection->moved_at = now;
  wsed_metric_add (wsed_stream_metrics ()->sent, events);
  wsed_metric_add (wsed_stream_metrics ()->sent_bytes, bytes);
}

/* One turn: read, answer, send; read on what the sending made room for. */
static void
turn (Connection *connection)
{
  read_some (connection);
  write_some (connection);
  if (connection->gone)
    connection_free (connection);
  else if (may_read (connection))
    wsed_worker_mark (connection->subscriber.worker, &connection->subscriber);
}

static void
on_ready (WsedSubscriber *subscriber,
          guint32       events)
{
  Connection *connection = (Connection *) subscriber;

  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    connection->readable = TRUE;
  if (events & EPOLLERR)
    connection->gone = TRUE;
  if (events & EPOLLOUT)
    connection->writable = TRUE;
  turn (connection);
}

static void
on_flush (WsedSubscriber *subscriber)
{
  turn ((Connection *) subscriber);
}

/* Times */

static void
on_heartbeat (WsedSubscriber *subscriber)
{
  Connection *connection = (Connection *) subscriber;
  WsedWorker *worker = subscriber->worker;
  gint64 now = wsed_worker_get_now (worker);
  gint64 limit = 2 * (gint64) wsed_worker_get_config (worker)->heartbeat * G_USEC_PER_SEC;

  if (now - connection->heard_at >= limit && (!events_wait (connection) || now - connection->moved_at >= limit))
    {
      wsed_metric_add (wsed_stream_metrics ()->dead_peers, 1);
      connection_free (connection);
      return;
    }
  if (connection->state != OPEN)
    return;
  if (connection->reader != NULL)
    wsed_reader_mark (connection->reader);
  /* One that takes nothing gets no second ping behind the first. */
  if (!wsed_outbox_has_own (&connection->outbox))
    {
      GByteArray *own = wsed_outbox_get_own (&connection->outbox);

      wse_frame_append (own, WSE_OPCODE_PING, "", 0);
      if (connection->admission->dialect == WSE_DIALECT_ENVELOPE && connection->reader != NULL)
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
on_expired (WsedSubscriber *subscriber)
{
  connection_free ((Connection *) subscriber);
}

static void
on_shutdown (WsedSubscriber *subscriber,
             guint         retry_after_ms)
{
  Connection *connection = (Connection *) subscriber;

  if (connection->state != OPEN)
    return;
  if (connection->admission->control)
    {
      g_autoptr(GString) text = g_string_new (NULL);

      wsed_control_write_bye (text, "shutdown", retry_after_ms);
      append_text (wsed_outbox_get_own (&connection->outbox), text->str, text->len);
    }
  connection_close (connection, WSE_CLOSE_GOING_AWAY, "the server shuts down");
}

static void
on_failed (WsedSubscriber *subscriber,
           const char   *reason)
{
  g_warning ("connection %s: %s", ((Connection *) subscriber)->admission->id, reason);
  connection_close ((Connection *) subscriber, WSE_CLOSE_INTERNAL, "the log cannot be read now");
}

void
wsed_connection_start (WsedWorker    *worker,
                       WsedAdmission *admission)
{
  static const WsedSubscriberClass klass = { on_ready, on_flush, on_heartbeat, on_expired, on_shutdown };
  Connection *connection = g_new0 (Connection, 1);
  gboolean echo = admission->channels == NULL || admission->channels[0] == NULL;

  connection->subscriber.klass = &klass;
  connection->subscriber.fd = admission->fd;
  connection->admission = admission;
  if (!wsed_worker_add (worker, &connection->subscriber))
    {
      wsed_hub_ended (wsed_worker_get_hub (worker), g_steal_pointer (&admission->user));
      wsed_admission_free (admission);
      g_free (connection);
      return;
    }
  connection->wire = wsed_socket_wire_new (admission->fd);
  connection->decoder = wse_frame_decoder_new (TRUE, wsed_worker_get_config (worker)->max_message, echo);
  connection->readable = connection->writable = TRUE;
  connection->heard_at = connection->moved_at = wsed_worker_get_now (worker);
  if (!echo)
    connection->reader = wsed_reader_new (&connection->subscriber, admission, append_text, on_failed);
  wsed_worker_mark (worker, &connection->subscriber);
}
