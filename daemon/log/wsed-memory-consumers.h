/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-consumer.h"

G_BEGIN_DECLS

/* The durable readers of a log that is gone with the process. Whoever calls has the log's lock. */
typedef struct _WsedMemoryConsumers WsedMemoryConsumers;

WsedMemoryConsumers *wsed_memory_consumers_new       (void);
void                 wsed_memory_consumers_free      (WsedMemoryConsumers *self);
/* Fills in the request's answer. @now: microseconds since 1970. */
void                 wsed_memory_consumers_carry_out (WsedMemoryConsumers *self, WsedConsumer *request, gint64 now);

G_END_DECLS
