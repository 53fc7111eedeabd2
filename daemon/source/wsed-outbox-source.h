/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "source/wsed-source.h"
#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* Events that applications put into the table wse_outbox of a PostgreSQL database, in their own transactions. */
#define WSED_TYPE_OUTBOX_SOURCE (wsed_outbox_source_get_type ())
G_DECLARE_FINAL_TYPE (WsedOutboxSource, wsed_outbox_source, WSED, OUTBOX_SOURCE, GObject)

/* Borrows @log, @pipeline and @main, the inbox that the main loop runs. @max_event: bytes of one event as it comes in. NULL with @error
 * where @uri is none. */
WsedSource *wsed_outbox_source_new (const char *uri, gsize max_event, WsedLog *log, WsedPipeline *pipeline, WsedInbox *main, GError **error);

G_END_DECLS
