/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A bus with publishers and subscribers in threads of their own; to be run under ThreadSanitizer as well. */

#include <pthread.h>
#include <string.h>

#include "bus-fixture.h"

#define PUBLISHERS 3
#define SUBSCRIBERS 3
#define EACH 6000              /* events of one publisher, a multiple of 3 */

typedef struct
{
  WseBus *bus;
  guint n;
} Publisher;

/* In turn to `global`, to `team:t`, to both. */
static gpointer
run_publisher (gpointer user_data)
{
  static const char * const channels[] = { "global", "team:t", "global,team:t" };
  Publisher *self = user_data;

  for (guint i = 0; i < self->n; i++)
    publish (self->bus, "a", channels[i % 3]);
  return NULL;
}

static void
start (pthread_t *threads,
       guint      n,
       gpointer (*run) (gpointer),
       gpointer   user_data)
{
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, run, user_data), ==, 0);
}

static void
join (pthread_t *threads,
      guint      n)
{
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (pthread_join (threads[i], NULL), ==, 0);
}

/* What a subscriber has seen of each channel. */
typedef struct
{
  WseBus *bus;
  const char *channels;        /* NULL: all */
  guint wanted;                /* events, dropped ones too, after which it ends */
  guint history;
  pthread_barrier_t *ready;    /* NULL: nobody waits */

  guint64 last[2], first[2];
  guint64 seen, dropped, hole;
} Subscriber;

static void
check_order (WseSubscription *subscription,
             WseEvent        *event,
             const char      *channel,
             guint64          seq,
             Subscriber      *self)
{
  guint i = strcmp (channel, "global") == 0 ? 0 : 1;

  g_assert_cmpuint (seq, >, self->last[i]);
  if (self->first[i] == 0)
    self->first[i] = seq;
  self->last[i] = seq;
  self->seen++;
}

/* Of one channel alone there is no other hole than the one it was told of, in that very place. */
static void
check_no_hole (WseSubscription *subscription,
               WseEvent        *event,
               const char      *channel,
               guint64          seq,
               Subscriber      *self)
{
  if (self->last[0] > 0 || self->history == 0)
    g_assert_cmpuint (seq, ==, self->last[0] + self->hole + 1);
  self->hole = 0;
  check_order (subscription, event, channel, seq, self);
}

static void
add_hole (WseSubscription *subscription,
          guint64          dropped,
          Subscriber      *self)
{
  self->dropped += dropped;
  self->hole += dropped;
}

static gpointer
run_subscriber (gpointer user_data)
{
  Subscriber *self = user_data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (WseSubscription) subscription = NULL;

  g_main_context_push_thread_default (context);
  subscription = subscribe (self->bus, self->channels, NULL, self->history);
  g_signal_connect (subscription, "event",
                    self->channels != NULL ? G_CALLBACK (check_no_hole) : G_CALLBACK (check_order), self);
  g_signal_connect (subscription, "lagged", G_CALLBACK (add_hole), self);
  if (self->ready != NULL)
    pthread_barrier_wait (self->ready);
  while (self->seen + self->dropped < self->wanted)
    g_main_context_iteration (context, TRUE);
  wse_subscription_cancel (subscription);
  g_assert_cmpuint (wse_subscription_get_dropped (subscription), ==, self->dropped);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* Everybody gets everything once, each channel in its order; of one channel alone not a seq is missing. */
static void
test_all (void)
{
  g_autoptr (WseBus) bus = running_bus (WSE_MAX_QUEUE);
  Publisher publisher = { bus, EACH };
  Subscriber subscribers[SUBSCRIBERS + 1] = { 0 };
  pthread_t publishers[PUBLISHERS], readers[SUBSCRIBERS + 1];
  pthread_barrier_t ready;
  WseBusStats stats;
  guint in_global = PUBLISHERS * (EACH - EACH / 3);

  pthread_barrier_init (&ready, NULL, SUBSCRIBERS + 2);
  for (guint i = 0; i <= SUBSCRIBERS; i++)
    {
      subscribers[i] = (Subscriber) { bus, NULL, PUBLISHERS * EACH, 0, &ready };
      if (i == SUBSCRIBERS)
        {
          subscribers[i].channels = "global";
          subscribers[i].wanted = in_global;
        }
      start (&readers[i], 1, run_subscriber, &subscribers[i]);
    }
  pthread_barrier_wait (&ready);
  start (publishers, PUBLISHERS, run_publisher, &publisher);
  join (publishers, PUBLISHERS);
  join (readers, SUBSCRIBERS + 1);
  pthread_barrier_destroy (&ready);

  for (guint i = 0; i <= SUBSCRIBERS; i++)
    {
      g_assert_cmpuint (subscribers[i].seen, ==, subscribers[i].wanted);
      g_assert_cmpuint (subscribers[i].dropped, ==, 0);
      g_assert_cmpuint (subscribers[i].last[0], ==, in_global);
    }
  wse_bus_get_stats (bus, &stats);
  g_assert_cmpuint (stats.events_published, ==, PUBLISHERS * EACH);
  g_assert_cmpuint (stats.events_delivered, ==, SUBSCRIBERS * PUBLISHERS * EACH + in_global);
  g_assert_cmpuint (stats.active_subscribers, ==, 0);
}

/* A queue of ten against publishers flat out: what was emitted and what was told as dropped is all that was published. */
static void
test_slow (void)
{
  g_autoptr (WseBus) bus = running_bus (10);
  Publisher publisher = { bus, EACH };
  pthread_barrier_t ready;
  Subscriber subscriber = { bus, "global", PUBLISHERS * (EACH - EACH / 3), 0, &ready };
  pthread_t publishers[PUBLISHERS], reader;

  pthread_barrier_init (&ready, NULL, 2);
  start (&reader, 1, run_subscriber, &subscriber);
  pthread_barrier_wait (&ready);
  start (publishers, PUBLISHERS, run_publisher, &publisher);
  join (publishers, PUBLISHERS);
  join (&reader, 1);
  pthread_barrier_destroy (&ready);
  g_assert_cmpuint (subscriber.seen + subscriber.dropped, ==, subscriber.wanted);
  g_assert_cmpuint (subscriber.last[0], ==, subscriber.wanted);
}

/* Who comes while others publish gets the history and what follows it, without a hole, without a double. */
static void
test_history_meets_live (void)
{
  g_autoptr (WseBus) bus = running_bus (WSE_MAX_QUEUE);
  Publisher publisher = { bus, EACH };
  pthread_t publishers[PUBLISHERS];

  publish_many (bus, 100, "a", "global");
  start (publishers, PUBLISHERS, run_publisher, &publisher);
  for (guint i = 0; i < 50; i++)
    {
      Subscriber subscriber = { bus, "global", 50, 50 };

      run_subscriber (&subscriber);
      g_assert_cmpuint (subscriber.last[0] - subscriber.first[0] + 1, ==, subscriber.seen);
      g_assert_cmpuint (subscriber.seen, >=, 50);
    }
  join (publishers, PUBLISHERS);
}

typedef struct
{
  WseBus *bus;
  WseSubscription *subscription;
  pthread_barrier_t *ready;
  gboolean done;               /* __atomic */
} Reader;

static void
count_event (WseSubscription *subscription,
             WseEvent        *event,
             const char      *channel,
             guint64          seq,
             guint64         *n)
{
  g_assert_cmpuint (seq, >, *n);
  *n = seq;
}

static gpointer
run_reader (gpointer user_data)
{
  Reader *self = user_data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  guint64 n = 0;

  g_main_context_push_thread_default (context);
  self->subscription = subscribe (self->bus, "global", NULL, 0);
  g_signal_connect (self->subscription, "event", G_CALLBACK (count_event), &n);
  pthread_barrier_wait (self->ready);
  while (!__atomic_load_n (&self->done, __ATOMIC_ACQUIRE))
    g_main_context_iteration (context, FALSE);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* Cancelled by a thread that is neither the publisher's nor the subscriber's, at any moment. */
static void
test_cancel_elsewhere (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  Publisher publisher = { bus, EACH };
  pthread_t publishers[PUBLISHERS];

  start (publishers, PUBLISHERS, run_publisher, &publisher);
  for (guint i = 0; i < 30; i++)
    {
      pthread_barrier_t ready;
      Reader reader = { bus, NULL, &ready };
      pthread_t thread;

      pthread_barrier_init (&ready, NULL, 2);
      start (&thread, 1, run_reader, &reader);
      pthread_barrier_wait (&ready);
      publish_many (bus, i, "a", "global");
      wse_subscription_cancel (reader.subscription);
      g_assert_true (wse_subscription_is_cancelled (reader.subscription));
      __atomic_store_n (&reader.done, TRUE, __ATOMIC_RELEASE);
      join (&thread, 1);
      g_object_unref (reader.subscription);
      pthread_barrier_destroy (&ready);
    }
  join (publishers, PUBLISHERS);
}

static gpointer
run_try (gpointer user_data)
{
  WseBus *bus = user_data;

  for (guint i = 0; i < EACH; i++)
    {
      g_autoptr (WseEvent) event = make_event ("a", "global");
      g_autoptr (GError) error = NULL;

      if (!wse_bus_publish (bus, event, &error))
        g_assert_error (error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
    }
  return NULL;
}

/* All the rest that may be done meanwhile. */
static void
test_meanwhile (void)
{
  g_autoptr (WseBus) bus = running_bus (100);
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();
  pthread_t publishers[PUBLISHERS];
  WseBusStats stats;

  start (publishers, PUBLISHERS, run_try, bus);
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 100);

      wse_bus_stop (bus);
      g_object_set (bus, "history-size", i % 7 * 20, "queue-size", i % 5 + 1, NULL);
      wse_bus_start (bus);
      if (i < 3)
        wse_bus_add_transformer (bus, WSE_TRANSFORMER (mapper));
      wse_bus_get_stats (bus, &stats);
      g_assert_cmpuint (stats.history_size, <=, i % 7 * 20);
      if (i % 2 == 0)
        run_out ();
      wse_subscription_cancel (subscription);
    }
  join (publishers, PUBLISHERS);
  wse_bus_get_stats (bus, &stats);
  g_assert_cmpuint (stats.active_subscribers, ==, 0);
  g_assert_cmpuint (stats.queue_size, ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bus-threads/all", test_all);
  g_test_add_func ("/bus-threads/slow", test_slow);
  g_test_add_func ("/bus-threads/history-meets-live", test_history_meets_live);
  g_test_add_func ("/bus-threads/cancel-elsewhere", test_cancel_elsewhere);
  g_test_add_func ("/bus-threads/meanwhile", test_meanwhile);
  return g_test_run ();
}
