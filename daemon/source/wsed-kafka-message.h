/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <librdkafka/rdkafka.h>

#include "pipeline/wsed-input.h"

G_BEGIN_DECLS

/* A Kafka message as an input: it borrows the message's bytes, and its input what is here. */
typedef struct
{
  WsedInput input;
  WsedHeader headers[WSED_MAX_HEADERS];
  char id[WSE_MAX_ID_BYTES + 1];
} WsedKafkaInput;

void        wsed_kafka_input_init  (WsedKafkaInput *self, const rd_kafka_message_t *message);
void        wsed_kafka_input_clear (WsedKafkaInput *self);
/* The dead letter for @message, which came from @source. */
WsedLetter *wsed_kafka_message_make_letter (const rd_kafka_message_t *message, const char *source, const GError *error);
/* When it was produced, milliseconds since 1970; 0: it does not say. */
gint64      wsed_kafka_message_get_time (const rd_kafka_message_t *message);
/* What it holds in memory, about. */
gsize       wsed_kafka_message_measure (const rd_kafka_message_t *message);

G_END_DECLS
