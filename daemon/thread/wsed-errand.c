/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedErrand owns a thread for as long as there is something to do, and brings back what came of it. The thread is never waited for: one
 * that hangs keeps neither the main loop nor the end of the process, and tidies up behind itself when it comes back. */

#include "thread/wsed-errand.h"

#include <pthread.h>

#include "wse-error.h"

/* ms after which one that is still under way is told in the log. */
#define SLOW 10000

/* What thread and owner share, for as long as one of them is there. */
typedef struct
{
  guint refs;                  /* atomic */
  const WsedErrandClass *klass;
  gpointer what;
  pthread_mutex_t lock;        /* held for the push alone */
  WsedInbox *main;             /* NULL: nobody waits any more */
  WsedErrand *owner;           /* the main thread's; NULL: as above */
} Shared;

struct _WsedErrand
{
  Shared *shared;
  gpointer user_data;
  gint64 began;                /* monotonic; 0: not under way */
  gboolean again;
  guint timer;                 /* until it is slow; 0: not running */
};

typedef struct
{
  WsedMessage message;
  Shared *shared;
  gpointer result;
  GError *error;
} Run;

static void
shared_unref (Shared *shared)
{
  if (__atomic_sub_fetch (&shared->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  shared->klass->free_what (shared->what);
  pthread_mutex_destroy (&shared->lock);
  g_free (shared);
}

static void
run_free (Run *run)
{
  if (run->result != NULL)
    run->shared->klass->free_result (run->result);
  g_clear_error (&run->error);
  shared_unref (run->shared);
  g_free (run);
}

/* In the thread */

static void
bring_back (Run *run)
{
  Shared *shared = run->shared;
  gboolean waited_for;

  pthread_mutex_lock (&shared->lock);
  waited_for = shared->main != NULL;
  if (waited_for)
    wsed_inbox_push (shared->main, &run->message);
  pthread_mutex_unlock (&shared->lock);
  if (!waited_for)
    run_free (run);
  shared_unref (shared);
}

static void *
do_errand (void *user_data)
{
  Run *run = user_data;

  run->result = run->shared->klass->run (run->shared->what, &run->error);
  bring_back (run);
  return NULL;
}

/* On the main thread */

static gboolean
on_slow (gpointer user_data)
{
  WsedErrand *self = user_data;

  self->timer = 0;
  g_warning ("%s takes longer than %d s; until it ends all stays as it was", self->shared->klass->what_for, SLOW / 1000);
  return G_SOURCE_REMOVE;
}

static void begin (WsedErrand *self);

static void
on_back (WsedMessage *message,
         gpointer     user_data)
{
  Run *run = (Run *) message;
  WsedErrand *self = run->shared->owner;

  if (self != NULL)
    {
      g_clear_handle_id (&self->timer, g_source_remove);
      self->began = 0;
      if (self->again)
        begin (self);
      run->shared->klass->done (g_steal_pointer (&run->result), run->error, self->user_data);
    }
  run_free (run);
}

static void
begin (WsedErrand *self)
{
  Run *run = g_new0 (Run, 1);
  pthread_attr_t attributes;
  pthread_t thread;
  int problem;

  /* One for the run, one for the thread. */
  __atomic_fetch_add (&self->shared->refs, 2, __ATOMIC_RELAXED);
  run->message.run = on_back;
  run->shared = self->shared;
  self->began = g_get_monotonic_time ();
  self->again = FALSE;
  self->timer = g_timeout_add (SLOW, on_slow, self);
  pthread_attr_init (&attributes);
  pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);
  problem = pthread_create (&thread, &attributes, do_errand, run);
  pthread_attr_destroy (&attributes);
  if (problem == 0)
    return;
  g_set_error (&run->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "starting a thread: %s", g_strerror (problem));
  bring_back (run);
}

WsedErrand *
wsed_errand_new (WsedInbox             *main,
                 const WsedErrandClass *klass,
                 gpointer               what,
                 gpointer               user_data)
{
  WsedErrand *self = g_new0 (WsedErrand, 1);

  self->shared = g_new0 (Shared, 1);
  self->shared->refs = 1;
  self->shared->klass = klass;
  self->shared->what = what;
  self->shared->main = main;
  self->shared->owner = self;
  self->user_data = user_data;
  pthread_mutex_init (&self->shared->lock, NULL);
  return self;
}

void
wsed_errand_start (WsedErrand *self)
{
  if (self->began == 0)
    begin (self);
  else
    self->again = TRUE;
}

gint64
wsed_errand_get_age (WsedErrand *self)
{
  return self->began != 0 ? g_get_monotonic_time () - self->began : -1;
}

void
wsed_errand_free (WsedErrand *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->timer, g_source_remove);
  self->shared->owner = NULL;
  pthread_mutex_lock (&self->shared->lock);
  self->shared->main = NULL;
  pthread_mutex_unlock (&self->shared->lock);
  shared_unref (self->shared);
  g_free (self);
}
