/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-consumer.h"
#include "log/wsed-sqlite-schema.h"

G_BEGIN_DECLS

/* The durable readers in the log's file. The writer's thread. */
typedef struct _WsedSqliteConsumers WsedSqliteConsumers;

WsedSqliteConsumers *wsed_sqlite_consumers_new    (sqlite3 *db, GError **error);
void                 wsed_sqlite_consumers_free   (WsedSqliteConsumers *self);
/* To be answered with the next run. */
void                 wsed_sqlite_consumers_add    (WsedSqliteConsumers *self, WsedConsumer *request);
/* Everything added since the last run in one transaction, then the answers. FALSE: nothing was written; all are answered with @error.
 * *@wrote: whether there was anything. */
gboolean             wsed_sqlite_consumers_run    (WsedSqliteConsumers *self, gboolean *wrote, GError **error);
/* Answers all with @error. */
void                 wsed_sqlite_consumers_refuse (WsedSqliteConsumers *self, const GError *error);
/* Forgets those that were not used for 30 days. */
gboolean             wsed_sqlite_consumers_forget (WsedSqliteConsumers *self, gint64 now, GError **error);

G_END_DECLS
