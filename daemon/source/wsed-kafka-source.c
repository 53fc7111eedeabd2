/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The Kafka source: takes part in a consumer group, begins each partition that it is given where the log stands in it, and gives the
 * messages to their partitions. It owns the bound on what waits here, and the word on how Kafka is. Where a partition stands and what is
 * sent again is the partition's. */

#include "source/wsed-kafka-source.h"

#include <string.h>

#include "metrics/wsed-health.h"
#include "source/wsed-kafka-consumer.h"
#include "source/wsed-kafka-group.h"
#include "source/wsed-kafka-metrics.h"
#include "source/wsed-kafka-partition.h"
#include "wse-error.h"

/* Bytes of messages that wait for the log: nothing more is taken from there on, and again below the half. */
#define MAX_HELD (32 * 1024 * 1024)
/* ms: looks whether something has to change */
#define BEAT 500
/* µs without taking anything before the partitions are paused, so that the group does not take this member for dead */
#define MAX_REST (G_USEC_PER_SEC)
/* ms until the log is asked again where the sources stand */
#define ASK_AGAIN 1000
/* Looks that may find no more than an earlier life of this daemon in the group */
#define MANY_LOOKS 30

struct _WsedKafkaSource
{
  GObject parent;

  WsedLog *log;
  WsedInbox *main;
  char *group;
  GStrv topics;
  gboolean latest;             /* a partition unknown to the log begins at its end */
  WsedKafkaConsumer *consumer;
  WsedKafkaGroup *others;      /* NULL: the log is shared, the group may be, too */
  gboolean subscribed;
  guint strangers;             /* looks in a row that found others in a group that is not to be shared */
  WsedKafkaPartitions shared;
  WsedKafkaMetrics metrics;

  GHashTable *partitions;      /* "TOPIC/PARTITION" → WsedKafkaPartition */
  WsedKafkaPartition *last;    /* the last message's; NULL: to be looked up */
  const rd_kafka_topic_t *last_topic;
  gint32 last_number;
  GPtrArray *touched;          /* (element-type WsedKafkaPartition) since the last drain */

  rd_kafka_topic_partition_list_t *assigning;   /* given by the group, not yet begun with; NULL: none */
  gboolean asking;             /* the log, where they stand */
  guint ask_timer, beat;

  gsize held;                  /* bytes */
  gint64 resting_since;        /* monotonic; 0: takes what comes */
  gboolean paused;             /* at the broker */
  gboolean told;               /* by the daemon, to hold still */
  gboolean stopped;

  gboolean connected, settled;
  char *failing;               /* why the log takes nothing; NULL: it does */
  char *fatal;
};

static void wsed_kafka_source_iface_init (WsedSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedKafkaSource, wsed_kafka_source, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSED_TYPE_SOURCE, wsed_kafka_source_iface_init))

static void
tell_health (WsedKafkaSource *self)
{
  if (self->fatal != NULL)
    wsed_health_set (WSED_HEALTH_KAFKA, WSED_HEALTH_DOWN, self->fatal);
  else if (self->strangers > 0)
    wsed_health_set (WSED_HEALTH_KAFKA, self->strangers < MANY_LOOKS && !self->subscribed ? WSED_HEALTH_DEGRADED : WSED_HEALTH_DOWN,
                     "others are in the consumer group, but the log is this daemon's own: each would have a part of the events");
  else if (!self->connected)
    wsed_health_set (WSED_HEALTH_KAFKA, WSED_HEALTH_DEGRADED, "no Kafka broker is connected");
  else if (self->failing != NULL)
    wsed_health_set (WSED_HEALTH_KAFKA, WSED_HEALTH_DEGRADED, self->failing);
  else if (!self->settled || self->assigning != NULL)
    wsed_health_set (WSED_HEALTH_KAFKA, WSED_HEALTH_DEGRADED, "the consumer group is being balanced");
  else
    wsed_health_set (WSED_HEALTH_KAFKA, WSED_HEALTH_OK, NULL);
}

static void
on_state (gboolean connected,
          gboolean settled,
          gpointer user_data)
{
  WsedKafkaSource *self = user_data;

  if (self->connected != connected)
    g_message ("Kafka: %s", connected ? "connected" : "no broker is connected");
  self->connected = connected;
  self->settled = settled;
  tell_health (self);
}

static void
on_fatal (const char *reason,
          gpointer    user_data)
{
  WsedKafkaSource *self = user_data;

  g_warning ("Kafka: %s; nothing more is read until wsed is started again", reason);
  g_free (self->fatal);
  self->fatal = g_strdup (reason);
  tell_health (self);
}

static void
on_failing (const char *reason,
            gpointer    user_data)
{
  WsedKafkaSource *self = user_data;

  if (reason == NULL && self->failing == NULL)
    return;
  if (reason != NULL && self->failing == NULL)
    g_message ("Kafka: its events wait: %s", reason);
  g_free (self->failing);
  self->failing = g_strdup (reason);
  tell_health (self);
}

/* Pausing and resuming, of all partitions that this member has. */
static void
set_paused (WsedKafkaSource *self,
            gboolean         paused)
{
  rd_kafka_topic_partition_list_t *list = NULL;

  if (self->paused == paused)
    return;
  self->paused = paused;
  wsed_metric_set (self->metrics.paused, paused);
  if (rd_kafka_assignment (self->shared.consumer, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  (paused ? rd_kafka_pause_partitions : rd_kafka_resume_partitions) (self->shared.consumer, list);
  rd_kafka_topic_partition_list_destroy (list);
}

/* Takes no more while too much is held; for longer than a moment it is the broker that waits, and the group hears from here. */
static void
regulate (WsedKafkaSource *self)
{
  gint64 now = g_get_monotonic_time ();

  if (self->shared.consumer == NULL)
    return;
  if (self->resting_since == 0 && self->held >= MAX_HELD)
    self->resting_since = now;
  else if (self->resting_since != 0 && self->held < MAX_HELD / 2)
    self->resting_since = 0;
  set_paused (self, self->told || (self->resting_since != 0 && (self->paused || now - self->resting_since >= MAX_REST)));
  wsed_kafka_consumer_rest (self->consumer, self->resting_since != 0 && !self->paused);
}

static void
on_seek (const char *topic,
         gint32      partition,
         gint64      offset,
         gpointer    user_data)
{
  WsedKafkaSource *self = user_data;

  if (self->stopped)
    return;
  wsed_kafka_consumer_seek (self->consumer, topic, partition, offset);
  /* It is taken anew as one that is not paused. */
  if (!self->paused)
    return;
  self->paused = FALSE;
  set_paused (self, TRUE);
}

static void
on_released (gsize    bytes,
             gpointer user_data)
{
  WsedKafkaSource *self = user_data;

  self->held -= bytes;
  if (self->resting_since != 0)
    regulate (self);
}

static gboolean
on_beat (gpointer user_data)
{
  regulate (user_data);
  return G_SOURCE_CONTINUE;
}

static char *
make_key (const char *topic,
          gint32      number)
{
  return g_strdup_printf ("%s/%d", topic, number);
}

static WsedKafkaPartition *
find_partition (WsedKafkaSource  *self,
                rd_kafka_topic_t *topic,
                gint32            number)
{
  g_autofree char *key = NULL;

  if (self->last != NULL && self->last_topic == topic && self->last_number == number)
    return self->last;
  key = make_key (rd_kafka_topic_name (topic), number);
  self->last = g_hash_table_lookup (self->partitions, key);
  self->last_topic = topic;
  self->last_number = number;
  if (self->last != NULL)
    g_ptr_array_add (self->touched, self->last);
  return self->last;
}

/* The position in the log is before the oldest message that is left, or behind the end of a topic that was made anew. */
static void
begin_anew (WsedKafkaSource    *self,
            WsedKafkaPartition *partition)
{
  g_warning ("Kafka: what the log stands at in %s/%d is not there any more: retention was faster, or the topic was made anew; going on "
             "at the oldest message", wsed_kafka_partition_get_topic (partition), wsed_kafka_partition_get_number (partition));
  wsed_metric_add (self->metrics.resets, 1);
  wsed_kafka_partition_begin_anew (partition);
}

static void
on_notice (WsedKafkaSource          *self,
           const rd_kafka_message_t *notice)
{
  WsedKafkaPartition *partition = notice->rkt != NULL ? find_partition (self, notice->rkt, notice->partition) : NULL;

  if (notice->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && partition != NULL)
    wsed_kafka_partition_set_end (partition, notice->offset);
  else if (notice->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && partition != NULL)
    begin_anew (self, partition);
  else if (notice->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
    g_message ("Kafka: %s%s%s", notice->rkt != NULL ? rd_kafka_topic_name (notice->rkt) : "", notice->rkt != NULL ? ": " : "",
               rd_kafka_message_errstr (notice));
}

static void
on_message (rd_kafka_message_t *message,
            gpointer            user_data)
{
  WsedKafkaSource *self = user_data;
  WsedKafkaPartition *partition;

  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
    {
      on_notice (self, message);
      rd_kafka_message_destroy (message);
      return;
    }
  wsed_metric_add (self->metrics.messages, 1);
  partition = find_partition (self, message->rkt, message->partition);
  if (partition != NULL)
    self->held += wsed_kafka_partition_push (partition, message);
  else
    rd_kafka_message_destroy (message);
}

static void
on_drained (gpointer user_data)
{
  WsedKafkaSource *self = user_data;

  for (guint i = 0; i < self->touched->len; i++)
    wsed_kafka_partition_flush (g_ptr_array_index (self->touched, i));
  g_ptr_array_set_size (self->touched, 0);
  self->last = NULL;
  regulate (self);
}

/* The group */

static void
set_lag (WsedKafkaSource    *self,
         WsedKafkaPartition *partition,
         gint64              events,
         gint64              age)
{
  wsed_kafka_metrics_set_lag (&self->metrics, wsed_kafka_partition_get_topic (partition), wsed_kafka_partition_get_number (partition),
                              events, age);
}

static void
drop_partition (WsedKafkaSource *self,
                const char      *topic,
                gint32           number)
{
  g_autofree char *key = make_key (topic, number);
  WsedKafkaPartition *partition = g_hash_table_lookup (self->partitions, key);

  if (partition == NULL)
    return;
  g_hash_table_remove (self->partitions, key);
  g_ptr_array_set_size (self->touched, 0);
  self->last = NULL;
  set_lag (self, partition, 0, 0);
  wsed_kafka_partition_revoke (partition);
}

/* The log has said where it stands: the partitions begin there. */
static void
begin_assigned (WsedKafkaSource     *self,
                const WsedPositions *positions)
{
  rd_kafka_topic_partition_list_t *list = g_steal_pointer (&self->assigning);

  for (int i = 0; i < list->cnt; i++)
    {
      rd_kafka_topic_partition_t *item = &list->elems[i];
      g_autofree char *source = g_strdup_printf ("kafka:%s/%s/%d", self->group, item->topic, item->partition);
      gint64 kept = wsed_positions_find (positions, source);

      drop_partition (self, item->topic, item->partition);
      item->offset = kept >= 0 ? kept : self->latest ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
      g_hash_table_insert (self->partitions, make_key (item->topic, item->partition),
                           wsed_kafka_partition_new (&self->shared, self->group, item->topic, item->partition, kept));
    }
  wsed_kafka_consumer_assign (self->consumer, list);
  if (self->paused)
    rd_kafka_pause_partitions (self->shared.consumer, list);
  if (self->others != NULL)
    wsed_kafka_group_ask (self->others);
  g_message ("Kafka: %d partitions more, %u in all", list->cnt, g_hash_table_size (self->partitions));
  rd_kafka_topic_partition_list_destroy (list);
  tell_health (self);
}

static void ask_positions (WsedKafkaSource *self);

static gboolean
on_ask_again (gpointer user_data)
{
  WsedKafkaSource *self = user_data;

  self->ask_timer = 0;
  ask_positions (self);
  return G_SOURCE_REMOVE;
}

static void
on_positions (WsedMessage *message,
              gpointer     user_data)
{
  g_autoptr (WsedPositions) positions = (WsedPositions *) message;
  g_autoptr (WsedKafkaSource) self = user_data;

  self->asking = FALSE;
  if (self->stopped || self->assigning == NULL)
    return;
  if (positions->error != NULL)
    {
      on_failing (positions->error->message, self);
      self->ask_timer = g_timeout_add (ASK_AGAIN, on_ask_again, self);
      return;
    }
  on_failing (NULL, self);
  begin_assigned (self, positions);
}

static void
ask_positions (WsedKafkaSource *self)
{
  g_autofree char *prefix = NULL;
  WsedPositions *positions;

  if (self->asking || self->ask_timer != 0)
    return;
  prefix = g_strdup_printf ("kafka:%s/", self->group);
  positions = wsed_positions_new (prefix, self->main);
  positions->message.run = on_positions;
  positions->message.user_data = g_object_ref (self);
  self->asking = TRUE;
  wsed_log_positions (self->log, positions);
}

static void
on_rebalance (rd_kafka_resp_err_t                    what,
              const rd_kafka_topic_partition_list_t *partitions,
              gpointer                               user_data)
{
  WsedKafkaSource *self = user_data;
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy (partitions);

  wsed_metric_add (self->metrics.rebalances, 1);
  g_clear_pointer (&self->assigning, rd_kafka_topic_partition_list_destroy);
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !self->stopped)
    {
      self->assigning = list;
      ask_positions (self);
    }
  else if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
    {
      wsed_kafka_consumer_assign (self->consumer, list);
      rd_kafka_topic_partition_list_destroy (list);
    }
  else
    {
      for (int i = 0; i < list->cnt; i++)
        drop_partition (self, list->elems[i].topic, list->elems[i].partition);
      wsed_kafka_consumer_unassign (self->consumer, list);
      g_message ("Kafka: %d partitions less, %u left", list->cnt, g_hash_table_size (self->partitions));
      rd_kafka_topic_partition_list_destroy (list);
    }
  tell_health (self);
}

/* Being a source */

/* In a group with others a log of one's own would get a part of the events: such a daemon does not join. What looks like another may be an
 * earlier life of this one, which the group has not missed yet. */
static void
on_group (guint    looks,
          gpointer user_data)
{
  WsedKafkaSource *self = user_data;
  g_autoptr (GError) error = NULL;

  self->strangers = looks;
  if (looks == 1)
    g_message ("Kafka: others are in the consumer group %s, but the log is this daemon's own; %s. Give them a shared log, or this one "
               "another group", self->group, self->subscribed ? "each has a part of the events now" : "it does not join");
  if (looks == 0 && !self->subscribed)
    {
      self->subscribed = TRUE;
      if (!wsed_kafka_consumer_subscribe (self->consumer, (const char * const *) self->topics, &error))
        on_fatal (error->message, self);
    }
  tell_health (self);
}

static gboolean
wsed_kafka_source_start (WsedSource  *source,
                         GError     **error)
{
  WsedKafkaSource *self = WSED_KAFKA_SOURCE (source);

  self->beat = g_timeout_add (BEAT, on_beat, self);
  if (self->others != NULL)
    {
      wsed_kafka_group_ask (self->others);
      return TRUE;
    }
  self->subscribed = TRUE;
  return wsed_kafka_consumer_subscribe (self->consumer, (const char * const *) self->topics, error);
}

static void
wsed_kafka_source_pause (WsedSource *source,
                         gboolean    paused)
{
  WSED_KAFKA_SOURCE (source)->told = paused;
  regulate (WSED_KAFKA_SOURCE (source));
}

/* What is under way is still answered, and Kafka told how far that came, before the group is left. */
static void
wsed_kafka_source_stop (WsedSource *source)
{
  WsedKafkaSource *self = WSED_KAFKA_SOURCE (source);

  self->stopped = TRUE;
  self->shared.stopping = TRUE;
  g_clear_pointer (&self->others, wsed_kafka_group_free);
  g_clear_handle_id (&self->beat, g_source_remove);
  g_clear_handle_id (&self->ask_timer, g_source_remove);
}

static void
drop_all (WsedKafkaSource *self)
{
  GHashTableIter iter;
  gpointer partition;

  g_hash_table_iter_init (&iter, self->partitions);
  while (g_hash_table_iter_next (&iter, NULL, &partition))
    {
      g_hash_table_iter_remove (&iter);
      wsed_kafka_partition_revoke (partition);
    }
}

static gboolean
wsed_kafka_source_is_stopped (WsedSource *source)
{
  WsedKafkaSource *self = WSED_KAFKA_SOURCE (source);

  if (self->shared.under_way > 0)
    return FALSE;
  drop_all (self);
  wsed_kafka_consumer_close (self->consumer);
  return wsed_kafka_consumer_is_closed (self->consumer);
}

static void
wsed_kafka_source_iface_init (WsedSourceInterface *iface)
{
  iface->start = wsed_kafka_source_start;
  iface->pause = wsed_kafka_source_pause;
  iface->stop = wsed_kafka_source_stop;
  iface->is_stopped = wsed_kafka_source_is_stopped;
}

static void
wsed_kafka_source_finalize (GObject *object)
{
  WsedKafkaSource *self = WSED_KAFKA_SOURCE (object);

  g_clear_handle_id (&self->beat, g_source_remove);
  g_clear_handle_id (&self->ask_timer, g_source_remove);
  g_clear_pointer (&self->others, wsed_kafka_group_free);
  g_clear_pointer (&self->assigning, rd_kafka_topic_partition_list_destroy);
  /* Where the log has not answered, its messages are still in use: they go with the process. */
  if (self->shared.under_way == 0)
    {
      drop_all (self);
      wsed_kafka_consumer_free (self->consumer);
    }
  g_hash_table_unref (self->partitions);
  g_ptr_array_unref (self->touched);
  g_strfreev (self->topics);
  g_free (self->group);
  g_free (self->failing);
  g_free (self->fatal);
  G_OBJECT_CLASS (wsed_kafka_source_parent_class)->finalize (object);
}

static void
wsed_kafka_source_class_init (WsedKafkaSourceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_kafka_source_finalize;
}

static void
wsed_kafka_source_init (WsedKafkaSource *self)
{
  self->partitions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->touched = g_ptr_array_new ();
}

static void
on_refresh (gpointer user_data)
{
  WsedKafkaSource *self = user_data;
  GHashTableIter iter;
  gpointer partition;

  g_hash_table_iter_init (&iter, self->partitions);
  while (g_hash_table_iter_next (&iter, NULL, &partition))
    {
      gint64 events, age;

      wsed_kafka_partition_get_lag (partition, &events, &age);
      set_lag (self, partition, events, age);
    }
}

WsedSource *
wsed_kafka_source_new (const WsedKafkaConfig  *config,
                       WsedLog                *log,
                       WsedPipeline           *pipeline,
                       WsedInbox              *main,
                       GError                **error)
{
  static const WsedKafkaListener listener = { on_message, on_drained, on_rebalance, on_state, on_fatal };
  g_autoptr (WsedKafkaSource) self = g_object_new (WSED_TYPE_KAFKA_SOURCE, NULL);
  g_autofree char *client = wsed_kafka_config_make_client (config);
  rd_kafka_conf_t *conf = wsed_kafka_config_make (config, client, &self->latest, error);

  if (conf == NULL)
    return NULL;
  if (!config->shared)
    self->others = wsed_kafka_group_new (conf, config->group, client, main, on_group, self);
  self->log = log;
  self->main = main;
  self->group = g_strdup (config->group);
  self->topics = g_strdupv ((GStrv) config->topics);
  self->consumer = wsed_kafka_consumer_new (conf, &listener, self, error);
  if (self->consumer == NULL)
    return NULL;
  self->shared = (WsedKafkaPartitions) {
    .consumer = wsed_kafka_consumer_get (self->consumer), .pipeline = pipeline, .seek = on_seek, .released = on_released, .failing = on_failing,
    .user_data = self,
  };
  wsed_kafka_metrics_init (&self->metrics);
  wsed_metrics_on_refresh (on_refresh, self);
  tell_health (self);
  return WSED_SOURCE (g_steal_pointer (&self));
}
