/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>

#include "log/wsed-log.h"

G_BEGIN_DECLS

/* What the writer's thread says of the file, for whoever asks. */
typedef struct
{
  pthread_mutex_t lock;
  WsedLogStats stats;
} WsedSqliteStats;

void     wsed_sqlite_stats_init      (WsedSqliteStats *self);
void     wsed_sqlite_stats_clear     (WsedSqliteStats *self);
/* The writer: NULL where the file can be written (again). Told where it changes. */
void     wsed_sqlite_stats_set_state (WsedSqliteStats *self, const GError *error);
/* The writer. */
gboolean wsed_sqlite_stats_is_ok     (const WsedSqliteStats *self);
/* WSE_ERROR_UNAVAILABLE, with the reason. */
GError  *wsed_sqlite_stats_get_error (WsedSqliteStats *self);
void     wsed_sqlite_stats_get       (WsedSqliteStats *self, WsedLogStats *stats);

G_END_DECLS
