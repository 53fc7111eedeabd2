/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPgLog owns the way in from other threads, a writer and two readers of one PostgreSQL database, and whether they are well. It has no
 * thread: everything is done in the default context. It only hands requests on. */

#include "log/wsed-pg-log.h"
#include "log/wsed-pg-reader.h"
#include "log/wsed-pg-writer.h"

#include <pthread.h>

#define READERS 2
/* ms */
#define PATIENCE 5000
#define TICK 250
#define START_DEADLINE 5000
#define UNREACHABLE_DEADLINE 1500
#define CLOSE_DEADLINE 2000

struct _WsedPgLog
{
  GObject parent_instance;

  WsedPgConfig config;
  WsedInbox *inbox;
  GSource *inbox_source, *tick;
  WsedPgWriter *writer;
  WsedPgReader *readers[READERS];
  gint64 down_since;           /* monotonic µs; 0: it is not */
  gboolean down_told;          /* in the messages */

  pthread_mutex_t lock;        /* of what follows */
  gboolean closed;
  WsedLogStats stats;
};

static void wsed_pg_log_iface_init (WsedLogInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedPgLog, wsed_pg_log, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSED_TYPE_LOG, wsed_pg_log_iface_init))

static gboolean
is_ready (WsedPgLog *self)
{
  gboolean ready = wsed_pg_writer_is_ready (self->writer);

  for (guint i = 0; i < READERS; i++)
    ready &= wsed_pg_reader_is_ready (self->readers[i]);
  return ready;
}

static gboolean
is_idle (WsedPgLog *self)
{
  gboolean idle = wsed_pg_writer_is_idle (self->writer);

  for (guint i = 0; i < READERS; i++)
    idle &= wsed_pg_reader_is_idle (self->readers[i]);
  return idle;
}

/* NULL: all is well. */
static const GError *
get_fault (WsedPgLog *self)
{
  const GError *fault = wsed_pg_writer_get_fault (self->writer);

  for (guint i = 0; i < READERS && fault == NULL; i++)
    fault = wsed_pg_reader_get_fault (self->readers[i]);
  return fault;
}

static gboolean
is_down (WsedPgLog *self)
{
  return self->down_since != 0 && g_get_monotonic_time () - self->down_since > self->config.patience * G_TIME_SPAN_MILLISECOND;
}

static void
take_stats (WsedPgLog *self)
{
  const GError *fault = get_fault (self);
  WsedLogStats stats;

  wsed_pg_writer_get_stats (self->writer, &stats);
  for (guint i = 0; i < READERS; i++)
    stats.unreadable += wsed_pg_reader_get_unreadable (self->readers[i]);
  stats.state = is_down (self) ? WSED_LOG_DOWN : is_ready (self) && fault == NULL ? WSED_LOG_OK : WSED_LOG_DEGRADED;
  if (stats.state != WSED_LOG_OK)
    g_strlcpy (stats.reason, fault != NULL ? fault->message : "connecting to PostgreSQL", sizeof stats.reason);
  pthread_mutex_lock (&self->lock);
  if (!self->closed)
    self->stats = stats;
  pthread_mutex_unlock (&self->lock);
}

static gboolean
on_tick (gpointer user_data)
{
  WsedPgLog *self = user_data;

  if (is_ready (self))
    {
      if (self->down_told)
        g_message ("the log can be used again");
      self->down_told = FALSE;
      self->down_since = 0;
    }
  else if (self->down_since == 0)
    self->down_since = g_get_monotonic_time ();
  else if (!self->down_told && is_down (self) && get_fault (self) != NULL)
    {
      self->down_told = TRUE;
      g_warning ("the log cannot be used: %s", get_fault (self)->message);
    }
  wsed_pg_writer_tick (self->writer);
  for (guint i = 0; i < READERS; i++)
    wsed_pg_reader_tick (self->readers[i]);
  take_stats (self);
  return G_SOURCE_CONTINUE;
}

/* One sender always has the same reader, so that its answers keep their order. */
static WsedPgReader *
choose_reader (WsedPgLog *self,
               WsedInbox *sender)
{
  return self->readers[GPOINTER_TO_SIZE (sender) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> 63];
}

static void
on_task (WsedMessage *message,
         gpointer     user_data)
{
  WsedPgLog *self = user_data;
  WsedPgTask *task = (WsedPgTask *) message;

  task->deadline = g_get_monotonic_time () + self->config.patience * G_TIME_SPAN_MILLISECOND;
  if (is_down (self) && get_fault (self) != NULL)
    wsed_pg_task_answer (task, get_fault (self));
  else if (task->kind == WSED_PG_READ || task->kind == WSED_PG_LOCATE)
    wsed_pg_reader_push (choose_reader (self, task->reply_to), task);
  else
    wsed_pg_writer_push (self->writer, task);
}

static void
hand_on (WsedLog    *log,
         WsedPgKind  kind,
         gpointer    request)
{
  WsedPgLog *self = WSED_PG_LOG (log);
  WsedPgTask *task = wsed_pg_task_new (kind, request);
  g_autoptr (GError) error = NULL;

  task->way_in = (WsedMessage) { .run = on_task, .user_data = self };
  pthread_mutex_lock (&self->lock);
  if (self->closed)
    error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log is closed");
  else
    wsed_inbox_push (self->inbox, &task->way_in);
  pthread_mutex_unlock (&self->lock);
  if (error != NULL)
    wsed_pg_task_answer (task, error);
}

static void
wsed_pg_log_append (WsedLog    *log,
                    WsedAppend *append)
{
  hand_on (log, WSED_PG_APPEND, append);
}

static void
wsed_pg_log_heads (WsedLog   *log,
                   WsedHeads *heads)
{
  hand_on (log, WSED_PG_HEADS, heads);
}

static void
wsed_pg_log_read (WsedLog  *log,
                  WsedRead *read)
{
  hand_on (log, WSED_PG_READ, read);
}

static void
wsed_pg_log_locate (WsedLog    *log,
                    WsedLocate *locate)
{
  hand_on (log, WSED_PG_LOCATE, locate);
}

static void
wsed_pg_log_consume (WsedLog      *log,
                     WsedConsumer *consumer)
{
  hand_on (log, WSED_PG_CONSUME, consumer);
}

static void
wsed_pg_log_erase (WsedLog   *log,
                   WsedErase *erase)
{
  hand_on (log, WSED_PG_ERASE, erase);
}

static void
wsed_pg_log_positions (WsedLog       *log,
                       WsedPositions *positions)
{
  hand_on (log, WSED_PG_POSITIONS, positions);
}

static void
wsed_pg_log_letters (WsedLog     *log,
                     WsedLetters *letters)
{
  hand_on (log, WSED_PG_LETTERS, letters);
}

/* As of now where nobody else is at it, else as of the last beat. */
static void
wsed_pg_log_get_stats (WsedLog      *log,
                       WsedLogStats *stats)
{
  WsedPgLog *self = WSED_PG_LOG (log);

  if (self->writer != NULL && g_main_context_acquire (NULL))
    {
      take_stats (self);
      g_main_context_release (NULL);
    }
  pthread_mutex_lock (&self->lock);
  *stats = self->stats;
  pthread_mutex_unlock (&self->lock);
}

/* NULL: the default one. */
static void
set_context (WsedPgLog    *self,
             GMainContext *context)
{
  wsed_pg_writer_set_context (self->writer, context);
  for (guint i = 0; i < READERS; i++)
    wsed_pg_reader_set_context (self->readers[i], context);
  if (self->tick != NULL)
    g_source_destroy (self->tick);
  g_clear_pointer (&self->tick, g_source_unref);
  self->tick = g_timeout_source_new (TICK);
  g_source_set_callback (self->tick, on_tick, self, NULL);
  g_source_attach (self->tick, context);
}

static void
release (WsedPgLog *self)
{
  g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log is closed");

  if (self->inbox_source != NULL)
    g_source_destroy (self->inbox_source);
  if (self->tick != NULL)
    g_source_destroy (self->tick);
  self->inbox_source = NULL;
  g_clear_pointer (&self->tick, g_source_unref);
  wsed_pg_writer_fail (self->writer, error);
  g_clear_pointer (&self->writer, wsed_pg_writer_free);
  for (guint i = 0; i < READERS; i++)
    {
      wsed_pg_reader_fail (self->readers[i], error);
      g_clear_pointer (&self->readers[i], wsed_pg_reader_free);
    }
}

static void
wsed_pg_log_close (WsedLog *log)
{
  WsedPgLog *self = WSED_PG_LOG (log);
  g_autoptr (GMainContext) context = NULL;
  gint64 deadline = g_get_monotonic_time () + CLOSE_DEADLINE * G_TIME_SPAN_MILLISECOND;

  if (self->writer == NULL)
    return;
  take_stats (self);
  pthread_mutex_lock (&self->lock);
  self->closed = TRUE;
  self->stats.state = WSED_LOG_DOWN;
  g_strlcpy (self->stats.reason, "the log is closed", sizeof self->stats.reason);
  pthread_mutex_unlock (&self->lock);
  wsed_inbox_run (self->inbox);
  context = g_main_context_new ();
  set_context (self, context);
  while (!is_idle (self) && g_get_monotonic_time () < deadline)
    g_main_context_iteration (context, TRUE);
  release (self);
}

static void
wsed_pg_log_finalize (GObject *object)
{
  WsedPgLog *self = WSED_PG_LOG (object);

  wsed_pg_log_close (WSED_LOG (object));
  wsed_inbox_free (self->inbox);
  pthread_mutex_destroy (&self->lock);
  if (self->config.address != NULL)
    wsed_postgres_address_unref (self->config.address);
  G_OBJECT_CLASS (wsed_pg_log_parent_class)->finalize (object);
}

static void
wsed_pg_log_class_init (WsedPgLogClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_pg_log_finalize;
}

static void
wsed_pg_log_init (WsedPgLog *self)
{
  pthread_mutex_init (&self->lock, NULL);
  self->inbox = wsed_inbox_new ();
}

static void
wsed_pg_log_iface_init (WsedLogInterface *iface)
{
  iface->append = wsed_pg_log_append;
  iface->heads = wsed_pg_log_heads;
  iface->read = wsed_pg_log_read;
  iface->locate = wsed_pg_log_locate;
  iface->consume = wsed_pg_log_consume;
  iface->erase = wsed_pg_log_erase;
  iface->positions = wsed_pg_log_positions;
  iface->letters = wsed_pg_log_letters;
  iface->get_stats = wsed_pg_log_get_stats;
  iface->close = wsed_pg_log_close;
}

/* A while for the first connections. What is wrong for good is an error; a server that is not there yet is waited for while the daemon
 * runs. */
static gboolean
begin (WsedPgLog  *self,
       GError    **error)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  gint64 began = g_get_monotonic_time ();
  const GError *fault = NULL;

  set_context (self, context);
  while (!is_ready (self))
    {
      gint64 waited = (g_get_monotonic_time () - began) / G_TIME_SPAN_MILLISECOND;

      g_main_context_iteration (context, TRUE);
      fault = get_fault (self);
      if (fault == NULL && waited < START_DEADLINE)
        continue;
      if (fault != NULL && fault->code == WSE_ERROR_FAILED)
        {
          g_propagate_error (error, g_error_copy (fault));
          return FALSE;
        }
      if (waited >= START_DEADLINE || (fault->code == WSE_ERROR_UNAVAILABLE && waited >= UNREACHABLE_DEADLINE))
        break;
    }
  if (!is_ready (self))
    {
      g_warning ("the log cannot be used yet: %s", fault != NULL ? fault->message : "PostgreSQL does not answer");
      self->down_since = began - self->config.patience * G_TIME_SPAN_MILLISECOND;
      self->down_told = TRUE;
    }
  set_context (self, NULL);
  self->inbox_source = wsed_inbox_attach (self->inbox, NULL);
  return TRUE;
}

WsedLog *
wsed_pg_log_new (const char           *uri,
                 const WsedRetention  *retention,
                 guint                 patience,
                 GError              **error)
{
  g_autoptr (WsedPgLog) self = g_object_new (WSED_TYPE_PG_LOG, NULL);

  self->config.address = wsed_postgres_address_new (uri, error);
  if (self->config.address == NULL)
    return NULL;
  self->config.retention = *retention;
  self->config.patience = patience > 0 ? patience : PATIENCE;
  self->writer = wsed_pg_writer_new (&self->config);
  for (guint i = 0; i < READERS; i++)
    self->readers[i] = wsed_pg_reader_new (&self->config);
  if (!begin (self, error))
    return NULL;
  return WSED_LOG (g_steal_pointer (&self));
}

gboolean
wsed_pg_log_check (const char  *uri,
                   GError     **error)
{
  g_autoptr (WsedPostgresAddress) address = wsed_postgres_address_new (uri, error);

  return address != NULL;
}

const char *
wsed_pg_log_get_writer (WsedPgLog *self)
{
  return wsed_pg_writer_get_id (self->writer);
}

char *
wsed_pg_log_describe (const char *uri)
{
  g_autoptr (WsedPostgresAddress) address = wsed_postgres_address_new (uri, NULL);

  return g_strdup (address != NULL ? wsed_postgres_address_get_name (address) : "postgresql://…");
}
