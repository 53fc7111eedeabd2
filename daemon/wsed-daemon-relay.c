/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The composition root's part about the relay: which one it is, and what of it is counted. */

#include "wsed-daemon-relay.h"

#include "log/wsed-pg-log.h"
#include "metrics/wsed-metrics.h"
#include "relay/wsed-notify-relay.h"
#include "relay/wsed-redis-relay.h"

/* ms: a client that reconnects is there again by then. */
#define LINGER 10000

/* Metrics live as long as the process. */
static void
refresh_metrics (gpointer user_data)
{
  static WsedMetric *connected, *sent, *received, *dropped, *reconnections, *queued;
  WsedRelayStats stats;

  if (connected == NULL)
    {
      connected = wsed_metric_new (WSED_METRIC_GAUGE, "wse_relay_connected", "1 where the relay is connected, else 0.");
      sent = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_sent_total", "Messages given to the relay.");
      received = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_received_total", "Messages that came from the relay.");
      dropped = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_dropped_total", "Messages for the relay that it had no room for.");
      reconnections = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_reconnections_total", "Times that the relay was connected again.");
      queued = wsed_metric_new (WSED_METRIC_GAUGE, "wse_relay_queued_bytes", "Bytes that wait to be sent to the relay.");
    }
  wsed_relay_get_stats (user_data, &stats);
  wsed_metric_set (connected, stats.state == WSED_RELAY_OK);
  wsed_metric_set (sent, (gint64) stats.sent);
  wsed_metric_set (received, (gint64) stats.received);
  wsed_metric_set (dropped, (gint64) stats.dropped);
  wsed_metric_set (reconnections, (gint64) stats.reconnections);
  wsed_metric_set (queued, (gint64) stats.queued_bytes);
}

static void
refresh_following (gpointer user_data)
{
  static WsedMetric *daemons, *undelivered, *reads, *filled, *forgotten, *held;
  WsedFleet *fleet = wsed_following_get_fleet (user_data);
  WsedSequenceStats stats;

  if (daemons == NULL)
    {
      daemons = wsed_metric_new (WSED_METRIC_GAUGE, "wse_daemons", "Daemons on this log that are known to be there, this one among them.");
      undelivered = wsed_metric_new (WSED_METRIC_GAUGE, "wse_relay_undelivered", "Events known to be in a shared log that are not yet delivered here.");
      reads = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_reads_total", "Reads of a shared log for what no relay brought.");
      filled = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_filled_total", "Events that came from such reads.");
      forgotten = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_forgotten_total", "Events that came and had no room to wait: they are read again.");
      held = wsed_metric_new (WSED_METRIC_GAUGE, "wse_relay_held_bytes", "Bytes of events that wait for one before them.");
    }
  wsed_sequence_get_stats (wsed_following_get_sequence (user_data), &stats);
  wsed_metric_set (daemons, 1 + (fleet != NULL ? wsed_fleet_get_size (fleet) : 0));
  wsed_metric_set (undelivered, (gint64) (stats.end - stats.done));
  wsed_metric_set (reads, (gint64) stats.reads);
  wsed_metric_set (filled, (gint64) stats.filled);
  wsed_metric_set (forgotten, (gint64) stats.forgotten);
  wsed_metric_set (held, (gint64) stats.held_bytes);
}

void
wsed_daemon_count_following (WsedFollowing *following)
{
  wsed_metrics_on_refresh (refresh_following, following);
}

static WsedRelay *
make_redis_relay (const WsedConfig *config, gboolean shared, gsize (*get_backlog) (gpointer), gpointer user_data, GError **error)
{
  const WsedRedisRelayConfig redis = {
    .url = config->redis_url,
    .ca = config->redis_ca,
    .certificate = config->redis_cert,
    .key = config->redis_key,
    .shared = shared,
    .max_event = config->max_event,
    .get_backlog = get_backlog,
    .user_data = user_data,
    .linger = LINGER,
  };

  return wsed_redis_relay_new (&redis, error);
}

static WsedRelay *
make_notify_relay (const WsedConfig *config, WsedLog *log, GError **error)
{
  g_autoptr (WsedPostgresAddress) address = wsed_postgres_address_new (config->log, error);

  return address != NULL ? wsed_notify_relay_new (address, wsed_pg_log_get_writer (WSED_PG_LOG (log))) : NULL;
}

gboolean
wsed_daemon_make_relay (const WsedConfig *config, WsedLog *shared, gsize (*get_backlog) (gpointer), gpointer user_data, WsedRelay **relay,
                        GError **error)
{
  *relay = NULL;
  if (config->redis_url != NULL)
    *relay = make_redis_relay (config, shared != NULL, get_backlog, user_data, error);
  else if (shared != NULL)
    *relay = make_notify_relay (config, shared, error);
  else
    return TRUE;
  if (*relay == NULL)
    return FALSE;
  wsed_metrics_on_refresh (refresh_metrics, *relay);
  return TRUE;
}
