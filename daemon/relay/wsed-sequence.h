/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-entry.h"

G_BEGIN_DECLS

/* The order of what is delivered: every event of the log that somebody here reads, once, by n. Main thread. */

/* Gets @entries in the order of their n; who wants to keep one takes a reference. */
typedef void (*WsedSequenceDeliver) (WsedEntry * const *entries, guint n_entries, gpointer user_data);

typedef struct _WsedSequence WsedSequence;

WsedSequence *wsed_sequence_new    (WsedSequenceDeliver deliver, gpointer user_data);
/* What this daemon's log has answered, in the order of the answers. */
void          wsed_sequence_append (WsedSequence *self, WsedEntry * const *entries, guint n_entries);
void          wsed_sequence_free   (WsedSequence *self);

G_END_DECLS
