/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "source/wsed-kafka-config.h"

G_BEGIN_DECLS

/* librdkafka's consumer in the main loop: its queue's descriptor is a source of it, and everything is called back from there. It has threads
 * of its own, of which nothing is seen here. */
typedef struct _WsedKafkaConsumer WsedKafkaConsumer;

typedef struct
{
  /* A message, or what librdkafka tells in one's form (err is set). The listener's to destroy. */
  void (*message) (rd_kafka_message_t *message, gpointer user_data);
  /* No more is there for now, or enough was given for one turn of the loop. */
  void (*drained) (gpointer user_data);
  /* What the group gives (RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS), to be answered with assign, at once or later, or takes back. */
  void (*rebalance) (rd_kafka_resp_err_t what, const rd_kafka_topic_partition_list_t *partitions, gpointer user_data);
  /* Whether a broker is connected and the group is settled; each second. */
  void (*state) (gboolean connected, gboolean settled, gpointer user_data);
  /* It cannot go on, ever. */
  void (*fatal) (const char *reason, gpointer user_data);
} WsedKafkaListener;

/* Takes @conf. NULL with @error. */
WsedKafkaConsumer *wsed_kafka_consumer_new       (rd_kafka_conf_t *conf, const WsedKafkaListener *listener, gpointer user_data, GError **error);
gboolean           wsed_kafka_consumer_subscribe (WsedKafkaConsumer *self, const char * const *topics, GError **error);
rd_kafka_t        *wsed_kafka_consumer_get       (WsedKafkaConsumer *self);
void               wsed_kafka_consumer_assign    (WsedKafkaConsumer *self, const rd_kafka_topic_partition_list_t *partitions);
void               wsed_kafka_consumer_unassign  (WsedKafkaConsumer *self, const rd_kafka_topic_partition_list_t *partitions);
/* Goes on in one partition of the assignment at @offset. */
void               wsed_kafka_consumer_seek      (WsedKafkaConsumer *self, const char *topic, gint32 partition, gint64 offset);
/* Takes nothing more out of the queue until called with FALSE: librdkafka's own bound then stops it from fetching. Not for long: the group
 * takes for dead who does not poll. */
void               wsed_kafka_consumer_rest      (WsedKafkaConsumer *self, gboolean resting);
/* Leaves the group. Does not block; no message comes any more. */
void               wsed_kafka_consumer_close     (WsedKafkaConsumer *self);
gboolean           wsed_kafka_consumer_is_closed (WsedKafkaConsumer *self);
/* Every message has been destroyed. Waits for librdkafka's threads, which end at once where it is closed. */
void               wsed_kafka_consumer_free      (WsedKafkaConsumer *self);

G_END_DECLS
