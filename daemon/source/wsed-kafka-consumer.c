/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedKafkaConsumer owns librdkafka's handle, its queue and the descriptor that says when something is in it. It decides nothing about
 * messages, positions or partitions. */

#include "source/wsed-kafka-consumer.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "wse-error.h"
#include "wse-json-private.h"

/* Messages taken in one turn of the main loop. */
#define TURN 512

struct _WsedKafkaConsumer
{
  rd_kafka_t *handle;
  rd_kafka_queue_t *queue;
  int fd;
  guint source;
  WsedKafkaListener listener;
  gpointer user_data;
  gboolean resting, closing;
};

static void
on_log (const rd_kafka_t *handle,
        int               level,
        const char       *facility,
        const char       *text)
{
  if (level <= 3)
    g_warning ("Kafka: %s", text);
  else if (level <= 5)
    g_info ("Kafka: %s", text);
  else
    g_debug ("Kafka: %s", text);
}

static void
on_error (rd_kafka_t *handle,
          int         code,
          const char *reason,
          void       *user_data)
{
  WsedKafkaConsumer *self = user_data;
  char text[512];

  if (code == RD_KAFKA_RESP_ERR__FATAL)
    {
      rd_kafka_fatal_error (handle, text, sizeof text);
      self->listener.fatal (text, self->user_data);
    }
  else
    g_info ("Kafka: %s: %s", rd_kafka_err2name (code), reason);
}

static void
on_rebalance (rd_kafka_t                      *handle,
              rd_kafka_resp_err_t              what,
              rd_kafka_topic_partition_list_t *partitions,
              void                            *user_data)
{
  WsedKafkaConsumer *self = user_data;

  self->listener.rebalance (what, partitions, self->user_data);
}

/* The member @name of the object @value; FALSE: there is none. */
static gboolean
find_member (const WseJsonValue *object,
             const char         *name,
             WseJsonValue       *value)
{
  WseJson json;
  WseJsonValue key;

  wse_json_init (&json, object->data, object->length);
  if (!wse_json_enter_object (&json))
    return FALSE;
  while (wse_json_next_member (&json, &key, value))
    if (wse_json_string_equal (&key, name))
      return TRUE;
  return FALSE;
}

/* A broker that was learnt of; the others are what was configured, or the group's coordinator once more. */
static gboolean
is_any_up (const WseJsonValue *brokers)
{
  WseJson json;
  WseJsonValue key, broker, state;

  wse_json_init (&json, brokers->data, brokers->length);
  if (!wse_json_enter_object (&json))
    return FALSE;
  while (wse_json_next_member (&json, &key, &broker))
    if (find_member (&broker, "state", &state) && wse_json_string_equal (&state, "UP"))
      return TRUE;
  return FALSE;
}

static int
on_statistics (rd_kafka_t *handle,
               char       *text,
               size_t      length,
               void       *user_data)
{
  WsedKafkaConsumer *self = user_data;
  const WseJsonValue all = { .data = text, .length = length };
  WseJsonValue brokers, group, state;
  gboolean connected = find_member (&all, "brokers", &brokers) && is_any_up (&brokers);
  gboolean settled = find_member (&all, "cgrp", &group) && find_member (&group, "join_state", &state)
                     && wse_json_string_equal (&state, "steady");

  self->listener.state (connected, settled, self->user_data);
  return 0;
}

/* The descriptor speaks only when the queue was empty before: what is left there is said again. */
static void
speak (WsedKafkaConsumer *self)
{
  eventfd_write (self->fd, 1);
}

/* Of a consumer an error that ends it comes as a message: another one has its name in the group, say. */
static void
hand_on (WsedKafkaConsumer  *self,
         rd_kafka_message_t *message)
{
  if (!self->closing && message->err != RD_KAFKA_RESP_ERR__FATAL)
    {
      self->listener.message (message, self->user_data);
      return;
    }
  if (!self->closing)
    on_error (self->handle, message->err, rd_kafka_message_errstr (message), self);
  rd_kafka_message_destroy (message);
}

static gboolean
on_readable (int          fd,
             GIOCondition condition,
             gpointer     user_data)
{
  WsedKafkaConsumer *self = user_data;
  rd_kafka_message_t *messages[TURN];
  eventfd_t value;
  gssize n;

  eventfd_read (self->fd, &value);
  if (self->resting)
    return G_SOURCE_CONTINUE;
  n = rd_kafka_consume_batch_queue (self->queue, 0, messages, TURN);
  for (gssize i = 0; i < n; i++)
    hand_on (self, messages[i]);
  if (n > 0)
    speak (self);
  if (!self->closing)
    self->listener.drained (self->user_data);
  return G_SOURCE_CONTINUE;
}

WsedKafkaConsumer *
wsed_kafka_consumer_new (rd_kafka_conf_t          *conf,
                         const WsedKafkaListener  *listener,
                         gpointer                  user_data,
                         GError                  **error)
{
  WsedKafkaConsumer *self = g_new0 (WsedKafkaConsumer, 1);
  const guint64 one = 1;
  char problem[512];

  self->listener = *listener;
  self->user_data = user_data;
  self->fd = -1;
  rd_kafka_conf_set_opaque (conf, self);
  rd_kafka_conf_set_log_cb (conf, on_log);
  rd_kafka_conf_set_error_cb (conf, on_error);
  rd_kafka_conf_set_stats_cb (conf, on_statistics);
  rd_kafka_conf_set_rebalance_cb (conf, on_rebalance);
  self->handle = rd_kafka_new (RD_KAFKA_CONSUMER, conf, problem, sizeof problem);
  if (self->handle == NULL)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "Kafka: %s", problem);
      rd_kafka_conf_destroy (conf);
      wsed_kafka_consumer_free (self);
      return NULL;
    }
  rd_kafka_set_log_queue (self->handle, NULL);
  rd_kafka_poll_set_consumer (self->handle);
  self->queue = rd_kafka_queue_get_consumer (self->handle);
  self->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (self->fd < 0)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_FAILED, "Kafka: no descriptor is left");
      wsed_kafka_consumer_free (self);
      return NULL;
    }
  rd_kafka_queue_io_event_enable (self->queue, self->fd, &one, sizeof one);
  self->source = g_unix_fd_add (self->fd, G_IO_IN, on_readable, self);
  speak (self);
  return self;
}

gboolean
wsed_kafka_consumer_subscribe (WsedKafkaConsumer  *self,
                               const char * const *topics,
                               GError            **error)
{
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new (4);
  rd_kafka_resp_err_t code;

  for (guint i = 0; topics[i] != NULL; i++)
    rd_kafka_topic_partition_list_add (list, topics[i], RD_KAFKA_PARTITION_UA);
  code = rd_kafka_subscribe (self->handle, list);
  rd_kafka_topic_partition_list_destroy (list);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return TRUE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "Kafka: subscribing: %s", rd_kafka_err2str (code));
  return FALSE;
}

rd_kafka_t *
wsed_kafka_consumer_get (WsedKafkaConsumer *self)
{
  return self->handle;
}

static void
tell (rd_kafka_error_t *error,
      const char       *doing)
{
  if (error != NULL)
    g_info ("Kafka: %s: %s", doing, rd_kafka_error_string (error));
  rd_kafka_error_destroy (error);
}

void
wsed_kafka_consumer_assign (WsedKafkaConsumer                     *self,
                            const rd_kafka_topic_partition_list_t *partitions)
{
  tell (rd_kafka_incremental_assign (self->handle, partitions), "taking partitions");
}

void
wsed_kafka_consumer_unassign (WsedKafkaConsumer                     *self,
                              const rd_kafka_topic_partition_list_t *partitions)
{
  tell (rd_kafka_incremental_unassign (self->handle, partitions), "giving partitions back");
}

/* It is given back and taken anew: a seek would not wake one whose offset was out of range. */
void
wsed_kafka_consumer_seek (WsedKafkaConsumer *self,
                          const char        *topic,
                          gint32             partition,
                          gint64             offset)
{
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new (1);

  rd_kafka_topic_partition_list_add (list, topic, partition)->offset = offset;
  wsed_kafka_consumer_unassign (self, list);
  wsed_kafka_consumer_assign (self, list);
  rd_kafka_topic_partition_list_destroy (list);
}

void
wsed_kafka_consumer_rest (WsedKafkaConsumer *self,
                          gboolean           resting)
{
  if (self->resting == resting)
    return;
  self->resting = resting;
  if (!resting)
    speak (self);
}

void
wsed_kafka_consumer_close (WsedKafkaConsumer *self)
{
  if (self->closing)
    return;
  self->closing = TRUE;
  self->resting = FALSE;
  rd_kafka_error_destroy (rd_kafka_consumer_close_queue (self->handle, self->queue));
  speak (self);
}

gboolean
wsed_kafka_consumer_is_closed (WsedKafkaConsumer *self)
{
  return rd_kafka_consumer_closed (self->handle);
}

void
wsed_kafka_consumer_free (WsedKafkaConsumer *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->source, g_source_remove);
  if (self->queue != NULL)
    {
      rd_kafka_queue_io_event_enable (self->queue, -1, NULL, 0);
      rd_kafka_queue_destroy (self->queue);
    }
  if (self->handle != NULL)
    rd_kafka_destroy_flags (self->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}
