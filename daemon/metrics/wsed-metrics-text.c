/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes the registry in the Prometheus text format, version 0.0.4. It never changes a metric. */

#include "metrics/wsed-metrics-private.h"

/* A label's value or, with @quote FALSE, a help text. */
static void
append_escaped (GString    *out,
                const char *text,
                gboolean    quote)
{
  for (; *text != '\0'; text++)
    {
      if (*text == '\\')
        g_string_append (out, "\\\\");
      else if (*text == '\n')
        g_string_append (out, "\\n");
      else if (*text == '"' && quote)
        g_string_append (out, "\\\"");
      else
        g_string_append_c (out, *text);
    }
}

static void
append_number (GString *out,
               double   number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (out, g_ascii_formatd (text, sizeof text, "%.15g", number));
}

static void
append_series (GString          *out,
               WsedMetricFamily *family,
               WsedMetric       *metric)
{
  g_string_append (out, family->name);
  for (guint i = 0; metric->values != NULL && metric->values[i] != NULL; i++)
    {
      g_string_append_c (out, i == 0 ? '{' : ',');
      g_string_append (out, family->labels[i]);
      g_string_append (out, "=\"");
      append_escaped (out, metric->values[i], TRUE);
      g_string_append_c (out, '"');
    }
  if (metric->values != NULL)
    g_string_append_c (out, '}');
  g_string_append_printf (out, " %" G_GINT64_FORMAT "\n", wsed_metric_get (metric));
}

static void
append_histogram (GString          *out,
                  WsedMetricFamily *family)
{
  WsedHistogram *histogram = family->histogram;
  g_autofree guint64 *cumulative = g_new (guint64, histogram->n + 1);
  double sum;
  guint64 count = wsed_histogram_read (histogram, cumulative, &sum);

  for (guint i = 0; i < histogram->n; i++)
    {
      g_string_append_printf (out, "%s_bucket{le=\"", family->name);
      append_number (out, histogram->bounds[i]);
      g_string_append_printf (out, "\"} %" G_GUINT64_FORMAT "\n", cumulative[i]);
    }
  g_string_append_printf (out, "%s_bucket{le=\"+Inf\"} %" G_GUINT64_FORMAT "\n%s_sum ", family->name, count, family->name);
  append_number (out, sum);
  g_string_append_printf (out, "\n%s_count %" G_GUINT64_FORMAT "\n", family->name, count);
}

void
wsed_metrics_write_text (GString *out)
{
  static const char * const types[] = { "counter", "gauge", "histogram" };
  GPtrArray *families = wsed_metrics_refresh ();

  for (guint i = 0; i < families->len; i++)
    {
      WsedMetricFamily *family = g_ptr_array_index (families, i);

      g_string_append_printf (out, "# HELP %s ", family->name);
      append_escaped (out, family->help, FALSE);
      g_string_append_printf (out, "\n# TYPE %s %s\n", family->name, types[family->shape]);
      for (guint j = 0; j < family->series->len; j++)
        append_series (out, family, g_ptr_array_index (family->series, j));
      if (family->histogram != NULL)
        append_histogram (out, family);
    }
}
