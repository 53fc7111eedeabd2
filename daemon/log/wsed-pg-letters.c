/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How dead letters become parameters and rows dead letters. It sends nothing. */

#include "log/wsed-pg-letters.h"

#define LETTER(bytes) \
  "SELECT c.kept, t.id, t.source, t.position, t.event_id, t.topic, t.key, t.headers, " bytes ", t.length, t.code, t.error, t.first, t.last," \
  " t.tries FROM wse.trim_letters($3, $4, $5) c(kept) LEFT JOIN LATERAL "

/* The letters are those behind the trimming; with none there is one row, for the count. */
static const WsedPostgresStatement list = { "letters-list",
  LETTER ("NULL::bytea") "(SELECT * FROM wse.letter t WHERE $1 = 0 OR t.id < $1 ORDER BY t.id DESC LIMIT $2) t ON t.last >= wse.now() - $5"
  " ORDER BY t.id DESC" };
static const WsedPostgresStatement get = { "letters-get",
  LETTER ("t.input") "(SELECT * FROM wse.letter t WHERE t.id = $1 LIMIT $2) t ON t.last >= wse.now() - $5" };
static const WsedPostgresStatement change = { "letters-change", "SELECT kept, there FROM wse.change_letter($1, $2, $3)" };

enum
{
  COLUMN_KEPT,
  COLUMN_ID,
  COLUMN_FOUND = COLUMN_ID,
  COLUMN_SOURCE,
  COLUMN_POSITION,
  COLUMN_EVENT_ID,
  COLUMN_TOPIC,
  COLUMN_KEY,
  COLUMN_HEADERS,
  COLUMN_INPUT,
  COLUMN_LENGTH,
  COLUMN_CODE,
  COLUMN_ERROR,
  COLUMN_FIRST,
  COLUMN_LAST,
  COLUMN_TRIES,
};

#define PUT(type, put, what) \
  G_STMT_START { \
    wsed_postgres_values_begin_array (values, WSED_POSTGRES_##type); \
    for (guint i = 0; i < n; i++) \
      { \
        const WsedLetter *letter = g_ptr_array_index (letters, i); \
        put (values, what); \
      } \
    wsed_postgres_values_end_array (values); \
  } G_STMT_END

void
wsed_pg_letters_put (GPtrArray          *letters,
                     WsedPostgresValues *values)
{
  guint n = letters != NULL ? letters->len : 0;

  PUT (TEXT, wsed_postgres_values_put_text, letter->source);
  PUT (INT8, wsed_postgres_values_put_int8, letter->position);
  PUT (TEXT, wsed_postgres_values_put_text, letter->event_id);
  PUT (TEXT, wsed_postgres_values_put_text, letter->topic);
  PUT (BYTEA, wsed_postgres_values_put_bytes, letter->key);
  PUT (TEXT, wsed_postgres_values_put_text, letter->headers);
  PUT (BYTEA, wsed_postgres_values_put_bytes, letter->input);
  PUT (INT8, wsed_postgres_values_put_int8, (gint64) letter->length);
  PUT (TEXT, wsed_postgres_values_put_text, letter->code);
  PUT (TEXT, wsed_postgres_values_put_text, letter->error);
  PUT (INT8, wsed_postgres_values_put_int8, letter->first);
  PUT (INT8, wsed_postgres_values_put_int8, letter->last);
  PUT (INT8, wsed_postgres_values_put_int8, letter->tries);
  PUT (INT8, wsed_postgres_values_put_int8, (gint64) wsed_letter_measure (letter));
}

const WsedPostgresStatement *
wsed_pg_letters_fill (const WsedLetters  *request,
                      WsedPostgresValues *values)
{
  wsed_postgres_values_add_int8 (values, (gint64) MIN (request->id, G_MAXINT64));
  if (request->verb == WSED_LETTERS_REMOVE || request->verb == WSED_LETTERS_FAIL)
    {
      wsed_postgres_values_add_text (values, request->verb == WSED_LETTERS_FAIL ? request->code : NULL);
      wsed_postgres_values_add_text (values, request->verb == WSED_LETTERS_FAIL ? request->reason : NULL);
      return &change;
    }
  wsed_postgres_values_add_int8 (values, request->verb == WSED_LETTERS_LIST ? request->limit : 1);
  wsed_postgres_values_add_int8 (values, WSED_MAX_LETTERS);
  wsed_postgres_values_add_int8 (values, WSED_MAX_LETTERS_BYTES);
  wsed_postgres_values_add_int8 (values, WSED_LETTER_AGE);
  return request->verb == WSED_LETTERS_LIST ? &list : &get;
}

static GBytes *
take_bytes (const PGresult *result,
            int             row,
            int             column)
{
  gsize length;
  const guint8 *bytes = wsed_postgres_get_bytes (result, row, column, &length);

  return bytes != NULL ? g_bytes_new (bytes, length) : NULL;
}

static WsedLetter *
take_letter (const PGresult *result,
             int             row)
{
  WsedLetter *letter = wsed_letter_new (wsed_postgres_get_text (result, row, COLUMN_SOURCE),
                                        wsed_postgres_get_int8 (result, row, COLUMN_POSITION));

  letter->id = (guint64) wsed_postgres_get_int8 (result, row, COLUMN_ID);
  letter->event_id = g_strdup (wsed_postgres_get_text (result, row, COLUMN_EVENT_ID));
  letter->topic = g_strdup (wsed_postgres_get_text (result, row, COLUMN_TOPIC));
  letter->key = take_bytes (result, row, COLUMN_KEY);
  letter->headers = g_strdup (wsed_postgres_get_text (result, row, COLUMN_HEADERS));
  letter->input = take_bytes (result, row, COLUMN_INPUT);
  letter->length = (guint64) wsed_postgres_get_int8 (result, row, COLUMN_LENGTH);
  letter->code = g_strdup (wsed_postgres_get_text (result, row, COLUMN_CODE));
  letter->error = g_strdup (wsed_postgres_get_text (result, row, COLUMN_ERROR));
  letter->first = wsed_postgres_get_int8 (result, row, COLUMN_FIRST);
  letter->last = wsed_postgres_get_int8 (result, row, COLUMN_LAST);
  letter->tries = (guint) wsed_postgres_get_int8 (result, row, COLUMN_TRIES);
  return letter;
}

void
wsed_pg_letters_take (WsedLetters    *request,
                      const PGresult *result)
{
  request->count = (guint64) wsed_postgres_get_int8 (result, 0, COLUMN_KEPT);
  if (request->verb == WSED_LETTERS_REMOVE || request->verb == WSED_LETTERS_FAIL)
    {
      request->found = wsed_postgres_get_bool (result, 0, COLUMN_FOUND);
      return;
    }
  for (int row = 0; row < PQntuples (result); row++)
    if (!PQgetisnull (result, row, COLUMN_ID))
      g_ptr_array_add (request->letters, take_letter (result, row));
  request->found = request->verb == WSED_LETTERS_GET && request->letters->len > 0;
}
