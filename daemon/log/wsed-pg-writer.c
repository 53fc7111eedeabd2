/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPgWriter owns the queue of all that has an order and the one connection that carries it out, a wave at a time: appends that came
 * together, or a run of other requests. An append without an answer is sent again as the same attempt, which the server carries out once;
 * one that nobody waits for any more is fenced off first. */

#include "log/wsed-pg-writer.h"
#include "log/wsed-pg-batch.h"
#include "log/wsed-pg-request.h"

#include <string.h>

/* Requests that go together. */
#define WAVE 64
/* Events and places that one step of retention takes, at most; ms between two steps while there is nothing to do. */
#define TRIM_STEP 2000
#define TRIM_PAUSE 1000

struct _WsedPgWriter
{
  WsedPgConfig config;
  WsedPgSession *session;
  char id[WSE_MAX_EPOCH_BYTES + 1];
  GQueue waiting;              /* (element-type WsedPgTask) */
  GQueue wave;                 /* (element-type WsedPgTask) sent, but appends */
  gboolean opening;            /* ready, but for the fence */

  WsedPgBatch *batch;          /* appends under way; NULL: none */
  gboolean sent;               /* an answer is owed for it */
  gboolean asking_known;       /* it waits for the first events of known ids */
  gint64 batch_deadline;
  gint64 attempt;              /* of the batch */
  gint64 lost;                 /* 0, or up to this attempt nobody waits any more */
  guint erasures;              /* asked for so far */
  guint singly;                /* so many appends go one by one: of several together one was refused */

  gboolean trimming;
  gint64 next_trim;            /* monotonic µs */
  GError *fault;
  WsedLogStats stats;
};

static const WsedPostgresStatement append = { "append",
  "SELECT base, heads, known, known_n, known_seq, conflicts, events, bytes"
  " FROM wse.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
  " $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)" };
#define APPEND_EVENTS 6
#define APPEND_BYTES 7
static const WsedPostgresStatement known = { "known", "SELECT e.n, e.channels, e.seqs FROM wse.entry e WHERE e.n = ANY ($1)" };
static const WsedPostgresStatement fence = { "fence", "SELECT wse.fence($1, $2)" };
static const WsedPostgresStatement trim = { "trim",
  "SELECT more, removed, events, bytes, letters FROM wse.trim($1, $2, $3, $4::integer, $5, $6, $7, $8, $9)" };

static void begin_wave (WsedPgWriter *self);

static void
set_fault (WsedPgWriter *self,
           const GError *error)
{
  g_clear_error (&self->fault);
  if (error != NULL)
    self->fault = g_error_copy (error);
}

static void
end_batch (WsedPgWriter *self,
           const GError *error)
{
  WsedPgBatch *batch = g_steal_pointer (&self->batch);

  self->stats.queued_bytes -= MIN (self->stats.queued_bytes, wsed_pg_batch_get_bytes (batch));
  wsed_pg_batch_answer (batch, error);
  if (error == NULL)
    {
      self->stats.appended += wsed_pg_batch_get_fresh (batch);
      self->stats.duplicates += wsed_pg_batch_get_known (batch);
      self->stats.commits++;
    }
  wsed_pg_batch_free (batch);
}

static void send_batch (WsedPgWriter *self);

/* FALSE: it has to be asked again, on the next connection. */
static gboolean
take_fault (WsedPgWriter   *self,
            const PGresult *result,
            const GError   *error)
{
  guint appends;

  self->sent = FALSE;
  if (error == NULL)
    return TRUE;
  if (result == NULL)
    return FALSE;
  appends = wsed_pg_batch_get_appends (self->batch);
  set_fault (self, error);
  if (error->code == WSE_ERROR_FAILED && appends > 1)
    self->singly = appends;
  end_batch (self, error);
  begin_wave (self);
  return FALSE;
}

static void
on_known (const PGresult *result,
          const GError   *error,
          gpointer        user_data)
{
  WsedPgWriter *self = user_data;

  if (!take_fault (self, result, error))
    return;
  self->asking_known = FALSE;
  wsed_pg_batch_take_known (self->batch, result);
  send_batch (self);
}

static void
on_appended (const PGresult *result,
             const GError   *error,
             gpointer        user_data)
{
  WsedPgWriter *self = user_data;

  if (!take_fault (self, result, error))
    return;
  if (wsed_pg_batch_take (self->batch, result))
    {
      set_fault (self, NULL);
      if (!PQgetisnull (result, 0, APPEND_EVENTS))
        {
          self->stats.events = (guint64) wsed_postgres_get_int8 (result, 0, APPEND_EVENTS);
          self->stats.bytes = (guint64) wsed_postgres_get_int8 (result, 0, APPEND_BYTES);
          self->attempt++;
        }
      end_batch (self, NULL);
      begin_wave (self);
      return;
    }
  self->asking_known = TRUE;
  send_batch (self);
}

static void
send_batch (WsedPgWriter *self)
{
  g_auto (WsedPostgresValues) values = { 0 };

  wsed_postgres_values_init (&values);
  self->sent = TRUE;
  if (self->asking_known)
    {
      wsed_pg_batch_fill_known (self->batch, &values);
      wsed_pg_session_send (self->session, &known, &values, on_known, self);
      return;
    }
  wsed_postgres_values_add_text (&values, self->id);
  wsed_postgres_values_add_int8 (&values, self->attempt);
  if (wsed_pg_batch_fill (self->batch, &values))
    {
      wsed_pg_session_send (self->session, &append, &values, on_appended, self);
      return;
    }
  self->sent = FALSE;
  end_batch (self, NULL);
  begin_wave (self);
}

static void
begin_batch (WsedPgWriter *self)
{
  WsedPgTask *task = g_queue_peek_head (&self->waiting);

  self->batch = wsed_pg_batch_new ();
  self->asking_known = FALSE;
  self->batch_deadline = task->deadline;
  do
    {
      if (!wsed_pg_batch_add (self->batch, task->request))
        break;
      g_free (g_queue_pop_head (&self->waiting));
      task = g_queue_peek_head (&self->waiting);
    }
  while (task != NULL && task->kind == WSED_PG_APPEND && self->singly == 0);
  self->singly -= self->singly > 0;
  send_batch (self);
}

static void
on_answered (const PGresult *result,
             const GError   *error,
             gpointer        user_data)
{
  WsedPgWriter *self = user_data;
  WsedPgTask *task;

  /* Not answered: all of the wave wait for the next connection. */
  if (result == NULL)
    return;
  task = g_queue_pop_head (&self->wave);
  if (error == NULL)
    wsed_pg_request_take (task, result);
  if (error == NULL && task->kind == WSED_PG_LETTERS)
    self->stats.letters = ((WsedLetters *) task->request)->count;
  wsed_pg_task_answer (task, error);
  begin_wave (self);
}

static void
begin_requests (WsedPgWriter *self)
{
  WsedPgTask *task;

  while ((task = g_queue_peek_head (&self->waiting)) != NULL && task->kind != WSED_PG_APPEND &&
         g_queue_get_length (&self->wave) < WAVE)
    {
      g_auto (WsedPostgresValues) values = { 0 };
      const WsedPostgresStatement *statement;

      wsed_postgres_values_init (&values);
      g_queue_pop_head (&self->waiting);
      statement = wsed_pg_request_fill (task, &self->config, &values);
      if (statement == NULL)
        {
          wsed_pg_task_answer (task, NULL);
          continue;
        }
      g_queue_push_tail (&self->wave, task);
      wsed_pg_session_send (self->session, statement, &values, on_answered, self);
    }
  if (g_queue_is_empty (&self->wave))
    begin_wave (self);
}

static void
on_trimmed (const PGresult *result,
            const GError   *error,
            gpointer        user_data)
{
  WsedPgWriter *self = user_data;
  gint64 now = g_get_monotonic_time ();

  self->trimming = FALSE;
  self->next_trim = now + TRIM_PAUSE * G_TIME_SPAN_MILLISECOND;
  if (error == NULL && !PQgetisnull (result, 0, 2))
    {
      self->stats.removed += (guint64) wsed_postgres_get_int8 (result, 0, 1);
      self->stats.events = (guint64) wsed_postgres_get_int8 (result, 0, 2);
      self->stats.bytes = (guint64) wsed_postgres_get_int8 (result, 0, 3);
      self->stats.letters = (guint64) wsed_postgres_get_int8 (result, 0, 4);
      if (wsed_postgres_get_bool (result, 0, 0))
        self->next_trim = now;
    }
  if (result != NULL)
    begin_wave (self);
}

static void
begin_trim (WsedPgWriter *self)
{
  const WsedRetention *retention = &self->config.retention;
  g_auto (WsedPostgresValues) values = { 0 };
  char epoch[WSE_MAX_EPOCH_BYTES + 1];

  wsed_log_make_epoch (epoch);
  wsed_postgres_values_init (&values);
  wsed_postgres_values_add_int8 (&values, wsed_pg_config_get_most (&self->config));
  wsed_postgres_values_add_int8 (&values, retention->max_age > 0 ? retention->max_age : G_MAXINT64 / 2);
  wsed_postgres_values_add_int8 (&values, (gint64) (retention->max_bytes > 0 ? MIN (retention->max_bytes, G_MAXINT64 / 2) : G_MAXINT64 / 2));
  wsed_postgres_values_add_int8 (&values, TRIM_STEP);
  wsed_postgres_values_add_int8 (&values, WSED_CONSUMER_AGE);
  wsed_postgres_values_add_int8 (&values, WSED_MAX_LETTERS);
  wsed_postgres_values_add_int8 (&values, WSED_MAX_LETTERS_BYTES);
  wsed_postgres_values_add_int8 (&values, WSED_LETTER_AGE);
  wsed_postgres_values_add_text (&values, epoch);
  self->trimming = TRUE;
  wsed_pg_session_send (self->session, &trim, &values, on_trimmed, self);
}

static gboolean
is_free (WsedPgWriter *self)
{
  return !self->opening && wsed_pg_session_is_ready (self->session) && self->batch == NULL && g_queue_is_empty (&self->wave) &&
         !self->trimming;
}

/* A step of retention whenever one is due, then what waits: neither can keep the other waiting for long. */
static void
begin_wave (WsedPgWriter *self)
{
  WsedPgTask *task = g_queue_peek_head (&self->waiting);

  if (!is_free (self))
    return;
  if (g_get_monotonic_time () >= self->next_trim)
    {
      begin_trim (self);
      self->next_trim = G_MAXINT64;
    }
  if (task == NULL)
    return;
  if (task->kind == WSED_PG_APPEND)
    begin_batch (self);
  else
    begin_requests (self);
}

static void
go_on (WsedPgWriter *self)
{
  self->opening = FALSE;
  set_fault (self, NULL);
  if (self->batch != NULL)
    send_batch (self);
  else
    begin_wave (self);
}

static void
on_fenced (const PGresult *result,
           const GError   *error,
           gpointer        user_data)
{
  WsedPgWriter *self = user_data;

  if (result == NULL)
    return;
  if (error != NULL)
    {
      set_fault (self, error);
      return;
    }
  if (wsed_postgres_get_bool (result, 0, 0))
    g_warning ("events whose sender was told that they could not be kept were kept after all, before the connection to PostgreSQL was lost");
  self->lost = 0;
  go_on (self);
}

static void
on_ready (WsedPgSession  *session,
          const PGresult *result,
          gpointer        user_data)
{
  WsedPgWriter *self = user_data;
  g_auto (WsedPostgresValues) values = { 0 };

  self->stats.events = (guint64) wsed_postgres_get_int8 (result, 0, WSED_PG_HELLO_EVENTS);
  self->stats.bytes = (guint64) wsed_postgres_get_int8 (result, 0, WSED_PG_HELLO_BYTES);
  if (self->lost == 0)
    {
      go_on (self);
      return;
    }
  self->opening = TRUE;
  wsed_postgres_values_init (&values);
  wsed_postgres_values_add_text (&values, self->id);
  wsed_postgres_values_add_int8 (&values, self->lost);
  wsed_pg_session_send (session, &fence, &values, on_fenced, self);
}

static void
on_lost (WsedPgSession *session,
         const GError  *error,
         gpointer       user_data)
{
  WsedPgWriter *self = user_data;

  set_fault (self, error);
  self->opening = self->trimming = self->sent = FALSE;
  self->next_trim = 0;
  while (!g_queue_is_empty (&self->wave))
    g_queue_push_head (&self->waiting, g_queue_pop_tail (&self->wave));
  wsed_pg_writer_tick (self);
}

/* Nobody waits for the batch any more. What became of it is asked before anything else is appended. */
static void
abandon_batch (WsedPgWriter *self,
               const GError *error)
{
  self->lost = self->attempt++;
  end_batch (self, error);
}

void
wsed_pg_writer_tick (WsedPgWriter *self)
{
  g_autoptr (GError) late = self->fault != NULL ? g_error_copy (self->fault)
                                                : g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "PostgreSQL is too slow");
  WsedPgTask *task;

  if (self->batch != NULL && !self->sent && g_get_monotonic_time () >= self->batch_deadline)
    abandon_batch (self, late);
  while ((task = g_queue_peek_head (&self->waiting)) != NULL && task->deadline <= g_get_monotonic_time ())
    {
      if (task->kind == WSED_PG_APPEND)
        self->stats.queued_bytes -= ((WsedAppend *) task->request)->bytes;
      wsed_pg_task_answer (g_queue_pop_head (&self->waiting), late);
    }
  begin_wave (self);
}

void
wsed_pg_writer_fail (WsedPgWriter *self,
                     const GError *error)
{
  if (self->batch != NULL)
    abandon_batch (self, error);
  wsed_pg_task_answer_all (&self->wave, error);
  wsed_pg_task_answer_all (&self->waiting, error);
  self->stats.queued_bytes = 0;
}

void
wsed_pg_writer_push (WsedPgWriter *self,
                     WsedPgTask   *task)
{
  if (task->kind == WSED_PG_APPEND)
    self->stats.queued_bytes += ((WsedAppend *) task->request)->bytes;
  if (task->kind == WSED_PG_ERASE)
    task->token = g_strdup_printf ("%s %u", self->id, ++self->erasures);
  g_queue_push_tail (&self->waiting, task);
  begin_wave (self);
}

WsedPgWriter *
wsed_pg_writer_new (const WsedPgConfig *config)
{
  const WsedPgSessionUser user = { .writes = TRUE, .ready = on_ready, .lost = on_lost };
  WsedPgWriter *self = g_new0 (WsedPgWriter, 1);

  self->config = *config;
  wsed_log_make_epoch (self->id);
  self->attempt = 1;
  g_queue_init (&self->waiting);
  g_queue_init (&self->wave);
  self->session = wsed_pg_session_new (config, &user, self);
  return self;
}

void
wsed_pg_writer_free (WsedPgWriter *self)
{
  if (self == NULL)
    return;
  wsed_pg_session_free (self->session);
  g_assert (self->batch == NULL && g_queue_is_empty (&self->waiting) && g_queue_is_empty (&self->wave));
  g_clear_error (&self->fault);
  g_free (self);
}

void
wsed_pg_writer_set_context (WsedPgWriter *self,
                            GMainContext *context)
{
  wsed_pg_session_set_context (self->session, context);
}

const char *
wsed_pg_writer_get_id (WsedPgWriter *self)
{
  return self->id;
}

gboolean
wsed_pg_writer_is_ready (WsedPgWriter *self)
{
  return wsed_pg_session_is_ready (self->session) && !self->opening;
}

gboolean
wsed_pg_writer_is_idle (WsedPgWriter *self)
{
  return self->batch == NULL && g_queue_is_empty (&self->wave) && g_queue_is_empty (&self->waiting);
}

const GError *
wsed_pg_writer_get_fault (WsedPgWriter *self)
{
  return self->fault;
}

void
wsed_pg_writer_get_stats (WsedPgWriter *self,
                          WsedLogStats *stats)
{
  *stats = self->stats;
}
