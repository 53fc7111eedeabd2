/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <librdkafka/rdkafka.h>

#include "thread/wsed-inbox.h"

G_BEGIN_DECLS

/* Who else is in the consumer group: daemons that share its partitions have to share the log, too. */
typedef struct _WsedKafkaGroup WsedKafkaGroup;

/* @looks: how many in a row have found members that are not this daemon, in an earlier life neither; 0: there are none, or the brokers cannot
 * say. While there are some it goes on looking. */
typedef void (*WsedKafkaGroupTold) (guint looks, gpointer user_data);

/* Copies @conf. @client: the client.id of all lives of this daemon. */
WsedKafkaGroup *wsed_kafka_group_new  (const rd_kafka_conf_t *conf, const char *group, const char *client, WsedInbox *main,
                                       WsedKafkaGroupTold told, gpointer user_data);
/* Asks, and tells later. */
void            wsed_kafka_group_ask  (WsedKafkaGroup *self);
void            wsed_kafka_group_free (WsedKafkaGroup *self);

G_END_DECLS
