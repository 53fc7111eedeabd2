/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-checkpoint.h"
#include "log/wsed-sqlite-index.h"

G_BEGIN_DECLS

/* The one thread that writes the log's file. It also says where channels end, because that is in one order with appending. */
typedef struct _WsedSqliteWriter WsedSqliteWriter;

/* Opens the file and starts the thread. */
WsedSqliteWriter     *wsed_sqlite_writer_new    (const char *path, const WsedRetention *retention, GError **error);
/* Answers everything that was sent, leaves the file in order and ends the thread. */
void            wsed_sqlite_writer_stop   (WsedSqliteWriter *self);
void            wsed_sqlite_writer_free   (WsedSqliteWriter *self);
WsedIndex      *wsed_sqlite_writer_get_index (WsedSqliteWriter *self);
WsedCheckpoint *wsed_sqlite_writer_get_checkpoint (WsedSqliteWriter *self);

/* Any thread. */
void            wsed_sqlite_writer_append (WsedSqliteWriter *self, WsedAppend *append);
void            wsed_sqlite_writer_heads  (WsedSqliteWriter *self, WsedHeads *heads);
void            wsed_sqlite_writer_consume (WsedSqliteWriter *self, WsedConsumer *consumer);
void            wsed_sqlite_writer_erase  (WsedSqliteWriter *self, WsedErase *erase);
void            wsed_sqlite_writer_positions (WsedSqliteWriter *self, WsedPositions *positions);
void            wsed_sqlite_writer_letters (WsedSqliteWriter *self, WsedLetters *letters);
void            wsed_sqlite_writer_get_stats (WsedSqliteWriter *self, WsedLogStats *stats);

G_END_DECLS
