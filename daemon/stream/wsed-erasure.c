/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What was erased from the log is told to every worker, so that nothing of it is sent any more that lies in the tail or in a page. Main
 * thread; it never touches the tail, whose bytes go as they always do. */

#include "stream/wsed-stream-metrics.h"
#include "stream/wsed-worker.h"

typedef struct
{
  WsedMessage message;
  WsedWorker *worker;
  GPtrArray *streams;          /* (element-type WsedStream) */
  char *channel;
  guint64 head, n;
} Erasure;

static void
run_erasure (WsedMessage *message,
             gpointer     user_data)
{
  Erasure *erasure = (Erasure *) message;

  wsed_worker_erase (erasure->worker, erasure->streams, erasure->channel, erasure->head, erasure->n);
  g_ptr_array_unref (erasure->streams);
  g_free (erasure->channel);
  g_free (erasure);
}

void
wsed_hub_erase (WsedHub         *hub,
                const WsedErase *erase)
{
  guint n_workers;
  WsedWorker * const *workers = wsed_hub_get_workers (hub, &n_workers);

  wsed_metric_add (wsed_stream_metrics ()->erased, 1);
  for (guint i = 0; i < n_workers; i++)
    {
      Erasure *erasure = g_new0 (Erasure, 1);

      erasure->message.run = run_erasure;
      erasure->worker = workers[i];
      erasure->streams = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_stream_unref);
      wsed_hub_get_streams (hub, erase->channel, erasure->streams);
      wsed_hub_get_streams (hub, "*", erasure->streams);
      erasure->channel = g_strdup (erase->channel);
      erasure->head = erase->head;
      erasure->n = erase->n;
      wsed_inbox_push (wsed_worker_get_inbox (erasure->worker), &erasure->message);
    }
}
