/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* StallLog keeps requests back while it is told to, and gives them to the log behind it afterwards, in their order. */

#include "stall-log.h"

#include <pthread.h>

typedef void (*Forward) (WsedLog *log, gpointer request);

typedef struct
{
  Forward forward;
  gpointer request;
} Held;

struct _StallLog
{
  GObject parent;
  WsedLog *log;
  pthread_mutex_t mutex;
  gboolean holding, broken;
  GArray *held;                /* (element-type Held) */
  guint consumes;
};

static void stall_log_iface_init (WsedLogInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (StallLog, stall_log, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSED_TYPE_LOG, stall_log_iface_init))

static void
pass (WsedLog  *log,
      Forward   forward,
      gpointer  request)
{
  StallLog *self = STALL_LOG (log);
  gboolean holding;

  pthread_mutex_lock (&self->mutex);
  holding = self->holding;
  if (holding)
    g_array_append_vals (self->held, &(Held) { forward, request }, 1);
  self->consumes += forward == (Forward) wsed_log_consume;
  pthread_mutex_unlock (&self->mutex);
  if (!holding)
    forward (self->log, request);
}

static void
stall_log_append (WsedLog    *log,
                  WsedAppend *append)
{
  wsed_log_append (STALL_LOG (log)->log, append);
}

static void
stall_log_heads (WsedLog   *log,
                 WsedHeads *heads)
{
  pass (log, (Forward) wsed_log_heads, heads);
}

static void
stall_log_read (WsedLog  *log,
                WsedRead *read)
{
  StallLog *self = STALL_LOG (log);
  gboolean broken;

  pthread_mutex_lock (&self->mutex);
  broken = self->broken;
  pthread_mutex_unlock (&self->mutex);
  if (broken)
    {
      read->error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the disk is gone");
      wsed_inbox_push (read->reply_to, &read->message);
      return;
    }
  pass (log, (Forward) wsed_log_read, read);
}

static void
stall_log_locate (WsedLog    *log,
                  WsedLocate *locate)
{
  pass (log, (Forward) wsed_log_locate, locate);
}

static void
stall_log_consume (WsedLog      *log,
                   WsedConsumer *consumer)
{
  pass (log, (Forward) wsed_log_consume, consumer);
}

static void
stall_log_erase (WsedLog   *log,
                 WsedErase *erase)
{
  wsed_log_erase (STALL_LOG (log)->log, erase);
}

static void
stall_log_positions (WsedLog       *log,
                     WsedPositions *positions)
{
  wsed_log_positions (STALL_LOG (log)->log, positions);
}

static void
stall_log_letters (WsedLog     *log,
                   WsedLetters *letters)
{
  wsed_log_letters (STALL_LOG (log)->log, letters);
}

static void
stall_log_get_stats (WsedLog      *log,
                     WsedLogStats *stats)
{
  wsed_log_get_stats (STALL_LOG (log)->log, stats);
}

static void
stall_log_close (WsedLog *log)
{
  wsed_log_close (STALL_LOG (log)->log);
}

static void
stall_log_iface_init (WsedLogInterface *iface)
{
  iface->append = stall_log_append;
  iface->heads = stall_log_heads;
  iface->read = stall_log_read;
  iface->locate = stall_log_locate;
  iface->consume = stall_log_consume;
  iface->erase = stall_log_erase;
  iface->positions = stall_log_positions;
  iface->letters = stall_log_letters;
  iface->get_stats = stall_log_get_stats;
  iface->close = stall_log_close;
}

static void
stall_log_finalize (GObject *object)
{
  StallLog *self = STALL_LOG (object);

  g_object_unref (self->log);
  g_array_unref (self->held);
  pthread_mutex_destroy (&self->mutex);
  G_OBJECT_CLASS (stall_log_parent_class)->finalize (object);
}

static void
stall_log_class_init (StallLogClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = stall_log_finalize;
}

static void
stall_log_init (StallLog *self)
{
  pthread_mutex_init (&self->mutex, NULL);
  self->held = g_array_new (FALSE, FALSE, sizeof (Held));
}

WsedLog *
stall_log_new (WsedLog *log)
{
  StallLog *self = g_object_new (TYPE_STALL_LOG, NULL);

  self->log = log;
  return WSED_LOG (self);
}

void
stall_log_hold (StallLog *self)
{
  pthread_mutex_lock (&self->mutex);
  self->holding = TRUE;
  pthread_mutex_unlock (&self->mutex);
}

guint
stall_log_waiting (StallLog *self)
{
  guint waiting;

  pthread_mutex_lock (&self->mutex);
  waiting = self->held->len;
  pthread_mutex_unlock (&self->mutex);
  return waiting;
}

void
stall_log_release (StallLog *self)
{
  g_autoptr(GArray) held = g_array_new (FALSE, FALSE, sizeof (Held));

  pthread_mutex_lock (&self->mutex);
  self->holding = FALSE;
  g_array_append_vals (held, self->held->data, self->held->len);
  g_array_set_size (self->held, 0);
  pthread_mutex_unlock (&self->mutex);
  for (guint i = 0; i < held->len; i++)
    {
      const Held *one = &g_array_index (held, Held, i);

      one->forward (self->log, one->request);
    }
}

void
stall_log_break (StallLog *self)
{
  pthread_mutex_lock (&self->mutex);
  self->broken = TRUE;
  pthread_mutex_unlock (&self->mutex);
}

guint
stall_log_consumes (StallLog *self)
{
  guint consumes;

  pthread_mutex_lock (&self->mutex);
  consumes = self->consumes;
  pthread_mutex_unlock (&self->mutex);
  return consumes;
}
