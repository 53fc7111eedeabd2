/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-pg-session.h"
#include "log/wsed-pg-task.h"

G_BEGIN_DECLS

/* One read or search under way: it says what is to be asked next, takes the answer, and ends. It sends nothing. */
typedef struct _WsedPgReading WsedPgReading;

WsedPgReading               *wsed_pg_reading_new  (WsedPgTask *task, const WsedPgConfig *config);
void                         wsed_pg_reading_free (WsedPgReading *self);
/* Up to two statements that go out together; NULL: none. */
const WsedPostgresStatement *wsed_pg_reading_fill_heads (WsedPgReading *self, WsedPostgresValues *values);
const WsedPostgresStatement *wsed_pg_reading_fill_page  (WsedPgReading *self, WsedPostgresValues *values);
void                         wsed_pg_reading_take_heads (WsedPgReading *self, const PGresult *result);
/* TRUE: the request is done with; FALSE: there is another page. */
gboolean                     wsed_pg_reading_take_page  (WsedPgReading *self, const PGresult *result);
guint                        wsed_pg_reading_get_unreadable (WsedPgReading *self);

G_END_DECLS
