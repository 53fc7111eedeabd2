/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The connection to PostgreSQL, against a real server. */

#include "postgres-fixture.h"

#include <string.h>

#include "postgres/wsed-postgres.h"
#include "wse-error.h"

typedef struct
{
  WsedPostgres *postgres;
  guint opened, lost, answers, errors, unknown, notified;
  GString *story;
  GError *error;               /* of the last loss, or of the last statement */
} Fixture;

static const WsedPostgresStatement increment = { "increment", "SELECT $1::bigint + 1" };
static const WsedPostgresStatement divide = { "divide", "SELECT 1 / $1::bigint" };
static const WsedPostgresStatement misspelt = { "misspelt", "SELEKT 1" };
static const WsedPostgresStatement backend = { "backend", "SELECT pg_backend_pid()" };
static const WsedPostgresStatement nap = { "nap", "SELECT pg_sleep($1::bigint)::text" };
static const WsedPostgresStatement listen_all = { "listen", "LISTEN story" };
static const WsedPostgresStatement arrays = { "arrays", "SELECT $1::bigint[], $2::text[], $3::bytea[], $4::int[], $5::text" };

static void
on_opened (WsedPostgres *postgres,
           gpointer      user_data)
{
  ((Fixture *) user_data)->opened++;
}

static void
on_lost (WsedPostgres *postgres,
         const GError *error,
         gpointer      user_data)
{
  Fixture *fixture = user_data;

  fixture->lost++;
  g_clear_error (&fixture->error);
  fixture->error = g_error_copy (error);
}

static void
on_notified (WsedPostgres *postgres,
             const char   *channel,
             const char   *payload,
             gpointer      user_data)
{
  Fixture *fixture = user_data;

  g_assert_cmpstr (channel, ==, "story");
  g_string_append (fixture->story, payload);
  fixture->notified++;
}

static void
on_answer (const PGresult *result,
           const GError   *error,
           gpointer        user_data)
{
  Fixture *fixture = user_data;

  fixture->answers++;
  fixture->errors += error != NULL;
  fixture->unknown += result == NULL;
  if (error != NULL)
    {
      g_clear_error (&fixture->error);
      fixture->error = g_error_copy (error);
    }
  else if (PQntuples (result) > 0)
    g_string_append_printf (fixture->story, "%" G_GINT64_FORMAT " ", wsed_postgres_get_int8 (result, 0, 0));
}

static void
make (Fixture    *fixture,
      const char *uri,
      guint       answer_timeout,
      gsize       max_bytes)
{
  const WsedPostgresConfig config = { 3000, answer_timeout, max_bytes, on_opened, on_lost, on_notified };
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedPostgresAddress) address = wsed_postgres_address_new (uri, &error);

  g_assert_no_error (error);
  fixture->story = g_string_new (NULL);
  fixture->postgres = wsed_postgres_new (address, &config, fixture);
  wsed_postgres_set_context (fixture->postgres, NULL);
}

static gboolean
on_overdue (gpointer user_data)
{
  g_assert_not_reached ();
  return G_SOURCE_REMOVE;
}

static void
wait_for (const guint *number,
          guint        least)
{
  guint overdue = g_timeout_add_seconds (60, on_overdue, NULL);

  while (*number < least)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (overdue);
}

static gboolean
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  g_autofree char *uri = NULL;

  if (postgres_fixture_start () == NULL)
    return FALSE;
  uri = postgres_fixture_get_uri ("postgres");
  make (fixture, uri, 10000, 1 << 20);
  wait_for (&fixture->opened, 1);
  return TRUE;
}

static void
tear_down (Fixture *fixture)
{
  wsed_postgres_free (fixture->postgres);
  g_string_free (fixture->story, TRUE);
  g_clear_error (&fixture->error);
}

static void
send_number (Fixture                     *fixture,
             const WsedPostgresStatement *statement,
             gint64                       number)
{
  g_auto (WsedPostgresValues) values = { 0 };

  wsed_postgres_values_init (&values);
  wsed_postgres_values_add_int8 (&values, number);
  wsed_postgres_send (fixture->postgres, statement, &values, on_answer, fixture);
}

/* Many at once, one of them wrong, one not even SQL: each has its own answer, in the order of sending. */
static void
test_pipeline (void)
{
  Fixture fixture = { NULL };

  if (!set_up (&fixture, NULL))
    return;
  send_number (&fixture, &increment, 1);
  send_number (&fixture, &divide, 0);
  wsed_postgres_send (fixture.postgres, &misspelt, NULL, on_answer, &fixture);
  send_number (&fixture, &increment, -3);
  send_number (&fixture, &divide, 1);
  g_assert_cmpuint (wsed_postgres_get_pending (fixture.postgres), ==, 5);
  wait_for (&fixture.answers, 5);
  g_assert_cmpstr (fixture.story->str, ==, "2 -2 1 ");
  g_assert_cmpuint (fixture.errors, ==, 2);
  /* They were answered, too. */
  g_assert_cmpuint (fixture.unknown, ==, 0);
  g_assert_error (fixture.error, WSE_ERROR, WSE_ERROR_FAILED);
  g_assert_nonnull (strstr (fixture.error->message, "SELEKT"));
  g_string_truncate (fixture.story, 0);
  for (guint i = 0; i < 1000; i++)
    send_number (&fixture, &increment, i);
  wait_for (&fixture.answers, 1005);
  g_assert_true (g_str_has_prefix (fixture.story->str, "1 2 3 4 "));
  g_assert_true (g_str_has_suffix (fixture.story->str, " 999 1000 "));
  g_assert_cmpuint (fixture.lost, ==, 0);
  tear_down (&fixture);
}

static void
on_arrays (const PGresult *result,
           const GError   *error,
           gpointer        user_data)
{
  Fixture *fixture = user_data;
  WsedPostgresArray array;
  const guint8 *item;
  gsize length;

  fixture->answers++;
  g_assert_no_error (error);
  g_assert_cmpuint (wsed_postgres_array_init (&array, result, 0, 0), ==, 2);
  g_assert_cmpint (wsed_postgres_array_next_int8 (&array), ==, G_MININT64);
  g_assert_cmpint (wsed_postgres_array_next_int8 (&array), ==, 7);
  g_assert_null (wsed_postgres_array_next (&array, &length));
  g_assert_cmpuint (wsed_postgres_array_init (&array, result, 0, 1), ==, 2);
  item = wsed_postgres_array_next (&array, &length);
  g_assert_cmpmem (item, length, "a,\"}", 4);
  item = wsed_postgres_array_next (&array, &length);
  g_assert_cmpmem (item, length, "", 0);
  g_assert_cmpuint (wsed_postgres_array_init (&array, result, 0, 2), ==, 1);
  item = wsed_postgres_array_next (&array, &length);
  g_assert_cmpmem (item, length, "\0\377", 2);
  g_assert_cmpuint (wsed_postgres_array_init (&array, result, 0, 3), ==, 0);
  g_assert_null (wsed_postgres_get_text (result, 0, 4));
}

static void
test_values (void)
{
  Fixture fixture = { NULL };
  g_auto (WsedPostgresValues) values = { 0 };

  if (postgres_fixture_start () == NULL)
    return;
  set_up (&fixture, NULL);
  wsed_postgres_values_init (&values);
  wsed_postgres_values_begin_array (&values, WSED_POSTGRES_INT8);
  wsed_postgres_values_put_int8 (&values, G_MININT64);
  wsed_postgres_values_put_int8 (&values, 7);
  wsed_postgres_values_end_array (&values);
  wsed_postgres_values_begin_array (&values, WSED_POSTGRES_TEXT);
  wsed_postgres_values_put_text (&values, "a,\"}");
  wsed_postgres_values_put_text (&values, "");
  wsed_postgres_values_end_array (&values);
  wsed_postgres_values_begin_array (&values, WSED_POSTGRES_BYTEA);
  wsed_postgres_values_put (&values, "\0\377", 2);
  wsed_postgres_values_end_array (&values);
  wsed_postgres_values_begin_array (&values, WSED_POSTGRES_INT4);
  wsed_postgres_values_end_array (&values);
  wsed_postgres_values_add_text (&values, NULL);
  wsed_postgres_send (fixture.postgres, &arrays, &values, on_arrays, &fixture);
  wait_for (&fixture.answers, 1);
  tear_down (&fixture);
}

/* What is too much is refused in its turn, the rest is answered. */
static void
test_bound (void)
{
  Fixture fixture = { NULL };
  g_autofree char *uri = NULL;

  if (postgres_fixture_start () == NULL)
    return;
  uri = postgres_fixture_get_uri ("postgres");
  make (&fixture, uri, 10000, 2000);
  wait_for (&fixture.opened, 1);
  for (guint i = 0; i < 100; i++)
    send_number (&fixture, &increment, i);
  wait_for (&fixture.answers, 100);
  g_assert_cmpuint (fixture.errors, >, 50);
  g_assert_cmpuint (fixture.errors, <, 100);
  g_assert_error (fixture.error, WSE_ERROR, WSE_ERROR_BUSY);
  send_number (&fixture, &increment, 1);
  wait_for (&fixture.answers, 101);
  g_assert_true (g_str_has_suffix (fixture.story->str, " 2 "));
  tear_down (&fixture);
}

/* Ended by an operator: what was under way has no result, and the connection comes back with all its statements. */
static void
test_terminated (void)
{
  Fixture fixture = { NULL };
  g_autofree char *pid = NULL;

  if (!set_up (&fixture, NULL))
    return;
  send_number (&fixture, &increment, 1);
  wsed_postgres_send (fixture.postgres, &backend, NULL, on_answer, &fixture);
  wait_for (&fixture.answers, 2);
  send_number (&fixture, &nap, 100);
  send_number (&fixture, &increment, 2);
  g_main_context_iteration (NULL, FALSE);
  pid = g_strstrip (g_strdup (fixture.story->str + 2));
  g_free (postgres_fixture_ask ("postgres", "SELECT pg_terminate_backend(%s)", pid));
  wait_for (&fixture.opened, 2);
  g_assert_cmpuint (fixture.lost, ==, 1);
  g_assert_cmpuint (fixture.answers, ==, 4);
  g_assert_cmpuint (fixture.unknown, ==, 2);
  g_assert_error (fixture.error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  send_number (&fixture, &increment, 41);
  wait_for (&fixture.answers, 5);
  g_assert_true (g_str_has_suffix (fixture.story->str, " 42 "));
  tear_down (&fixture);
}

static void
test_killed (void)
{
  Fixture fixture = { NULL };

  if (!set_up (&fixture, NULL))
    return;
  send_number (&fixture, &nap, 100);
  postgres_fixture_kill ();
  /* More than one try fails. */
  wait_for (&fixture.lost, 3);
  g_assert_cmpuint (fixture.unknown, ==, 1);
  g_assert_error (fixture.error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  postgres_fixture_restart ();
  wait_for (&fixture.opened, 2);
  send_number (&fixture, &increment, 41);
  wait_for (&fixture.answers, 2);
  g_assert_cmpstr (fixture.story->str, ==, "42 ");
  tear_down (&fixture);
}

/* A server that hangs is given up, while the loop runs on. */
static void
test_hanging (void)
{
  Fixture fixture = { NULL };
  g_autofree char *uri = NULL;

  if (postgres_fixture_start () == NULL)
    return;
  uri = postgres_fixture_get_uri ("postgres");
  make (&fixture, uri, 300, 1 << 20);
  wait_for (&fixture.opened, 1);
  postgres_fixture_suspend ();
  send_number (&fixture, &increment, 1);
  wait_for (&fixture.lost, 1);
  g_assert_cmpuint (fixture.unknown, ==, 1);
  g_assert_error (fixture.error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (fixture.error->message, "not answered"));
  postgres_fixture_resume ();
  wait_for (&fixture.opened, 2);
  tear_down (&fixture);
}

static void
test_notifications (void)
{
  Fixture fixture = { NULL };

  if (!set_up (&fixture, NULL))
    return;
  wsed_postgres_send (fixture.postgres, &listen_all, NULL, on_answer, &fixture);
  wait_for (&fixture.answers, 1);
  g_free (postgres_fixture_ask ("postgres", "NOTIFY story, 'once'; NOTIFY story, ' upon'"));
  wait_for (&fixture.notified, 2);
  g_assert_cmpstr (fixture.story->str, ==, "once upon");
  tear_down (&fixture);
}

/* What would not help to be tried again is told apart. */
static void
test_refused (void)
{
  Fixture fixture = { NULL };
  g_autofree char *uri = NULL, *wrong = NULL;

  if (postgres_fixture_start () == NULL)
    return;
  uri = postgres_fixture_get_uri ("postgres");
  wrong = g_strconcat (uri, "-not", NULL);
  make (&fixture, wrong, 10000, 1 << 20);
  wait_for (&fixture.lost, 1);
  g_assert_error (fixture.error, WSE_ERROR, WSE_ERROR_FAILED);
  g_assert_cmpstr (fixture.error->message, ==, "connecting to PostgreSQL: database \"postgres-not\" does not exist");
  tear_down (&fixture);
}

static void
test_unreachable (void)
{
  static const char *const uris[] = {
    "postgresql:///postgres?host=/nowhere", "postgresql://127.0.0.1:1/postgres", "postgresql://localhost:1/postgres",
    "postgresql://nowhere.invalid/postgres", "postgresql://nowhere.invalid:2,localhost:1/postgres",
  };

  for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      Fixture fixture = { NULL };

      make (&fixture, uris[i], 10000, 1 << 20);
      wait_for (&fixture.lost, 2);
      g_assert_error (fixture.error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
      tear_down (&fixture);
    }
}

/* Another context, also while a name is being looked up and while a statement is under way. */
static void
test_contexts (void)
{
  Fixture fixture = { NULL };
  g_autoptr (GMainContext) context = g_main_context_new ();

  if (!set_up (&fixture, NULL))
    return;
  send_number (&fixture, &increment, 1);
  wsed_postgres_set_context (fixture.postgres, context);
  while (fixture.answers < 1)
    g_main_context_iteration (context, TRUE);
  send_number (&fixture, &increment, 2);
  wsed_postgres_set_context (fixture.postgres, NULL);
  wait_for (&fixture.answers, 2);
  g_assert_cmpstr (fixture.story->str, ==, "2 3 ");
  tear_down (&fixture);
  fixture = (Fixture) { NULL };
  make (&fixture, "postgresql://nowhere.invalid/postgres", 10000, 1 << 20);
  g_main_context_iteration (NULL, FALSE);
  wsed_postgres_set_context (fixture.postgres, context);
  while (fixture.lost < 1)
    g_main_context_iteration (context, TRUE);
  tear_down (&fixture);
}

/* Nothing that people see has a password in it. */
static void
test_address (void)
{
  static const struct { const char *uri, *name; } good[] = {
    { "postgresql://wse:secret@db.example:5433/events?sslmode=require", "postgresql://wse@db.example:5433/events" },
    { "postgres://wse:secret@db1,db2/events", "postgresql://wse@db1,db2:,/events" },
    { "postgresql:///events?host=/run/postgresql&password=secret", "postgresql:///run/postgresql/events" },
    { "postgresql://[::1]/", "postgresql://::1" },
    { "postgresql://%2Frun/events?application_name=a@b", "postgresql:///run/events" },
  };
  static const char *const bad[] = {
    "postgresql://wse:secret@db/x?secret", "postgresql://wse:sec%ret@db/x", "postgresql://wse:secret@[db/x", "postgresql://wse@db/x?secret=1",
    "postgresql://wse:a@secret@db/x", "postgresql://wse:a/secret@db/x", "postgresql://wse:5/secret@db/x", "postgresql://wse:a?b@secret@db/x",
    "postgresql://wse:5/secret@db:9/x?port=7", "postgresql://wse:secret@db:port/x", "postgresql://wse:secret@db:70000/x",
    "postgresql://db1:5432,db2:0/x", "postgresql://wse:secret/db", "postgresql://wse:secret@db/x?sslmode=verify",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (WsedPostgresAddress) address = wsed_postgres_address_new (good[i].uri, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (wsed_postgres_address_get_name (address), ==, good[i].name);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (wsed_postgres_address_new (bad[i], &error));
      g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
      g_assert_null (strstr (error->message, "secret"));
    }
}

static void
on_resolved (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (GError) error = NULL;

  *(GPtrArray **) user_data = wsed_postgres_address_resolve_finish (result, &error);
  g_assert_no_error (error);
}

/* With a host and without one, as a number, and as a socket's directory: pairs of texts, no more. */
static void
test_resolve (void)
{
  static const char * const uris[] = { "postgresql://", "postgresql:///db", "postgresql://u@127.0.0.1:5433/db", "postgresql://?hostaddr=127.0.0.1",
                                       "postgresql://?host=/run/postgresql", "postgresql://localhost,127.0.0.1/db" };

  g_unsetenv ("PGHOST");
  for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (WsedPostgresAddress) address = wsed_postgres_address_new (uris[i], &error);
      g_autoptr (GPtrArray) parameters = NULL;

      g_assert_no_error (error);
      wsed_postgres_address_resolve (address, NULL, on_resolved, &parameters);
      while (parameters == NULL)
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpuint (parameters->len % 2, ==, 0);
      for (guint k = 0; k < parameters->len; k++)
        g_assert_nonnull (g_ptr_array_index (parameters, k));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/postgres/address", test_address);
  g_test_add_func ("/postgres/resolve", test_resolve);
  g_test_add_func ("/postgres/pipeline", test_pipeline);
  g_test_add_func ("/postgres/values", test_values);
  g_test_add_func ("/postgres/bound", test_bound);
  g_test_add_func ("/postgres/notifications", test_notifications);
  g_test_add_func ("/postgres/terminated", test_terminated);
  g_test_add_func ("/postgres/killed", test_killed);
  g_test_add_func ("/postgres/hanging", test_hanging);
  g_test_add_func ("/postgres/refused", test_refused);
  g_test_add_func ("/postgres/unreachable", test_unreachable);
  g_test_add_func ("/postgres/contexts", test_contexts);
  return g_test_run ();
}
