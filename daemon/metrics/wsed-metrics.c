/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The registry owns every metric of the process and its number. It never asks anybody for a value except through the refresh callbacks,
 * and knows nothing of how it is shown: that is wsed-metrics-text.c and wsed-metrics-json.c. */

#include "metrics/wsed-metrics-private.h"

#include <string.h>

typedef struct
{
  WsedMetricsRefresh refresh;
  gpointer user_data;
} Refresh;

static GPtrArray *families;       /* (element-type WsedMetricFamily), in the order of making */
static GArray *refreshes;

static void
metric_free (WsedMetric *metric)
{
  g_strfreev (metric->values);
  g_free (metric);
}

static void
family_free (WsedMetricFamily *family)
{
  g_free (family->name);
  g_free (family->help);
  g_strfreev (family->labels);
  g_clear_pointer (&family->by_key, g_hash_table_unref);
  g_clear_pointer (&family->first, g_hash_table_unref);
  g_clear_pointer (&family->series, g_ptr_array_unref);
  if (family->histogram != NULL)
    {
      g_free (family->histogram->bounds);
      g_free (family->histogram->counts);
      g_free (family->histogram);
    }
  g_free (family);
}

/* The family of that name, made where there is none yet: *@made says so. */
static WsedMetricFamily *
family_find_or_make (WsedMetricShape  shape,
                     const char      *name,
                     const char      *help,
                     gboolean        *made)
{
  WsedMetricFamily *family;

  *made = FALSE;
  if (families == NULL)
    families = g_ptr_array_new_with_free_func ((GDestroyNotify) family_free);
  for (guint i = 0; i < families->len; i++)
    {
      family = g_ptr_array_index (families, i);
      if (g_str_equal (family->name, name))
        {
          g_assert (family->shape == shape);
          return family;
        }
    }

  *made = TRUE;
  family = g_new0 (WsedMetricFamily, 1);
  family->shape = shape;
  family->name = g_strdup (name);
  family->help = g_strdup (help);
  family->series = g_ptr_array_new_with_free_func ((GDestroyNotify) metric_free);
  g_ptr_array_add (families, family);
  return family;
}

static WsedMetric *
family_add_series (WsedMetricFamily   *family,
                   const char * const *values)
{
  WsedMetric *metric = g_new0 (WsedMetric, 1);

  metric->values = g_strdupv ((GStrv) values);
  g_ptr_array_add (family->series, metric);
  return metric;
}

static WsedMetricShape
shape_of (WsedMetricKind kind)
{
  return kind == WSED_METRIC_COUNTER ? WSED_SHAPE_COUNTER : WSED_SHAPE_GAUGE;
}

WsedMetric *
wsed_metric_new (WsedMetricKind  kind,
                 const char     *name,
                 const char     *help)
{
  gboolean made;
  WsedMetricFamily *family = family_find_or_make (shape_of (kind), name, help, &made);

  if (made)
    family_add_series (family, NULL);
  return g_ptr_array_index (family->series, 0);
}

WsedMetricFamily *
wsed_metric_family_new (WsedMetricKind      kind,
                        const char         *name,
                        const char         *help,
                        const char * const *labels,
                        guint               max_first)
{
  gboolean made;
  WsedMetricFamily *family = family_find_or_make (shape_of (kind), name, help, &made);

  g_assert (labels != NULL && labels[0] != NULL);
  if (made)
    {
      family->labels = g_strdupv ((GStrv) labels);
      family->max_first = max_first;
      family->by_key = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      family->first = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    }
  return family;
}

WsedMetric *
wsed_metric_family_get (WsedMetricFamily   *family,
                        const char * const *values)
{
  g_autofree const char **used = NULL;
  g_autofree char *key = NULL;
  guint n = g_strv_length (family->labels);
  WsedMetric *metric;

  used = g_new0 (const char *, n + 1);
  for (guint i = 0; i < n; i++)
    {
      g_assert (values[i] != NULL);
      used[i] = values[i];
    }
  if (!g_hash_table_contains (family->first, used[0]))
    {
      if (g_hash_table_size (family->first) < family->max_first)
        g_hash_table_add (family->first, g_strdup (used[0]));
      else
        used[0] = "other";
    }

  key = g_strjoinv ("\x1f", (GStrv) used);
  metric = g_hash_table_lookup (family->by_key, key);
  if (metric == NULL)
    {
      metric = family_add_series (family, used);
      g_hash_table_insert (family->by_key, g_steal_pointer (&key), metric);
    }
  return metric;
}

void
wsed_metric_add (WsedMetric *metric,
                 gint64      amount)
{
  __atomic_fetch_add (&metric->value, amount, __ATOMIC_RELAXED);
}

void
wsed_metric_set (WsedMetric *metric,
                 gint64      value)
{
  __atomic_store_n (&metric->value, value, __ATOMIC_RELAXED);
}

gint64
wsed_metric_get (WsedMetric *metric)
{
  return __atomic_load_n (&metric->value, __ATOMIC_RELAXED);
}

WsedHistogram *
wsed_histogram_new (const char   *name,
                    const char   *help,
                    const double *buckets,
                    guint         n)
{
  gboolean made;
  WsedMetricFamily *family = family_find_or_make (WSED_SHAPE_HISTOGRAM, name, help, &made);

  if (made)
    {
      family->histogram = g_new0 (WsedHistogram, 1);
      family->histogram->n = n;
      family->histogram->bounds = g_memdup2 (buckets, n * sizeof (double));
      family->histogram->counts = g_new0 (guint64, n + 1);
    }
  return family->histogram;
}

void
wsed_histogram_observe (WsedHistogram *histogram,
                        double         value)
{
  guint i = 0;
  double sum, more;

  while (i < histogram->n && value > histogram->bounds[i])
    i++;
  __atomic_fetch_add (&histogram->counts[i], 1, __ATOMIC_RELAXED);
  __atomic_load (&histogram->sum, &sum, __ATOMIC_RELAXED);
  do
    more = sum + value;
  while (!__atomic_compare_exchange (&histogram->sum, &sum, &more, TRUE, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

guint64
wsed_histogram_read (WsedHistogram *histogram,
                     guint64       *cumulative,
                     double        *sum)
{
  guint64 total = 0;

  for (guint i = 0; i <= histogram->n; i++)
    cumulative[i] = total += __atomic_load_n (&histogram->counts[i], __ATOMIC_RELAXED);
  __atomic_load (&histogram->sum, sum, __ATOMIC_RELAXED);
  return total;
}

void
wsed_metrics_on_refresh (WsedMetricsRefresh refresh,
                         gpointer           user_data)
{
  Refresh entry = { refresh, user_data };

  if (refreshes == NULL)
    refreshes = g_array_new (FALSE, FALSE, sizeof (Refresh));
  g_array_append_val (refreshes, entry);
}

GPtrArray *
wsed_metrics_refresh (void)
{
  if (families == NULL)
    families = g_ptr_array_new_with_free_func ((GDestroyNotify) family_free);
  for (guint i = 0; refreshes != NULL && i < refreshes->len; i++)
    {
      Refresh *entry = &g_array_index (refreshes, Refresh, i);

      entry->refresh (entry->user_data);
    }
  return families;
}

void
wsed_metrics_reset (void)
{
  g_clear_pointer (&families, g_ptr_array_unref);
  g_clear_pointer (&refreshes, g_array_unref);
}
