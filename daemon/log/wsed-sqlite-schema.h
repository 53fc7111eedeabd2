/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sqlite3.h>

#include "log/wsed-id-window.h"
#include "wse-limits.h"

G_BEGIN_DECLS

/* What is known of the file once it is open. */
typedef struct
{
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  guint8 secret[WSED_ID_SECRET_BYTES];
  guint64 max_events;          /* as it was at the last run: what lay deeper is gone */
} WsedSqliteMeta;

/* Takes the log in the file @path for this process alone: the descriptor whose closing gives it back. */
int           wsed_sqlite_lock     (const char *path, GError **error);
/* The writer's connection; makes the file where there is none. */
sqlite3      *wsed_sqlite_create   (const char *path, gboolean sync_full, WsedSqliteMeta *meta, GError **error);
/* One more: for reading, or (@checkpoints) for checkpoints. */
sqlite3      *wsed_sqlite_connect  (const char *path, gboolean checkpoints, GError **error);

gboolean      wsed_sqlite_exec     (sqlite3 *db, const char *sql, GError **error);
/* For a connection's whole life; NULL with @error. */
sqlite3_stmt *wsed_sqlite_prepare  (sqlite3 *db, const char *sql, GError **error);
/* Runs a statement that gives no rows, and resets it. */
gboolean      wsed_sqlite_run      (sqlite3_stmt *statement, GError **error);
/* A single number; 0 where there is none. */
gint64        wsed_sqlite_get_int  (sqlite3 *db, const char *sql);
void          wsed_sqlite_rollback (sqlite3 *db);
/* What SQLite says, with its primary result code; SQLITE_FULL also where a file beside the log could not grow. */
#define WSED_SQLITE_ERROR (wsed_sqlite_error_quark ())
GQuark        wsed_sqlite_error_quark (void);
void          wsed_sqlite_set_error (sqlite3 *db, const char *doing, GError **error);

G_END_DECLS
