/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"

G_BEGIN_DECLS

/* Where sources stand, and dead letters, in memory. @now: microseconds since 1970. */
typedef struct _WsedMemorySources WsedMemorySources;

WsedMemorySources *wsed_memory_sources_new       (void);
void               wsed_memory_sources_free      (WsedMemorySources *self);
/* Carries out the append's moves and keeps its letters. FALSE: a move does not fit and nothing was done; the append says so. */
gboolean           wsed_memory_sources_apply     (WsedMemorySources *self, WsedAppend *append, gint64 now);
void               wsed_memory_sources_positions (WsedMemorySources *self, WsedPositions *positions);
void               wsed_memory_sources_letters   (WsedMemorySources *self, WsedLetters *letters, gint64 now);
guint              wsed_memory_sources_count     (WsedMemorySources *self);

G_END_DECLS
