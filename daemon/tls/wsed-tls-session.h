/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tls/wsed-tls-context.h"

G_BEGIN_DECLS

/* The server's side of one TLS connection, over a non-blocking socket that somebody else owns. Nothing blocks. It may be handed from
 * thread to thread, one at a time. */
typedef struct _WsedTlsSession WsedTlsSession;

typedef enum
{
  WSED_TLS_DONE,
  WSED_TLS_WANTS_READ,         /* again when the socket can be read */
  WSED_TLS_WANTS_WRITE,        /* again when it can be written */
  WSED_TLS_SPEAKS_HTTP,        /* the client sent a request in the clear */
  WSED_TLS_FAILED,
} WsedTlsStep;

/* With the certificate that @context has now. NULL: there is no memory for it. */
WsedTlsSession *wsed_tls_session_new         (WsedTlsContext *context, int fd);
/* Goes on with the handshake. *@reason: why it failed, static. */
WsedTlsStep     wsed_tls_session_shake_hands (WsedTlsSession *self, const char **reason);
/* As recv(): 0: the peer has ended; -1 with errno EAGAIN: not now. */
gssize          wsed_tls_session_read        (WsedTlsSession *self, void *buffer, gsize size);
/* As send(), one record of at most 16 KiB at a time. After EAGAIN the next call must begin with the same bytes: a part of them may be on
 * its way. */
gssize          wsed_tls_session_write       (WsedTlsSession *self, const void *data, gsize length);
/* Bytes that can be read without the socket. */
gsize           wsed_tls_session_get_ready   (WsedTlsSession *self);
/* Whether the last read waits until the socket can be written, or the last write until it can be read. */
gboolean        wsed_tls_session_is_crossed  (WsedTlsSession *self);
/* Whether a write was answered EAGAIN and has not been repeated. */
gboolean        wsed_tls_session_is_writing  (WsedTlsSession *self);
/* Says that nothing more is written, if there is room for saying it. */
void            wsed_tls_session_finish      (WsedTlsSession *self);
void            wsed_tls_session_free        (WsedTlsSession *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedTlsSession, wsed_tls_session_free)

G_END_DECLS
