/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedKafkaPartition keeps the order of one partition: one batch of it is under way at a time, and moves the position in the log with its
 * events by compare-and-set. What the log cannot take now is sent again, and nothing behind it goes first; whom another reader was faster
 * goes on where that one stands. It never looks into a message. */

#include "source/wsed-kafka-partition.h"

#include "metrics/wsed-metrics.h"
#include "source/wsed-kafka-message.h"
#include "wse-error.h"

/* A batch's bounds: long enough to share a transaction, short enough for the main loop. */
#define MAX_BATCH 1000
#define MAX_BATCH_BYTES (1024 * 1024)
/* ms between two attempts, doubled each time */
#define FIRST_RETRY 50
#define LAST_RETRY 5000

struct _WsedKafkaPartition
{
  WsedKafkaPartitions *shared;
  char *topic;
  gint32 number;
  char *source;                /* "kafka:GROUP/TOPIC/PARTITION" */
  gint64 kept;                 /* in the log; -1: none */
  gint64 next;                 /* messages before this one have been seen */
  gint64 end;                  /* nothing was before it when it was seen; -1: not seen */
  gint64 handled_time;         /* of the last message that is in the log, ms since 1970; 0: not known */
  GQueue waiting;              /* (element-type rd_kafka_message_t) */
  GPtrArray *batch;            /* the same, under way or to be sent again */
  GArray *moves;               /* the batch's; NULL: there is no batch */
  gboolean sent;               /* it is with the pipeline */
  gboolean again;              /* it was before */
  gboolean revoked;
  guint retry;                 /* ms */
  guint timer;
};

static gsize
free_messages (GPtrArray *messages)
{
  gsize bytes = 0;

  for (guint i = 0; i < messages->len; i++)
    bytes += wsed_kafka_message_measure (g_ptr_array_index (messages, i));
  g_ptr_array_set_size (messages, 0);
  return bytes;
}

WsedKafkaPartition *
wsed_kafka_partition_new (WsedKafkaPartitions *shared,
                          const char          *group,
                          const char          *topic,
                          gint32               number,
                          gint64               kept)
{
  WsedKafkaPartition *self = g_new0 (WsedKafkaPartition, 1);

  self->shared = shared;
  self->topic = g_strdup (topic);
  self->number = number;
  self->source = g_strdup_printf ("kafka:%s/%s/%d", group, topic, number);
  self->kept = self->next = kept;
  self->end = -1;
  self->batch = g_ptr_array_new_with_free_func ((GDestroyNotify) rd_kafka_message_destroy);
  g_queue_init (&self->waiting);
  return self;
}

static void
partition_free (WsedKafkaPartition *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->moves, g_array_unref);
  g_ptr_array_unref (self->batch);
  g_free (self->topic);
  g_free (self->source);
  g_free (self);
}

/* Lets go of all that waits and is not with the pipeline. */
static void
let_go (WsedKafkaPartition *self)
{
  rd_kafka_message_t *message;
  gsize bytes = 0;

  while ((message = g_queue_pop_head (&self->waiting)) != NULL)
    {
      bytes += wsed_kafka_message_measure (message);
      rd_kafka_message_destroy (message);
    }
  g_clear_handle_id (&self->timer, g_source_remove);
  if (!self->sent)
    {
      bytes += free_messages (self->batch);
      g_clear_pointer (&self->moves, g_array_unref);
    }
  if (bytes > 0)
    self->shared->released (bytes, self->shared->user_data);
}

void
wsed_kafka_partition_revoke (WsedKafkaPartition *self)
{
  self->revoked = TRUE;
  let_go (self);
  if (!self->sent)
    partition_free (self);
}

gsize
wsed_kafka_partition_push (WsedKafkaPartition *self,
                           rd_kafka_message_t *message)
{
  /* Seen already: read again by the client library after a seek or a change of the group. */
  if (message->offset < self->next)
    {
      rd_kafka_message_destroy (message);
      return 0;
    }
  self->next = message->offset + 1;
  g_queue_push_tail (&self->waiting, message);
  return wsed_kafka_message_measure (message);
}

void
wsed_kafka_partition_set_end (WsedKafkaPartition *self,
                              gint64              offset)
{
  self->end = offset;
}

/* Reads from @offset on; RD_KAFKA_OFFSET_BEGINNING is the oldest. */
static void
seek (WsedKafkaPartition *self,
      gint64              offset)
{
  self->shared->seek (self->topic, self->number, offset, self->shared->user_data);
  self->next = MAX (offset, -1);
  self->end = -1;
}

void
wsed_kafka_partition_begin_anew (WsedKafkaPartition *self)
{
  let_go (self);
  seek (self, RD_KAFKA_OFFSET_BEGINNING);
}

/* Kafka's own committed offset follows, for the tools that look at it; nothing here relies on it. */
static void
store_offset (WsedKafkaPartition *self)
{
  rd_kafka_topic_partition_list_t *list;

  if (self->revoked)
    return;
  list = rd_kafka_topic_partition_list_new (1);
  rd_kafka_topic_partition_list_add (list, self->topic, self->number)->offset = self->kept;
  rd_kafka_offsets_store (self->shared->consumer, list);
  rd_kafka_topic_partition_list_destroy (list);
}

static void
on_conflict (WsedKafkaPartition *self)
{
  self->kept = g_array_index (self->moves, WsedMove, 0).kept;
  g_clear_pointer (&self->moves, g_array_unref);
  wsed_metric_add (wsed_metric_new (WSED_METRIC_COUNTER, "wse_kafka_conflicts_total",
                                    "Batches that were not kept because another reader had moved the position."), 1);
  if (self->revoked)
    return;
  g_message ("%s: somebody else has read on to %" G_GINT64_FORMAT "; going on from there", self->source, self->kept);
  let_go (self);
  seek (self, self->kept >= 0 ? self->kept : RD_KAFKA_OFFSET_BEGINNING);
}

static void submit (WsedKafkaPartition *self);

static gboolean
on_retry (gpointer user_data)
{
  WsedKafkaPartition *self = user_data;

  self->timer = 0;
  if (!self->shared->stopping)
    submit (self);
  return G_SOURCE_REMOVE;
}

/* A fault of the log, or no room: the batch waits, and holds the partition. */
static void
hold (WsedKafkaPartition *self,
      const GError       *error)
{
  if (!g_error_matches (error, WSE_ERROR, WSE_ERROR_BUSY))
    self->shared->failing (error->message, self->shared->user_data);
  wsed_metric_add (wsed_metric_new (WSED_METRIC_COUNTER, "wse_kafka_retries_total",
                                    "Batches that were sent to the log again because it could not take them."), 1);
  self->again = TRUE;
  self->retry = CLAMP (self->retry * 2, FIRST_RETRY, LAST_RETRY);
  /* Not all partitions at once. */
  self->timer = g_timeout_add (self->retry / 2 + (guint) g_random_int_range (0, (gint32) self->retry / 2 + 1), on_retry, self);
}

static void
on_submitted (const WsedItem *items,
              guint           n_items,
              gboolean        single,
              const GError   *error,
              gpointer        user_data)
{
  WsedKafkaPartition *self = user_data;
  gsize bytes = 0;

  self->sent = FALSE;
  self->shared->under_way--;
  if (error != NULL && !self->revoked && !g_error_matches (error, WSE_ERROR, WSE_ERROR_CONFLICT))
    {
      hold (self, error);
      return;
    }
  if (self->batch->len > 0)
    self->handled_time = wsed_kafka_message_get_time (g_ptr_array_index (self->batch, self->batch->len - 1));
  bytes = free_messages (self->batch);
  if (error != NULL && g_error_matches (error, WSE_ERROR, WSE_ERROR_CONFLICT))
    on_conflict (self);
  else if (error == NULL)
    {
      self->kept = g_array_index (self->moves, WsedMove, 0).to;
      g_clear_pointer (&self->moves, g_array_unref);
      self->retry = 0;
      self->shared->failing (NULL, self->shared->user_data);
      store_offset (self);
    }
  if (bytes > 0)
    self->shared->released (bytes, self->shared->user_data);
  if (self->revoked)
    partition_free (self);
  else
    wsed_kafka_partition_flush (self);
}

static WsedLetter *
make_letter (guint         index,
             const GError *error,
             gpointer      user_data)
{
  WsedKafkaPartition *self = user_data;

  return wsed_kafka_message_make_letter (g_ptr_array_index (self->batch, index), self->source, error);
}

static void
submit (WsedKafkaPartition *self)
{
  guint n = self->batch->len;
  g_autofree WsedKafkaInput *messages = g_new (WsedKafkaInput, MAX (1, n));
  g_autofree WsedInput *inputs = g_new (WsedInput, MAX (1, n));
  gboolean again = self->again;

  for (guint i = 0; i < n; i++)
    {
      wsed_kafka_input_init (&messages[i], g_ptr_array_index (self->batch, i));
      inputs[i] = messages[i].input;
    }
  self->sent = TRUE;
  self->again = FALSE;
  self->shared->under_way++;
  wsed_pipeline_submit_from (self->shared->pipeline, inputs, n, self->moves, again, make_letter, on_submitted, self);
  for (guint i = 0; i < n; i++)
    wsed_kafka_input_clear (&messages[i]);
}

void
wsed_kafka_partition_flush (WsedKafkaPartition *self)
{
  gint64 to = self->end;
  gsize bytes = 0;

  if (self->moves != NULL || self->revoked || self->shared->stopping)
    return;
  while (self->batch->len < MAX_BATCH && bytes < MAX_BATCH_BYTES && !g_queue_is_empty (&self->waiting))
    {
      rd_kafka_message_t *message = g_queue_pop_head (&self->waiting);

      bytes += wsed_kafka_message_measure (message);
      to = message->offset + 1;
      g_ptr_array_add (self->batch, message);
    }
  /* Without a message: what lies before the end is none, but marks of transactions. */
  if (self->batch->len == 0 && (to <= self->kept || to <= 0))
    return;
  self->moves = wsed_moves_new ();
  wsed_moves_add (self->moves, self->source, self->kept, to);
  submit (self);
}

const char *
wsed_kafka_partition_get_topic (WsedKafkaPartition *self)
{
  return self->topic;
}

gint32
wsed_kafka_partition_get_number (WsedKafkaPartition *self)
{
  return self->number;
}

void
wsed_kafka_partition_get_lag (WsedKafkaPartition *self,
                              gint64             *events,
                              gint64             *age)
{
  gint64 low = -1, high = -1, oldest = self->handled_time;
  const rd_kafka_message_t *first = self->batch->len > 0 ? g_ptr_array_index (self->batch, 0) : g_queue_peek_head (&self->waiting);

  *events = *age = 0;
  if (rd_kafka_get_watermark_offsets (self->shared->consumer, self->topic, self->number, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  *events = MAX (0, high - MAX (self->kept, low));
  if (first != NULL)
    oldest = wsed_kafka_message_get_time (first);
  if (*events > 0 && oldest > 0)
    *age = MAX (0, g_get_real_time () / 1000 - oldest);
}
