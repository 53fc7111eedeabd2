/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the hub sends a worker of its streams: what arrived goes into the views, what was evicted or erased is let go of, and those who read
 * there are woken. It sends nothing. */

#include "stream/wsed-aside.h"
#include "stream/wsed-reader-private.h"
#include "stream/wsed-renewal.h"
#include "stream/wsed-worker-private.h"

void
wsed_worker_take_chunk (WsedWorker *worker,
                        WsedChunk  *chunk)
{
  wsed_eviction_take_chunk (&worker->eviction, chunk);
}

/* Those that do not wait for it hear of it when they go live. */
static void
arrive_aside (WsedWorker        *worker,
              const WsedArrival *arrival)
{
  for (WsedView *view = arrival->stream->slot.views; view != NULL; view = view->next)
    {
      if (!wse_filter_matches (view->filter, arrival->entry->event))
        continue;
      wsed_asides_append (&worker->asides, view, &arrival->piece);
      for (guint i = 0; i < view->n_live; i++)
        {
          WsedReader *reader = wsed_view_get_live (view)[i]->reader;

          reader->has_asides = TRUE;
          wsed_worker_mark (worker, reader->subscriber);
        }
    }
}

void
wsed_worker_arrive (WsedWorker        *worker,
                    const WsedArrival *arrival)
{
  WsedSlot *slot = &arrival->stream->slot;

  if (arrival->entry->n == 0)
    {
      arrive_aside (worker, arrival);
      return;
    }
  if (slot->views != NULL && arrival->seq <= slot->head)
    {
      wsed_renewal_ask (worker, arrival->stream);
      return;
    }
  /* What would lie between is gone from the log before it could be delivered: who has not had it is told so there. */
  if (slot->views != NULL && arrival->seq > slot->head + 1 && !wsed_stream_is_whole (arrival->stream))
    slot->erased = arrival->seq;
  slot->head = arrival->seq;
  for (WsedView *view = slot->views; view != NULL; view = view->next)
    {
      if (!wse_filter_matches (view->filter, arrival->entry->event))
        continue;
      wsed_eviction_append (&worker->eviction, view, arrival);
      if (view->dirty)
        continue;
      view->dirty = TRUE;
      g_ptr_array_add (worker->dirty, view);
    }
}

void
wsed_worker_empty_view (WsedWorker *worker,
                        WsedView   *view)
{
  wsed_eviction_empty (&worker->eviction, view);
}

void
wsed_worker_evict (WsedWorker *worker,
                   guint64     first_chunk)
{
  wsed_asides_run (&worker->asides, first_chunk);
  wsed_eviction_run (&worker->eviction, first_chunk);
}

WsedView *
wsed_worker_get_view (WsedWorker     *worker,
                      WsedStream     *stream,
                      WseFilter      *filter,
                      const WsedHead *head)
{
  WsedView *view = wsed_slot_get_view (&stream->slot, filter, head);

  view->users++;
  return view;
}

void
wsed_worker_drop_view (WsedWorker *worker,
                       WsedView   *view)
{
  if (--view->users > 0)
    return;
  if (view->dirty)
    g_ptr_array_remove_fast (worker->dirty, view);
  wsed_asides_retire (&worker->asides, view);
  wsed_eviction_retire (&worker->eviction, view);
}

void
wsed_worker_wake (WsedWorker *worker)
{
  for (guint i = 0; i < worker->dirty->len; i++)
    {
      WsedView *view = g_ptr_array_index (worker->dirty, i);

      view->dirty = FALSE;
      for (guint j = 0; j < view->n_live; j++)
        wsed_reader_wake (wsed_view_get_live (view)[j]);
    }
  g_ptr_array_set_size (worker->dirty, 0);
}

static gboolean
tell_erased (WsedSubscriber *subscriber,
             gpointer        channel)
{
  subscriber->klass->erased (subscriber, channel);
  return TRUE;
}

void
wsed_worker_erase (WsedWorker *worker,
                   GPtrArray  *streams,
                   const char *channel,
                   guint64     head,
                   guint64     n)
{
  wsed_fetches_outdate (worker->fetches);
  for (guint i = 0; i < streams->len; i++)
    {
      WsedStream *stream = g_ptr_array_index (streams, i);

      if (stream->slot.worker != worker->index || stream->slot.views == NULL)
        continue;
      stream->slot.erased = MAX (stream->slot.erased, wsed_stream_is_whole (stream) ? n : head);
      for (WsedView *view = stream->slot.views; view != NULL; view = view->next)
        wsed_asides_blank (&worker->asides, view);
    }
  if (streams->len > 0)
    wsed_worker_visit (worker, 0, tell_erased, (gpointer) channel);
}
