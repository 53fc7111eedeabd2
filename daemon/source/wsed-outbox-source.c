/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The outbox source: puts rows of the outbox into a numbered batch, has it appended with the move to its number, then removes the rows. The
 * number is in both databases: whoever comes after a crash, at whatever moment, sees in the log whether the batch under way is in it. So it
 * is exact for however long the two do not hear of each other, and also where two drain at once; the lock only saves them the work. */

#include "source/wsed-outbox-source.h"

#include <string.h>

#include "metrics/wsed-health.h"
#include "metrics/wsed-metrics.h"
#include "source/wsed-outbox-session.h"
#include "source/wsed-outbox-table.h"
#include "wse-error.h"

/* ms until the same batch is sent to the log again */
#define FIRST_RETRY 50
#define LAST_RETRY 5000
/* Bytes of events in one batch. */
#define MAX_BATCH_BYTES (4 * 1024 * 1024)

typedef enum
{
  PHASE_CLOSED,                /* no connection, or another daemon empties it */
  PHASE_ASKING,                /* the log, where it stands; before that for what is under way */
  PHASE_READING,               /* the batch */
  PHASE_APPENDING,
  PHASE_IDLE,                  /* nothing is there */
} Phase;

typedef struct
{
  WsedMetric *drained, *letters, *retries;
} Metrics;

struct _WsedOutboxSource
{
  GObject parent;

  WsedPostgresAddress *address;
  WsedOutboxSession *session;  /* NULL: not started, or stopped */
  WsedLog *log;
  WsedPipeline *pipeline;
  WsedInbox *main;
  gsize max_event;
  Metrics metrics;

  Phase phase;
  char *name;                  /* the source's, "outbox:UUID" */
  gint64 kept;                 /* where the log stands, as last heard of; -1: nowhere */
  gboolean asking;             /* the log has not said it yet */
  gboolean woken;              /* while the batch was read */

  GPtrArray *rows;             /* (element-type WsedOutboxRow) of the batch; NULL: none */
  gint64 n;                    /* its number */
  GArray *moves;
  gboolean sent;               /* it is with the pipeline */
  gboolean again;              /* and was before */
  guint letters;               /* made of it */
  guint retry;                 /* ms */

  guint timer;
  gboolean paused, stopped;
  char *trouble;               /* last told */
};

static void wsed_outbox_source_iface_init (WsedSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedOutboxSource, wsed_outbox_source, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSED_TYPE_SOURCE, wsed_outbox_source_iface_init))

/* @error NULL: all is well. Said once. */
static void
tell (WsedOutboxSource *self,
      const GError     *error)
{
  gboolean passes = error == NULL || error->code != WSE_ERROR_FAILED;

  if (error == NULL)
    wsed_health_set (WSED_HEALTH_OUTBOX, WSED_HEALTH_OK, NULL);
  else
    wsed_health_set (WSED_HEALTH_OUTBOX, passes ? WSED_HEALTH_DEGRADED : WSED_HEALTH_DOWN, error->message);
  if (error != NULL && g_strcmp0 (self->trouble, error->message) != 0)
    g_log (G_LOG_DOMAIN, passes ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_WARNING, "the outbox: its events wait: %s", error->message);
  else if (error == NULL && self->trouble != NULL)
    g_message ("the outbox: all is well again");
  g_free (self->trouble);
  self->trouble = error != NULL ? g_strdup (error->message) : NULL;
}

static void
drop_batch (WsedOutboxSource *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_clear_pointer (&self->moves, g_array_unref);
}

static void
send (WsedOutboxSource            *self,
      const WsedPostgresStatement *statement,
      const gint64                *numbers,
      guint                        n_numbers,
      WsedPostgresDone             done)
{
  wsed_outbox_session_send (self->session, statement, numbers, n_numbers, done, self);
}

/* Of what gives nothing to look at. */
static void
on_done (const PGresult *result,
         const GError   *error,
         gpointer        user_data)
{
  WsedOutboxSource *self = user_data;

  if (error != NULL)
    wsed_outbox_session_refuse (self->session, "emptying the outbox", result, error);
}

static void on_fetched (const PGresult *result, const GError *error, gpointer user_data);

/* A batch that is under way, or else a new one. One round trip with what was sent before. */
static void
read_batch (WsedOutboxSource *self)
{
  const gint64 claim[] = { self->kept, WSED_OUTBOX_MAX_ROWS, MAX_BATCH_BYTES };
  const gint64 fetch[] = { (gint64) MIN (MAX (self->max_event, WSED_MAX_LETTER_INPUT) + 1, G_MAXINT32) };

  if (self->paused || self->stopped)
    {
      self->phase = PHASE_IDLE;
      return;
    }
  self->phase = PHASE_READING;
  self->woken = FALSE;
  send (self, &wsed_outbox_claim, claim, G_N_ELEMENTS (claim), on_done);
  send (self, &wsed_outbox_fetch, fetch, G_N_ELEMENTS (fetch), on_fetched);
}

/* Begins with what the other side may have changed. */
static void
begin (WsedOutboxSource *self)
{
  send (self, &wsed_outbox_renumber, &self->kept, 1, on_done);
  read_batch (self);
}

/* The log has the batch @n. */
static void
finish (WsedOutboxSource *self,
        gint64            n)
{
  send (self, &wsed_outbox_finish, &n, 1, on_done);
  read_batch (self);
}

/* Appending */

static WsedLetter *
make_letter (guint         index,
             const GError *error,
             gpointer      user_data)
{
  WsedOutboxSource *self = user_data;

  self->letters++;
  return wsed_outbox_make_letter (g_ptr_array_index (self->rows, index), self->name, error);
}

static void submit (WsedOutboxSource *self);

static gboolean
on_retry (gpointer user_data)
{
  WsedOutboxSource *self = user_data;

  self->timer = 0;
  submit (self);
  return G_SOURCE_REMOVE;
}

/* A fault of the log, or no room: the batch waits, and nothing more is read. */
static void
hold (WsedOutboxSource *self,
      const GError     *error)
{
  if (!g_error_matches (error, WSE_ERROR, WSE_ERROR_BUSY))
    tell (self, error);
  wsed_metric_add (self->metrics.retries, 1);
  self->again = TRUE;
  self->retry = CLAMP (self->retry * 2, FIRST_RETRY, LAST_RETRY);
  self->timer = g_timeout_add (self->retry, on_retry, self);
}

static void ask_position (WsedOutboxSource *self);

static void
on_appended (WsedOutboxSource *self)
{
  self->kept = self->n;
  self->retry = 0;
  wsed_metric_add (self->metrics.drained, self->rows->len);
  wsed_metric_add (self->metrics.letters, self->letters);
  drop_batch (self);
  if (self->phase != PHASE_APPENDING)
    return;
  tell (self, NULL);
  finish (self, self->n);
}

static void
on_submitted (const WsedItem *items,
              guint           n_items,
              gboolean        single,
              const GError   *error,
              gpointer        user_data)
{
  WsedOutboxSource *self = user_data;
  gboolean conflict = g_error_matches (error, WSE_ERROR, WSE_ERROR_CONFLICT);

  self->sent = FALSE;
  if (error == NULL)
    on_appended (self);
  else if (!conflict && self->phase == PHASE_APPENDING && !self->stopped)
    hold (self, error);
  else
    {
      /* Another daemon has gone on with it, or this one may not any more. */
      if (conflict)
        self->kept = g_array_index (self->moves, WsedMove, 0).kept;
      drop_batch (self);
      if (self->phase == PHASE_APPENDING)
        begin (self);
    }
  /* The connection was lost and made again meanwhile. */
  if (self->phase == PHASE_ASKING)
    ask_position (self);
}

static void
submit (WsedOutboxSource *self)
{
  guint n = self->rows->len;
  g_autofree WsedInput *inputs = g_new (WsedInput, MAX (1, n));
  gboolean again = self->again;

  for (guint i = 0; i < n; i++)
    inputs[i] = ((WsedOutboxRow *) g_ptr_array_index (self->rows, i))->input;
  self->sent = TRUE;
  self->again = FALSE;
  self->letters = 0;
  wsed_pipeline_submit_from (self->pipeline, inputs, n, self->moves, again, make_letter, on_submitted, self);
}

static void
on_fetched (const PGresult *result,
            const GError   *error,
            gpointer        user_data)
{
  WsedOutboxSource *self = user_data;

  if (error != NULL)
    {
      on_done (result, error, self);
      return;
    }
  if (self->stopped || self->phase != PHASE_READING)
    return;
  self->rows = wsed_outbox_read_batch (result, self->name, &self->n);
  if (self->rows == NULL)
    {
      self->phase = PHASE_IDLE;
      if (self->woken)
        read_batch (self);
    }
  else if (self->n == self->kept)
    {
      drop_batch (self);
      finish (self, self->n);
    }
  else
    {
      self->phase = PHASE_APPENDING;
      self->again = FALSE;
      self->moves = wsed_moves_new ();
      wsed_moves_add (self->moves, self->name, self->kept, self->n);
      submit (self);
    }
}

/* Where the log stands */

static void
on_positions (WsedMessage *message,
              gpointer     user_data)
{
  g_autoptr (WsedPositions) positions = (WsedPositions *) message;
  g_autoptr (WsedOutboxSource) self = user_data;

  self->asking = FALSE;
  if (self->stopped || self->phase != PHASE_ASKING || self->sent)
    return;
  /* Asked again at the next beat; and where it was about another outbox, too. */
  if (positions->error != NULL)
    tell (self, positions->error);
  if (positions->error != NULL || strcmp (positions->prefix, self->name) != 0)
    return;
  self->kept = wsed_positions_find (positions, self->name);
  tell (self, NULL);
  begin (self);
}

static void
ask_position (WsedOutboxSource *self)
{
  WsedPositions *positions;

  if (self->asking || self->sent || self->stopped)
    return;
  positions = wsed_positions_new (self->name, self->main);
  positions->message.run = on_positions;
  positions->message.user_data = g_object_ref (self);
  self->asking = TRUE;
  wsed_log_positions (self->log, positions);
}

/* The session */

static void
on_taken (const char *name,
          gpointer    user_data)
{
  WsedOutboxSource *self = user_data;

  self->phase = PHASE_ASKING;
  g_free (self->name);
  self->name = g_strconcat ("outbox:", name, NULL);
  ask_position (self);
}

static void
on_standby (gpointer user_data)
{
  tell (user_data, NULL);
}

/* What is with the pipeline is still answered; the rest is read again. */
static void
on_lost (const GError *error,
         gpointer      user_data)
{
  WsedOutboxSource *self = user_data;

  self->phase = PHASE_CLOSED;
  if (!self->sent)
    drop_batch (self);
  tell (self, error);
}

static void
on_woken (gpointer user_data)
{
  WsedOutboxSource *self = user_data;

  self->woken = TRUE;
  if (self->phase == PHASE_IDLE)
    read_batch (self);
}

static void
on_beat (gpointer user_data)
{
  WsedOutboxSource *self = user_data;

  if (self->phase == PHASE_IDLE)
    read_batch (self);
  else if (self->phase == PHASE_ASKING)
    ask_position (self);
}

/* The source */

static gboolean
wsed_outbox_source_start (WsedSource  *source,
                          GError     **error)
{
  static const WsedOutboxSessionUser user = { on_taken, on_standby, on_lost, on_woken, on_beat };
  WsedOutboxSource *self = WSED_OUTBOX_SOURCE (source);

  self->session = wsed_outbox_session_new (self->address, &user, self);
  return TRUE;
}

static void
wsed_outbox_source_pause (WsedSource *source,
                          gboolean    paused)
{
  WSED_OUTBOX_SOURCE (source)->paused = paused;
}

/* A batch under way is still answered, and its rows removed. */
static void
wsed_outbox_source_stop (WsedSource *source)
{
  WsedOutboxSource *self = WSED_OUTBOX_SOURCE (source);

  self->stopped = TRUE;
  if (!self->sent)
    drop_batch (self);
}

static gboolean
wsed_outbox_source_is_stopped (WsedSource *source)
{
  WsedOutboxSource *self = WSED_OUTBOX_SOURCE (source);

  if (self->sent || (self->session != NULL && !wsed_outbox_session_is_idle (self->session)))
    return FALSE;
  self->phase = PHASE_CLOSED;
  g_clear_pointer (&self->session, wsed_outbox_session_free);
  return TRUE;
}

static void
wsed_outbox_source_iface_init (WsedSourceInterface *iface)
{
  iface->start = wsed_outbox_source_start;
  iface->pause = wsed_outbox_source_pause;
  iface->stop = wsed_outbox_source_stop;
  iface->is_stopped = wsed_outbox_source_is_stopped;
}

static void
wsed_outbox_source_finalize (GObject *object)
{
  WsedOutboxSource *self = WSED_OUTBOX_SOURCE (object);

  g_clear_pointer (&self->session, wsed_outbox_session_free);
  drop_batch (self);
  wsed_postgres_address_unref (self->address);
  g_free (self->name);
  g_free (self->trouble);
  G_OBJECT_CLASS (wsed_outbox_source_parent_class)->finalize (object);
}

static void
wsed_outbox_source_class_init (WsedOutboxSourceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_outbox_source_finalize;
}

static void
wsed_outbox_source_init (WsedOutboxSource *self)
{
  self->metrics = (Metrics) {
    .drained = wsed_metric_new (WSED_METRIC_COUNTER, "wse_outbox_drained_total", "Rows of the outbox that were taken in since the start."),
    .letters = wsed_metric_new (WSED_METRIC_COUNTER, "wse_outbox_letters_total", "Rows of the outbox that became dead letters since the start."),
    .retries = wsed_metric_new (WSED_METRIC_COUNTER, "wse_outbox_retries_total", "Batches that were sent to the log again because it could not take them."),
  };
}

WsedSource *
wsed_outbox_source_new (const char    *uri,
                        gsize          max_event,
                        WsedLog       *log,
                        WsedPipeline  *pipeline,
                        WsedInbox     *main,
                        GError       **error)
{
  g_autoptr (WsedPostgresAddress) address = wsed_postgres_address_new (uri, error);
  WsedOutboxSource *self;

  if (address == NULL)
    return NULL;
  self = g_object_new (WSED_TYPE_OUTBOX_SOURCE, NULL);
  self->address = g_steal_pointer (&address);
  self->max_event = max_event;
  self->log = log;
  self->pipeline = pipeline;
  self->main = main;
  wsed_health_set (WSED_HEALTH_OUTBOX, WSED_HEALTH_DEGRADED, "the outbox is not yet connected");
  return WSED_SOURCE (self);
}
