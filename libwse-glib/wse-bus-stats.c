/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a bus tells of itself: plain numbers of one moment. It counts nothing. */

#include "wse-bus-stats.h"

G_DEFINE_BOXED_TYPE (WseBusStats, wse_bus_stats, wse_bus_stats_copy, wse_bus_stats_free)

/**
 * wse_bus_stats_copy:
 * @stats: statistics
 *
 * Copies @stats.
 *
 * Returns: (transfer full): the copy
 *
 * Since: 0.1
 */
WseBusStats *
wse_bus_stats_copy (const WseBusStats *stats)
{
  return g_memdup2 (stats, sizeof *stats);
}

/**
 * wse_bus_stats_free:
 * @stats: (transfer full): statistics made by [method@Wse.BusStats.copy]
 *
 * Frees @stats.
 *
 * Since: 0.1
 */
void
wse_bus_stats_free (WseBusStats *stats)
{
  g_free (stats);
}
