/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-pg-session.h"
#include "log/wsed-pg-task.h"

G_BEGIN_DECLS

/* All that has an order: appends, heads, erasures, consumers, positions, dead letters; and retention in between. */
typedef struct _WsedPgWriter WsedPgWriter;

WsedPgWriter *wsed_pg_writer_new         (const WsedPgConfig *config);
/* Everything must have been answered. */
void          wsed_pg_writer_free        (WsedPgWriter *self);
void          wsed_pg_writer_set_context (WsedPgWriter *self, GMainContext *context);
/* Takes @task. */
void          wsed_pg_writer_push        (WsedPgWriter *self, WsedPgTask *task);
/* Now and then: answers what has waited too long. */
void          wsed_pg_writer_tick        (WsedPgWriter *self);
/* Answers all that waits with @error, and what is under way too. */
void          wsed_pg_writer_fail        (WsedPgWriter *self, const GError *error);
/* What its appends are told under: NOTIFY wse_log, 'EPOCH N ID'. */
const char   *wsed_pg_writer_get_id      (WsedPgWriter *self);
gboolean      wsed_pg_writer_is_ready    (WsedPgWriter *self);
gboolean      wsed_pg_writer_is_idle     (WsedPgWriter *self);
/* Why it is not ready, or could not write last; NULL: all is well. */
const GError *wsed_pg_writer_get_fault   (WsedPgWriter *self);
/* All but state and reason. */
void          wsed_pg_writer_get_stats   (WsedPgWriter *self, WsedLogStats *stats);

G_END_DECLS
