/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedInlet owns a connection's socket, its TLS and what has come of it, and cuts that into requests: who reads one finds its end, never a
 * byte of the next. It answers nothing. */

#include "transport/wsed-inlet.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard/wsed-request-body.h"

/* Bytes asked for at a time. */
#define PIECE (16 * 1024)

struct _WsedInlet
{
  int fd;
  WsedTlsSession *session;     /* NULL: in the clear */
  gsize max_head;
  GByteArray *buffer;          /* NULL: empty */
  gsize read;                  /* bytes of it that are done with */

  gboolean found;              /* a request, which may have been read */
  WsedRequestHead head;
  gsize head_left;             /* bytes of it that are still to be read */
  WsedRequestBody body;
  WsedRefusal broken;          /* status 0: it is not */
  gboolean held;               /* the kernel waits for more before it sends what was written */
};

WsedInlet *
wsed_inlet_new (int             fd,
                WsedTlsSession *session,
                gsize           max_head)
{
  WsedInlet *self = g_new0 (WsedInlet, 1);

  self->fd = fd;
  self->session = session;
  self->max_head = max_head;
  return self;
}

void
wsed_inlet_free (WsedInlet *self)
{
  if (self->session != NULL)
    wsed_tls_session_finish (self->session);
  g_clear_pointer (&self->session, wsed_tls_session_free);
  g_clear_pointer (&self->buffer, g_byte_array_unref);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}

int
wsed_inlet_get_fd (WsedInlet *self)
{
  return self->fd;
}

gboolean
wsed_inlet_is_tls (WsedInlet *self)
{
  return self->session != NULL;
}

static gsize
count_unread (WsedInlet *self)
{
  return self->buffer != NULL ? self->buffer->len - self->read : 0;
}

static char *
get_unread (WsedInlet *self)
{
  return (char *) self->buffer->data + self->read;
}

/* An inlet that waits holds no memory. */
static void
skip (WsedInlet *self,
      gsize      length)
{
  self->read += length;
  if (self->buffer == NULL || self->read < self->buffer->len)
    return;
  g_clear_pointer (&self->buffer, g_byte_array_unref);
  self->read = 0;
}

static gssize
receive (WsedInlet *self,
         void      *buffer,
         gsize      size)
{
  return self->session != NULL ? wsed_tls_session_read (self->session, buffer, size) : recv (self->fd, buffer, size, MSG_DONTWAIT);
}

/* As recv(). Where most requests are small, a buffer of a whole piece for each of them would cost more than copying. */
static gssize
fill (WsedInlet *self)
{
  static char piece[PIECE];
  gssize n = receive (self, piece, sizeof piece);

  if (n <= 0)
    return n;
  if (self->buffer == NULL)
    self->buffer = g_byte_array_sized_new (n);
  else if (self->read > 0)
    g_byte_array_remove_range (self->buffer, 0, self->read);
  self->read = 0;
  g_byte_array_append (self->buffer, (const guint8 *) piece, n);
  return n;
}

static WsedInletStep
take_head (WsedInlet *self)
{
  switch (wsed_request_head_read (&self->head, get_unread (self), count_unread (self), self->max_head))
    {
    case WSED_HEAD_DONE:
      self->found = TRUE;
      skip (self, self->head.begin);
      self->head_left = self->head.size - self->head.begin;
      wsed_request_body_init (&self->body, &self->head);
      return WSED_INLET_REQUEST;
    case WSED_HEAD_BAD:
      self->broken = self->head.refusal;
      return WSED_INLET_BAD;
    case WSED_HEAD_MORE:
    default:
      return WSED_INLET_PART;
    }
}

WsedInletStep
wsed_inlet_next (WsedInlet *self)
{
  WsedInletStep step = WSED_INLET_NOTHING;
  gssize n = PIECE;

  if (self->found)
    self->head = (WsedRequestHead) { 0 };
  self->found = FALSE;
  if (count_unread (self) > self->head.size)
    step = take_head (self);
  else if (self->head.size > 0)
    step = WSED_INLET_PART;
  /* What came whole was all there is. */
  while (step <= WSED_INLET_PART && (n == PIECE || self->session != NULL))
    {
      n = fill (self);
      if (n < 0)
        return errno == EAGAIN || errno == EINTR ? step : WSED_INLET_ENDED;
      if (n == 0 && step == WSED_INLET_PART)
        {
          self->broken = (WsedRefusal) { 400, "bad_request", "the request breaks off in its headers" };
          return WSED_INLET_BAD;
        }
      if (n == 0)
        return WSED_INLET_ENDED;
      step = take_head (self);
    }
  return step;
}

gboolean
wsed_inlet_is_ahead (WsedInlet *self)
{
  return count_unread (self) > 0;
}

const WsedRequestHead *
wsed_inlet_get_head (WsedInlet *self)
{
  return &self->head;
}

gboolean
wsed_inlet_is_done (WsedInlet *self)
{
  return self->found && self->head_left == 0 && wsed_request_body_is_done (&self->body);
}

const WsedRefusal *
wsed_inlet_get_refusal (WsedInlet *self)
{
  return self->broken.status != 0 ? &self->broken : NULL;
}

static gssize
read_head (WsedInlet *self,
           char      *buffer,
           gsize      size)
{
  gsize part = MIN (self->head_left, size);

  memcpy (buffer, get_unread (self), part);
  self->head_left -= part;
  skip (self, part);
  return part;
}

static gssize
break_off (WsedInlet  *self,
           const char *text)
{
  self->broken = (WsedRefusal) { 400, "bad_request", text };
  errno = EBADMSG;
  return -1;
}

gssize
wsed_inlet_read (WsedInlet *self,
                 void      *buffer,
                 gsize      size)
{
  gsize kept = 0;

  if (self->head_left > 0)
    return read_head (self, buffer, size);
  while (kept == 0 && size > 0 && !wsed_request_body_is_done (&self->body))
    {
      gsize part;

      if (count_unread (self) == 0)
        {
          gssize n = fill (self);

          if (n == 0)
            return break_off (self, "the request breaks off in its body");
          if (n < 0)
            return n;
        }
      part = MIN (count_unread (self), size);
      memcpy (buffer, get_unread (self), part);
      skip (self, wsed_request_body_take (&self->body, buffer, part, &kept));
      if (wsed_request_body_is_bad (&self->body))
        return break_off (self, "the chunks of the body are malformed");
    }
  return kept;
}

gssize
wsed_inlet_write (WsedInlet  *self,
                  const void *data,
                  gsize       length,
                  gboolean    more)
{
  if (self->session != NULL)
    return wsed_tls_session_write (self->session, data, length);
  self->held = more;
  return send (self->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

void
wsed_inlet_push (WsedInlet *self)
{
  int on = 1;

  /* Fails on a Unix socket, which holds nothing back. */
  if (self->held)
    setsockopt (self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  self->held = FALSE;
}

GIOCondition
wsed_inlet_wait_for (WsedInlet    *self,
                     GIOCondition  condition)
{
  gboolean readable = self->found && count_unread (self) > 0;

  wsed_inlet_push (self);
  if (condition == G_IO_IN && (readable || (self->session != NULL && wsed_tls_session_get_ready (self->session) > 0)))
    return 0;
  /* A session may have to write before it reads on, and the reverse. */
  return self->session != NULL && wsed_tls_session_is_crossed (self->session) ? G_IO_IN | G_IO_OUT : condition;
}

void
wsed_inlet_finish (WsedInlet *self)
{
  if (self->session != NULL)
    wsed_tls_session_finish (self->session);
  shutdown (self->fd, SHUT_WR);
}

int
wsed_inlet_hand_over (WsedInlet       *self,
                      gsize            max,
                      WsedTlsSession **session,
                      GByteArray     **early)
{
  int fd = self->fd;

  while (count_unread (self) < max && fill (self) > 0)
    continue;
  if (self->read > 0)
    g_byte_array_remove_range (self->buffer, 0, self->read);
  self->read = 0;
  *early = g_steal_pointer (&self->buffer);
  *session = g_steal_pointer (&self->session);
  self->fd = -1;
  return fd;
}
