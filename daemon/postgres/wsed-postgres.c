/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPostgres owns a PGconn, its GSource and the list of statements without an answer. Every call of libpq that it makes returns at once.
 * It knows nothing of what the statements say, and never sends one twice. */

#include "postgres/wsed-postgres.h"
#include "postgres/wsed-postgres-error.h"

#include <string.h>

#include "wse-error.h"

/* ms between two tries: the first pause, and the longest; each is a random one of half to one and a half of it */
#define FIRST_PAUSE 100
#define LONGEST_PAUSE 5000

typedef enum
{
  STATE_WAITING,               /* for the next try */
  STATE_RESOLVING,
  STATE_CONNECTING,
  STATE_OPEN,
} State;

typedef struct
{
  const WsedPostgresStatement *statement;
  WsedPostgresDone done;
  gpointer user_data;
  gsize bytes;
  gboolean preparing;          /* the next result is the preparation's */
  gboolean refused;            /* was never sent */
  PGresult *result;
  GError *error;
} Request;

struct _WsedPostgres
{
  WsedPostgresAddress *address;
  WsedPostgresConfig config;
  gpointer user_data;

  State state;
  GSource *source;
  gpointer fd_tag;             /* NULL: none */
  int fd;
  GIOCondition wanted;
  GMainContext *context;
  GCancellable *resolving;
  PGconn *connection;
  GHashTable *prepared;        /* (element-type WsedPostgresStatement) on this connection */
  GQueue requests;             /* (element-type Request) */
  gsize bytes;                 /* of them */
  gint64 deadline;             /* monotonic µs: of the state, of the next answer; or when to try again */
  guint pause;                 /* ms */
  GError *fault;               /* noticed while sending: the connection is to be given up */
};

typedef struct
{
  GSource source;
  WsedPostgres *postgres;
} ConnectionSource;

static void
request_free (Request *request)
{
  PQclear (request->result);
  g_clear_error (&request->error);
  g_free (request);
}

static void
set_watch (WsedPostgres *self,
           GIOCondition  wanted)
{
  int fd = self->connection != NULL ? PQsocket (self->connection) : -1;

  if (self->fd_tag != NULL && (fd != self->fd || wanted == 0))
    {
      g_source_remove_unix_fd (self->source, self->fd_tag);
      self->fd_tag = NULL;
    }
  if (fd >= 0 && wanted != 0)
    {
      if (self->fd_tag == NULL)
        self->fd_tag = g_source_add_unix_fd (self->source, fd, wanted);
      else if (wanted != self->wanted)
        g_source_modify_unix_fd (self->source, self->fd_tag, wanted);
    }
  self->fd = fd;
  self->wanted = wanted;
}

static void
set_deadline (WsedPostgres *self,
              guint         ms)
{
  self->deadline = g_get_monotonic_time () + ms * G_TIME_SPAN_MILLISECOND;
  g_source_set_ready_time (self->source, self->deadline);
}

static void
clear_deadline (WsedPostgres *self)
{
  self->deadline = 0;
  g_source_set_ready_time (self->source, -1);
}

static gboolean
is_late (WsedPostgres *self)
{
  return self->deadline != 0 && g_get_monotonic_time () >= self->deadline;
}

/* The answer to the first one; who gets it may send others. */
static void
finish_first (WsedPostgres *self)
{
  Request *request = g_queue_pop_head (&self->requests);

  self->bytes -= request->bytes;
  if (request->error == NULL && request->result == NULL)
    request->error = g_error_new_literal (WSE_ERROR, WSE_ERROR_FAILED, "PostgreSQL gave no result");
  request->done (request->result, request->error, request->user_data);
  request_free (request);
}

static void
close_connection (WsedPostgres *self)
{
  if (self->resolving != NULL)
    g_cancellable_cancel (self->resolving);
  g_clear_object (&self->resolving);
  set_watch (self, 0);
  g_clear_pointer (&self->connection, PQfinish);
  g_hash_table_remove_all (self->prepared);
}

/* Those that were sent are answered without a result: nobody knows what became of them. */
static void
fail_requests (WsedPostgres *self,
               const GError *error)
{
  GQueue requests = self->requests;

  g_queue_init (&self->requests);
  self->bytes = 0;
  for (Request *request; (request = g_queue_pop_head (&requests)) != NULL;)
    {
      request->done (NULL, error, request->user_data);
      request_free (request);
    }
}

/* Takes @error. */
static void
lose (WsedPostgres *self,
      GError       *error)
{
  g_autoptr (GError) owned = error;
  guint pause = self->pause;

  self->state = STATE_WAITING;
  close_connection (self);
  g_clear_error (&self->fault);
  self->pause = MIN (pause * 2, LONGEST_PAUSE);
  if (error->code == WSE_ERROR_FAILED)
    pause = LONGEST_PAUSE;
  set_deadline (self, pause / 2 + g_random_int_range (0, pause));
  fail_requests (self, error);
  self->config.lost (self, error, self->user_data);
}

static void
on_notice (void       *user_data,
           const char *message)
{
  g_debug ("PostgreSQL: %s", message);
}

static void
take_notifications (WsedPostgres *self)
{
  PGnotify *notify;

  while (self->state == STATE_OPEN && (notify = PQnotifies (self->connection)) != NULL)
    {
      if (self->config.notified != NULL)
        self->config.notified (self, notify->relname, notify->extra, self->user_data);
      PQfreemem (notify);
    }
}

/* Takes @result, one of the first request's. */
static void
take_result (WsedPostgres *self,
             PGresult     *result)
{
  Request *request = g_queue_peek_head (&self->requests);
  ExecStatusType status = PQresultStatus (result);

  if (request != NULL && status == PGRES_PIPELINE_SYNC)
    {
      self->pause = FIRST_PAUSE;
      set_deadline (self, self->config.answer_timeout);
      finish_first (self);
    }
  else if (request != NULL && status == PGRES_FATAL_ERROR && request->error == NULL)
    {
      request->error = wsed_postgres_error_of_result (result);
      if (request->preparing)
        g_hash_table_remove (self->prepared, request->statement);
      PQclear (request->result);
      request->result = g_steal_pointer (&result);
    }
  else if (request != NULL && request->preparing && status == PGRES_COMMAND_OK)
    {
      request->preparing = FALSE;
    }
  else if (request != NULL && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK))
    {
      PQclear (request->result);
      request->result = g_steal_pointer (&result);
    }
  PQclear (result);
}

/* Refused ones are answered in their turn. */
static void
take_results (WsedPostgres *self)
{
  guint nothing = 0;

  while (self->state == STATE_OPEN && nothing < 2)
    {
      Request *first = g_queue_peek_head (&self->requests);
      PGresult *result;

      if (first != NULL && first->refused)
        {
          finish_first (self);
          continue;
        }
      if (PQisBusy (self->connection))
        return;
      result = PQgetResult (self->connection);
      /* One ends what a statement gives; two: there is nothing more. */
      nothing = result == NULL ? nothing + 1 : 0;
      if (result != NULL)
        take_result (self, result);
    }
}

static void
flush (WsedPostgres *self)
{
  int left = self->state == STATE_OPEN && self->fault == NULL ? PQflush (self->connection) : 0;

  if (left < 0)
    self->fault = wsed_postgres_error_of_connection (self->connection, "sending to PostgreSQL");
  if (self->state == STATE_OPEN)
    set_watch (self, left > 0 ? G_IO_IN | G_IO_OUT : G_IO_IN);
  if (self->fault != NULL)
    g_source_set_ready_time (self->source, 0);
}

static void
run_open (WsedPostgres *self)
{
  gboolean alive = PQconsumeInput (self->connection);

  take_results (self);
  if (self->state != STATE_OPEN)
    return;
  take_notifications (self);
  if (!alive || PQstatus (self->connection) == CONNECTION_BAD)
    {
      lose (self, wsed_postgres_error_of_connection (self->connection, "talking to PostgreSQL"));
      return;
    }
  if (self->fault != NULL)
    {
      lose (self, g_steal_pointer (&self->fault));
      return;
    }
  if (g_queue_is_empty (&self->requests))
    clear_deadline (self);
  else if (is_late (self))
    {
      lose (self, g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "PostgreSQL has not answered for %u s",
                               self->config.answer_timeout / 1000));
      return;
    }
  flush (self);
}

static void
be_open (WsedPostgres *self)
{
  self->state = STATE_OPEN;
  clear_deadline (self);
  PQsetErrorVerbosity (self->connection, PQERRORS_DEFAULT);
  if (PQsetnonblocking (self->connection, 1) != 0 || PQenterPipelineMode (self->connection) != 1)
    {
      lose (self, wsed_postgres_error_of_connection (self->connection, "talking to PostgreSQL"));
      return;
    }
  self->config.opened (self, self->user_data);
  flush (self);
}

/* After each step libpq may use another socket. */
static void
run_connecting (WsedPostgres *self)
{
  PostgresPollingStatusType status;

  if (is_late (self))
    {
      lose (self, g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "connecting to PostgreSQL: no answer for %u s",
                               self->config.connect_timeout / 1000));
      return;
    }
  status = PQconnectPoll (self->connection);
  if (status == PGRES_POLLING_OK)
    be_open (self);
  else if (status == PGRES_POLLING_FAILED)
    lose (self, wsed_postgres_error_of_connection (self->connection, "connecting to PostgreSQL"));
  else
    set_watch (self, status == PGRES_POLLING_READING ? G_IO_IN : G_IO_OUT);
}

static void
connect_to (WsedPostgres *self,
            GPtrArray    *parameters)
{
  g_autoptr (GPtrArray) keywords = g_ptr_array_new ();
  g_autoptr (GPtrArray) values = g_ptr_array_new ();

  for (guint i = 0; i < parameters->len; i += 2)
    {
      g_ptr_array_add (keywords, g_ptr_array_index (parameters, i));
      g_ptr_array_add (values, g_ptr_array_index (parameters, i + 1));
    }
  g_ptr_array_add (keywords, NULL);
  g_ptr_array_add (values, NULL);
  self->state = STATE_CONNECTING;
  set_deadline (self, self->config.connect_timeout);
  self->connection = PQconnectStartParams ((const char *const *) keywords->pdata, (const char *const *) values->pdata, 0);
  /* NULL: no memory; the functions of libpq take that for a bad connection. */
  PQsetErrorVerbosity (self->connection, PQERRORS_VERBOSE);
  PQsetNoticeProcessor (self->connection, on_notice, NULL);
  if (PQstatus (self->connection) == CONNECTION_BAD)
    lose (self, wsed_postgres_error_of_connection (self->connection, "connecting to PostgreSQL"));
  else
    set_watch (self, G_IO_OUT);
}

static void
on_resolved (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) parameters = wsed_postgres_address_resolve_finish (result, &error);
  WsedPostgres *self = user_data;

  /* Cancelled: it may not even be there any more. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&self->resolving);
  if (parameters != NULL)
    connect_to (self, parameters);
  else
    lose (self, g_steal_pointer (&error));
}

static void
resolve (WsedPostgres *self)
{
  self->state = STATE_RESOLVING;
  self->resolving = g_cancellable_new ();
  set_deadline (self, self->config.connect_timeout);
  if (self->context != NULL)
    g_main_context_push_thread_default (self->context);
  wsed_postgres_address_resolve (self->address, self->resolving, on_resolved, self);
  if (self->context != NULL)
    g_main_context_pop_thread_default (self->context);
}

static gboolean
on_dispatch (GSource     *source,
             GSourceFunc  callback,
             gpointer     user_data)
{
  WsedPostgres *self = ((ConnectionSource *) source)->postgres;

  switch (self->state)
    {
    case STATE_WAITING:
      if (is_late (self))
        resolve (self);
      break;
    case STATE_RESOLVING:
      if (is_late (self))
        lose (self, g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "looking up PostgreSQL's host: no answer for %u s",
                                 self->config.connect_timeout / 1000));
      break;
    case STATE_CONNECTING:
      run_connecting (self);
      break;
    case STATE_OPEN:
      run_open (self);
      break;
    default:
      g_assert_not_reached ();
    }
  return G_SOURCE_CONTINUE;
}

WsedPostgres *
wsed_postgres_new (WsedPostgresAddress      *address,
                   const WsedPostgresConfig *config,
                   gpointer                  user_data)
{
  WsedPostgres *self = g_new0 (WsedPostgres, 1);

  self->address = wsed_postgres_address_ref (address);
  self->config = *config;
  self->user_data = user_data;
  self->pause = FIRST_PAUSE;
  self->prepared = g_hash_table_new (NULL, NULL);
  self->deadline = g_get_monotonic_time ();
  g_queue_init (&self->requests);
  return self;
}

void
wsed_postgres_free (WsedPostgres *self)
{
  g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the connection to PostgreSQL is closed");

  if (self == NULL)
    return;
  close_connection (self);
  fail_requests (self, error);
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_error (&self->fault);
  g_hash_table_unref (self->prepared);
  wsed_postgres_address_unref (self->address);
  g_free (self);
}

void
wsed_postgres_set_context (WsedPostgres *self,
                           GMainContext *context)
{
  static GSourceFuncs functions = { .dispatch = on_dispatch };
  GIOCondition wanted = self->wanted;
  gint64 deadline = self->deadline;

  if (self->source != NULL)
    {
      set_watch (self, 0);
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  g_clear_pointer (&self->context, g_main_context_unref);
  self->context = context != NULL ? g_main_context_ref (context) : NULL;
  self->source = g_source_new (&functions, sizeof (ConnectionSource));
  ((ConnectionSource *) self->source)->postgres = self;
  g_source_set_name (self->source, "wsed-postgres");
  /* A name is looked up for one context. */
  if (self->state == STATE_RESOLVING)
    {
      close_connection (self);
      self->state = STATE_WAITING;
      deadline = g_get_monotonic_time ();
    }
  self->deadline = deadline;
  g_source_set_ready_time (self->source, deadline != 0 ? deadline : -1);
  set_watch (self, wanted);
  g_source_attach (self->source, context);
}

gboolean
wsed_postgres_is_open (WsedPostgres *self)
{
  return self->state == STATE_OPEN && self->fault == NULL;
}

guint
wsed_postgres_get_pending (WsedPostgres *self)
{
  return g_queue_get_length (&self->requests);
}

/* FALSE: the connection is of no use any more; what it says of it is kept. */
static gboolean
put_in_pipeline (WsedPostgres             *self,
                 Request                  *request,
                 const WsedPostgresValues *values)
{
  const WsedPostgresStatement *statement = request->statement;
  const char *pointers[WSED_POSTGRES_MAX_VALUES];
  int formats[WSED_POSTGRES_MAX_VALUES];
  guint n = values != NULL ? values->n : 0;

  for (guint i = 0; i < n; i++)
    {
      pointers[i] = values->lengths[i] >= 0 ? (const char *) values->bytes->data + values->starts[i] : NULL;
      formats[i] = 1;
    }
  /* Those behind it in the pipeline find it prepared. */
  request->preparing = g_hash_table_add (self->prepared, (gpointer) statement);
  return (!request->preparing ||
          PQsendPrepare (self->connection, statement->name, statement->sql, n, n > 0 ? values->types : NULL) == 1) &&
         PQsendQueryPrepared (self->connection, statement->name, n, pointers, n > 0 ? values->lengths : NULL, formats, 1) == 1 &&
         PQpipelineSync (self->connection) == 1;
}

void
wsed_postgres_send (WsedPostgres                *self,
                    const WsedPostgresStatement *statement,
                    const WsedPostgresValues    *values,
                    WsedPostgresDone             done,
                    gpointer                     user_data)
{
  Request *request = g_new0 (Request, 1);

  g_assert (self->state == STATE_OPEN);
  request->statement = statement;
  request->done = done;
  request->user_data = user_data;
  request->bytes = sizeof *request + (values != NULL ? values->bytes->len : 0);
  if (self->bytes > 0 && self->bytes + request->bytes > self->config.max_bytes)
    {
      request->refused = TRUE;
      request->error = g_error_new_literal (WSE_ERROR, WSE_ERROR_BUSY, "too much waits for PostgreSQL");
    }
  self->bytes += request->bytes;
  if (g_queue_is_empty (&self->requests))
    set_deadline (self, self->config.answer_timeout);
  g_queue_push_tail (&self->requests, request);
  if (self->fault == NULL && !request->refused && !put_in_pipeline (self, request, values))
    self->fault = wsed_postgres_error_of_connection (self->connection, "sending to PostgreSQL");
  flush (self);
}

void
wsed_postgres_give_up (WsedPostgres *self,
                       const GError *error)
{
  if (self->state != STATE_OPEN || self->fault != NULL)
    return;
  self->fault = g_error_copy (error);
  g_source_set_ready_time (self->source, 0);
}
