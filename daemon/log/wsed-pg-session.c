/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPgSession owns what has to be said on each new connection before the log may use it: settings, is there a schema, which one, whose.
 * It makes the schema, under a lock, and never changes a newer one. */

#include "log/wsed-pg-session.h"

#include <gio/gio.h>
#include <string.h>

#include "wsed-pg-schema.h"

#define FORMAT 1
/* bytes of requests without an answer; a batch has 4 MiB of events */
#define MAX_WAITING (64 * 1024 * 1024)
/* ms */
#define CONNECT_TIMEOUT 5000

struct _WsedPgSession
{
  WsedPgConfig config;
  WsedPgSessionUser user;
  gpointer user_data;
  WsedPostgres *postgres;
  WsedPostgresStatement make;  /* the schema; with the epoch in it */
  gboolean ready;
};

/* Plans are made once, and only ever by index: a plan made while a table was empty would be kept when it is not. Who has waited for the
 * log's row has to see what was committed meanwhile, whatever the database's owner has set. */
static const WsedPostgresStatement settings = { "settings",
  "SELECT set_config('statement_timeout', $1, false), set_config('synchronous_commit', CASE WHEN $2 = 'off' THEN 'off'"
  " WHEN current_setting('synchronous_commit') = 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),"
  " set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),"
  " set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false),"
  " set_config('default_transaction_isolation', 'read committed', false),"
  " to_regclass('wse.log') IS NOT NULL, current_setting('server_encoding') = 'UTF8'" };
#define SETTINGS_THERE 8
#define SETTINGS_UTF8 9

static const WsedPostgresStatement hello = { "hello",
  "SELECT l.format::bigint, l.epoch, l.n, l.low_n, l.events, l.bytes, l.system = (SELECT system_identifier::text FROM pg_control_system())"
  " FROM wse.log l" };
#define HELLO_HOME 6

/* A copy in another cluster goes on by itself: its places are no longer the ones that readers of the first know. */
static const WsedPostgresStatement begin_anew = { "begin-anew",
  "UPDATE wse.log l SET epoch = $1, system = s.id FROM (SELECT system_identifier::text AS id FROM pg_control_system()) s WHERE l.system <> s.id" };

gint64
wsed_pg_config_get_most (const WsedPgConfig *config)
{
  return config->retention.max_events > 0 && config->retention.max_events < G_MAXINT64 / 2 ? (gint64) config->retention.max_events
                                                                                           : G_MAXINT64 / 2;
}

static void
give_up (WsedPgSession *self,
         const char    *doing,
         const GError  *error)
{
  g_autoptr (GError) told = g_error_new (WSE_ERROR, error->code, "%s: %s", doing, error->message);

  wsed_postgres_give_up (self->postgres, told);
}

static void
give_up_for (WsedPgSession *self,
             int            code,
             const char    *message)
{
  g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, code, message);

  wsed_postgres_give_up (self->postgres, error);
}

static void say_hello (WsedPgSession *self);

/* The tables are made, or those of a copied database begin anew. */
static void
on_made (const PGresult *result,
         const GError   *error,
         gpointer        user_data)
{
  WsedPgSession *self = user_data;

  if (error == NULL)
    say_hello (self);
  else if (result != NULL)
    give_up (self, "making the tables of the log", error);
}

static void
on_hello (const PGresult *result,
          const GError   *error,
          gpointer        user_data)
{
  WsedPgSession *self = user_data;
  g_auto (WsedPostgresValues) values = { 0 };
  char epoch[WSE_MAX_EPOCH_BYTES + 1];

  if (error != NULL || PQntuples (result) != 1)
    {
      if (error != NULL && result != NULL)
        give_up (self, "opening the log", error);
      else if (error == NULL)
        give_up_for (self, WSE_ERROR_FAILED, "opening the log: the table wse.log is empty");
      return;
    }
  if (wsed_postgres_get_int8 (result, 0, WSED_PG_HELLO_FORMAT) > FORMAT)
    {
      give_up_for (self, WSE_ERROR_FAILED, "opening the log: a newer version of wsed has made it; update this one");
      return;
    }
  if (!wsed_postgres_get_bool (result, 0, HELLO_HOME))
    {
      if (!self->user.writes)
        {
          give_up_for (self, WSE_ERROR_UNAVAILABLE, "opening the log: it is about to begin anew");
          return;
        }
      wsed_log_make_epoch (epoch);
      wsed_postgres_values_init (&values);
      wsed_postgres_values_add_text (&values, epoch);
      wsed_postgres_send (self->postgres, &begin_anew, &values, on_made, self);
      return;
    }
  self->ready = TRUE;
  self->user.ready (self, result, self->user_data);
}

static void
say_hello (WsedPgSession *self)
{
  wsed_postgres_send (self->postgres, &hello, NULL, on_hello, self);
}

static void
on_settings (const PGresult *result,
             const GError   *error,
             gpointer        user_data)
{
  WsedPgSession *self = user_data;

  if (error != NULL)
    {
      if (result != NULL)
        give_up (self, "opening the log", error);
    }
  else if (!wsed_postgres_get_bool (result, 0, SETTINGS_UTF8))
    give_up_for (self, WSE_ERROR_FAILED, "opening the log: the encoding of its database has to be UTF8");
  else if (wsed_postgres_get_bool (result, 0, SETTINGS_THERE))
    say_hello (self);
  else if (self->user.writes)
    wsed_postgres_send (self->postgres, &self->make, NULL, on_made, self);
  else
    give_up_for (self, WSE_ERROR_UNAVAILABLE, "opening the log: its tables are not there yet");
}

static void
on_opened (WsedPostgres *postgres,
           gpointer      user_data)
{
  WsedPgSession *self = user_data;
  g_autofree char *limit = g_strdup_printf ("%ums", self->config.patience);
  g_auto (WsedPostgresValues) values = { 0 };

  wsed_postgres_values_init (&values);
  wsed_postgres_values_add_text (&values, limit);
  wsed_postgres_values_add_text (&values, self->config.retention.sync_full ? "full" : "off");
  wsed_postgres_send (postgres, &settings, &values, on_settings, self);
}

static void
on_lost (WsedPostgres *postgres,
         const GError *error,
         gpointer      user_data)
{
  WsedPgSession *self = user_data;

  self->ready = FALSE;
  self->user.lost (self, error, self->user_data);
}

/* Of two daemons that come at once the second finds it made: by a query, as to_regclass() would go on by what this session found before it
 * waited for the lock. */
static char *
compose_schema (void)
{
  g_autoptr (GBytes) bytes = g_resource_lookup_data (wsed_pg_schema_get_resource (), "/wse/log/wsed-pg-schema.sql", G_RESOURCE_LOOKUP_FLAGS_NONE,
                                                      NULL);
  char epoch[WSE_MAX_EPOCH_BYTES + 1];

  wsed_log_make_epoch (epoch);
  return g_strdup_printf ("DO $wse$ BEGIN PERFORM pg_advisory_xact_lock(1465075020, 3);\n"
                          "IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                          " WHERE n.nspname = 'wse' AND c.relname = 'log') THEN\n%.*s\n"
                          "INSERT INTO wse.log (format, system, epoch) SELECT %d, system_identifier::text, '%s' FROM pg_control_system();\n"
                          "END IF; END $wse$",
                          (int) g_bytes_get_size (bytes), (const char *) g_bytes_get_data (bytes, NULL), FORMAT, epoch);
}

WsedPgSession *
wsed_pg_session_new (const WsedPgConfig      *config,
                     const WsedPgSessionUser *user,
                     gpointer                 user_data)
{
  const WsedPostgresConfig postgres = {
    .connect_timeout = CONNECT_TIMEOUT,
    /* The server's own limit comes first, where it is alive. */
    .answer_timeout = config->patience + config->patience / 4,
    .max_bytes = MAX_WAITING,
    .opened = on_opened,
    .lost = on_lost,
  };
  WsedPgSession *self = g_new0 (WsedPgSession, 1);

  self->config = *config;
  self->user = *user;
  self->user_data = user_data;
  self->make = (WsedPostgresStatement) { "make", compose_schema () };
  self->postgres = wsed_postgres_new (config->address, &postgres, self);
  return self;
}

void
wsed_pg_session_free (WsedPgSession *self)
{
  if (self == NULL)
    return;
  wsed_postgres_free (self->postgres);
  g_free ((char *) self->make.sql);
  g_free (self);
}

void
wsed_pg_session_set_context (WsedPgSession *self,
                             GMainContext  *context)
{
  wsed_postgres_set_context (self->postgres, context);
}

gboolean
wsed_pg_session_is_ready (WsedPgSession *self)
{
  return self->ready && wsed_postgres_is_open (self->postgres);
}

void
wsed_pg_session_send (WsedPgSession               *self,
                      const WsedPostgresStatement *statement,
                      const WsedPostgresValues    *values,
                      WsedPostgresDone             done,
                      gpointer                     user_data)
{
  wsed_postgres_send (self->postgres, statement, values, done, user_data);
}
