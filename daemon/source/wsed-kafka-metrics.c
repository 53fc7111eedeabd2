/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of the Kafka source's metrics, and what they mean. */

#include "source/wsed-kafka-metrics.h"

/* Topics told apart; further ones share "other". */
#define MAX_TOPICS 200

void
wsed_kafka_metrics_init (WsedKafkaMetrics *self)
{
  static const char * const labels[] = { "topic", "partition", NULL };

  *self = (WsedKafkaMetrics) {
    .lag = wsed_metric_family_new (WSED_METRIC_GAUGE, "wse_kafka_lag_events",
                                   "Events of the partition that are not in the log yet.", labels, MAX_TOPICS),
    .age = wsed_metric_family_new (WSED_METRIC_GAUGE, "wse_kafka_lag_seconds",
                                   "Since the oldest event of the partition that is not in the log yet was produced.", labels, MAX_TOPICS),
    .messages = wsed_metric_new (WSED_METRIC_COUNTER, "wse_kafka_messages_total", "Messages taken from Kafka since the start."),
    .rebalances = wsed_metric_new (WSED_METRIC_COUNTER, "wse_kafka_rebalances_total", "Times the consumer group gave or took partitions."),
    .resets = wsed_metric_new (WSED_METRIC_COUNTER, "wse_kafka_resets_total",
                               "Times a partition was begun anew at its oldest message, because its position was not there any more."),
    .paused = wsed_metric_new (WSED_METRIC_GAUGE, "wse_kafka_paused", "1 where nothing is fetched because too much waits, else 0."),
  };
}

void
wsed_kafka_metrics_set_lag (WsedKafkaMetrics *self,
                            const char       *topic,
                            gint32            partition,
                            gint64            events,
                            gint64            age)
{
  char number[16];
  const char *values[] = { topic, number, NULL };

  g_snprintf (number, sizeof number, "%d", partition);
  wsed_metric_set (wsed_metric_family_get (self->lag, values), events);
  wsed_metric_set (wsed_metric_family_get (self->age, values), age / 1000);
}
