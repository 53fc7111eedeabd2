/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <librdkafka/rdkafka.h>

#include <glib.h>

G_BEGIN_DECLS

/* What the Kafka source is told; all borrowed. */
typedef struct
{
  const char * const *brokers; /* HOST:PORT */
  const char * const *topics;  /* names, and patterns that begin with ^ */
  const char *group;
  const char *instance;        /* for static membership; NULL: none */
  const char *log;             /* the log's name */
  gboolean shared;             /* other daemons may write to the log, too */
  const char *properties;      /* a file of librdkafka's properties; NULL: none */
} WsedKafkaConfig;

/* What the brokers call this daemon: the same in each life of one that has a name in the group or whose log lasts, and nobody else's. */
char            *wsed_kafka_config_make_client (const WsedKafkaConfig *config);
/* librdkafka's configuration. @latest: a partition of which the log knows no position begins at its end, not at the oldest message.
 * NULL with @error, which names the file and line, or the property. */
rd_kafka_conf_t *wsed_kafka_config_make (const WsedKafkaConfig *config, const char *client, gboolean *latest, GError **error);

G_END_DECLS
