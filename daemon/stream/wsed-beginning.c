/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finds out where subscriptions begin: after the client's cursor, so many events back, or now. The heads come from the log through the
 * hub, so that nothing can fall between them and what arrives live; what needs a search in the log is asked of it. Until all is known
 * the subscriptions are nobody's, and undoing them is forgetting them. */

#include "stream/wsed-beginning.h"

#include "stream/wsed-renewal.h"

#include <string.h>

#include "stream/wsed-aside.h"

struct _WsedBeginning
{
  WsedReader *reader;          /* NULL once it was cancelled */
  WsedWorker *worker;
  WsedBegun begun;
  WseFilter *filter;
  guint history;
  WseCursor *after;
  GArray *acks;
  gboolean all_new;
  WsedSubscriber *subscriber;
  guint under_way;             /* messages that will come back */
  GArray *subscriptions;       /* (element-type WsedSubscription*) */
  GPtrArray *searches;         /* (element-type WsedLocate) not sent yet */
  gboolean recovered;
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  char *problem;
};

/* A search for a subscription's place. */
typedef struct
{
  WsedBeginning *beginning;
  WsedSubscription *subscription;
} Search;

GArray *
wsed_subscriptions_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (WsedSubscription *));
}

void
wsed_subscriptions_drop (WsedWorker *worker,
                         GArray     *subscriptions)
{
  GPtrArray *streams = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_stream_unref);

  for (guint i = 0; i < subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_array_index (subscriptions, WsedSubscription *, i);

      wsed_worker_drop_view (worker, subscription->view);
      g_ptr_array_add (streams, subscription->stream);
      g_free (subscription);
    }
  g_array_set_size (subscriptions, 0);
  wsed_hub_leave (wsed_worker_get_hub (worker), streams);
}

/* One of its messages has come back. */
static void
come_back (WsedBeginning *beginning)
{
  if (--beginning->under_way > 0)
    return;
  if (beginning->reader != NULL)
    beginning->begun (beginning->reader, beginning, beginning->problem);
  if (beginning->subscriptions->len > 0)
    wsed_subscriptions_drop (beginning->worker, beginning->subscriptions);
  g_array_unref (beginning->subscriptions);
  g_ptr_array_unref (beginning->searches);
  g_clear_pointer (&beginning->filter, wse_filter_unref);
  g_clear_pointer (&beginning->after, wse_cursor_unref);
  g_clear_pointer (&beginning->acks, g_array_unref);
  g_free (beginning->problem);
  g_free (beginning);
}

static void
on_located (WsedMessage *message,
            gpointer     user_data)
{
  WsedLocate *locate = (WsedLocate *) message;
  g_autofree Search *search = user_data;
  WsedSubscription *subscription = search->subscription;

  if (locate->error != NULL && search->beginning->problem == NULL)
    search->beginning->problem = g_strdup (locate->error->message);
  subscription->start = subscription->done = locate->seq;
  if (locate->lost)
    {
      subscription->lost = subscription->lost_before = TRUE;
      search->beginning->recovered = FALSE;
    }
  come_back (search->beginning);
  wsed_locate_free (locate);
}

static WsedLocate *
search (WsedBeginning    *beginning,
        WsedSubscription *subscription)
{
  WsedLocate *locate = wsed_locate_new (wsed_worker_get_inbox (beginning->worker), subscription->stream->channel);
  Search *place = g_new (Search, 1);

  place->beginning = beginning;
  place->subscription = subscription;
  locate->message.run = on_located;
  locate->message.user_data = place;
  g_ptr_array_add (beginning->searches, locate);
  return locate;
}

static void
begin_at_history (WsedBeginning    *beginning,
                  WsedSubscription *subscription,
                  const WsedHead   *head)
{
  guint history = beginning->history;

  subscription->start = subscription->done = head->head;
  if (history == 0 || head->head == head->low)
    return;
  if (beginning->filter == NULL && !wsed_stream_is_whole (subscription->stream))
    subscription->start = subscription->done = MAX (head->low, head->head - MIN (head->head, history));
  else
    {
      WsedLocate *locate = search (beginning, subscription);

      locate->filter = beginning->filter != NULL ? wse_filter_ref (beginning->filter) : NULL;
      locate->history = history;
      locate->upto = head->head;
    }
}

static void
begin_at_cursor (WsedBeginning    *beginning,
                 WsedSubscription *subscription,
                 const WsedHead   *head,
                 const WsedHead   *log,
                 const char       *epoch,
                 guint64           seq,
                 gboolean          whole)
{
  const WsedHead *against = whole ? log : head;

  if (strcmp (epoch, against->epoch) != 0 || seq > against->head)
    {
      subscription->start = subscription->done = 0;
      subscription->epoch_lost = TRUE;
      beginning->recovered = FALSE;
      return;
    }
  subscription->from_cursor = TRUE;
  if (whole && !wsed_stream_is_whole (subscription->stream))
    {
      WsedLocate *locate = search (beginning, subscription);

      locate->after_n = seq;
    }
  else
    {
      subscription->start = subscription->done = seq;
      if (seq >= head->low)
        return;
      /* The views may have still what the log has not. */
      subscription->lost = TRUE;
      beginning->recovered = FALSE;
    }
}

static void
find_place (WsedBeginning    *beginning,
            WsedSubscription *subscription,
            const WsedHead   *head,
            const WsedHead   *log)
{
  WsedAck *ack = beginning->acks != NULL ? wsed_acks_find (beginning->acks, subscription->stream->channel) : NULL;
  const char *epoch;
  guint64 seq;
  gboolean whole;

  subscription->target = head->head;
  if (ack != NULL)
    begin_at_cursor (beginning, subscription, head, log, ack->epoch, ack->seq, FALSE);
  else if (beginning->all_new)
    subscription->start = subscription->done = head->low;
  else if (beginning->after != NULL && wse_cursor_lookup (beginning->after, subscription->stream->channel, &epoch, &seq, &whole))
    begin_at_cursor (beginning, subscription, head, log, epoch, seq, whole);
  else
    begin_at_history (beginning, subscription, head);
}

static WsedSubscription *
subscribe (WsedBeginning  *beginning,
           WsedStream     *stream,
           const WsedHead *head)
{
  WsedSubscription *subscription = g_new0 (WsedSubscription, 1);

  /* The log may have forgotten the channel since others began to read it here. */
  wsed_renewal_take (beginning->worker, stream, head);
  subscription->reader = beginning->reader;
  subscription->stream = wsed_stream_ref (stream);
  subscription->view = wsed_worker_get_view (beginning->worker, stream, beginning->filter, head);
  subscription->aside = wsed_asides_get_end (wsed_worker_get_asides (beginning->worker), subscription->view);
  g_array_append_val (beginning->subscriptions, subscription);
  return subscription;
}

static void
on_joined (gpointer message)
{
  WsedJoin *join = message;
  WsedBeginning *beginning = join->beginning;

  if (beginning->reader == NULL || join->heads->error != NULL)
    {
      wsed_hub_leave (join->hub, g_steal_pointer (&join->streams));
      if (join->heads->error != NULL)
        beginning->problem = g_strdup (join->heads->error->message);
    }
  else
    {
      const WsedHead *heads = (const WsedHead *) join->heads->heads->data;
      guint n = join->streams->len;

      memcpy (beginning->epoch, heads[n].epoch, sizeof beginning->epoch);
      for (guint i = 0; i < n; i++)
        find_place (beginning, subscribe (beginning, g_ptr_array_index (join->streams, i), &heads[i]), &heads[i], &heads[n]);
      beginning->under_way += beginning->searches->len;
      for (guint i = 0; i < beginning->searches->len; i++)
        wsed_log_locate (wsed_worker_get_log (beginning->worker), g_ptr_array_index (beginning->searches, i));
    }
  wsed_join_free (join);
  come_back (beginning);
}

WsedBeginning *
wsed_beginning_new (WsedReader     *reader,
                    WsedSubscriber   *subscriber,
                    WsedEncoding    encoding,
                    const WsedWish *wish,
                    WsedBegun       begun)
{
  WsedBeginning *beginning = g_new0 (WsedBeginning, 1);

  beginning->reader = reader;
  beginning->subscriber = subscriber;
  beginning->worker = subscriber->worker;
  beginning->begun = begun;
  beginning->filter = wish->filter != NULL ? wse_filter_ref (wish->filter) : NULL;
  beginning->history = wish->history;
  beginning->after = wish->after != NULL ? wse_cursor_ref (wish->after) : NULL;
  beginning->acks = wish->acks != NULL ? g_array_ref (wish->acks) : NULL;
  beginning->all_new = wish->all_new;
  beginning->subscriptions = wsed_subscriptions_new ();
  beginning->searches = g_ptr_array_new ();
  beginning->recovered = TRUE;
  beginning->under_way = 1;
  if (wish->join != NULL)
    {
      wish->join->beginning = beginning;
      wish->join->joined = on_joined;
    }
  else
    wsed_hub_join (wsed_worker_get_hub (beginning->worker),
                   wsed_join_new (wsed_worker_get_hub (beginning->worker), beginning->worker, wish->channels, encoding, beginning,
                                  on_joined));
  return beginning;
}

void
wsed_beginning_cancel (WsedBeginning *beginning)
{
  beginning->reader = NULL;
}

GArray *
wsed_beginning_take (WsedBeginning *beginning,
                     gboolean      *recovered)
{
  GArray *subscriptions = beginning->subscriptions;

  *recovered = beginning->recovered;
  beginning->subscriptions = wsed_subscriptions_new ();
  return subscriptions;
}

const char *
wsed_beginning_get_epoch (WsedBeginning *beginning)
{
  return beginning->epoch;
}
