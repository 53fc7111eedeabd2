/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* The pipeline's metrics: events by type and outcome, and how long they took. Main thread. */
typedef struct _WsedTally WsedTally;

WsedTally *wsed_tally_new    (void);
void       wsed_tally_free   (WsedTally *self);
/* @event_type NULL: none is known, the item could not be read. */
void       wsed_tally_count  (WsedTally *self, const char *event_type, WsedOutcome outcome);
/* @n events were handed on @elapsed microseconds after they were taken in. */
void       wsed_tally_time   (WsedTally *self, gint64 elapsed, guint n);

G_END_DECLS
