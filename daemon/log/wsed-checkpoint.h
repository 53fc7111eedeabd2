/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>

#include <glib.h>

G_BEGIN_DECLS

/* Keeps the write-ahead log short. A thread copies it back to the file while it grows (PASSIVE); beyond the limit the writer closes
 * the gate that readers pass for each page of 256 events, and begins it anew (RESTART). */
typedef struct _WsedCheckpoint WsedCheckpoint;

#define WSED_WAL_LIMIT (16 * 1024 * 1024)

/* @limit: bytes of write-ahead log at which the gate closes. */
WsedCheckpoint *wsed_checkpoint_new   (const char *path, gsize limit, GError **error);
/* Stops the thread. */
void            wsed_checkpoint_free  (WsedCheckpoint *self);
/* A reader, around each of its transactions. */
void            wsed_checkpoint_enter (WsedCheckpoint *self);
void            wsed_checkpoint_leave (WsedCheckpoint *self);
/* The writer. */
void            wsed_checkpoint_watch (WsedCheckpoint *self, sqlite3 *db);
void            wsed_checkpoint_after_commit (WsedCheckpoint *self);
/* Writes all of it back and gives its room back to the disk; FALSE where that is not possible now. */
gboolean        wsed_checkpoint_truncate (WsedCheckpoint *self);

G_END_DECLS
