/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "metrics/wsed-metrics.h"

G_BEGIN_DECLS

/* What the Kafka source says of itself in figures. */
typedef struct
{
  WsedMetricFamily *lag, *age;
  WsedMetric *messages, *rebalances, *resets, *paused;
} WsedKafkaMetrics;

void wsed_kafka_metrics_init    (WsedKafkaMetrics *self);
/* @events that the log lacks of a partition; @age: ms since the oldest of them was produced. */
void wsed_kafka_metrics_set_lag (WsedKafkaMetrics *self, const char *topic, gint32 partition, gint64 events, gint64 age);

G_END_DECLS
