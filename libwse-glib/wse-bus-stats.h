/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib-object.h>

#include "wse-version.h"

G_BEGIN_DECLS

#define WSE_TYPE_BUS_STATS (wse_bus_stats_get_type ())

/**
 * WseBusStats:
 * @active_subscribers: subscriptions that are not cancelled
 * @queue_size: events that wait to be emitted, all subscriptions together
 * @history_size: events that are kept for new subscribers
 * @running: whether the bus takes events
 * @events_published: events that the bus has taken
 * @events_filtered: events that a transformer has dropped; they are not among those published
 * @events_delivered: emissions of [signal@Wse.Subscription::event], replayed ones too
 * @events_dropped: events dropped from the full queues of subscriptions
 *
 * What a [class@Wse.Bus] has done and holds at one moment; named as in the answer of `GET /api/events/stats` (PROTOCOL section 5).
 * Cancelled subscriptions stay in the counts of events.
 *
 * Since: 0.1
 */
typedef struct
{
  guint active_subscribers;
  guint queue_size;
  guint history_size;
  gboolean running;
  guint64 events_published;
  guint64 events_filtered;
  guint64 events_delivered;
  guint64 events_dropped;
} WseBusStats;

WSE_AVAILABLE_IN_0_1
GType        wse_bus_stats_get_type (void);
WSE_AVAILABLE_IN_0_1
WseBusStats *wse_bus_stats_copy (const WseBusStats *stats);
WSE_AVAILABLE_IN_0_1
void         wse_bus_stats_free (WseBusStats *stats);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WseBusStats, wse_bus_stats_free)

G_END_DECLS
