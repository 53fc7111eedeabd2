/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "metrics/wsed-metrics.h"

G_BEGIN_DECLS

/* What the registry and its two expositions share. */

typedef enum
{
  WSED_SHAPE_COUNTER,
  WSED_SHAPE_GAUGE,
  WSED_SHAPE_HISTOGRAM,
} WsedMetricShape;

struct _WsedMetric
{
  gint64 value;                /* atomic */
  GStrv values;                /* of the family's labels; NULL without labels */
};

struct _WsedHistogram
{
  guint n;
  double *bounds;              /* n, ascending */
  guint64 *counts;             /* n + 1, not cumulative, atomic */
  double sum;                  /* atomic */
};

struct _WsedMetricFamily
{
  WsedMetricShape shape;
  char *name;
  char *help;
  GStrv labels;                /* NULL: none */
  guint max_first;
  GPtrArray *series;           /* (element-type WsedMetric) */
  GHashTable *by_key;          /* joined values → WsedMetric */
  GHashTable *first;           /* values of the first label told apart so far */
  WsedHistogram *histogram;
};

/* Runs the refresh callbacks; (element-type WsedMetricFamily), borrowed. */
GPtrArray *wsed_metrics_refresh (void);
/* @cumulative: n + 1, the last is the count, also returned. */
guint64    wsed_histogram_read  (WsedHistogram *histogram, guint64 *cumulative, double *sum);

G_END_DECLS
