/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <librdkafka/rdkafka.h>

#include "wsed-pipeline.h"

G_BEGIN_DECLS

/* One partition that this daemon reads: what waits of it, the one batch under way, and where the log stands in it. Main thread. */
typedef struct _WsedKafkaPartition WsedKafkaPartition;

/* What a partition works with, and tells. */
typedef struct
{
  rd_kafka_t *consumer;
  WsedPipeline *pipeline;
  void (*seek) (const char *topic, gint32 partition, gint64 offset, gpointer user_data);
  void (*released) (gsize bytes, gpointer user_data);               /* so much is held no more */
  void (*failing) (const char *reason, gpointer user_data);         /* the log or the pipeline takes nothing now; NULL: it does again */
  gpointer user_data;
  gboolean stopping;           /* nothing more is sent */
  guint under_way;             /* batches that are with the pipeline */
} WsedKafkaPartitions;

/* Borrows @shared. @kept: the position in the log, -1: none. */
WsedKafkaPartition *wsed_kafka_partition_new        (WsedKafkaPartitions *shared, const char *group, const char *topic,
                                                     gint32 partition, gint64 kept);
/* It is no longer this daemon's: what waits is let go of. A batch under way is still answered, then it is freed; until then the pipeline
 * counts it as pending. */
void                wsed_kafka_partition_revoke     (WsedKafkaPartition *self);
/* Takes @message; the bytes it holds from now on, 0: it was not wanted. */
gsize               wsed_kafka_partition_push       (WsedKafkaPartition *self, rd_kafka_message_t *message);
/* The end of the partition was seen: no message is before @offset any more. */
void                wsed_kafka_partition_set_end    (WsedKafkaPartition *self, gint64 offset);
/* Sends what waits to the pipeline, unless a batch is under way. */
void                wsed_kafka_partition_flush      (WsedKafkaPartition *self);
/* What the log's position points to is gone: goes on at the oldest that there is. */
void                wsed_kafka_partition_begin_anew (WsedKafkaPartition *self);
const char         *wsed_kafka_partition_get_topic  (WsedKafkaPartition *self);
gint32              wsed_kafka_partition_get_number (WsedKafkaPartition *self);
/* How far the log is behind the broker's end, as last heard of: events, and milliseconds since the oldest of them was produced. */
void                wsed_kafka_partition_get_lag    (WsedKafkaPartition *self, gint64 *events, gint64 *age);

G_END_DECLS
