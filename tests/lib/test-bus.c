/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bus in one thread: start and stop, seqs, channels, filters, history, the chain, statistics. The subscriber's side, its queue and
 * its threads, is test-subscription. */

#include <string.h>

#include "bus-fixture.h"

static void
count (gpointer object,
       gpointer pspec,
       guint   *n)
{
  (*n)++;
}

/* A stopped bus takes nothing, delivers what it has, and goes on where it was. */
static void
test_start_stop (void)
{
  g_autoptr (WseBus) bus = wse_bus_new ();
  g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = record (subscription);
  gboolean running = TRUE;
  guint changes = 0;

  g_signal_connect (bus, "notify::running", G_CALLBACK (count), &changes);
  g_object_get (bus, "running", &running, NULL);
  g_assert_false (running);
  publish_bad (bus, "a", "global", WSE_ERROR_UNAVAILABLE);
  wse_bus_stop (bus);
  g_assert_cmpuint (changes, ==, 0);

  wse_bus_start (bus);
  wse_bus_start (bus);
  g_assert_true (wse_bus_is_running (bus));
  publish (bus, "a", "global");
  publish (bus, "b", "global");
  wse_bus_stop (bus);
  g_assert_cmpuint (changes, ==, 2);
  publish_bad (bus, "c", "global", WSE_ERROR_UNAVAILABLE);
  check_seen (seen, "global:1 a;global:2 b;");

  wse_bus_start (bus);
  publish (bus, "d", "global");
  check_seen (seen, "global:3 d;");
  {
    g_autoptr (WseSubscription) late = subscribe (bus, NULL, NULL, 100);
    g_autoptr (GString) history = record (late);

    check_seen (history, "global:1 a;global:2 b;global:3 d;");
  }
}

/* Each channel counts for itself; an event in several comes once, under the first that is subscribed to. */
static void
test_channels (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) all = subscribe (bus, NULL, NULL, 0);
  g_autoptr (WseSubscription) global = subscribe (bus, "global", NULL, 0);
  g_autoptr (WseSubscription) two = subscribe (bus, "global,team:t", NULL, 0);
  g_autoptr (WseSubscription) other = subscribe (bus, "user:2", NULL, 0);
  g_autoptr (GString) all_seen = record (all);
  g_autoptr (GString) global_seen = record (global);
  g_autoptr (GString) two_seen = record (two);
  g_autoptr (GString) other_seen = record (other);

  publish (bus, "a", "user:1");
  publish (bus, "b", "user:1,team:t,global");
  publish (bus, "c", "team:t");
  publish (bus, "d", "global");
  check_seen (all_seen, "user:1:1 a;user:1:2 b;team:t:2 c;global:2 d;");
  check_seen (global_seen, "global:1 b;global:2 d;");
  check_seen (two_seen, "team:t:1 b;team:t:2 c;global:2 d;");
  check_seen (other_seen, "");
}

static void
test_bad_channels (void)
{
  static const char * const none[] = { NULL }, * const bad[] = { "global", "user:", NULL }, * const star[] = { "*", NULL };
  const char *many[WSE_MAX_CURSOR_CHANNELS + 2];
  const char * const *lists[] = { none, bad, star, many };
  g_autoptr (WseBus) bus = running_bus (1000);

  for (guint i = 0; i <= WSE_MAX_CURSOR_CHANNELS; i++)
    many[i] = "global";
  many[WSE_MAX_CURSOR_CHANNELS + 1] = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (wse_bus_subscribe (bus, lists[i], NULL, 0, &error));
      g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
    }
  many[WSE_MAX_CURSOR_CHANNELS] = NULL;
  g_object_unref (wse_bus_subscribe (bus, many, NULL, 0, NULL));
}

static void
test_filter (void)
{
  static const char * const types[] = { "a", "OrderPlaced", NULL };
  g_autoptr (WseFilter) by_type = wse_filter_new (types, WSE_SEVERITY_INFO, NULL);
  g_autoptr (WseFilter) by_severity = wse_filter_new (NULL, WSE_SEVERITY_WARNING, NULL);
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) typed = subscribe (bus, NULL, by_type, 0);
  g_autoptr (WseSubscription) severe = subscribe (bus, NULL, by_severity, 0);
  g_autoptr (GString) typed_seen = record (typed);
  g_autoptr (GString) severe_seen = record (severe);
  g_autoptr (WseEvent) event = make_event ("b", "global");
  g_autoptr (WseEvent) warning = wse_event_with_severity (event, WSE_SEVERITY_WARNING);
  g_autoptr (WseSubscription) late = NULL;
  g_autoptr (GString) late_seen = NULL;

  publish (bus, "a", "global");
  publish (bus, "b", "global");
  publish (bus, "OrderPlaced", "user:1");
  g_assert_true (wse_bus_publish (bus, warning, NULL));
  check_seen (typed_seen, "global:1 a;user:1:1 order_update;");
  check_seen (severe_seen, "global:3 b;");

  late = subscribe (bus, NULL, by_type, 1);
  late_seen = record (late);
  check_seen (late_seen, "user:1:1 order_update;");
}

static void
check_history (WseBus     *bus,
               const char *channels,
               guint       history,
               guint       from,
               guint       to)
{
  g_autoptr (WseSubscription) subscription = subscribe (bus, channels, NULL, history);
  g_autoptr (GString) seen = record (subscription);
  g_autofree char *expected = sequence ("global", from, to, "a");

  check_seen (seen, expected);
  g_assert_cmpuint (wse_subscription_get_dropped (subscription), ==, 0);
  wse_subscription_cancel (subscription);
}

static void
test_history (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  guint size;

  g_object_get (bus, "history-size", &size, NULL);
  g_assert_cmpuint (size, ==, 100);
  check_history (bus, NULL, 100, 1, 0);
  publish_many (bus, 150, "a", "global");
  check_history (bus, NULL, 0, 1, 0);
  check_history (bus, NULL, 1, 150, 150);
  check_history (bus, "global", 10, 141, 150);
  check_history (bus, NULL, 100, 51, 150);
  check_history (bus, NULL, G_MAXUINT, 51, 150);
  check_history (bus, "system", 100, 1, 0);
  publish_many (bus, 60, "a", "user:1");
  check_history (bus, "global", 5, 146, 150);
  check_history (bus, "global", 100, 111, 150);
}

static void
test_history_size (void)
{
  g_autoptr (WseBus) bus = running_bus (20);
  WseBusStats stats;

  publish_many (bus, 150, "a", "global");
  check_history (bus, NULL, 100, 131, 150);
  g_object_set (bus, "history-size", 7, NULL);
  check_history (bus, NULL, 100, 144, 150);
  g_object_set (bus, "history-size", 9, NULL);
  publish_many (bus, 5, "a", "global");
  check_history (bus, NULL, 100, 147, 155);
  g_object_set (bus, "history-size", 0, NULL);
  publish_many (bus, 5, "a", "global");
  check_history (bus, NULL, 100, 1, 0);
  wse_bus_get_stats (bus, &stats);
  g_assert_cmpuint (stats.history_size, ==, 0);
  g_object_set (bus, "history-size", 2, NULL);
  publish_many (bus, 5, "a", "global");
  check_history (bus, NULL, 100, 164, 165);
}

/* What is published between subscribing and the first emission neither overtakes the history nor comes twice. */
static void
test_history_meets_live (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) subscription = NULL;
  g_autoptr (GString) seen = NULL;
  g_autofree char *expected = sequence ("global", 1, 10, "a");

  publish_many (bus, 5, "a", "global");
  subscription = subscribe (bus, NULL, NULL, 100);
  publish_many (bus, 5, "a", "global");
  seen = record (subscription);
  check_seen (seen, expected);
}

/* A transformer that does what it is told. */
#define STEP_TYPE (step_get_type ())
G_DECLARE_FINAL_TYPE (Step, step, TEST, STEP, GObject)

struct _Step
{
  GObject parent_instance;
  WseBus *bus;
};

static WseVerdict
step_transform (WseTransformer *transformer,
                WseEvent       *event,
                WseEvent      **out,
                GError        **error)
{
  WseBus *bus = TEST_STEP (transformer)->bus;
  const char *type = wse_event_get_event_type (event);

  if (strcmp (type, "drop") == 0)
    return WSE_VERDICT_DROP;
  if (strcmp (type, "fail") == 0)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "told so");
      return WSE_VERDICT_FAIL;
    }
  if (strcmp (type, "publish") == 0)
    return wse_bus_publish (bus, event, error) ? WSE_VERDICT_DROP : WSE_VERDICT_FAIL;
  if (strcmp (type, "add") == 0)
    wse_bus_add_transformer (bus, transformer);
  if (strcmp (type, "route") == 0)
    {
      static const char * const channels[] = { "user:9", NULL };

      *out = wse_event_with_channels (event, channels, error);
      return *out != NULL ? WSE_VERDICT_DELIVER : WSE_VERDICT_FAIL;
    }
  *out = wse_event_with_type (event, strcmp (type, "order_placed") == 0 ? "seen_mapped" : type, error);
  return *out != NULL ? WSE_VERDICT_DELIVER : WSE_VERDICT_FAIL;
}

static void
step_iface_init (WseTransformerInterface *iface)
{
  iface->transform = step_transform;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (Step, step, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSE_TYPE_TRANSFORMER, step_iface_init))

static void
step_class_init (StepClass *klass)
{
}

static void
step_init (Step *self)
{
}

/* Types are mapped and events without a channel routed as in wsed. */
static void
test_chain (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = record (subscription);
  g_autoptr (GBytes) payload = g_bytes_new_static ("{\"operation\":\"get\",\"key\":\"k\"}", 29);
  g_autoptr (WseEvent) cache = wse_event_new ("cache", NULL, payload, NULL);

  g_assert_true (wse_type_mapper_add (wse_bus_get_type_mapper (bus), "x.y", "mine", NULL));
  publish (bus, "OrderPlaced", "user:1");
  publish (bus, "ResourceCreated", "user:1");
  publish (bus, "x.y", "user:1");
  g_assert_true (wse_bus_publish (bus, cache, NULL));
  publish_bad (bus, "order_update", NULL, WSE_ERROR_NO_ROUTE);
  publish_bad (bus, "cache", NULL, WSE_ERROR_INVALID);
  publish (bus, "cache", "user:1");
  check_seen (seen, "user:1:1 order_update;user:1:2 resource_created;user:1:3 mine;system:1 cache;user:1:4 cache;");
}

static void
test_transformer (void)
{
  g_autoptr (WseBus) bus = running_bus (1000);
  g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = record (subscription);
  g_autoptr (Step) step = g_object_new (STEP_TYPE, NULL);
  WseBusStats stats;

  step->bus = bus;
  wse_bus_add_transformer (bus, WSE_TRANSFORMER (step));
  publish (bus, "drop", "global");
  publish_bad (bus, "fail", "global", WSE_ERROR_TOO_LARGE);
  publish_bad (bus, "publish", "global", WSE_ERROR_FAILED);
  /* After the mapper, before the router. */
  g_assert_true (wse_type_mapper_add (wse_bus_get_type_mapper (bus), "OrderPlaced", "order_placed", NULL));
  publish (bus, "OrderPlaced", "global");
  publish_bad (bus, "OrderPlaced", NULL, WSE_ERROR_NO_ROUTE);
  publish (bus, "route", NULL);
  publish (bus, "add", "global");
  check_warning ("*cannot add to the chain*");
  check_seen (seen, "global:1 seen_mapped;user:9:1 route;global:2 add;");

  wse_bus_get_stats (bus, &stats);
  g_assert_cmpuint (stats.events_filtered, ==, 1);
  g_assert_cmpuint (stats.events_published, ==, 3);
}

static void
test_stats (void)
{
  g_autoptr (WseBus) bus = running_bus (10);
  g_autoptr (WseSubscription) one = subscribe (bus, NULL, NULL, 0);
  g_autoptr (WseSubscription) two = subscribe (bus, "system", NULL, 0);
  g_autoptr (WseBusStats) copy = NULL;
  WseBusStats stats;

  publish_many (bus, 15, "a", "global");
  wse_bus_get_stats (bus, &stats);
  g_assert_cmpuint (stats.active_subscribers, ==, 2);
  g_assert_cmpuint (stats.queue_size, ==, 10);
  g_assert_cmpuint (stats.history_size, ==, 15);
  g_assert_true (stats.running);
  g_assert_cmpuint (stats.events_published, ==, 15);
  g_assert_cmpuint (stats.events_delivered, ==, 0);
  g_assert_cmpuint (stats.events_dropped, ==, 5);

  run_out ();
  publish_many (bus, 3, "a", "global");
  wse_bus_get_stats (bus, &stats);
  g_assert_cmpuint (stats.queue_size, ==, 3);
  wse_subscription_cancel (one);
  wse_bus_stop (bus);
  wse_bus_get_stats (bus, &stats);
  copy = wse_bus_stats_copy (&stats);
  g_assert_cmpuint (copy->active_subscribers, ==, 1);
  g_assert_cmpuint (copy->queue_size, ==, 0);
  g_assert_false (copy->running);
  g_assert_cmpuint (copy->events_published, ==, 18);
  g_assert_cmpuint (copy->events_delivered, ==, 10);
  g_assert_cmpuint (copy->events_dropped, ==, 5);
}

/* With the bus its subscriptions end. */
static void
test_end (void)
{
  WseBus *bus = running_bus (1000);
  g_autoptr (WseSubscription) subscription = subscribe (bus, NULL, NULL, 0);
  WseSubscription *other = subscribe (bus, NULL, NULL, 0);
  g_autoptr (GString) seen = record (subscription);

  g_object_add_weak_pointer (G_OBJECT (other), (gpointer *) &other);
  g_object_unref (other);
  g_assert_nonnull (other);
  publish (bus, "a", "global");
  g_assert_false (wse_subscription_is_cancelled (subscription));
  g_object_unref (bus);
  g_assert_true (wse_subscription_is_cancelled (subscription));
  g_assert_null (other);
  check_seen (seen, "");
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  take_warnings ();
  g_test_add_func ("/bus/start-stop", test_start_stop);
  g_test_add_func ("/bus/channels", test_channels);
  g_test_add_func ("/bus/bad-channels", test_bad_channels);
  g_test_add_func ("/bus/filter", test_filter);
  g_test_add_func ("/bus/history", test_history);
  g_test_add_func ("/bus/history-size", test_history_size);
  g_test_add_func ("/bus/history-meets-live", test_history_meets_live);
  g_test_add_func ("/bus/chain", test_chain);
  g_test_add_func ("/bus/transformer", test_transformer);
  g_test_add_func ("/bus/stats", test_stats);
  g_test_add_func ("/bus/end", test_end);
  return g_test_run ();
}
