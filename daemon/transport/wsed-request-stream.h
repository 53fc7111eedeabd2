/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "transport/wsed-inlet.h"

G_BEGIN_DECLS

#define WSED_TYPE_REQUEST_STREAM (wsed_request_stream_get_type ())
G_DECLARE_FINAL_TYPE (WsedRequestStream, wsed_request_stream, WSED, REQUEST_STREAM, GIOStream)

/* Called once, when whoever has the stream has closed it. */
typedef void (*WsedRequestClosed) (gpointer user_data);

/* One request of @inlet, and the way back for its answer, as libsoup wants them: a pollable stream, of the main thread. */
WsedRequestStream *wsed_request_stream_new (WsedInlet *inlet, WsedRequestClosed closed, gpointer user_data);
/* From now on it is at its end, whoever has it, and @closed is not called. */
void               wsed_request_stream_cut (WsedRequestStream *self);

G_END_DECLS
