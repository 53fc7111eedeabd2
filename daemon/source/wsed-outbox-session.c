/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The outbox session: what has to be said on each new connection before the outbox may be emptied, the lock, and a look now and then at how
 * much waits. Nothing rests on the lock: it saves daemons from doing the same twice. It knows nothing of batches, nor of the log. */

#include "source/wsed-outbox-session.h"

#include "metrics/wsed-metrics.h"
#include "source/wsed-outbox-table.h"
#include "wse-error.h"

/* ms */
#define CONNECT_TIMEOUT 5000
#define ANSWER_TIMEOUT 40000
#define BEAT 1000
/* Bytes of what is said to PostgreSQL. */
#define MAX_SAID (1024 * 1024)
/* Rows that are counted, for who looks at the metrics. */
#define MAX_COUNTED 10000

typedef struct
{
  WsedMetric *waiting, *age, *draining;
} Metrics;

struct _WsedOutboxSession
{
  WsedOutboxSessionUser user;
  gpointer user_data;
  WsedPostgres *postgres;
  Metrics metrics;
  guint timer;
  gboolean ready;              /* the table is there */
  gboolean taken;
  gboolean asking;             /* for the lock, or how much waits */
};

static void
fail (WsedOutboxSession *self,
      const char        *message)
{
  g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, WSE_ERROR_FAILED, message);

  wsed_postgres_give_up (self->postgres, error);
}

void
wsed_outbox_session_refuse (WsedOutboxSession *self,
                            const char        *doing,
                            const PGresult    *result,
                            const GError      *error)
{
  g_autoptr (GError) told = NULL;

  /* Without an answer the connection is lost, which is told by itself. */
  if (result == NULL)
    return;
  told = g_error_new (WSE_ERROR, error->code, "%s: %s", doing, error->message);
  wsed_postgres_give_up (self->postgres, told);
}

void
wsed_outbox_session_send (WsedOutboxSession           *self,
                          const WsedPostgresStatement *statement,
                          const gint64                *numbers,
                          guint                        n_numbers,
                          WsedPostgresDone             done,
                          gpointer                     user_data)
{
  g_auto (WsedPostgresValues) values = { 0 };

  wsed_postgres_values_init (&values);
  for (guint i = 0; i < n_numbers; i++)
    wsed_postgres_values_add_int8 (&values, numbers[i]);
  wsed_postgres_send (self->postgres, statement, &values, done, user_data);
}

static void
say (WsedOutboxSession           *self,
     const WsedPostgresStatement *statement,
     WsedPostgresDone             done)
{
  wsed_outbox_session_send (self, statement, NULL, 0, done, self);
}

static void
on_locked (const PGresult *result,
           const GError   *error,
           gpointer        user_data)
{
  WsedOutboxSession *self = user_data;

  self->asking = FALSE;
  if (error != NULL)
    wsed_outbox_session_refuse (self, "taking the outbox", result, error);
  else if (PQntuples (result) != 1)
    fail (self, "the table wse_outbox_state has to have one row");
  else if (!wsed_postgres_get_bool (result, 0, WSED_OUTBOX_LOCK_TAKEN))
    self->user.standby (self->user_data);
  else
    {
      g_message ("the outbox: this daemon empties it");
      self->taken = TRUE;
      wsed_metric_set (self->metrics.draining, 1);
      self->user.taken (wsed_postgres_get_text (result, 0, WSED_OUTBOX_LOCK_NAME), self->user_data);
    }
}

static void
on_listening (const PGresult *result,
              const GError   *error,
              gpointer        user_data)
{
  WsedOutboxSession *self = user_data;

  if (error != NULL)
    {
      wsed_outbox_session_refuse (self, "listening to the outbox", result, error);
      return;
    }
  self->ready = self->asking = TRUE;
  say (self, &wsed_outbox_lock, on_locked);
}

static void
on_made (const PGresult *result,
         const GError   *error,
         gpointer        user_data)
{
  WsedOutboxSession *self = user_data;

  if (error != NULL)
    wsed_outbox_session_refuse (self, "making the table wse_outbox", result, error);
  else
    say (self, &wsed_outbox_listen, on_listening);
}

static void
on_settings (const PGresult *result,
             const GError   *error,
             gpointer        user_data)
{
  WsedOutboxSession *self = user_data;

  if (error != NULL)
    wsed_outbox_session_refuse (self, "opening the outbox", result, error);
  else if (!wsed_postgres_get_bool (result, 0, WSED_OUTBOX_SETTINGS_UTF8))
    fail (self, "the encoding of the outbox's database has to be UTF8");
  else if (wsed_postgres_get_bool (result, 0, WSED_OUTBOX_SETTINGS_THERE))
    say (self, &wsed_outbox_listen, on_listening);
  else
    say (self, wsed_outbox_make (), on_made);
}

static void
on_opened (WsedPostgres *postgres,
           gpointer      user_data)
{
  say (user_data, &wsed_outbox_settings, on_settings);
}

/* The lock goes with the connection. */
static void
on_lost (WsedPostgres *postgres,
         const GError *error,
         gpointer      user_data)
{
  WsedOutboxSession *self = user_data;

  self->ready = self->taken = self->asking = FALSE;
  wsed_metric_set (self->metrics.draining, 0);
  wsed_metric_set (self->metrics.waiting, 0);
  wsed_metric_set (self->metrics.age, 0);
  self->user.lost (error, self->user_data);
}

static void
on_notified (WsedPostgres *postgres,
             const char   *channel,
             const char   *payload,
             gpointer      user_data)
{
  WsedOutboxSession *self = user_data;

  if (self->taken)
    self->user.woken (self->user_data);
}

static void
on_looked (const PGresult *result,
           const GError   *error,
           gpointer        user_data)
{
  WsedOutboxSession *self = user_data;

  self->asking = FALSE;
  if (error != NULL)
    {
      wsed_outbox_session_refuse (self, "looking into the outbox", result, error);
      return;
    }
  wsed_metric_set (self->metrics.waiting, wsed_postgres_get_int8 (result, 0, WSED_OUTBOX_LOOK_ROWS));
  wsed_metric_set (self->metrics.age, MAX (0, wsed_postgres_get_int8 (result, 0, WSED_OUTBOX_LOOK_AGE)) / G_USEC_PER_SEC);
}

/* Shows the server also that somebody is there: it ends sessions that say nothing for long. */
static gboolean
on_beat (gpointer user_data)
{
  static const gint64 most = MAX_COUNTED;
  WsedOutboxSession *self = user_data;

  if (!self->ready || !wsed_postgres_is_open (self->postgres))
    return G_SOURCE_CONTINUE;
  if (!self->asking)
    {
      self->asking = TRUE;
      if (self->taken)
        wsed_outbox_session_send (self, &wsed_outbox_look, &most, 1, on_looked, self);
      else
        say (self, &wsed_outbox_lock, on_locked);
    }
  if (self->taken)
    self->user.beat (self->user_data);
  return G_SOURCE_CONTINUE;
}

gboolean
wsed_outbox_session_is_idle (WsedOutboxSession *self)
{
  return !wsed_postgres_is_open (self->postgres) || wsed_postgres_get_pending (self->postgres) == 0;
}

WsedOutboxSession *
wsed_outbox_session_new (WsedPostgresAddress         *address,
                         const WsedOutboxSessionUser *user,
                         gpointer                     user_data)
{
  static const WsedPostgresConfig config = { CONNECT_TIMEOUT, ANSWER_TIMEOUT, MAX_SAID, on_opened, on_lost, on_notified };
  WsedOutboxSession *self = g_new0 (WsedOutboxSession, 1);

  self->user = *user;
  self->user_data = user_data;
  self->metrics = (Metrics) {
    .waiting = wsed_metric_new (WSED_METRIC_GAUGE, "wse_outbox_waiting", "Rows of the outbox that are not removed yet; counted up to 10,000."),
    .age = wsed_metric_new (WSED_METRIC_GAUGE, "wse_outbox_age_seconds", "Since the oldest row of the outbox was written."),
    .draining = wsed_metric_new (WSED_METRIC_GAUGE, "wse_outbox_draining", "1 where this daemon empties the outbox, else 0."),
  };
  self->postgres = wsed_postgres_new (address, &config, self);
  wsed_postgres_set_context (self->postgres, NULL);
  self->timer = g_timeout_add (BEAT, on_beat, self);
  return self;
}

void
wsed_outbox_session_free (WsedOutboxSession *self)
{
  if (self == NULL)
    return;
  g_source_remove (self->timer);
  wsed_postgres_free (self->postgres);
  g_free (self);
}
