/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/uio.h>

#include "tls/wsed-tls-session.h"

G_BEGIN_DECLS

/* What a connection reads from and writes to; it does not know which kind it is. Nothing blocks: -1 with errno EAGAIN where it would. */
typedef struct _WsedWire WsedWire;

typedef struct
{
  gssize (*read) (WsedWire *wire, void *buffer, gsize size);                     /* 0: the peer has ended */
  gssize (*write) (WsedWire *wire, const struct iovec *pieces, guint n_pieces);
  gsize (*get_queued) (WsedWire *wire);                                          /* bytes that the peer has not taken from the kernel */
  void (*let_go) (WsedWire *wire);                                               /* the kernel may take all that it has room for */
  void (*finish) (WsedWire *wire);                                               /* nothing more will be written */
  void (*free) (WsedWire *wire);
} WsedWireClass;

struct _WsedWire
{
  const WsedWireClass *klass;
  gboolean holds;              /* has taken bytes that have not gone: to be written again, also with nothing */
  gboolean crossed;            /* a read waits until the socket can be written, or a write until it can be read */
};

/* A plain TCP or Unix socket; takes @fd. */
WsedWire *wsed_socket_wire_new (int fd);
/* Such a socket under TLS; takes both. */
WsedWire *wsed_tls_wire_new    (int fd, WsedTlsSession *session);

/* Sets a socket's options for a stream of events. */
void      wsed_wire_prepare    (int fd);
gsize     wsed_wire_ask_queued (int fd);
void      wsed_wire_unbound    (int fd);

static inline gssize
wsed_wire_read (WsedWire *wire,
                void     *buffer,
                gsize     size)
{
  return wire->klass->read (wire, buffer, size);
}

static inline gssize
wsed_wire_write (WsedWire           *wire,
                 const struct iovec *pieces,
                 guint               n_pieces)
{
  return wire->klass->write (wire, pieces, n_pieces);
}

static inline gsize
wsed_wire_get_queued (WsedWire *wire)
{
  return wire->klass->get_queued (wire);
}

static inline void
wsed_wire_let_go (WsedWire *wire)
{
  wire->klass->let_go (wire);
}

static inline void
wsed_wire_finish (WsedWire *wire)
{
  wire->klass->finish (wire);
}

static inline void
wsed_wire_free (WsedWire *wire)
{
  wire->klass->free (wire);
}

G_END_DECLS
