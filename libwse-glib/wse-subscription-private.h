/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-exchange-private.h"

G_BEGIN_DECLS

typedef struct
{
  guint queued;
  guint64 delivered, dropped;
} WseSubscriptionCounts;

/* @channels: NULL for all. Emits in the thread-default context of the calling thread. Gets nothing until it joins @exchange. */
WseSubscription *wse_subscription_new (WseExchange *exchange, const char * const *channels, WseFilter *filter, guint queue_size);

/* Any thread. Whether it takes @event, and then under which of the event's channels: the first that it has. */
gboolean         wse_subscription_takes (WseSubscription *self, WseEvent *event, guint *channel);
/* Any thread. Drops the oldest where the queue is full. */
void             wse_subscription_push (WseSubscription *self, WseEvent *event, guint channel, guint64 seq);
void             wse_subscription_get_counts (WseSubscription *self, WseSubscriptionCounts *counts);

G_END_DECLS
