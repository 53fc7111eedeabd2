/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-ballast.h"
#include "log/wsed-commit.h"
#include "log/wsed-eraser.h"
#include "log/wsed-retention.h"
#include "log/wsed-sqlite-consumers.h"
#include "log/wsed-sqlite-stats.h"
#include "log/wsed-sqlite-writer.h"

G_BEGIN_DECLS

struct _WsedSqliteWriter
{
  WsedRetention retention;
  int lock_fd;
  sqlite3 *db;
  WsedIndex *index;
  WsedCheckpoint *checkpoint;
  WsedCommit *commit;
  WsedSweeper *sweeper;
  WsedEraser *eraser;
  WsedSqliteConsumers *consumers;
  gint64 forgot;               /* monotonic: when consumers and dead letters were last looked through */
  WsedBallast ballast;
  GPtrArray *waiting;          /* (element-type WsedAppend): answered with the next commit */
  gint64 maintained;           /* monotonic */
  gboolean more;               /* the sweeper has work left */
  gboolean full;               /* it stopped for want of room */

  WsedInbox *inbox;
  pthread_t thread;
  gboolean stop;

  WsedSqliteStats stats;
  guint64 queued_bytes;        /* atomic */
};

/* wsed-sqlite-writer-open.c: everything but the thread. What it made before it failed is the caller's to free. */
gboolean wsed_sqlite_writer_open (WsedSqliteWriter *self, const char *path, GError **error);

G_END_DECLS
