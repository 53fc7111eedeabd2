/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The composition root's part about sources: which ones there are. Starts none. */

#include "wsed-daemon-sources.h"

#include "source/wsed-demo-source.h"
#include "source/wsed-kafka-source.h"
#include "source/wsed-outbox-source.h"

static WsedSource *
make_kafka_source (const WsedConfig        *config,
                   const WsedDaemonSources *with,
                   GError                 **error)
{
  const WsedKafkaConfig kafka = {
    .brokers = (const char * const *) config->kafka_brokers,
    .topics = (const char * const *) config->kafka_topics,
    .group = config->consumer_group,
    .instance = config->consumer_id,
    .log = config->log,
    .shared = with->shared,
    .properties = config->kafka_config,
  };

  return wsed_kafka_source_new (&kafka, with->log, with->pipeline, with->main, error);
}

/* Takes @source; NULL: it could not be made. */
static gboolean
add (GPtrArray  *sources,
     WsedSource *source)
{
  if (source == NULL)
    return FALSE;
  g_ptr_array_add (sources, source);
  return TRUE;
}

gboolean
wsed_daemon_make_sources (const WsedConfig        *config,
                          const WsedDaemonSources *with,
                          GPtrArray               *sources,
                          GError                 **error)
{
  if (config->demo)
    add (sources, wsed_demo_source_new (with->pipeline, "/proc", WSED_DAEMON_DEMO_INTERVAL, (guint64) g_get_real_time ()));
  if (config->outbox != NULL &&
      !add (sources, wsed_outbox_source_new (config->outbox, config->max_event, with->log, with->pipeline, with->main, error)))
    return FALSE;
  return config->kafka_brokers == NULL || add (sources, make_kafka_source (config, with, error));
}
