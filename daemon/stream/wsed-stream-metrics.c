/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The metrics of streaming, in one place; adding to one is a relaxed atomic. */

#include "stream/wsed-stream-metrics.h"

static WsedStreamMetrics metrics;

const WsedStreamMetrics *
wsed_stream_metrics (void)
{
  return &metrics;
}

void
wsed_stream_metrics_init (void)
{
  metrics.connections = wsed_metric_new (WSED_METRIC_GAUGE, "wse_active_connections", "Open WebSocket and SSE connections.");
  metrics.connections_total = wsed_metric_new (WSED_METRIC_COUNTER, "wse_connections_total", "Connections admitted since the start.");
  metrics.sent = wsed_metric_new (WSED_METRIC_COUNTER, "wse_events_sent_total", "Events handed to the kernel, one for each connection.");
  metrics.sent_bytes = wsed_metric_new (WSED_METRIC_COUNTER, "wse_sent_bytes_total", "Bytes handed to the kernel for connections.");
  metrics.replayed = wsed_metric_new (WSED_METRIC_COUNTER, "wse_events_replayed_total", "Events read from the log for connections.");
  metrics.lags = wsed_metric_new (WSED_METRIC_COUNTER, "wse_lags_total",
                                  "Times a connection lay WSE_BUFFER_SIZE events behind, or further than the tail reaches.");
  metrics.dropped = wsed_metric_new (WSED_METRIC_COUNTER, "wse_events_dropped_total",
                                     "Events that the slow consumer policy took from connections, one for each.");
  metrics.unkept_dropped = wsed_metric_new (WSED_METRIC_COUNTER, "wse_unkept_dropped_total",
                                            "Events kept nowhere that a slow connection did not get, one for each.");
  metrics.conflated = wsed_metric_new (WSED_METRIC_COUNTER, "wse_events_conflated_total",
                                       "Events left out for lagging connections because a newer one of the same key was there.");
  metrics.disconnected = wsed_metric_new (WSED_METRIC_COUNTER, "wse_slow_disconnects_total",
                                          "Connections ended with 4408 for lying too far behind.");
  metrics.gaps = wsed_metric_new (WSED_METRIC_COUNTER, "wse_gaps_total", "Times events that a connection should have had were gone.");
  metrics.dead_peers = wsed_metric_new (WSED_METRIC_COUNTER, "wse_dead_peers_total",
                                        "Connections ended because nothing came from the peer for two heartbeats.");
  metrics.dismissed = wsed_metric_new (WSED_METRIC_COUNTER, "wse_connections_dismissed_total", "Connections ended by an operator.");
  metrics.erased = wsed_metric_new (WSED_METRIC_COUNTER, "wse_channels_erased_total", "Channels erased.");
  metrics.bad_messages = wsed_metric_new (WSED_METRIC_COUNTER, "wse_bad_messages_total",
                                          "Messages from clients that could not be understood.");
  metrics.log_reads = wsed_metric_new (WSED_METRIC_COUNTER, "wse_replay_reads_total",
                                       "Reads of the log for connections; those that want the same share one.");
  metrics.tail_bytes = wsed_metric_new (WSED_METRIC_GAUGE, "wse_tail_bytes", "Bytes of the live tail.");
  metrics.tail_index_bytes = wsed_metric_new (WSED_METRIC_GAUGE, "wse_tail_index_bytes",
                                              "Bytes that the workers need to find their way in the live tail.");
  metrics.page_bytes = wsed_metric_new (WSED_METRIC_GAUGE, "wse_page_bytes",
                                        "Bytes read from the log that connections do not take now.");
  metrics.pages_let_go = wsed_metric_new (WSED_METRIC_COUNTER, "wse_pages_let_go_total",
                                          "Times a connection that did not take what was read for it let that go, to be read again.");
  metrics.streams = wsed_metric_new (WSED_METRIC_GAUGE, "wse_streams", "Channels in one encoding that have subscribers.");
  metrics.deflated = wsed_metric_new (WSED_METRIC_COUNTER, "wse_deflated_messages_total",
                                      "Messages compressed, once for all connections that get the same one.");
  metrics.deflated_from = wsed_metric_new (WSED_METRIC_COUNTER, "wse_deflate_in_bytes_total", "Bytes of those messages before.");
  metrics.deflated_to = wsed_metric_new (WSED_METRIC_COUNTER, "wse_deflate_out_bytes_total", "Bytes of those messages compressed.");
}
