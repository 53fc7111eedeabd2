/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-sqlite-index.h"

G_BEGIN_DECLS

/* What is not to be kept any longer goes, in small transactions between the commits. */
typedef struct _WsedSweeper WsedSweeper;

/* @step_bytes: what one step lets go of, about; it goes through the write-ahead log once more, since it is overwritten. */
WsedSweeper *wsed_sweeper_new     (sqlite3 *db, WsedIndex *index, const WsedRetention *retention, gsize step_bytes, GError **error);
void         wsed_sweeper_free    (WsedSweeper *self);
/* Blocks were written, of so many events: whether a step is due now. */
gboolean     wsed_sweeper_wrote   (WsedSweeper *self, guint blocks, guint events);
/* One step; *more: another one would find work at once. */
gboolean     wsed_sweeper_step    (WsedSweeper *self, gint64 now, gboolean *more, GError **error);
/* So many events were overwritten; blocks that hold nothing any more go with the next steps. */
void         wsed_sweeper_erased   (WsedSweeper *self, guint events);
void         wsed_sweeper_get     (WsedSweeper *self, guint64 *events, guint64 *bytes, guint64 *removed);
/* The last n before the first event that is still in one of its channels, or on the way there. */
guint64      wsed_sweeper_find_low (WsedSweeper *self);

G_END_DECLS
