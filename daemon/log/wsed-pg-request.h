/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-pg-session.h"
#include "log/wsed-pg-task.h"

G_BEGIN_DECLS

/* Requests that are one statement each. */

/* NULL: there is nothing to be done, the request is answered as it is. */
const WsedPostgresStatement *wsed_pg_request_fill (WsedPgTask *task, const WsedPgConfig *config, WsedPostgresValues *values);
void                         wsed_pg_request_take (WsedPgTask *task, const PGresult *result);

/* Also the first half of a read and of a search: for each of the channels given its epoch, low and head, and the end of the log. */
extern const WsedPostgresStatement wsed_pg_heads;

enum
{
  WSED_PG_HEADS_CHANNEL,       /* 1, 2, 3 …; NULL where there was none */
  WSED_PG_HEADS_EPOCH,
  WSED_PG_HEADS_LOW,
  WSED_PG_HEADS_HEAD,
  WSED_PG_HEADS_N,
};

G_END_DECLS
