/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A channel that the log forgot (90 days after its last event expired) and that began again while it was subscribed to: another epoch, and
 * seq from 1. Its views are emptied, and its readers are told and read it from the log. It never guesses an epoch: the log is asked through
 * the hub, so that the answer comes behind all that it counts. */

#include "stream/wsed-renewal.h"

#include <string.h>

#include "stream/wsed-fetch.h"
#include "stream/wsed-join.h"

static gboolean
tell_renewed (WsedSubscriber *subscriber,
              gpointer        stream)
{
  subscriber->klass->renewed (subscriber, stream);
  return TRUE;
}

/* All that is known of @stream is of @head's epoch from now on. */
static void
renew (WsedWorker     *worker,
       WsedStream     *stream,
       const WsedHead *head)
{
  WsedSlot *slot = &stream->slot;

  memcpy (slot->epoch, head->epoch, sizeof slot->epoch);
  slot->head = head->head;
  slot->erased = 0;
  for (WsedView *view = slot->views; view != NULL; view = view->next)
    {
      wsed_worker_empty_view (worker, view);
      view->complete_from = head->head + 1;
    }
  wsed_fetches_outdate (wsed_worker_get_fetches (worker));
}

void
wsed_renewal_take (WsedWorker     *worker,
                   WsedStream     *stream,
                   const WsedHead *head)
{
  if (stream->slot.views == NULL || strcmp (stream->slot.epoch, head->epoch) == 0)
    return;
  stream->slot.asked = FALSE;
  renew (worker, stream, head);
  wsed_worker_visit (worker, 0, tell_renewed, stream);
}

static void
on_joined (gpointer message)
{
  WsedJoin *join = message;
  WsedStream *stream = g_ptr_array_index (join->streams, 0);

  /* Where the log cannot answer, it does not answer its readers either, and they end. */
  if (stream->slot.asked && stream->slot.views != NULL)
    {
      stream->slot.asked = FALSE;
      if (join->heads->error == NULL)
        renew (join->worker, stream, &g_array_index (join->heads->heads, WsedHead, 0));
      wsed_worker_visit (join->worker, 0, tell_renewed, stream);
    }
  wsed_hub_leave (join->hub, g_steal_pointer (&join->streams));
  wsed_join_free (join);
}

void
wsed_renewal_ask (WsedWorker *worker,
                  WsedStream *stream)
{
  const char *channels[] = { stream->channel, NULL };

  if (stream->slot.asked)
    return;
  stream->slot.asked = TRUE;
  /* They wait for the answer: what is merged with it must not go on without it. */
  wsed_worker_visit (worker, 0, tell_renewed, stream);
  wsed_hub_join (wsed_worker_get_hub (worker),
                 wsed_join_new (wsed_worker_get_hub (worker), worker, channels, stream->slot.encoding, NULL, on_joined));
}
