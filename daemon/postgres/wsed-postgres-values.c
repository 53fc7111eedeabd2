/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPostgresValues owns the bytes of a statement's parameters; beside it, how results are read. All numbers are big endian. It never
 * believes a length that the server gives. */

#include "postgres/wsed-postgres-values.h"

#include <string.h>

/* dimensions, whether there are NULLs, type, items, first index */
#define ARRAY_HEADER 20
#define EMPTY_ARRAY_HEADER 12

void
wsed_postgres_values_init (WsedPostgresValues *self)
{
  memset (self, 0, sizeof *self);
  /* Never without memory: an empty text is no NULL. */
  self->bytes = g_byte_array_sized_new (64);
}

void
wsed_postgres_values_clear (WsedPostgresValues *self)
{
  g_clear_pointer (&self->bytes, g_byte_array_unref);
}

static void
put32 (WsedPostgresValues *self,
       guint32             value)
{
  value = GUINT32_TO_BE (value);
  g_byte_array_append (self->bytes, (const guint8 *) &value, sizeof value);
}

static void
put64 (WsedPostgresValues *self,
       guint64             value)
{
  value = GUINT64_TO_BE (value);
  g_byte_array_append (self->bytes, (const guint8 *) &value, sizeof value);
}

static void
begin (WsedPostgresValues *self,
       Oid                 type)
{
  g_assert (self->n < WSED_POSTGRES_MAX_VALUES);
  self->types[self->n] = type;
  self->starts[self->n] = self->bytes->len;
}

static void
end (WsedPostgresValues *self)
{
  self->lengths[self->n] = self->bytes->len - self->starts[self->n];
  self->n++;
}

void
wsed_postgres_values_add_int8 (WsedPostgresValues *self,
                               gint64              value)
{
  begin (self, WSED_POSTGRES_INT8);
  put64 (self, (guint64) value);
  end (self);
}

void
wsed_postgres_values_add_text (WsedPostgresValues *self,
                               const char         *text)
{
  begin (self, WSED_POSTGRES_TEXT);
  if (text != NULL)
    g_byte_array_append (self->bytes, (const guint8 *) text, strlen (text));
  end (self);
  if (text == NULL)
    self->lengths[self->n - 1] = -1;
}

static Oid
array_of (Oid type)
{
  switch (type)
    {
    case WSED_POSTGRES_BYTEA:
      return 1001;
    case WSED_POSTGRES_INT8:
      return 1016;
    case WSED_POSTGRES_INT4:
      return 1007;
    case WSED_POSTGRES_TEXT:
      return 1009;
    case WSED_POSTGRES_UUID:
      return 2951;
    default:
      g_assert_not_reached ();
    }
}

void
wsed_postgres_values_begin_array (WsedPostgresValues *self,
                                  Oid                 type)
{
  begin (self, array_of (type));
  self->items = 0;
  put32 (self, 1);
  put32 (self, 0);
  put32 (self, type);
  put32 (self, 0);
  put32 (self, 1);
}

void
wsed_postgres_values_put (WsedPostgresValues *self,
                          const void         *bytes,
                          gsize               length)
{
  put32 (self, length);
  g_byte_array_append (self->bytes, bytes, length);
  self->items++;
}

static void
put_null (WsedPostgresValues *self)
{
  put32 (self, G_MAXUINT32);
  self->items++;
}

void
wsed_postgres_values_put_text (WsedPostgresValues *self,
                               const char         *text)
{
  if (text != NULL)
    wsed_postgres_values_put (self, text, strlen (text));
  else
    put_null (self);
}

void
wsed_postgres_values_put_bytes (WsedPostgresValues *self,
                                GBytes             *bytes)
{
  if (bytes != NULL)
    wsed_postgres_values_put (self, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  else
    put_null (self);
}

void
wsed_postgres_values_put_int8 (WsedPostgresValues *self,
                               gint64              value)
{
  put32 (self, 8);
  put64 (self, (guint64) value);
  self->items++;
}

void
wsed_postgres_values_put_int4 (WsedPostgresValues *self,
                               gint32              value)
{
  put32 (self, 4);
  put32 (self, (guint32) value);
  self->items++;
}

void
wsed_postgres_values_end_array (WsedPostgresValues *self)
{
  guint8 *start = self->bytes->data + self->starts[self->n];
  guint32 items = GUINT32_TO_BE (self->items);

  if (self->items > 0)
    {
      memcpy (start + EMPTY_ARRAY_HEADER, &items, sizeof items);
    }
  else
    {
      memset (start, 0, 4);
      g_byte_array_set_size (self->bytes, self->starts[self->n] + EMPTY_ARRAY_HEADER);
    }
  end (self);
}

static guint32
get32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_BE (value);
}

static gint64
get64 (const guint8 *at)
{
  guint64 value;

  memcpy (&value, at, sizeof value);
  return (gint64) GUINT64_FROM_BE (value);
}

const guint8 *
wsed_postgres_get_bytes (const PGresult *result,
                         int             row,
                         int             column,
                         gsize          *length)
{
  *length = 0;
  if (PQgetisnull (result, row, column))
    return NULL;
  *length = PQgetlength (result, row, column);
  return (const guint8 *) PQgetvalue (result, row, column);
}

gint64
wsed_postgres_get_int8 (const PGresult *result,
                        int             row,
                        int             column)
{
  gsize length;
  const guint8 *at = wsed_postgres_get_bytes (result, row, column, &length);

  return length == 8 ? get64 (at) : length == 4 ? (gint32) get32 (at) : 0;
}

gboolean
wsed_postgres_get_bool (const PGresult *result,
                        int             row,
                        int             column)
{
  gsize length;
  const guint8 *at = wsed_postgres_get_bytes (result, row, column, &length);

  return length == 1 && at[0] != 0;
}

/* libpq ends every value with a NUL. */
const char *
wsed_postgres_get_text (const PGresult *result,
                        int             row,
                        int             column)
{
  gsize length;

  return (const char *) wsed_postgres_get_bytes (result, row, column, &length);
}

guint
wsed_postgres_array_init (WsedPostgresArray *self,
                          const PGresult    *result,
                          int                row,
                          int                column)
{
  gsize length;
  const guint8 *at = wsed_postgres_get_bytes (result, row, column, &length);

  memset (self, 0, sizeof *self);
  if (length < ARRAY_HEADER || get32 (at) != 1)
    return 0;
  self->at = at + ARRAY_HEADER;
  self->end = at + length;
  self->left = get32 (at + EMPTY_ARRAY_HEADER);
  /* Each item has at least its length. */
  if (self->left > (length - ARRAY_HEADER) / 4)
    self->left = 0;
  return self->left;
}

const guint8 *
wsed_postgres_array_next (WsedPostgresArray *self,
                          gsize             *length)
{
  const guint8 *item;
  guint32 bytes;

  *length = 0;
  if (self->left == 0 || self->end - self->at < 4)
    return NULL;
  bytes = get32 (self->at);
  self->at += 4;
  self->left--;
  if (bytes == G_MAXUINT32)
    return NULL;
  if (bytes > (gsize) (self->end - self->at))
    {
      self->left = 0;
      return NULL;
    }
  item = self->at;
  self->at += bytes;
  *length = bytes;
  return item;
}

gint64
wsed_postgres_array_next_int8 (WsedPostgresArray *self)
{
  gsize length;
  const guint8 *item = wsed_postgres_array_next (self, &length);

  return length == 8 ? get64 (item) : length == 4 ? (gint32) get32 (item) : 0;
}
