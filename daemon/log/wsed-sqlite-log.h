/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"

G_BEGIN_DECLS

#define WSED_TYPE_SQLITE_LOG (wsed_sqlite_log_get_type ())
G_DECLARE_FINAL_TYPE (WsedSqliteLog, wsed_sqlite_log, WSED, SQLITE_LOG, GObject)

/* Opens or creates the log in the file @path. Blocks while it recovers; called before the main loop runs. NULL with @error where
 * the file is another program's, corrupt, of a newer version, locked by another daemon, or cannot be written. Copies @retention. */
WsedLog *wsed_sqlite_log_new (const char *path, const WsedRetention *retention, GError **error);

G_END_DECLS
