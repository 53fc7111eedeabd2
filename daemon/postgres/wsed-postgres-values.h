/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <libpq-fe.h>

G_BEGIN_DECLS

/* What goes to PostgreSQL and comes from it, in its binary form. */

/* The numbers of PostgreSQL's types; they never change. */
#define WSED_POSTGRES_BOOL 16
#define WSED_POSTGRES_BYTEA 17
#define WSED_POSTGRES_INT8 20
#define WSED_POSTGRES_INT4 23
#define WSED_POSTGRES_TEXT 25
#define WSED_POSTGRES_UUID 2950

#define WSED_POSTGRES_MAX_VALUES 32

/* The parameters of one statement, $1 first. */
typedef struct
{
  guint n;
  Oid types[WSED_POSTGRES_MAX_VALUES];
  gsize starts[WSED_POSTGRES_MAX_VALUES];
  int lengths[WSED_POSTGRES_MAX_VALUES]; /* -1: NULL */
  GByteArray *bytes;
  guint items;                 /* of the array that is being made */
} WsedPostgresValues;

void wsed_postgres_values_init        (WsedPostgresValues *self);
void wsed_postgres_values_clear       (WsedPostgresValues *self);
void wsed_postgres_values_add_int8    (WsedPostgresValues *self, gint64 value);
/* NULL is NULL. */
void wsed_postgres_values_add_text    (WsedPostgresValues *self, const char *text);
/* Items of @type follow, then the end. */
void wsed_postgres_values_begin_array (WsedPostgresValues *self, Oid type);
void wsed_postgres_values_put         (WsedPostgresValues *self, const void *bytes, gsize length);
/* NULL is NULL. */
void wsed_postgres_values_put_text    (WsedPostgresValues *self, const char *text);
void wsed_postgres_values_put_bytes   (WsedPostgresValues *self, GBytes *bytes);
void wsed_postgres_values_put_int8    (WsedPostgresValues *self, gint64 value);
void wsed_postgres_values_put_int4    (WsedPostgresValues *self, gint32 value);
void wsed_postgres_values_end_array   (WsedPostgresValues *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsedPostgresValues, wsed_postgres_values_clear)

/* NULL, and what has another form than asked for, is 0, FALSE or NULL. */
gint64        wsed_postgres_get_int8  (const PGresult *result, int row, int column);
gboolean      wsed_postgres_get_bool  (const PGresult *result, int row, int column);
const char   *wsed_postgres_get_text  (const PGresult *result, int row, int column);
const guint8 *wsed_postgres_get_bytes (const PGresult *result, int row, int column, gsize *length);

/* A walk over an array of one dimension in a result. */
typedef struct
{
  const guint8 *at, *end;
  guint left;
} WsedPostgresArray;

/* How many items there are; none where it is NULL or malformed. */
guint         wsed_postgres_array_init      (WsedPostgresArray *self, const PGresult *result, int row, int column);
/* NULL: no more, or a NULL. Not ended by a NUL. */
const guint8 *wsed_postgres_array_next      (WsedPostgresArray *self, gsize *length);
gint64        wsed_postgres_array_next_int8 (WsedPostgresArray *self);

G_END_DECLS
