/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "source/wsed-kafka-config.h"
#include "source/wsed-source.h"
#include "wsed-pipeline.h"

G_BEGIN_DECLS

#define WSED_TYPE_KAFKA_SOURCE (wsed_kafka_source_get_type ())
G_DECLARE_FINAL_TYPE (WsedKafkaSource, wsed_kafka_source, WSED, KAFKA_SOURCE, GObject)

/* Borrows @log, @pipeline and @main, the inbox that the main loop runs. NULL with @error where what is configured cannot be. */
WsedSource *wsed_kafka_source_new (const WsedKafkaConfig *config, WsedLog *log, WsedPipeline *pipeline, WsedInbox *main, GError **error);

G_END_DECLS
