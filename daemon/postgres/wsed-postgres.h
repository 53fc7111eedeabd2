/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "postgres/wsed-postgres-address.h"
#include "postgres/wsed-postgres-values.h"

G_BEGIN_DECLS

/* One connection to PostgreSQL that is kept up: a GSource, no thread; statements are pipelined, prepared when they are first used, in
 * binary form. It is lost and made again by itself, with a growing pause in between. All calls and callbacks are of one thread, the one
 * that runs its context; none of the callbacks may free it. */
typedef struct _WsedPostgres WsedPostgres;

/* Lives as long as the program. */
typedef struct
{
  const char *name;            /* for PostgreSQL; unique among those of one connection */
  const char *sql;             /* one statement, a transaction of its own */
} WsedPostgresStatement;

/* @result: NULL where no answer came: whether it was carried out is not known then. @error: NULL where it was; else WSE_ERROR_UNAVAILABLE:
 * the same may be tried again later; WSE_ERROR_FAILED: that would not help. */
typedef void (*WsedPostgresDone) (const PGresult *result, const GError *error, gpointer user_data);

typedef struct
{
  guint connect_timeout;       /* ms */
  guint answer_timeout;        /* ms without any answer while one is owed: the connection is given up then */
  gsize max_bytes;             /* of statements without an answer; one more fails with WSE_ERROR_BUSY */

  /* The connection is there: what is sent now comes before anything else. */
  void (*opened) (WsedPostgres *self, gpointer user_data);
  /* It is not, or no longer there, or could not be made; after the callbacks of what was under way. @error as in WsedPostgresDone. */
  void (*lost) (WsedPostgres *self, const GError *error, gpointer user_data);
  /* NOTIFY; may be NULL. */
  void (*notified) (WsedPostgres *self, const char *channel, const char *payload, gpointer user_data);
} WsedPostgresConfig;

WsedPostgres *wsed_postgres_new         (WsedPostgresAddress *address, const WsedPostgresConfig *config, gpointer user_data);
/* What is under way is answered with an error. */
void          wsed_postgres_free        (WsedPostgres *self);
/* Begins, or goes on in another context (NULL: the default one) of the same thread; what is under way stays so. */
void          wsed_postgres_set_context (WsedPostgres *self, GMainContext *context);
gboolean      wsed_postgres_is_open     (WsedPostgres *self);
/* Only while it is open. */
void          wsed_postgres_send        (WsedPostgres *self, const WsedPostgresStatement *statement, const WsedPostgresValues *values,
                                         WsedPostgresDone done, gpointer user_data);
/* Ends the connection, and makes it again later: the server is not what it has to be. */
void          wsed_postgres_give_up     (WsedPostgres *self, const GError *error);
/* Statements without an answer. */
guint         wsed_postgres_get_pending (WsedPostgres *self);

G_END_DECLS
