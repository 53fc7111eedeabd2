/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "metrics/wsed-metrics.h"

G_BEGIN_DECLS

/* What streaming counts. Made with the hub, before the workers start. */
typedef struct
{
  WsedMetric *connections;     /* gauge */
  WsedMetric *connections_total;
  WsedMetric *sent;            /* events */
  WsedMetric *sent_bytes;
  WsedMetric *replayed;        /* events read from the log for subscribers */
  WsedMetric *lags;            /* times a connection lay too far behind */
  WsedMetric *dropped;         /* events that a policy took from connections */
  WsedMetric *unkept_dropped;  /* events kept nowhere that a connection did not get in time */
  WsedMetric *conflated;       /* events that a lagging connection did without */
  WsedMetric *disconnected;    /* connections ended for lying too far behind */
  WsedMetric *gaps;            /* gaps met, told or not */
  WsedMetric *dead_peers;
  WsedMetric *dismissed;       /* connections ended by an operator */
  WsedMetric *erased;          /* channels */
  WsedMetric *bad_messages;
  WsedMetric *log_reads;       /* of the log, for all who wanted the same */
  WsedMetric *tail_bytes;      /* gauge */
  WsedMetric *tail_index_bytes; /* gauge */
  WsedMetric *page_bytes;      /* gauge */
  WsedMetric *pages_let_go;    /* times */
  WsedMetric *streams;         /* gauge */
  WsedMetric *deflated;        /* frames, once for all who get them */
  WsedMetric *deflated_from;   /* bytes they had */
  WsedMetric *deflated_to;     /* … and have */
} WsedStreamMetrics;

const WsedStreamMetrics *wsed_stream_metrics (void);
void                     wsed_stream_metrics_init (void);

G_END_DECLS
