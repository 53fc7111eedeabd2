/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSqliteSources keeps where sources stand, in memory too, and the inputs that failed. A move is checked against what is staged before
 * it, so that several of one source may share a transaction. */

#include "log/wsed-sqlite-sources.h"

#include <string.h>

enum
{
  SET_POSITION,
  INSERT,
  FIRST,
  DELETE,
  LIST,
  GET,
  FAIL,
  FORGET,
  N_STATEMENTS,
};

#define COLUMNS "id,source,position,event_id,topic,key,headers,length,code,error,first,last,tries"

static const char *const sql[] = {
  [SET_POSITION] = "INSERT OR REPLACE INTO position VALUES(?1,?2)",
  [INSERT] = "INSERT INTO letter(source,position,event_id,topic,key,headers,length,code,error,first,last,tries,input,bytes)"
             " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
  [FIRST] = "SELECT id,bytes FROM letter ORDER BY id LIMIT 1",
  [DELETE] = "DELETE FROM letter WHERE id=?1 RETURNING bytes",
  [LIST] = "SELECT " COLUMNS " FROM letter WHERE id<?1 AND last>=?2 ORDER BY id DESC LIMIT ?3",
  [GET] = "SELECT " COLUMNS ",input FROM letter WHERE id=?1 AND last>=?2",
  [FAIL] = "UPDATE letter SET code=?2,error=?3,last=?4,tries=tries+1 WHERE id=?1 AND last>=?5 RETURNING id",
  [FORGET] = "DELETE FROM letter WHERE last<?1",
};

struct _WsedSqliteSources
{
  sqlite3 *db;
  sqlite3_stmt *statements[N_STATEMENTS];
  GHashTable *kept;            /* source → gint64 */
  GHashTable *staged;          /* the same, not committed yet */
  GPtrArray *letters;          /* (element-type WsedLetter), borrowed: not committed yet */
  guint64 count, bytes;        /* of the letters in the file */
};

static gboolean
measure (WsedSqliteSources  *self,
         GError            **error)
{
  sqlite3_stmt *statement = wsed_sqlite_prepare (self->db, "SELECT count(*),coalesce(sum(bytes),0) FROM letter", error);
  gboolean done = statement != NULL && sqlite3_step (statement) == SQLITE_ROW;

  if (done)
    {
      self->count = sqlite3_column_int64 (statement, 0);
      self->bytes = sqlite3_column_int64 (statement, 1);
    }
  else if (statement != NULL)
    wsed_sqlite_set_error (self->db, "counting the dead letters", error);
  sqlite3_finalize (statement);
  return done;
}

static gboolean
load_positions (WsedSqliteSources  *self,
                GError            **error)
{
  sqlite3_stmt *statement = wsed_sqlite_prepare (self->db, "SELECT source,at FROM position", error);
  int code = SQLITE_ERROR;

  while (statement != NULL && (code = sqlite3_step (statement)) == SQLITE_ROW)
    {
      gint64 position = sqlite3_column_int64 (statement, 1);

      g_hash_table_replace (self->kept, g_strdup ((const char *) sqlite3_column_text (statement, 0)),
                            g_memdup2 (&position, sizeof position));
    }
  if (statement != NULL && code != SQLITE_DONE)
    wsed_sqlite_set_error (self->db, "reading where sources stand", error);
  sqlite3_finalize (statement);
  return code == SQLITE_DONE;
}

WsedSqliteSources *
wsed_sqlite_sources_new (sqlite3  *db,
                         GError  **error)
{
  WsedSqliteSources *self = g_new0 (WsedSqliteSources, 1);
  gboolean done = TRUE;

  self->db = db;
  self->kept = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->staged = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->letters = g_ptr_array_new ();
  for (guint i = 0; done && i < N_STATEMENTS; i++)
    done = (self->statements[i] = wsed_sqlite_prepare (db, sql[i], error)) != NULL;
  if (done && measure (self, error) && load_positions (self, error))
    return self;
  wsed_sqlite_sources_free (self);
  return NULL;
}

void
wsed_sqlite_sources_free (WsedSqliteSources *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < N_STATEMENTS; i++)
    sqlite3_finalize (self->statements[i]);
  g_hash_table_unref (self->kept);
  g_hash_table_unref (self->staged);
  g_ptr_array_unref (self->letters);
  g_free (self);
}

static gint64
find_position (WsedSqliteSources *self,
               const char        *source)
{
  const gint64 *position = g_hash_table_lookup (self->staged, source);

  if (position == NULL)
    position = g_hash_table_lookup (self->kept, source);
  return position != NULL ? *position : -1;
}

gboolean
wsed_sqlite_sources_stage (WsedSqliteSources *self,
                           WsedAppend        *append)
{
  guint n_moves = append->moves != NULL ? append->moves->len : 0;

  for (guint i = 0; i < n_moves; i++)
    {
      WsedMove *move = &g_array_index (append->moves, WsedMove, i);
      gint64 kept = find_position (self, move->source);

      if (kept == move->from)
        continue;
      move->kept = kept;
      wsed_append_set_conflict (append, move);
      return FALSE;
    }
  for (guint i = 0; i < n_moves; i++)
    {
      const WsedMove *move = &g_array_index (append->moves, WsedMove, i);

      g_hash_table_replace (self->staged, g_strdup (move->source), g_memdup2 (&move->to, sizeof move->to));
    }
  for (guint i = 0; append->letters != NULL && i < append->letters->len; i++)
    g_ptr_array_add (self->letters, g_ptr_array_index (append->letters, i));
  return TRUE;
}

gboolean
wsed_sqlite_sources_is_staged (WsedSqliteSources *self)
{
  return g_hash_table_size (self->staged) > 0 || self->letters->len > 0;
}

static void
bind_bytes (sqlite3_stmt *statement,
            int           place,
            GBytes       *bytes)
{
  gsize length;
  gconstpointer data;

  if (bytes == NULL)
    {
      sqlite3_bind_null (statement, place);
      return;
    }
  data = g_bytes_get_data (bytes, &length);
  /* Without a pointer SQLite takes no bytes for no value. */
  sqlite3_bind_blob (statement, place, length > 0 ? data : "", length, SQLITE_STATIC);
}

static gboolean
insert_letter (WsedSqliteSources  *self,
               const WsedLetter   *letter,
               GError            **error)
{
  sqlite3_stmt *insert = self->statements[INSERT];
  gsize bytes = wsed_letter_measure (letter);

  sqlite3_bind_text (insert, 1, letter->source, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (insert, 2, letter->position);
  sqlite3_bind_text (insert, 3, letter->event_id, -1, SQLITE_STATIC);
  sqlite3_bind_text (insert, 4, letter->topic, -1, SQLITE_STATIC);
  bind_bytes (insert, 5, letter->key);
  sqlite3_bind_text (insert, 6, letter->headers, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (insert, 7, letter->length);
  sqlite3_bind_text (insert, 8, letter->code, -1, SQLITE_STATIC);
  sqlite3_bind_text (insert, 9, letter->error, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (insert, 10, letter->first);
  sqlite3_bind_int64 (insert, 11, letter->last);
  sqlite3_bind_int64 (insert, 12, letter->tries);
  bind_bytes (insert, 13, letter->input);
  sqlite3_bind_int64 (insert, 14, bytes);
  self->count++;
  self->bytes += bytes;
  return wsed_sqlite_run (insert, error);
}

/* *@found: it was there. */
static gboolean
delete_letter (WsedSqliteSources  *self,
               guint64             id,
               gboolean           *found,
               GError            **error)
{
  sqlite3_stmt *delete = self->statements[DELETE];
  int code;

  *found = FALSE;
  sqlite3_bind_int64 (delete, 1, id);
  while ((code = sqlite3_step (delete)) == SQLITE_ROW)
    {
      *found = TRUE;
      self->count--;
      self->bytes -= sqlite3_column_int64 (delete, 0);
    }
  if (code != SQLITE_DONE)
    wsed_sqlite_set_error (self->db, "removing a dead letter", error);
  sqlite3_reset (delete);
  return code == SQLITE_DONE;
}

static gboolean
trim_letters (WsedSqliteSources  *self,
              GError            **error)
{
  while (self->count > WSED_MAX_LETTERS || (self->count > 1 && self->bytes > WSED_MAX_LETTERS_BYTES))
    {
      sqlite3_stmt *first = self->statements[FIRST];
      gboolean found = sqlite3_step (first) == SQLITE_ROW;
      guint64 id = sqlite3_column_int64 (first, 0);

      sqlite3_reset (first);
      if (!found || !delete_letter (self, id, &found, error))
        return found;
    }
  return TRUE;
}

gboolean
wsed_sqlite_sources_write (WsedSqliteSources  *self,
                           GError            **error)
{
  sqlite3_stmt *set = self->statements[SET_POSITION];
  GHashTableIter iter;
  gpointer source, position;

  g_hash_table_iter_init (&iter, self->staged);
  while (g_hash_table_iter_next (&iter, &source, &position))
    {
      sqlite3_bind_text (set, 1, source, -1, SQLITE_STATIC);
      sqlite3_bind_int64 (set, 2, *(gint64 *) position);
      if (!wsed_sqlite_run (set, error))
        return FALSE;
    }
  for (guint i = 0; i < self->letters->len; i++)
    if (!insert_letter (self, g_ptr_array_index (self->letters, i), error))
      return FALSE;
  return self->letters->len == 0 || trim_letters (self, error);
}

void
wsed_sqlite_sources_commit (WsedSqliteSources *self)
{
  GHashTableIter iter;
  gpointer source, position;

  g_hash_table_iter_init (&iter, self->staged);
  while (g_hash_table_iter_next (&iter, &source, &position))
    {
      g_hash_table_iter_steal (&iter);
      g_hash_table_replace (self->kept, source, position);
    }
  g_ptr_array_set_size (self->letters, 0);
}

void
wsed_sqlite_sources_abort (WsedSqliteSources *self)
{
  g_hash_table_remove_all (self->staged);
  if (self->letters->len > 0)
    measure (self, NULL);
  g_ptr_array_set_size (self->letters, 0);
}

static int
compare_positions (gconstpointer a,
                   gconstpointer b)
{
  return strcmp (((const WsedSourcePosition *) a)->source, ((const WsedSourcePosition *) b)->source);
}

void
wsed_sqlite_sources_positions (WsedSqliteSources *self,
                               WsedPositions     *positions)
{
  GHashTableIter iter;
  gpointer source, position;

  g_hash_table_iter_init (&iter, self->kept);
  while (g_hash_table_iter_next (&iter, &source, &position))
    if (g_str_has_prefix (source, positions->prefix))
      wsed_positions_add (positions, source, *(gint64 *) position);
  g_array_sort (positions->positions, compare_positions);
}

static GBytes *
read_bytes (sqlite3_stmt *statement,
            int           column)
{
  if (sqlite3_column_type (statement, column) == SQLITE_NULL)
    return NULL;
  return g_bytes_new (sqlite3_column_blob (statement, column), sqlite3_column_bytes (statement, column));
}

static char *
read_text (sqlite3_stmt *statement,
           int           column)
{
  return g_strdup ((const char *) sqlite3_column_text (statement, column));
}

static WsedLetter *
read_letter (sqlite3_stmt *row)
{
  WsedLetter *letter = g_new0 (WsedLetter, 1);

  letter->id = sqlite3_column_int64 (row, 0);
  letter->source = read_text (row, 1);
  letter->position = sqlite3_column_int64 (row, 2);
  letter->event_id = read_text (row, 3);
  letter->topic = read_text (row, 4);
  letter->key = read_bytes (row, 5);
  letter->headers = read_text (row, 6);
  letter->length = sqlite3_column_int64 (row, 7);
  letter->code = read_text (row, 8);
  letter->error = read_text (row, 9);
  letter->first = sqlite3_column_int64 (row, 10);
  letter->last = sqlite3_column_int64 (row, 11);
  letter->tries = sqlite3_column_int (row, 12);
  if (sqlite3_column_count (row) > 13)
    letter->input = read_bytes (row, 13);
  return letter;
}

/* Runs LIST or GET, with its first two places bound. */
static gboolean
read_letters (WsedSqliteSources  *self,
              sqlite3_stmt       *select,
              WsedLetters        *request,
              GError            **error)
{
  int code;

  while ((code = sqlite3_step (select)) == SQLITE_ROW)
    g_ptr_array_add (request->letters, read_letter (select));
  if (code != SQLITE_DONE)
    wsed_sqlite_set_error (self->db, "reading the dead letters", error);
  sqlite3_reset (select);
  request->found = request->letters->len > 0;
  return code == SQLITE_DONE;
}

static gboolean
fail_letter (WsedSqliteSources  *self,
             WsedLetters        *request,
             gint64              now,
             GError            **error)
{
  sqlite3_stmt *fail = self->statements[FAIL];
  int code;

  sqlite3_bind_int64 (fail, 1, request->id);
  sqlite3_bind_text (fail, 2, request->code, -1, SQLITE_STATIC);
  sqlite3_bind_text (fail, 3, request->reason, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (fail, 4, now);
  sqlite3_bind_int64 (fail, 5, now - WSED_LETTER_AGE);
  while ((code = sqlite3_step (fail)) == SQLITE_ROW)
    request->found = TRUE;
  if (code != SQLITE_DONE)
    wsed_sqlite_set_error (self->db, "writing a dead letter", error);
  sqlite3_reset (fail);
  return code == SQLITE_DONE;
}

gboolean
wsed_sqlite_sources_letters (WsedSqliteSources  *self,
                             WsedLetters        *request,
                             gint64              now,
                             GError            **error)
{
  sqlite3_stmt *select = self->statements[request->verb == WSED_LETTERS_LIST ? LIST : GET];
  gboolean done;

  switch (request->verb)
    {
    case WSED_LETTERS_LIST:
    case WSED_LETTERS_GET:
      sqlite3_bind_int64 (select, 1, request->id != 0 || request->verb == WSED_LETTERS_GET ? (gint64) request->id : G_MAXINT64);
      sqlite3_bind_int64 (select, 2, now - WSED_LETTER_AGE);
      if (request->verb == WSED_LETTERS_LIST)
        sqlite3_bind_int64 (select, 3, request->limit);
      done = read_letters (self, select, request, error);
      break;

    case WSED_LETTERS_REMOVE:
      done = delete_letter (self, request->id, &request->found, error);
      break;

    case WSED_LETTERS_FAIL:
    default:
      done = fail_letter (self, request, now, error);
      break;
    }
  request->count = self->count;
  return done;
}

gboolean
wsed_sqlite_sources_forget (WsedSqliteSources  *self,
                            gint64              now,
                            GError            **error)
{
  if (self->count == 0)
    return TRUE;
  sqlite3_bind_int64 (self->statements[FORGET], 1, now - WSED_LETTER_AGE);
  return wsed_sqlite_run (self->statements[FORGET], error) && measure (self, error);
}

guint64
wsed_sqlite_sources_count (WsedSqliteSources *self)
{
  return self->count;
}
