/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-bus.h"

G_BEGIN_DECLS

/* What a bus and its subscriptions share, and what outlives the bus while one of them is being cancelled. Any thread. Its lock may be held
 * while a subscription's is taken, never the other way round, and never while a handler, a transformer or a finalizer runs. */
typedef struct _WseExchange WseExchange;

WseExchange *wse_exchange_new (void);
WseExchange *wse_exchange_ref (WseExchange *self);
void         wse_exchange_unref (WseExchange *self);

/* Whether that changed anything. */
gboolean     wse_exchange_set_running (WseExchange *self, gboolean running);
gboolean     wse_exchange_is_running (WseExchange *self);
void         wse_exchange_set_history_size (WseExchange *self, guint size);

/* Gives @event, which has a channel, its seqs, keeps it and hands it to the subscriptions; WSE_ERROR_UNAVAILABLE where it is stopped. */
gboolean     wse_exchange_publish (WseExchange *self, WseEvent *event, GError **error);
/* A transformer has dropped an event. */
void         wse_exchange_count_filtered (WseExchange *self);

/* From here on @subscription gets what is published, and before that the last @history events that it takes. */
void         wse_exchange_join (WseExchange *self, WseSubscription *subscription, guint history);
void         wse_exchange_leave (WseExchange *self, WseSubscription *subscription);
/* Cancels every subscription. */
void         wse_exchange_close (WseExchange *self);

void         wse_exchange_get_stats (WseExchange *self, WseBusStats *stats);

G_END_DECLS
