/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes the registry as one JSON object, a member a family: a number, or an array of labelled series, or a histogram's buckets, sum and
 * count. It never changes a metric. */

#include "metrics/wsed-metrics-private.h"
#include "wse-json-private.h"

static void
append_number (GString *out,
               double   number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (out, g_ascii_formatd (text, sizeof text, "%.15g", number));
}

static void
append_labelled (GString          *out,
                 WsedMetricFamily *family)
{
  g_string_append_c (out, '[');
  for (guint i = 0; i < family->series->len; i++)
    {
      WsedMetric *metric = g_ptr_array_index (family->series, i);

      g_string_append (out, i > 0 ? ",{\"labels\":{" : "{\"labels\":{");
      for (guint j = 0; metric->values[j] != NULL; j++)
        {
          if (j > 0)
            g_string_append_c (out, ',');
          wse_json_append_string (out, family->labels[j], -1);
          g_string_append_c (out, ':');
          wse_json_append_string (out, metric->values[j], -1);
        }
      g_string_append_printf (out, "},\"value\":%" G_GINT64_FORMAT "}", wsed_metric_get (metric));
    }
  g_string_append_c (out, ']');
}

static void
append_histogram (GString       *out,
                  WsedHistogram *histogram)
{
  g_autofree guint64 *cumulative = g_new (guint64, histogram->n + 1);
  double sum;
  guint64 count = wsed_histogram_read (histogram, cumulative, &sum);

  g_string_append (out, "{\"buckets\":{");
  for (guint i = 0; i < histogram->n; i++)
    {
      g_string_append_c (out, '"');
      append_number (out, histogram->bounds[i]);
      g_string_append_printf (out, "\":%" G_GUINT64_FORMAT ",", cumulative[i]);
    }
  g_string_append_printf (out, "\"+Inf\":%" G_GUINT64_FORMAT "},\"sum\":", count);
  append_number (out, sum);
  g_string_append_printf (out, ",\"count\":%" G_GUINT64_FORMAT "}", count);
}

void
wsed_metrics_write_json (GString *out)
{
  GPtrArray *families = wsed_metrics_refresh ();

  g_string_append_c (out, '{');
  for (guint i = 0; i < families->len; i++)
    {
      WsedMetricFamily *family = g_ptr_array_index (families, i);

      if (i > 0)
        g_string_append_c (out, ',');
      wse_json_append_string (out, family->name, -1);
      g_string_append_c (out, ':');
      if (family->histogram != NULL)
        append_histogram (out, family->histogram);
      else if (family->labels != NULL)
        append_labelled (out, family);
      else
        g_string_append_printf (out, "%" G_GINT64_FORMAT, wsed_metric_get (g_ptr_array_index (family->series, 0)));
    }
  g_string_append_c (out, '}');
}
