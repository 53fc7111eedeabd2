/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A Kafka message as the pipeline takes it, and as a dead letter. An event that names no id is called after its place, so that it is known
 * when it comes again; a topic that was made anew has other times at the same places. */

#include "source/wsed-kafka-message.h"

#include <string.h>

/* Of one message, as kept in a dead letter. */
#define MAX_HEADERS_BYTES (16 * 1024)
#define MAX_KEY_BYTES (4 * 1024)

/* How many there are. */
static guint
read_headers (const rd_kafka_message_t *message,
              WsedHeader                headers[WSED_MAX_HEADERS])
{
  rd_kafka_headers_t *list;
  guint n = 0;

  if (rd_kafka_message_headers (message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return 0;
  while (n < WSED_MAX_HEADERS)
    {
      const void *value;
      size_t length;

      if (rd_kafka_header_get_all (list, n, &headers[n].name, &value, &length) != RD_KAFKA_RESP_ERR_NO_ERROR)
        break;
      headers[n].value = value;
      headers[n++].length = length;
    }
  return n;
}

gint64
wsed_kafka_message_get_time (const rd_kafka_message_t *message)
{
  rd_kafka_timestamp_type_t type;
  gint64 time = rd_kafka_message_timestamp (message, &type);

  return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time < 0 ? 0 : time;
}

gsize
wsed_kafka_message_measure (const rd_kafka_message_t *message)
{
  return message->len + message->key_len + 512;
}

static void
make_id (const rd_kafka_message_t *message,
         char                      id[WSE_MAX_ID_BYTES + 1])
{
  const char *topic = rd_kafka_topic_name (message->rkt);
  g_autofree char *hash = NULL;

  /* 20 bytes for each of three numbers. */
  if (strlen (topic) > WSE_MAX_ID_BYTES - 70)
    topic = hash = g_compute_checksum_for_string (G_CHECKSUM_SHA1, topic, -1);
  g_snprintf (id, WSE_MAX_ID_BYTES + 1, "kafka:%s:%d:%" G_GINT64_FORMAT "@%" G_GINT64_FORMAT, topic, message->partition,
              message->offset, wsed_kafka_message_get_time (message));
}

void
wsed_kafka_input_init (WsedKafkaInput           *self,
                       const rd_kafka_message_t *message)
{
  guint n_headers = read_headers (message, self->headers);

  wsed_input_init (&self->input, self->headers, n_headers, message->payload, message->len);
  self->input.origin = (WsedOrigin) { rd_kafka_topic_name (message->rkt), message->key, message->key_len, self->headers, n_headers };
  make_id (message, self->id);
  self->input.event_id = self->id;
}

void
wsed_kafka_input_clear (WsedKafkaInput *self)
{
  wsed_input_clear (&self->input);
}

WsedLetter *
wsed_kafka_message_make_letter (const rd_kafka_message_t *message,
                                const char               *source,
                                const GError             *error)
{
  WsedLetter *letter = wsed_letter_new (source, message->offset);
  WsedHeader headers[WSED_MAX_HEADERS];
  guint n_headers = read_headers (message, headers);
  char id[WSE_MAX_ID_BYTES + 1];

  make_id (message, id);
  letter->event_id = g_strdup (id);
  letter->topic = g_strdup (rd_kafka_topic_name (message->rkt));
  letter->headers = wsed_headers_to_json (headers, n_headers, MAX_HEADERS_BYTES);
  if (message->key != NULL)
    letter->key = g_bytes_new (message->key, MIN (message->key_len, MAX_KEY_BYTES));
  wsed_letter_set_input (letter, message->payload, message->len);
  wsed_letter_set_error (letter, error);
  return letter;
}
