/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The WebSocket kind of connection: from bytes to messages for the dispatcher, pings and pongs, the close handshake (RFC 6455). */

#include <string.h>

#include "guard/wsed-limits.h"
#include "transport/wsed-connection-private.h"
#include "wse-time-private.h"

/* So many seconds' worth of messages may come at once: a client that comes back has as many subscriptions to make anew. */
#define COMMAND_BURST 10

static void
send_message (WsedConnection *self,
              WseOpcode       opcode,
              const char     *data,
              gsize           length)
{
  wsed_framing_append (self->client.framing, opcode, data, length, wsed_outbox_get_own (&self->outbox));
}

void
wsed_websocket_send_text (WsedConnection *self,
                          const GString  *text)
{
  send_message (self, WSE_OPCODE_TEXT, text->str, text->len);
}

/* Only the answer to the last ping tells a time. */
static void
on_pong (WsedConnection *self,
         const WseFrame *frame)
{
  if (self->pinged_at == 0 || frame->length != sizeof self->ping || memcmp (frame->data, &self->ping, sizeof self->ping) != 0)
    return;
  self->round_trip = self->heard_at - self->pinged_at;
  self->pinged_at = 0;
}

/* One that says more than it may is not read for a moment: TCP holds it back, and nothing of what it says is lost. */
static void
mind_rate (WsedConnection *self)
{
  guint rate = wsed_worker_get_config (self->subscriber.worker)->command_rate;

  if (rate == 0 || wsed_bucket_take (&self->said, rate, COMMAND_BURST * rate, self->heard_at) == 0)
    return;
  self->paused = TRUE;
  wsed_worker_set_timer (self->subscriber.worker, &self->subscriber, WSED_TIMER_PAUSE);
  wsed_limits_refused (WSED_LIMIT_COMMAND_RATE);
}

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
        {
          mind_rate (self);
          wsed_dispatch_message (self, frame->data, frame->length);
        }
      else
        send_message (self, frame->opcode, frame->data, frame->length);
      break;
    case WSE_OPCODE_PING:
      wse_frame_append (wsed_outbox_get_own (&self->outbox), WSE_OPCODE_PONG, frame->data, frame->length);
      break;
    case WSE_OPCODE_CLOSE:
      wsed_connection_close (self, frame->close_code, "");
      break;
    case WSE_OPCODE_PONG:
      on_pong (self, frame);
      break;
    case WSE_OPCODE_CONTINUATION:
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Messages are answered in their order, and only so many answers wait for a peer that does not take them. */
static gboolean
websocket_is_busy (WsedConnection *self)
{
  return self->paused || self->command != NULL || wsed_outbox_is_full (&self->outbox);
}

/* Most connections never say anything: they have no decoder. */
static WseFrameDecoder *
get_decoder (WsedConnection *self)
{
  const WsedHubConfig *config = wsed_worker_get_config (self->subscriber.worker);

  if (self->decoder == NULL)
    {
      self->decoder = wse_frame_decoder_new (TRUE, config->max_message, self->reader == NULL);
      wse_frame_decoder_set_deflate (self->decoder, self->client.framing == WSED_FRAMING_DEFLATE);
    }
  return self->decoder;
}

static void
websocket_take_in (WsedConnection *self,
                   char           *data,
                   gsize           length)
{
  while (self->state == WSED_CONNECTION_OPEN)
    {
      WseFrame frame;

      if (websocket_is_busy (self))
        {
          if (length > 0)
            self->input = g_byte_array_append (g_byte_array_new (), (const guint8 *) data, length);
          return;
        }
      switch (wse_frame_decoder_feed (get_decoder (self), &data, &length, &frame))
        {
        case WSE_FRAME_MESSAGE:
          on_frame (self, &frame);
          break;
        case WSE_FRAME_ERROR:
          wsed_connection_close (self, wse_frame_decoder_get_close_code (self->decoder),
                                 wse_frame_decoder_get_problem (self->decoder));
          break;
        case WSE_FRAME_MORE:
          if (wse_frame_decoder_is_fresh (self->decoder))
            g_clear_pointer (&self->decoder, wse_frame_decoder_free);
          return;
        default:
          g_assert_not_reached ();
        }
    }
}

static void
websocket_say_goodbye (WsedConnection *self,
                       guint16         code,
                       const char     *reason)
{
  /* Nothing may come behind a close frame, no answer either. */
  wsed_dispatch_cancel (self);
  wse_frame_append_close (wsed_outbox_get_own (&self->outbox), code, reason);
}

static void
websocket_beat (WsedConnection *self)
{
  g_autoptr(GString) text = NULL;

  self->ping++;
  self->pinged_at = wsed_worker_get_now (self->subscriber.worker);
  wse_frame_append (wsed_outbox_get_own (&self->outbox), WSE_OPCODE_PING, (const char *) &self->ping, sizeof self->ping);
  if (self->client.dialect != WSE_DIALECT_ENVELOPE || self->reader == NULL)
    return;
  text = g_string_new ("{\"type\":\"ping\",\"timestamp\":\"");
  wse_time_append_iso (text, wse_time_now ());
  g_string_append (text, "\"}");
  wsed_websocket_send_text (self, text);
}

void
wsed_websocket_init (WsedConnection *self,
                     const char     *head)
{
  GByteArray *own = wsed_outbox_get_own (&self->outbox);

  g_byte_array_append (own, (const guint8 *) head, strlen (head));
  g_byte_array_append (own, (const guint8 *) "\r\n", 2);
}

static void
websocket_clear (WsedConnection *self)
{
  wsed_dispatch_cancel (self);
  g_clear_pointer (&self->decoder, wse_frame_decoder_free);
}

const WsedConnectionKind wsed_websocket = {
  .take_in = websocket_take_in,
  .is_busy = websocket_is_busy,
  .say_goodbye = websocket_say_goodbye,
  .beat = websocket_beat,
  .clear = websocket_clear,
  .answers = TRUE,
};
