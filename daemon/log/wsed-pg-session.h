/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "postgres/wsed-postgres.h"

G_BEGIN_DECLS

/* What a log in PostgreSQL is made with. */
typedef struct
{
  WsedPostgresAddress *address;
  WsedRetention retention;
  guint patience;              /* ms: how long a request may wait for its answer */
} WsedPgConfig;

/* A connection that is of use to the log: the schema is there and of the right format. */
typedef struct _WsedPgSession WsedPgSession;

typedef struct
{
  gboolean writes;             /* makes the schema where there is none; only one session of all daemons */
  /* It can be used now; @hello: format, epoch, n, low_n, events, bytes. */
  void (*ready) (WsedPgSession *self, const PGresult *hello, gpointer user_data);
  /* It cannot, or no longer; after the answers of what was under way. */
  void (*lost) (WsedPgSession *self, const GError *error, gpointer user_data);
} WsedPgSessionUser;

enum
{
  WSED_PG_HELLO_FORMAT,
  WSED_PG_HELLO_EPOCH,
  WSED_PG_HELLO_N,
  WSED_PG_HELLO_LOW,
  WSED_PG_HELLO_EVENTS,
  WSED_PG_HELLO_BYTES,
};

WsedPgSession *wsed_pg_session_new         (const WsedPgConfig *config, const WsedPgSessionUser *user, gpointer user_data);
void           wsed_pg_session_free        (WsedPgSession *self);
void           wsed_pg_session_set_context (WsedPgSession *self, GMainContext *context);
gboolean       wsed_pg_session_is_ready    (WsedPgSession *self);
/* As wsed_postgres_send(), only while it is ready. */
void           wsed_pg_session_send        (WsedPgSession *self, const WsedPostgresStatement *statement, const WsedPostgresValues *values,
                                            WsedPostgresDone done, gpointer user_data);
/* How many events a channel keeps, for SQL. */
gint64         wsed_pg_config_get_most     (const WsedPgConfig *config);

G_END_DECLS
