/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "tls/wsed-tls-session.h"

G_BEGIN_DECLS

#define WSED_TYPE_TLS_STREAM (wsed_tls_stream_get_type ())
G_DECLARE_FINAL_TYPE (WsedTlsStream, wsed_tls_stream, WSED, TLS_STREAM, GIOStream)

/* Called from the main context when the peer has ended. */
typedef void (*WsedTlsEnded) (gpointer user_data);

/* @session, its handshake done, as libsoup wants it: a pollable stream, of the main thread. Takes @session; keeps @below, its socket. */
WsedTlsStream  *wsed_tls_stream_new         (GSocketConnection *below, WsedTlsSession *session);
/* While @ended is set the end is told to it, once, and hidden from who reads. NULL: shown again. */
void            wsed_tls_stream_on_end      (WsedTlsStream *self, WsedTlsEnded ended, gpointer user_data);
/* As send(). */
gssize          wsed_tls_stream_send        (WsedTlsStream *self, const void *data, gsize length);
/* Says that nothing more is written. */
void            wsed_tls_stream_finish      (WsedTlsStream *self);
/* The session; the stream is at its end from now on. */
WsedTlsSession *wsed_tls_stream_steal       (WsedTlsStream *self);

G_END_DECLS
