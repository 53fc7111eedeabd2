/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-checkpoint.h"
#include "log/wsed-retention.h"

G_BEGIN_DECLS

/* Erases channels: at once for who reads, then block by block in the file, in small transactions between the commits. */
typedef struct _WsedEraser WsedEraser;

/* Goes on with what an earlier run has left. */
WsedEraser *wsed_eraser_new   (sqlite3 *db, WsedIndex *index, WsedCheckpoint *checkpoint, WsedSweeper *sweeper, GError **error);
void        wsed_eraser_free  (WsedEraser *self);
/* All that was appended is committed. FALSE: nothing was done. */
gboolean    wsed_eraser_erase (WsedEraser *self, WsedErase *erase, gint64 now, GError **error);
/* One step; *more: another one would find work at once. */
gboolean    wsed_eraser_step  (WsedEraser *self, gboolean *more, GError **error);

G_END_DECLS
