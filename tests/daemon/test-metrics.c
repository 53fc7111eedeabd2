/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The registry and what it writes. */

#include "metrics/wsed-metrics.h"

#include <string.h>

static const char * const labels[] = { "event_type", "status", NULL };

static char *
text (void)
{
  GString *out = g_string_new (NULL);

  wsed_metrics_write_text (out);
  return g_string_free (out, FALSE);
}

static WsedMetric *
series (WsedMetricFamily *family,
        const char       *type,
        const char       *status)
{
  const char * const values[] = { type, status, NULL };

  return wsed_metric_family_get (family, values);
}

static void
test_text (void)
{
  WsedMetricFamily *family = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_x_total", "Back\\slash and\nline.", labels, 200);
  g_autofree char *got = NULL;

  wsed_metric_set (wsed_metric_new (WSED_METRIC_GAUGE, "wse_g", "A gauge."), -7);
  wsed_metric_add (series (family, "a\"b\\c\nd", "ok"), 2);
  wsed_metric_add (series (family, "a\"b\\c\nd", "ok"), 3);
  got = text ();
  g_assert_cmpstr (got, ==,
                   "# HELP wse_x_total Back\\\\slash and\\nline.\n# TYPE wse_x_total counter\n"
                   "wse_x_total{event_type=\"a\\\"b\\\\c\\nd\",status=\"ok\"} 5\n"
                   "# HELP wse_g A gauge.\n# TYPE wse_g gauge\nwse_g -7\n");
  wsed_metrics_reset ();
}

static void
test_same_name (void)
{
  WsedMetric *metric = wsed_metric_new (WSED_METRIC_COUNTER, "wse_x_total", "X.");

  g_assert_true (metric == wsed_metric_new (WSED_METRIC_COUNTER, "wse_x_total", "X."));
  wsed_metrics_reset ();
}

static void
test_other (void)
{
  WsedMetricFamily *family = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_x_total", "X.", labels, 2);

  g_assert_true (series (family, "a", "ok") != series (family, "a", "bad"));
  g_assert_true (series (family, "b", "ok") != series (family, "a", "ok"));
  g_assert_true (series (family, "c", "ok") == series (family, "d", "ok"));
  g_assert_true (series (family, "c", "ok") == series (family, "other", "ok"));
  g_assert_true (series (family, "c", "bad") != series (family, "c", "ok"));
  g_assert_true (series (family, "b", "bad") != series (family, "other", "bad"));
  wsed_metrics_reset ();
}

static void
test_histogram (void)
{
  static const double bounds[] = { 0.5, 10 };
  WsedHistogram *histogram = wsed_histogram_new ("wse_h", "H.", bounds, 2);
  g_autofree char *got = NULL;
  g_autoptr (GString) json = g_string_new (NULL);

  wsed_histogram_observe (histogram, 0.5);
  wsed_histogram_observe (histogram, 0.75);
  wsed_histogram_observe (histogram, 10.5);
  got = text ();
  g_assert_cmpstr (got, ==,
                   "# HELP wse_h H.\n# TYPE wse_h histogram\nwse_h_bucket{le=\"0.5\"} 1\nwse_h_bucket{le=\"10\"} 2\n"
                   "wse_h_bucket{le=\"+Inf\"} 3\nwse_h_sum 11.75\nwse_h_count 3\n");
  wsed_metrics_write_json (json);
  g_assert_cmpstr (json->str, ==, "{\"wse_h\":{\"buckets\":{\"0.5\":1,\"10\":2,\"+Inf\":3},\"sum\":11.75,\"count\":3}}");
  wsed_metrics_reset ();
}

static void
test_json (void)
{
  WsedMetricFamily *family;
  g_autoptr (GString) json = g_string_new (NULL);

  wsed_metric_add (wsed_metric_new (WSED_METRIC_COUNTER, "wse_y_total", "Y."), 4);
  family = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_x_total", "X.", labels, 2);
  wsed_metric_add (series (family, "a\"", "ok"), 1);
  series (family, "b", "ok");
  wsed_metrics_write_json (json);
  g_assert_cmpstr (json->str, ==,
                   "{\"wse_y_total\":4,\"wse_x_total\":[{\"labels\":{\"event_type\":\"a\\\"\",\"status\":\"ok\"},\"value\":1},"
                   "{\"labels\":{\"event_type\":\"b\",\"status\":\"ok\"},\"value\":0}]}");
  wsed_metrics_reset ();
}

static void
set_nine (gpointer user_data)
{
  wsed_metric_set (user_data, 9);
}

static void
test_refresh (void)
{
  WsedMetric *metric = wsed_metric_new (WSED_METRIC_GAUGE, "wse_g", "G.");
  g_autofree char *got = NULL;

  wsed_metrics_on_refresh (set_nine, metric);
  g_assert_cmpint (wsed_metric_get (metric), ==, 0);
  got = text ();
  g_assert_nonnull (strstr (got, "\nwse_g 9\n"));
  wsed_metrics_reset ();
}

static gpointer
observe_many (gpointer data)
{
  for (guint i = 0; i < 20000; i++)
    wsed_histogram_observe (data, 1);
  return NULL;
}

static void
test_threads (void)
{
  static const double bounds[] = { 2 };
  WsedHistogram *histogram = wsed_histogram_new ("wse_h", "H.", bounds, 1);
  GThread *threads[4];
  g_autofree char *got = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("observe", observe_many, histogram);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  got = text ();
  g_assert_nonnull (strstr (got, "wse_h_sum 80000\nwse_h_count 80000\n"));
  wsed_metrics_reset ();
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/metrics/text", test_text);
  g_test_add_func ("/metrics/same-name", test_same_name);
  g_test_add_func ("/metrics/other", test_other);
  g_test_add_func ("/metrics/histogram", test_histogram);
  g_test_add_func ("/metrics/json", test_json);
  g_test_add_func ("/metrics/refresh", test_refresh);
  g_test_add_func ("/metrics/threads", test_threads);
  return g_test_run ();
}
