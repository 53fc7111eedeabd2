/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The Server-Sent Events kind of connection (HTML Living Standard, section 9.2): the head of the answer, then the stream until one side
 * ends it. What the peer sends is not looked at; that it has ended is all it can say. */

#include <string.h>

#include "transport/wsed-connection-private.h"

/* Without a length or chunks: the stream ends with the connection. The retry tells a browser when to come back, in milliseconds. */
static const char head[] = "HTTP/1.1 200 OK\r\n"
                           "Content-Type: text/event-stream\r\n"
                           "Cache-Control: no-store\r\n"
                           "X-Accel-Buffering: no\r\n"
                           "X-Content-Type-Options: nosniff\r\n"
                           "Connection: close\r\n";
static const char beginning[] = "\r\nretry: 2000\n\n";

static void
sse_take_in (WsedConnection *self,
             char           *data,
             gsize           length)
{
}

static gboolean
sse_is_busy (WsedConnection *self)
{
  return FALSE;
}

static void
sse_say_goodbye (WsedConnection *self,
                 guint16         code,
                 const char     *reason)
{
  wsed_outbox_get_own (&self->outbox);
}

static void
sse_beat (WsedConnection *self)
{
  g_byte_array_append (wsed_outbox_get_own (&self->outbox), (const guint8 *) ":\n\n", 3);
}

static void
sse_clear (WsedConnection *self)
{
}

void
wsed_sse_init (WsedConnection *self,
               const char     *more)
{
  GByteArray *own = wsed_outbox_get_own (&self->outbox);

  g_byte_array_append (own, (const guint8 *) head, strlen (head));
  if (more != NULL)
    g_byte_array_append (own, (const guint8 *) more, strlen (more));
  g_byte_array_append (own, (const guint8 *) beginning, strlen (beginning));
}

const WsedConnectionKind wsed_sse = {
  .take_in = sse_take_in,
  .is_busy = sse_is_busy,
  .say_goodbye = sse_say_goodbye,
  .beat = sse_beat,
  .clear = sse_clear,
  .answers = FALSE,
};
