/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The registry. Metrics are made once (main thread, before the threads start, or labelled ones by the thread that owns them) and live as
 * long as the process; adding to one is a relaxed atomic, from any thread, no lock. */

typedef struct _WsedMetric WsedMetric;          /* one time series */
typedef struct _WsedMetricFamily WsedMetricFamily;

typedef enum
{
  WSED_METRIC_COUNTER,
  WSED_METRIC_GAUGE,
} WsedMetricKind;

/* Without labels. Made twice under one name: the same one. */
WsedMetric       *wsed_metric_new            (WsedMetricKind kind, const char *name, const char *help);
/* With labels: @labels a NULL-terminated list of names. The first @max_first different values of the first label are told apart, further
 * ones share "other"; the values of the other labels are the caller's own few words. */
WsedMetricFamily *wsed_metric_family_new     (WsedMetricKind kind, const char *name, const char *help, const char * const *labels, guint max_first);
/* Main thread only. @values as many as labels. */
WsedMetric       *wsed_metric_family_get     (WsedMetricFamily *family, const char * const *values);
void              wsed_metric_add            (WsedMetric *metric, gint64 amount);
void              wsed_metric_set            (WsedMetric *metric, gint64 value);
gint64            wsed_metric_get            (WsedMetric *metric);

/* Histograms: @buckets upper bounds, ascending, n of them. */
typedef struct _WsedHistogram WsedHistogram;
WsedHistogram    *wsed_histogram_new         (const char *name, const char *help, const double *buckets, guint n);
void              wsed_histogram_observe     (WsedHistogram *histogram, double value);

/* Called before each exposition, main thread, to set gauges that are read elsewhere. */
typedef void (*WsedMetricsRefresh) (gpointer user_data);
void              wsed_metrics_on_refresh    (WsedMetricsRefresh refresh, gpointer user_data);

void              wsed_metrics_write_text    (GString *out);      /* Prometheus text format 0.0.4 */
void              wsed_metrics_write_json    (GString *out);      /* the same as JSON */
/* Tests: forgets everything. */
void              wsed_metrics_reset         (void);

G_END_DECLS
