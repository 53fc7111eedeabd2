/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedWorker is a thread around one epoll: it takes in what the hub sends (wsed-arrival.c), waits for its subscribers' sockets and their
 * times, and flushes. It flushes at once when it has been quiet for a tick, else at the next tick, so that what comes in between goes out
 * in one send. It knows streams and subscribers, but not what a subscriber writes. */

#include "stream/wsed-worker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "stream/wsed-reader-private.h"
#include "stream/wsed-worker-private.h"

static const gint64 timer_lengths[WSED_N_TIMERS] = {
  [WSED_TIMER_END] = 800 * G_TIME_SPAN_MILLISECOND,
  [WSED_TIMER_COMMAND] = 5 * G_TIME_SPAN_SECOND,
  [WSED_TIMER_PAUSE] = 100 * G_TIME_SPAN_MILLISECOND,
};

#define EVENTS_PER_WAIT 256
/* What is kept nowhere has one such part beside the memory for entries. */
#define ASIDE_PART 4

/* A timer that is set: hardly any subscriber has one. */
typedef struct
{
  WsedSubscriber *subscriber;
  gint64 at;                   /* monotonic microseconds */
} Alarm;

WsedWorker *
wsed_worker_new (guint                index,
                 WsedHub             *hub,
                 const WsedHubConfig *config,
                 WsedLog             *log)
{
  WsedWorker *worker = g_new0 (WsedWorker, 1);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

  worker->index = index;
  worker->config = config;
  worker->log = log;
  worker->hub = hub;
  worker->inbox = wsed_inbox_new ();
  worker->epoll = epoll_create1 (EPOLL_CLOEXEC);
  if (worker->epoll < 0 || epoll_ctl (worker->epoll, EPOLL_CTL_ADD, wsed_inbox_get_fd (worker->inbox), &event) < 0)
    g_error ("no descriptor left for a worker: %s", g_strerror (errno));
  worker->marked = g_ptr_array_new ();
  worker->flushing = g_ptr_array_new ();
  worker->dirty = g_ptr_array_new ();
  worker->fetches = wsed_fetches_new (log, worker->inbox, wsed_reader_take_fetched);
  worker->deadlines = g_sequence_new (NULL);
  wsed_eviction_init (&worker->eviction, wsed_tail_get_index_share (config->tail_bytes) / config->workers);
  wsed_asides_init (&worker->asides, wsed_tail_get_index_share (config->tail_bytes) / config->workers / ASIDE_PART);
  worker->pages.max_bytes = wsed_pages_get_share (config->tail_bytes) / config->workers;
  worker->now = g_get_monotonic_time ();
  return worker;
}

WsedInbox *
wsed_worker_get_inbox (WsedWorker *worker)
{
  return worker->inbox;
}

guint
wsed_worker_get_index (WsedWorker *worker)
{
  return worker->index;
}

const WsedHubConfig *
wsed_worker_get_config (WsedWorker *worker)
{
  return worker->config;
}

WsedLog *
wsed_worker_get_log (WsedWorker *worker)
{
  return worker->log;
}

WsedHub *
wsed_worker_get_hub (WsedWorker *worker)
{
  return worker->hub;
}

WsedAsides *
wsed_worker_get_asides (WsedWorker *worker)
{
  return &worker->asides;
}

WsedFetches *
wsed_worker_get_fetches (WsedWorker *worker)
{
  return worker->fetches;
}

WsedPages *
wsed_worker_get_pages (WsedWorker *worker)
{
  return &worker->pages;
}

gint64
wsed_worker_get_now (WsedWorker *worker)
{
  return worker->now;
}

/* Endpoints */

gboolean
wsed_worker_add (WsedWorker   *worker,
                 WsedSubscriber *subscriber)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = subscriber };

  if (epoll_ctl (worker->epoll, EPOLL_CTL_ADD, subscriber->fd, &event) < 0)
    {
      g_warning ("watching a connection: %s", g_strerror (errno));
      return FALSE;
    }
  subscriber->worker = worker;
  subscriber->all.data = subscriber->beat.data = subscriber;
  g_queue_push_tail_link (&worker->subscribers, &subscriber->all);
  subscriber->beat_at = worker->now + (gint64) worker->config->heartbeat * G_USEC_PER_SEC;
  g_queue_push_tail_link (&worker->beats, &subscriber->beat);
  return TRUE;
}

void
wsed_worker_remove (WsedWorker   *worker,
                    WsedSubscriber *subscriber)
{
  epoll_ctl (worker->epoll, EPOLL_CTL_DEL, subscriber->fd, NULL);
  g_queue_unlink (&worker->subscribers, &subscriber->all);
  g_queue_unlink (&worker->beats, &subscriber->beat);
  for (guint i = 0; i < WSED_N_TIMERS; i++)
    wsed_worker_clear_timer (worker, subscriber, i);
  g_clear_pointer (&subscriber->deadline, g_sequence_remove);
  if (subscriber->marked)
    {
      g_ptr_array_remove_fast (worker->marked, subscriber);
      /* A flush may be walking its own list: leave a hole there. */
      for (guint i = 0; i < worker->flushing->len; i++)
        if (worker->flushing->pdata[i] == subscriber)
          worker->flushing->pdata[i] = NULL;
    }
}

void
wsed_worker_mark (WsedWorker   *worker,
                  WsedSubscriber *subscriber)
{
  if (subscriber->marked)
    return;
  subscriber->marked = TRUE;
  g_ptr_array_add (worker->marked, subscriber);
}

void
wsed_worker_set_timer (WsedWorker     *worker,
                       WsedSubscriber *subscriber,
                       WsedTimer       timer)
{
  Alarm *alarm;

  if (subscriber->timers[timer] != NULL)
    return;
  alarm = g_new (Alarm, 1);
  *alarm = (Alarm) { subscriber, worker->now + timer_lengths[timer] };
  g_queue_push_tail (&worker->timers[timer], alarm);
  subscriber->timers[timer] = worker->timers[timer].tail;
}

void
wsed_worker_clear_timer (WsedWorker     *worker,
                         WsedSubscriber *subscriber,
                         WsedTimer       timer)
{
  GList *link = g_steal_pointer (&subscriber->timers[timer]);

  if (link == NULL)
    return;
  g_free (link->data);
  g_queue_delete_link (&worker->timers[timer], link);
}

static int
compare_deadlines (gconstpointer a,
                   gconstpointer b,
                   gpointer      user_data)
{
  gint64 one = ((const WsedSubscriber *) a)->deadline_at, other = ((const WsedSubscriber *) b)->deadline_at;

  return (one > other) - (one < other);
}

void
wsed_worker_set_deadline (WsedWorker     *worker,
                          WsedSubscriber *subscriber,
                          gint64          at)
{
  g_clear_pointer (&subscriber->deadline, g_sequence_remove);
  subscriber->deadline_at = at;
  if (at != G_MAXINT64)
    subscriber->deadline = g_sequence_insert_sorted (worker->deadlines, subscriber, compare_deadlines, NULL);
}

/* The first of them; NULL: there is none. */
static WsedSubscriber *
first_deadline (WsedWorker *worker)
{
  GSequenceIter *first = g_sequence_get_begin_iter (worker->deadlines);

  return g_sequence_iter_is_end (first) ? NULL : g_sequence_get (first);
}

void
wsed_worker_withdraw (WsedWorker           *worker,
                      const WsedWithdrawal *withdrawal)
{
  for (GList *link = worker->subscribers.head, *next; link != NULL; link = next)
    {
      WsedSubscriber *subscriber = link->data;

      next = link->next;
      subscriber->klass->withdraw (subscriber, withdrawal);
    }
}

void
wsed_worker_shutdown (WsedWorker *worker,
                      guint       spread)
{
  GList *link = worker->subscribers.head;

  while (link != NULL)
    {
      GList *next = link->next;
      WsedSubscriber *subscriber = link->data;

      subscriber->klass->shutdown (subscriber, g_random_int_range (spread / 10, spread + 1));
      link = next;
    }
}

void
wsed_worker_visit (WsedWorker *worker,
                   guint64     after,
                   gboolean  (*visit) (WsedSubscriber *, gpointer),
                   gpointer    user_data)
{
  for (GList *link = worker->subscribers.head, *next; link != NULL; link = next)
    {
      WsedSubscriber *subscriber = link->data;

      next = link->next;
      if (subscriber->serial > after && !visit (subscriber, user_data))
        return;
    }
}

/* The loop */

static void
flush (WsedWorker *worker)
{
  GPtrArray *list = worker->marked;

  worker->marked = worker->flushing;
  worker->flushing = list;
  for (guint i = 0; i < list->len; i++)
    {
      WsedSubscriber *subscriber = g_ptr_array_index (list, i);

      if (subscriber == NULL)
        continue;
      subscriber->marked = FALSE;
      list->pdata[i] = NULL;
      subscriber->klass->flush (subscriber);
    }
  g_ptr_array_set_size (list, 0);
}

static gboolean
tick_is_over (WsedWorker *worker)
{
  return worker->now - worker->flushed_at >= worker->config->tick;
}

static void
run_times (WsedWorker *worker)
{
  gint64 interval = (gint64) worker->config->heartbeat * G_USEC_PER_SEC;
  WsedSubscriber *subscriber;
  Alarm *alarm;

  while (worker->beats.length > 0 && (subscriber = worker->beats.head->data)->beat_at <= worker->now)
    {
      g_queue_unlink (&worker->beats, &subscriber->beat);
      subscriber->beat_at = worker->now + interval;
      g_queue_push_tail_link (&worker->beats, &subscriber->beat);
      subscriber->klass->heartbeat (subscriber);
    }
  for (guint i = 0; i < WSED_N_TIMERS; i++)
    while ((alarm = g_queue_peek_head (&worker->timers[i])) != NULL && alarm->at <= worker->now)
      {
        subscriber = alarm->subscriber;
        wsed_worker_clear_timer (worker, subscriber, i);
        subscriber->klass->expired (subscriber, i);
      }
  while ((subscriber = first_deadline (worker)) != NULL && subscriber->deadline_at <= worker->now)
    {
      wsed_worker_set_deadline (worker, subscriber, G_MAXINT64);
      subscriber->klass->due (subscriber);
    }
}

/* Nanoseconds until something is due, -1: never. */
static gint64
time_to_wait (WsedWorker *worker)
{
  gint64 due = wsed_fetches_get_due (worker->fetches);

  if (worker->beats.length > 0)
    due = MIN (due, ((WsedSubscriber *) worker->beats.head->data)->beat_at);
  for (guint i = 0; i < WSED_N_TIMERS; i++)
    if (worker->timers[i].length > 0)
      due = MIN (due, ((Alarm *) worker->timers[i].head->data)->at);
  if (first_deadline (worker) != NULL)
    due = MIN (due, first_deadline (worker)->deadline_at);
  if (worker->marked->len > 0 || worker->dirty->len > 0)
    due = MIN (due, worker->flushed_at + worker->config->tick);
  if (due == G_MAXINT64)
    return -1;
  /* MAX looks twice at what it is given: a moment that passed in between would be a wait for ever. */
  due -= g_get_monotonic_time ();
  return MAX (0, due) * 1000;
}

/* To the microsecond where the kernel can (5.11), else to the millisecond, rounded up. */
static int
wait_for_events (WsedWorker         *worker,
                 struct epoll_event *events,
                 gint64              wait)
{
  struct timespec timeout = { wait / 1000000000, wait % 1000000000 };
  int n = epoll_pwait2 (worker->epoll, events, EVENTS_PER_WAIT, wait >= 0 ? &timeout : NULL, NULL);

  if (n < 0 && errno != EINTR)
    n = epoll_wait (worker->epoll, events, EVENTS_PER_WAIT, wait >= 0 ? (int) ((wait + 999999) / 1000000) : -1);
  return n;
}

static void *
loop (void *user_data)
{
  WsedWorker *worker = user_data;
  struct epoll_event events[EVENTS_PER_WAIT];

  while (!worker->stopping)
    {
      int n = wait_for_events (worker, events, time_to_wait (worker));

      worker->now = g_get_monotonic_time ();
      /* The inbox last and whole: what came while the sockets were served goes out in the same flush. */
      for (int i = 0; i < n; i++)
        {
          WsedSubscriber *subscriber = events[i].data.ptr;

          if (subscriber != NULL)
            subscriber->klass->ready (subscriber, events[i].events);
        }
      wsed_inbox_run (worker->inbox);
      run_times (worker);
      wsed_fetches_expire (worker->fetches, worker->now);
      if ((worker->dirty->len > 0 || worker->marked->len > 0) && tick_is_over (worker))
        {
          wsed_worker_wake (worker);
          flush (worker);
          worker->flushed_at = worker->now;
        }
    }
  return NULL;
}

void
wsed_worker_start (WsedWorker *worker)
{
  int problem = pthread_create (&worker->thread, NULL, loop, worker);
  char name[16];               /* the kernel's bound */

  if (problem != 0)
    g_error ("starting a worker: %s", g_strerror (problem));
  g_snprintf (name, sizeof name, "worker %u", worker->index);
  pthread_setname_np (worker->thread, name);
  worker->started = TRUE;
}

static void
stop (WsedMessage *message,
      gpointer     user_data)
{
  WsedWorker *worker = user_data;

  while (worker->subscribers.length > 0)
    {
      WsedSubscriber *subscriber = worker->subscribers.head->data;

      subscriber->klass->expired (subscriber, WSED_TIMER_END);
    }
  worker->stopping = TRUE;
  g_free (message);
}

void
wsed_worker_stop (WsedWorker *worker)
{
  WsedMessage *message;

  if (!worker->started)
    return;
  message = g_new0 (WsedMessage, 1);
  message->run = stop;
  message->user_data = worker;
  wsed_inbox_push (worker->inbox, message);
  pthread_join (worker->thread, NULL);
  worker->started = FALSE;
}

void
wsed_worker_free (WsedWorker *worker)
{
  wsed_worker_stop (worker);
  wsed_inbox_run (worker->inbox);
  wsed_asides_clear (&worker->asides);
  wsed_eviction_clear (&worker->eviction);
  wsed_fetches_free (worker->fetches);
  g_assert (worker->subscribers.length == 0);
  close (worker->epoll);
  wsed_inbox_free (worker->inbox);
  g_ptr_array_unref (worker->marked);
  g_ptr_array_unref (worker->flushing);
  g_ptr_array_unref (worker->dirty);
  g_sequence_free (worker->deadlines);
  g_free (worker);
}
