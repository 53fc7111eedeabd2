/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPgReader owns a connection for reading and the queue before it. Each request is served whole before the next one, so that answers
 * keep the order of their requests; it never writes. */

#include "log/wsed-pg-reader.h"
#include "log/wsed-pg-reading.h"

struct _WsedPgReader
{
  WsedPgConfig config;
  WsedPgSession *session;
  GQueue waiting;              /* (element-type WsedPgTask); the first one may be under way */
  WsedPgReading *reading;      /* of the first one; NULL: it has not begun */
  gboolean asked;              /* an answer is owed */
  GError *fault;
  guint64 unreadable;
};

static void begin (WsedPgReader *self);

static void
end_reading (WsedPgReader *self,
             const GError *error)
{
  self->unreadable += wsed_pg_reading_get_unreadable (self->reading);
  g_clear_pointer (&self->reading, wsed_pg_reading_free);
  wsed_pg_task_answer (g_queue_pop_head (&self->waiting), error);
}

/* FALSE: there is no answer. */
static gboolean
take_fault (WsedPgReader   *self,
            const PGresult *result,
            const GError   *error)
{
  if (error == NULL)
    return TRUE;
  if (result == NULL || self->reading == NULL)
    return FALSE;
  g_clear_error (&self->fault);
  self->fault = g_error_copy (error);
  end_reading (self, error);
  return FALSE;
}

static void
on_page (const PGresult *result,
         const GError   *error,
         gpointer        user_data)
{
  WsedPgReader *self = user_data;

  self->asked = FALSE;
  if (take_fault (self, result, error))
    {
      g_clear_error (&self->fault);
      if (self->reading != NULL && wsed_pg_reading_take_page (self->reading, result))
        end_reading (self, NULL);
    }
  if (result != NULL)
    begin (self);
}

static void
on_heads (const PGresult *result,
          const GError   *error,
          gpointer        user_data)
{
  WsedPgReader *self = user_data;

  if (take_fault (self, result, error))
    wsed_pg_reading_take_heads (self->reading, result);
}

/* The only statement of its request. */
static void
on_only_heads (const PGresult *result,
               const GError   *error,
               gpointer        user_data)
{
  WsedPgReader *self = user_data;

  self->asked = FALSE;
  if (take_fault (self, result, error))
    {
      wsed_pg_reading_take_heads (self->reading, result);
      end_reading (self, NULL);
    }
  if (result != NULL)
    begin (self);
}

static void
begin (WsedPgReader *self)
{
  g_auto (WsedPostgresValues) heads = { 0 };
  g_auto (WsedPostgresValues) page = { 0 };
  const WsedPostgresStatement *ask_heads, *ask_page;

  if (self->asked || !wsed_pg_session_is_ready (self->session) || g_queue_is_empty (&self->waiting))
    return;
  if (self->reading == NULL)
    self->reading = wsed_pg_reading_new (g_queue_peek_head (&self->waiting), &self->config);
  wsed_postgres_values_init (&heads);
  wsed_postgres_values_init (&page);
  ask_heads = wsed_pg_reading_fill_heads (self->reading, &heads);
  ask_page = wsed_pg_reading_fill_page (self->reading, &page);
  self->asked = TRUE;
  if (ask_heads != NULL)
    wsed_pg_session_send (self->session, ask_heads, &heads, ask_page != NULL ? on_heads : on_only_heads, self);
  if (ask_page != NULL)
    wsed_pg_session_send (self->session, ask_page, &page, on_page, self);
}

static void
on_ready (WsedPgSession  *session,
          const PGresult *result,
          gpointer        user_data)
{
  WsedPgReader *self = user_data;

  g_clear_error (&self->fault);
  begin (self);
}

static void
on_lost (WsedPgSession *session,
         const GError  *error,
         gpointer       user_data)
{
  WsedPgReader *self = user_data;

  g_clear_error (&self->fault);
  self->fault = g_error_copy (error);
  self->asked = FALSE;
  wsed_pg_reader_tick (self);
}

void
wsed_pg_reader_push (WsedPgReader *self,
                     WsedPgTask   *task)
{
  g_queue_push_tail (&self->waiting, task);
  begin (self);
}

void
wsed_pg_reader_tick (WsedPgReader *self)
{
  g_autoptr (GError) late = self->fault != NULL ? g_error_copy (self->fault)
                                                : g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "PostgreSQL is too slow");

  if (self->asked)
    return;
  while (!g_queue_is_empty (&self->waiting) && ((WsedPgTask *) g_queue_peek_head (&self->waiting))->deadline <= g_get_monotonic_time ())
    {
      g_clear_pointer (&self->reading, wsed_pg_reading_free);
      wsed_pg_task_answer (g_queue_pop_head (&self->waiting), late);
    }
  begin (self);
}

void
wsed_pg_reader_fail (WsedPgReader *self,
                     const GError *error)
{
  g_clear_pointer (&self->reading, wsed_pg_reading_free);
  wsed_pg_task_answer_all (&self->waiting, error);
}

WsedPgReader *
wsed_pg_reader_new (const WsedPgConfig *config)
{
  const WsedPgSessionUser user = { .ready = on_ready, .lost = on_lost };
  WsedPgReader *self = g_new0 (WsedPgReader, 1);

  self->config = *config;
  g_queue_init (&self->waiting);
  self->session = wsed_pg_session_new (config, &user, self);
  return self;
}

void
wsed_pg_reader_free (WsedPgReader *self)
{
  if (self == NULL)
    return;
  wsed_pg_session_free (self->session);
  g_assert (self->reading == NULL && g_queue_is_empty (&self->waiting));
  g_clear_error (&self->fault);
  g_free (self);
}

void
wsed_pg_reader_set_context (WsedPgReader *self,
                            GMainContext *context)
{
  wsed_pg_session_set_context (self->session, context);
}

gboolean
wsed_pg_reader_is_ready (WsedPgReader *self)
{
  return wsed_pg_session_is_ready (self->session);
}

gboolean
wsed_pg_reader_is_idle (WsedPgReader *self)
{
  return g_queue_is_empty (&self->waiting);
}

const GError *
wsed_pg_reader_get_fault (WsedPgReader *self)
{
  return self->fault;
}

guint64
wsed_pg_reader_get_unreadable (WsedPgReader *self)
{
  return self->unreadable;
}
