/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What librdkafka is told: what the source rests on, what suits it unless the operator's file says otherwise, and that file. It connects to
 * nobody. */

#include "source/wsed-kafka-config.h"

#include <string.h>

#include "wse-error.h"

typedef struct
{
  const char *name, *value;
} Property;

/* May be said otherwise in the file. */
static const Property presets[] = {
  { "isolation.level", "read_committed" },
  { "allow.auto.create.topics", "false" },
  { "socket.nagle.disable", "true" },
  /* KiB fetched and not yet taken, in all. */
  { "queued.max.messages.kbytes", "16384" },
  /* ms */
  { "topic.metadata.refresh.interval.ms", "30000" },
  { "reconnect.backoff.max.ms", "5000" },
  { "auto.commit.interval.ms", "1000" },
};

/* What the source rests on: that the log's position is what counts, and that partitions come and go one by one. */
static const Property own[] = {
  { "partition.assignment.strategy", "cooperative-sticky" },
  { "enable.auto.commit", "true" },
  { "enable.auto.offset.store", "false" },
  { "enable.partition.eof", "true" },
  { "auto.offset.reset", "error" },
  { "log.queue", "true" },
  { "statistics.interval.ms", "1000" },
};

static gboolean
set (rd_kafka_conf_t  *conf,
     const char       *name,
     const char       *value,
     GError          **error)
{
  char problem[256];

  if (rd_kafka_conf_set (conf, name, value, problem, sizeof problem) == RD_KAFKA_CONF_OK)
    return TRUE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "Kafka: %s", problem);
  return FALSE;
}

static gboolean
is_own (const char *name)
{
  static const char *const others[] = { "client.id", "bootstrap.servers", "metadata.broker.list", "group.id", "group.instance.id", NULL };

  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    if (strcmp (own[i].name, name) == 0)
      return TRUE;
  return g_strv_contains (others, name);
}

static gboolean
read_reset (const char  *value,
            gboolean    *latest,
            GError     **error)
{
  static const char *const words[] = { "earliest", "beginning", "smallest", "latest", "end", "largest" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i], value) == 0)
      {
        *latest = i >= 3;
        return TRUE;
      }
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "auto.offset.reset: “%s” is neither earliest nor latest", value);
  return FALSE;
}

static gboolean
read_line (rd_kafka_conf_t  *conf,
           char             *line,
           gboolean         *latest,
           GError          **error)
{
  char *equals = strchr (line, '=');
  const char *name, *value;

  g_strstrip (line);
  if (line[0] == '\0' || line[0] == '#')
    return TRUE;
  if (equals == NULL)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "a line is NAME=VALUE, or a comment that begins with #");
      return FALSE;
    }
  *equals = '\0';
  name = g_strstrip (line);
  value = g_strstrip (equals + 1);
  if (strcmp (name, "auto.offset.reset") == 0)
    return read_reset (value, latest, error);
  if (is_own (name))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s is not for this file: wsed sets it itself", name);
      return FALSE;
    }
  return set (conf, name, value, error);
}

static gboolean
read_file (rd_kafka_conf_t  *conf,
           const char       *path,
           gboolean         *latest,
           GError          **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, error))
    {
      g_prefix_error (error, "reading Kafka's properties %s: ", path);
      return FALSE;
    }
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (!read_line (conf, lines[i], latest, error))
      {
        g_prefix_error (error, "reading Kafka's properties %s: line %u: ", path, i + 1);
        return FALSE;
      }
  return TRUE;
}

static gboolean
set_all (rd_kafka_conf_t  *conf,
         const Property   *properties,
         guint             n_properties,
         GError          **error)
{
  for (guint i = 0; i < n_properties; i++)
    if (!set (conf, properties[i].name, properties[i].value, error))
      return FALSE;
  return TRUE;
}

char *
wsed_kafka_config_make_client (const WsedKafkaConfig *config)
{
  gboolean lasts = config->instance != NULL || g_str_has_prefix (config->log, "sqlite:");
  g_autofree char *lasting = config->instance != NULL ? g_strconcat ("id ", config->instance, NULL)
                                                      : g_strconcat (g_get_host_name (), " ", config->log, NULL);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, lasting, -1);
  g_autofree char *random = g_uuid_string_random ();

  return g_strdup_printf ("wsed-%.16s", lasts ? hash : random);
}

rd_kafka_conf_t *
wsed_kafka_config_make (const WsedKafkaConfig  *config,
                        const char             *client,
                        gboolean               *latest,
                        GError                **error)
{
  rd_kafka_conf_t *conf = rd_kafka_conf_new ();
  g_autofree char *brokers = g_strjoinv (",", (GStrv) config->brokers);

  *latest = FALSE;
  if (set_all (conf, presets, G_N_ELEMENTS (presets), error)
      && (config->properties == NULL || read_file (conf, config->properties, latest, error))
      && set_all (conf, own, G_N_ELEMENTS (own), error) && set (conf, "bootstrap.servers", brokers, error)
      && set (conf, "group.id", config->group, error) && set (conf, "client.id", client, error)
      && (config->instance == NULL || set (conf, "group.instance.id", config->instance, error)))
    return conf;
  rd_kafka_conf_destroy (conf);
  return NULL;
}
