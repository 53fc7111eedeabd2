/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "postgres/wsed-postgres-values.h"

G_BEGIN_DECLS

/* Appends that become one transaction. Its way: fill, ask the server, take; where some ids were known, their first events are asked for,
 * and the rest goes the same way again. */
typedef struct _WsedPgBatch WsedPgBatch;

WsedPgBatch *wsed_pg_batch_new         (void);
/* Its appends must have been answered. */
void         wsed_pg_batch_free        (WsedPgBatch *self);
/* FALSE: it does not go together with those that are in it. */
gboolean     wsed_pg_batch_add         (WsedPgBatch *self, WsedAppend *append);
/* The parameters of wse.append() behind who and attempt. FALSE: nothing is left to be appended. */
gboolean     wsed_pg_batch_fill        (WsedPgBatch *self, WsedPostgresValues *values);
/* The answer of wse.append(). TRUE: that was all. FALSE: those that it knew have to be asked for. */
gboolean     wsed_pg_batch_take        (WsedPgBatch *self, const PGresult *result);
/* The n's of events that were known: the parameter of the statement that asks for them; and its answer (n, channels, seqs). */
void         wsed_pg_batch_fill_known  (WsedPgBatch *self, WsedPostgresValues *values);
void         wsed_pg_batch_take_known  (WsedPgBatch *self, const PGresult *result);
/* Answers all its appends; @error NULL: they are kept. */
void         wsed_pg_batch_answer      (WsedPgBatch *self, const GError *error);
guint        wsed_pg_batch_get_appends (WsedPgBatch *self);
gsize        wsed_pg_batch_get_bytes   (WsedPgBatch *self);
/* Of an answered one. */
guint        wsed_pg_batch_get_fresh   (WsedPgBatch *self);
guint        wsed_pg_batch_get_known   (WsedPgBatch *self);

G_END_DECLS
