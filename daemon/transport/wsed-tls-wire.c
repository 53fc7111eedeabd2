/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The wire under TLS. It makes records of what it is given, and keeps the one of which the kernel took only a part: TLS must send that to its
 * end, while those above may change their minds about what comes next. So it holds at most one record, counted as written, and says so. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/wsed-wire.h"

/* The largest record there is (bytes). */
#define RECORD (16 * 1024)

typedef struct
{
  WsedWire wire;
  int fd;
  WsedTlsSession *session;
  GByteArray *held;            /* NULL: nothing */
} TlsWire;

/* What is left of the pieces. */
typedef struct
{
  const struct iovec *pieces;
  guint n_pieces;
  gsize offset;                /* in the first */
} Rest;

static gsize
rest_copy (const Rest *rest,
           guint8     *record)
{
  gsize length = 0, offset = rest->offset;

  for (guint i = 0; i < rest->n_pieces && length < RECORD; i++)
    {
      gsize part = MIN (rest->pieces[i].iov_len - offset, RECORD - length);

      memcpy (record + length, (const guint8 *) rest->pieces[i].iov_base + offset, part);
      length += part;
      offset = 0;
    }
  return length;
}

static void
rest_skip (Rest  *rest,
           gsize  length)
{
  rest->offset += length;
  while (rest->n_pieces > 0 && rest->offset >= rest->pieces->iov_len)
    {
      rest->offset -= rest->pieces->iov_len;
      rest->pieces++;
      rest->n_pieces--;
    }
}

static gssize
tls_read (WsedWire *wire,
          void     *buffer,
          gsize     size)
{
  TlsWire *self = (TlsWire *) wire;
  gssize n = wsed_tls_session_read (self->session, buffer, size);

  wire->crossed = wsed_tls_session_is_crossed (self->session);
  return n;
}

/* FALSE with errno: something is still held. */
static gboolean
send_held (TlsWire *self)
{
  while (self->held != NULL)
    {
      gssize n = wsed_tls_session_write (self->session, self->held->data, self->held->len);

      if (n < 0)
        return FALSE;
      g_byte_array_remove_range (self->held, 0, n);
      if (self->held->len == 0)
        g_clear_pointer (&self->held, g_byte_array_unref);
    }
  return TRUE;
}

/* -1 with errno, EAGAIN only where nothing was taken. */
static gssize
send_pieces (TlsWire *self,
             Rest     rest)
{
  static __thread guint8 record[RECORD];
  gsize taken = 0, length;

  while ((length = rest_copy (&rest, record)) > 0)
    {
      gssize n = wsed_tls_session_write (self->session, record, length);

      if (n < 0 && errno != EAGAIN)
        return -1;
      if (n < 0)
        {
          self->held = g_byte_array_append (g_byte_array_new (), record, length);
          return taken + length;
        }
      taken += n;
      rest_skip (&rest, n);
    }
  return taken;
}

static gssize
tls_write (WsedWire           *wire,
           const struct iovec *pieces,
           guint               n_pieces)
{
  TlsWire *self = (TlsWire *) wire;
  gssize taken = -1;

  if (send_held (self))
    taken = send_pieces (self, (Rest) { pieces, n_pieces, 0 });
  wire->holds = self->held != NULL;
  wire->crossed = wsed_tls_session_is_crossed (self->session);
  return taken;
}

static gsize
tls_get_queued (WsedWire *wire)
{
  TlsWire *self = (TlsWire *) wire;

  return wsed_wire_ask_queued (self->fd) + (self->held != NULL ? self->held->len : 0);
}

static void
tls_let_go (WsedWire *wire)
{
  wsed_wire_unbound (((TlsWire *) wire)->fd);
}

static void
tls_finish (WsedWire *wire)
{
  TlsWire *self = (TlsWire *) wire;

  wsed_tls_session_finish (self->session);
  shutdown (self->fd, SHUT_WR);
}

static void
tls_free (WsedWire *wire)
{
  TlsWire *self = (TlsWire *) wire;

  g_clear_pointer (&self->held, g_byte_array_unref);
  wsed_tls_session_free (self->session);
  close (self->fd);
  g_free (self);
}

WsedWire *
wsed_tls_wire_new (int             fd,
                   WsedTlsSession *session)
{
  static const WsedWireClass klass = { tls_read, tls_write, tls_get_queued, tls_let_go, tls_finish, tls_free };
  TlsWire *self = g_new0 (TlsWire, 1);

  self->wire.klass = &klass;
  self->fd = fd;
  self->session = session;
  wsed_wire_prepare (fd);
  return &self->wire;
}
