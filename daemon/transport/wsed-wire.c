/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plain wire: a socket, without a layer in between. */

#include "transport/wsed-wire.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Without it the kernel takes 4 MB for a client that does not read, and no policy sees it. */
#define NOTSENT_LOWAT (64 * 1024)

typedef struct
{
  WsedWire wire;
  int fd;
} SocketWire;

static gssize
socket_read (WsedWire *wire,
             void     *buffer,
             gsize     size)
{
  return recv (((SocketWire *) wire)->fd, buffer, size, MSG_DONTWAIT);
}

static gssize
socket_write (WsedWire           *wire,
              const struct iovec *pieces,
              guint               n_pieces)
{
  struct msghdr message = { .msg_iov = (struct iovec *) pieces, .msg_iovlen = n_pieces };
  int fd = ((SocketWire *) wire)->fd;

  if (n_pieces == 1)
    return send (fd, pieces->iov_base, pieces->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sendmsg (fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
set_lowat (int fd,
           int bytes)
{
  /* Fails on a Unix socket, which does not need it. */
  setsockopt (fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

void
wsed_wire_prepare (int fd)
{
  int on = 1;

  /* As above. */
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  set_lowat (fd, NOTSENT_LOWAT);
}

gsize
wsed_wire_ask_queued (int fd)
{
  int bytes = 0;

  return ioctl (fd, SIOCOUTQ, &bytes) == 0 ? (gsize) bytes : 0;
}

void
wsed_wire_unbound (int fd)
{
  set_lowat (fd, G_MAXINT);
}

static gsize
socket_get_queued (WsedWire *wire)
{
  return wsed_wire_ask_queued (((SocketWire *) wire)->fd);
}

static void
socket_let_go (WsedWire *wire)
{
  wsed_wire_unbound (((SocketWire *) wire)->fd);
}

static void
socket_finish (WsedWire *wire)
{
  shutdown (((SocketWire *) wire)->fd, SHUT_WR);
}

static void
socket_free (WsedWire *wire)
{
  close (((SocketWire *) wire)->fd);
  g_free (wire);
}

WsedWire *
wsed_socket_wire_new (int fd)
{
  static const WsedWireClass klass = { socket_read, socket_write, socket_get_queued, socket_let_go, socket_finish, socket_free };
  SocketWire *wire = g_new0 (SocketWire, 1);

  wire->wire.klass = &klass;
  wire->fd = fd;
  wsed_wire_prepare (fd);
  return &wire->wire;
}
