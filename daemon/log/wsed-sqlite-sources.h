/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "log/wsed-sqlite-schema.h"

G_BEGIN_DECLS

/* Where sources stand, and dead letters, in the log's file. The writer's thread. */
typedef struct _WsedSqliteSources WsedSqliteSources;

WsedSqliteSources *wsed_sqlite_sources_new       (sqlite3 *db, GError **error);
void               wsed_sqlite_sources_free      (WsedSqliteSources *self);

/* The append's moves and letters are written with the next transaction; it lives until then. FALSE: a move does not fit what is kept or
 * staged, nothing of it is, and the append says so. */
gboolean           wsed_sqlite_sources_stage     (WsedSqliteSources *self, WsedAppend *append);
gboolean           wsed_sqlite_sources_is_staged (WsedSqliteSources *self);
/* Within the transaction; then one of the two others, when it ended. */
gboolean           wsed_sqlite_sources_write     (WsedSqliteSources *self, GError **error);
void               wsed_sqlite_sources_commit    (WsedSqliteSources *self);
void               wsed_sqlite_sources_abort     (WsedSqliteSources *self);

/* Between two transactions. */
void               wsed_sqlite_sources_positions (WsedSqliteSources *self, WsedPositions *positions);
gboolean           wsed_sqlite_sources_letters   (WsedSqliteSources *self, WsedLetters *letters, gint64 now, GError **error);
/* Letters that are too old go. */
gboolean           wsed_sqlite_sources_forget    (WsedSqliteSources *self, gint64 now, GError **error);
guint64            wsed_sqlite_sources_count     (WsedSqliteSources *self);

G_END_DECLS
