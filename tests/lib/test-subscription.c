/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One subscriber of a bus: its bounded queue, its main context, its end. With several threads it is test-bus-threads. */

#include "bus-fixture.h"

static void
count (gpointer object,
       gpointer pspec,
       guint   *n)
{
  (*n)++;
}

/* The oldest go; the signal stands where they are missing. */
static void
test_bounded (void)
{
  g_autoptr (WseBus) bus = running_bus (10);
  g_autoptr (WseSubscription) slow = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = record (slow);
  g_autofree char *rest = sequence ("global", 16, 25, "a");
  g_autofree char *first = g_strconcat ("lagged 15;", rest, NULL);
  guint notified = 0;
  guint64 dropped;

  g_signal_connect (slow, "notify::dropped", G_CALLBACK (count), &notified);
  publish_many (bus, 25, "a", "global");
  g_assert_cmpuint (wse_subscription_get_dropped (slow), ==, 15);
  g_assert_cmpuint (notified, ==, 0);
  check_seen (seen, first);
  g_assert_cmpuint (notified, ==, 1);

  publish_many (bus, 10, "a", "global");
  run_out ();
  g_string_truncate (seen, 0);
  publish_many (bus, 11, "b", "user:1");
  g_free (g_steal_pointer (&rest));
  g_free (g_steal_pointer (&first));
  rest = sequence ("user:1", 2, 11, "b");
  first = g_strconcat ("lagged 1;", rest, NULL);
  check_seen (seen, first);
  g_object_get (slow, "dropped", &dropped, NULL);
  g_assert_cmpuint (dropped, ==, 16);
}

/* The queue is allocated as it grows; its bound is exact whatever it is. */
static void
test_bounds (void)
{
  static const guint sizes[] = { 1, 2, 15, 16, 17, 100, 1000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (WseBus) bus = running_bus (sizes[i]);
      g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
      g_autoptr (GString) seen = record (subscription);
      g_autofree char *fits = sequence ("global", 1, sizes[i], "a");
      g_autofree char *rest = sequence ("global", sizes[i] + 4, 2 * sizes[i] + 3, "a");
      g_autofree char *lagged = g_strconcat ("lagged 3;", rest, NULL);

      publish_many (bus, sizes[i], "a", "global");
      g_assert_cmpuint (wse_subscription_get_dropped (subscription), ==, 0);
      check_seen (seen, fits);
      publish_many (bus, sizes[i] + 3, "a", "global");
      check_seen (seen, lagged);
    }
}

/* It grows in the middle of a lap. */
static void
test_growth (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = record (subscription);
  g_autofree char *expected = sequence ("global", 11, 50, "a");

  publish_many (bus, 10, "a", "global");
  run_out ();
  g_string_truncate (seen, 0);
  publish_many (bus, 40, "a", "global");
  check_seen (seen, expected);
}

static void
publish_more (WseSubscription *subscription,
              WseEvent        *event,
              const char      *channel,
              guint64          seq,
              WseBus          *bus)
{
  if (seq == 1)
    publish_many (bus, 12, "b", "global");
}

/* What a handler publishes comes after the handler, and may drop what waits. */
static void
test_publish_in_handler (void)
{
  g_autoptr (WseBus) bus = running_bus (10);
  g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = NULL;
  g_autofree char *rest = sequence ("global", 5, 14, "b");
  g_autofree char *expected = g_strconcat ("global:1 a;lagged 3;", rest, NULL);

  g_signal_connect (subscription, "event", G_CALLBACK (publish_more), bus);
  seen = record (subscription);
  publish_many (bus, 2, "a", "global");
  check_seen (seen, expected);
}

static void
cancel_at_two (WseSubscription *subscription,
               WseEvent        *event,
               const char      *channel,
               guint64          seq,
               gpointer         user_data)
{
  if (seq < 2)
    return;
  wse_subscription_cancel (subscription);
  wse_subscription_cancel (subscription);
  g_assert_cmpint (wse_event_get_severity (event), ==, WSE_SEVERITY_INFO);
}

/* Nothing comes any more, not even to the next handler of the same emission. */
static void
test_cancel_in_handler (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  WseSubscription *subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = NULL;
  WseBusStats stats;

  g_object_add_weak_pointer (G_OBJECT (subscription), (gpointer *) &subscription);
  g_signal_connect (subscription, "event", G_CALLBACK (cancel_at_two), NULL);
  seen = record (subscription);
  publish_many (bus, 5, "a", "global");
  g_object_unref (subscription);
  check_seen (seen, "global:1 a;");
  g_assert_null (subscription);
  publish_many (bus, 5, "a", "global");
  check_seen (seen, "");
  wse_bus_get_stats (bus, &stats);
  g_assert_cmpuint (stats.active_subscribers, ==, 0);
  g_assert_cmpuint (stats.events_delivered, ==, 2);
}

static void
cancel_now (WseSubscription *subscription)
{
  wse_subscription_cancel (subscription);
}

static void
check_cancel_at (const char *signal)
{
  g_autoptr (WseBus) bus = running_bus (2);
  g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = NULL;

  g_signal_connect (subscription, signal, G_CALLBACK (cancel_now), NULL);
  seen = record (subscription);
  publish_many (bus, 5, "a", "global");
  check_seen (seen, "");
  g_assert_true (wse_subscription_is_cancelled (subscription));
}

static void
test_cancel_when_lagged (void)
{
  check_cancel_at ("lagged");
  check_cancel_at ("notify::dropped");
}

static void
test_cancel (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) one = subscribe (bus, NULL, NULL, 0);
  g_autoptr (WseSubscription) two = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) one_seen = record (one);
  g_autoptr (GString) two_seen = record (two);

  publish_many (bus, 2, "a", "global");
  wse_subscription_cancel (one);
  g_assert_true (wse_subscription_is_cancelled (one));
  g_assert_false (wse_subscription_is_cancelled (two));
  publish_many (bus, 1, "a", "global");
  check_seen (one_seen, "");
  check_seen (two_seen, "global:1 a;global:2 a;global:3 a;");
  wse_subscription_cancel (one);
}

/* Letting go of the reference is not cancelling. */
static void
test_kept_alive (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  WseSubscription *subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = record (subscription);

  g_object_unref (subscription);
  publish (bus, "a", "global");
  check_seen (seen, "global:1 a;");
}

static gboolean
count_turn (gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_CONTINUE;
}

/* A full queue does not keep others of its context from their turn, and does not need a turn for each event. */
static void
test_batches (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GSource) other = g_timeout_source_new (0);
  WseBusStats stats;
  guint turns = 0;

  g_source_set_callback (other, count_turn, &turns, NULL);
  g_source_attach (other, NULL);
  publish_many (bus, 1000, "a", "global");
  do
    {
      guint64 before;

      wse_bus_get_stats (bus, &stats);
      before = stats.events_delivered;
      g_main_context_iteration (NULL, TRUE);
      wse_bus_get_stats (bus, &stats);
      g_assert_cmpuint (stats.events_delivered - before, <=, 100);
    }
  while (stats.queue_size > 0);
  g_assert_cmpuint (turns, >=, 9);
  g_assert_cmpuint (turns, <=, 20);
  g_source_destroy (other);
}

/* The context that was the thread default where it was subscribed. */
static void
test_context (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) subscription = NULL;
  g_autoptr (GString) seen = NULL;

  g_main_context_push_thread_default (context);
  subscription = subscribe (bus, NULL, NULL, 0);
  g_main_context_pop_thread_default (context);
  seen = record (subscription);
  publish (bus, "a", "global");
  check_seen (seen, "");
  while (g_main_context_iteration (context, FALSE))
    ;
  check_seen (seen, "global:1 a;");
  wse_subscription_cancel (subscription);
}

/* One that no bus made: it has ended before it began. */
static void
test_alone (void)
{
  g_autoptr (WseSubscription) subscription = g_object_new (WSE_TYPE_SUBSCRIPTION, NULL);

  g_assert_true (wse_subscription_is_cancelled (subscription));
  g_assert_cmpuint (wse_subscription_get_dropped (subscription), ==, 0);
  wse_subscription_cancel (subscription);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/subscription/bounded", test_bounded);
  g_test_add_func ("/subscription/bounds", test_bounds);
  g_test_add_func ("/subscription/growth", test_growth);
  g_test_add_func ("/subscription/publish-in-handler", test_publish_in_handler);
  g_test_add_func ("/subscription/cancel-in-handler", test_cancel_in_handler);
  g_test_add_func ("/subscription/cancel-when-lagged", test_cancel_when_lagged);
  g_test_add_func ("/subscription/cancel", test_cancel);
  g_test_add_func ("/subscription/kept-alive", test_kept_alive);
  g_test_add_func ("/subscription/batches", test_batches);
  g_test_add_func ("/subscription/context", test_context);
  g_test_add_func ("/subscription/alone", test_alone);
  return g_test_run ();
}
