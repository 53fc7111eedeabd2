/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "wsectl-server.h"

G_BEGIN_DECLS

/* A stream of events that comes back by itself. */
typedef struct _WsectlStream WsectlStream;

/* A message that is an event not shown before; FALSE: that was the last one, the stream ends. @data is only borrowed. */
typedef gboolean (*WsectlStreamEvent) (const char *data, gsize length, gpointer user_data);

/* @channels and @filter are query parameters, @from says where to begin the first time. */
WsectlStream *wsectl_stream_new  (WsectlServer *server, const char *channels, const char *filter, const char *from,
                                  WsectlStreamEvent event, gpointer user_data);
void          wsectl_stream_free (WsectlStream *self);
/* Until wsectl_stream_end() (TRUE), or the server is not to be had. */
gboolean      wsectl_stream_run  (WsectlStream *self, GError **error);
/* Takes @error, which may be NULL. */
void          wsectl_stream_end  (WsectlStream *self, GError *error);
/* Where to go on; NULL before the server said. */
char         *wsectl_stream_get_cursor (WsectlStream *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsectlStream, wsectl_stream_free)

G_END_DECLS
