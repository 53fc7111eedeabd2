/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is said to the outbox table, and its rows as the pipeline takes them. Whose turn it is to say what is the source's. Rows of a batch
 * are named by a list of their ids: ids are given before a transaction commits, so "all above the last one" would pass over those that
 * commit late. */

#include "source/wsed-outbox-table.h"

#include <gio/gio.h>
#include <string.h>

#include "wse-error.h"
#include "wsed-outbox-schema.h"

/* Bytes of a key in a dead letter. */
#define MAX_KEY_BYTES 4096

/* An idle session is ended by the server, where it can: a daemon that hangs must not keep the lock. What is claimed has to be on disk before
 * the log has it. */
const WsedPostgresStatement wsed_outbox_settings = { "outbox-settings",
  "SELECT to_regclass('wse_outbox') IS NOT NULL AND to_regclass('wse_outbox_state') IS NOT NULL, current_setting('server_encoding') = 'UTF8',"
  " set_config('statement_timeout', '30s', false), set_config('default_transaction_isolation', 'read committed', false),"
  " set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') = 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),"
  " set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false),"
  " (SELECT set_config(name, '10s', false) FROM pg_settings WHERE name = 'idle_session_timeout')" };

const WsedPostgresStatement wsed_outbox_listen = { "outbox-listen", "LISTEN wse_outbox" };

const WsedPostgresStatement wsed_outbox_lock = { "outbox-lock",
  "SELECT pg_try_advisory_lock(1465075020, 'wse_outbox'::regclass::oid::int), s.name::text FROM wse_outbox_state s" };

const WsedPostgresStatement wsed_outbox_renumber = { "outbox-renumber",
  "UPDATE wse_outbox_state SET n = $1 + 1 WHERE n < $1 AND ids <> '{}'" };

const WsedPostgresStatement wsed_outbox_claim = { "outbox-claim",
  "UPDATE wse_outbox_state s SET n = greatest(s.n, $1) + 1, ids = b.ids FROM"
  " (SELECT array_agg(m.id ORDER BY m.id) AS ids FROM"
  "  (SELECT f.id, sum(f.bytes) OVER (ORDER BY f.id) - f.bytes AS before FROM"
  "   (SELECT o.id, octet_length(o.event::text)::bigint AS bytes FROM wse_outbox o ORDER BY o.id LIMIT $2) f) m"
  "  WHERE m.before < $3) b"
  " WHERE s.ids = '{}' AND b.ids IS NOT NULL" };

const WsedPostgresStatement wsed_outbox_fetch = { "outbox-fetch",
  "SELECT s.n, cardinality(s.ids)::bigint, o.id, left(o.key, 1024), left(o.event::text, $1::int), octet_length(o.event::text)::bigint"
  " FROM wse_outbox_state s LEFT JOIN wse_outbox o ON o.id = ANY (s.ids) ORDER BY o.id" };

enum
{
  FETCH_N,
  FETCH_COUNT,
  FETCH_ID,
  FETCH_KEY,
  FETCH_EVENT,
  FETCH_LENGTH,
};

const WsedPostgresStatement wsed_outbox_finish = { "outbox-finish",
  "WITH gone AS (DELETE FROM wse_outbox o USING wse_outbox_state s WHERE s.n = $1 AND o.id = ANY (s.ids))"
  " UPDATE wse_outbox_state SET ids = '{}' WHERE n = $1" };

const WsedPostgresStatement wsed_outbox_look = { "outbox-look",
  "SELECT (SELECT count(*) FROM (SELECT 1 FROM wse_outbox LIMIT $1) f),"
  " (SELECT (1e6 * extract(epoch FROM clock_timestamp() - o.created_at))::bigint FROM wse_outbox o ORDER BY o.id LIMIT 1)" };

const WsedPostgresStatement *
wsed_outbox_make (void)
{
  static WsedPostgresStatement make = { "outbox-make", NULL };

  if (make.sql == NULL)
    {
      g_autoptr (GBytes) bytes = g_resource_lookup_data (wsed_outbox_schema_get_resource (), "/wse/source/wsed-outbox-schema.sql",
                                                         G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

      make.sql = g_strdup_printf ("DO $wse$ BEGIN PERFORM pg_advisory_xact_lock(1465075020, 5);\n"
                                  "IF to_regclass('wse_outbox') IS NULL OR to_regclass('wse_outbox_state') IS NULL THEN\n%.*s\nEND IF; END $wse$",
                                  (int) g_bytes_get_size (bytes), (const char *) g_bytes_get_data (bytes, NULL));
    }
  return &make;
}

static void
row_free (gpointer data)
{
  WsedOutboxRow *row = data;

  wsed_input_clear (&row->input);
  g_free (row->key);
  g_free (row->text);
  g_free (row);
}

static WsedOutboxRow *
row_new (const PGresult *result,
         int             i,
         const char     *source)
{
  WsedOutboxRow *row = g_new0 (WsedOutboxRow, 1);

  row->number = wsed_postgres_get_int8 (result, i, FETCH_ID);
  row->key = g_strdup (wsed_postgres_get_text (result, i, FETCH_KEY));
  row->text = g_strdup (wsed_postgres_get_text (result, i, FETCH_EVENT));
  row->length = (guint64) wsed_postgres_get_int8 (result, i, FETCH_LENGTH);
  g_snprintf (row->id, sizeof row->id, "%s:%" G_GINT64_FORMAT, source, row->number);
  row->input = (WsedInput) { .form = WSED_FORM_JSON, .data = row->text, .length = row->text != NULL ? strlen (row->text) : 0, .event_id = row->id };
  if (row->text == NULL)
    row->input.fault = g_error_new_literal (WSE_ERROR, WSE_ERROR_INVALID, "the row has no event");
  return row;
}

GPtrArray *
wsed_outbox_read_batch (const PGresult *result,
                        const char     *source,
                        gint64         *n)
{
  int n_rows = PQntuples (result);
  GPtrArray *rows;

  /* A batch without rows is one, too: somebody has removed them by hand. */
  if (n_rows == 0 || wsed_postgres_get_int8 (result, 0, FETCH_COUNT) == 0)
    return NULL;
  *n = wsed_postgres_get_int8 (result, 0, FETCH_N);
  rows = g_ptr_array_new_full ((guint) n_rows, row_free);
  for (int i = 0; i < n_rows; i++)
    if (!PQgetisnull (result, i, FETCH_ID))
      g_ptr_array_add (rows, row_new (result, i, source));
  return rows;
}

WsedLetter *
wsed_outbox_make_letter (const WsedOutboxRow *row,
                         const char          *source,
                         const GError        *error)
{
  WsedLetter *letter = wsed_letter_new (source, row->number);

  letter->event_id = g_strdup (row->id);
  letter->topic = g_strdup ("wse_outbox");
  if (row->key != NULL)
    letter->key = g_bytes_new (row->key, MIN (strlen (row->key), MAX_KEY_BYTES));
  wsed_letter_set_input (letter, row->text, row->input.length);
  letter->length = row->length;
  wsed_letter_set_error (letter, error);
  return letter;
}
