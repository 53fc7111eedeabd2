/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"

G_BEGIN_DECLS

#define WSED_TYPE_PG_LOG (wsed_pg_log_get_type ())
G_DECLARE_FINAL_TYPE (WsedPgLog, wsed_pg_log, WSED, PG_LOG, GObject)

/* @uri: as libpq reads it. Makes the tables where there are none. It is served in the default context, from where it is closed, too.
 * A server that cannot be reached now is tried again for ever, and until then every request fails with WSE_ERROR_UNAVAILABLE; one that
 * will never do is an error. @patience: ms that a request may wait for its answer; 0: 5 s. */
WsedLog *wsed_pg_log_new      (const char *uri, const WsedRetention *retention, guint patience, GError **error);
/* Whether libpq can read @uri. */
gboolean wsed_pg_log_check    (const char *uri, GError **error);
/* What this daemon's appends are told under to the others: NOTIFY wse_log, 'EPOCH N WRITER', with the transaction. */
const char *wsed_pg_log_get_writer (WsedPgLog *self);
/* Where it is, without a password. Free it. */
char    *wsed_pg_log_describe (const char *uri);

G_END_DECLS
