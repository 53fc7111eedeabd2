/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What becomes of a reader whose peer does not take what comes (PROTOCOL section 3, slow consumers): how far it lies behind, and the
 * policy once that is too far. Nothing is done per event: dropping moves positions. A replay that the client asked for is no lag; what
 * came while it went on is not, either. */

#include "stream/wsed-reader-private.h"
#include "stream/wsed-stream-metrics.h"

/* Entries of a view that are measured one by one; the others are taken to be as large as these on the average. */
#define MEASURED 1024

/* Whether what it has still to send is the policy's: not while it replays what the client asked for. */
static gboolean
can_drop (const WsedSubscription *subscription)
{
  return (subscription->state == WSED_SUBSCRIPTION_LIVE && !subscription->catching) || subscription->left_behind;
}

static guint64
get_unsent (const WsedSubscription *subscription)
{
  guint64 end = subscription->view->end;

  return can_drop (subscription) && end > subscription->at ? end - subscription->at : 0;
}

static guint64
get_behind (const WsedSubscription *subscription)
{
  return MIN (get_unsent (subscription), subscription->view->end - MIN (subscription->owed, subscription->view->end));
}

static guint64
sum (WsedReader *reader,
     guint64 (*count) (const WsedSubscription *subscription))
{
  guint64 total = 0;

  /* Who has no news is not behind. */
  for (guint i = 0; i < reader->news.n; i++)
    total += count (wsed_reader_nth_news (reader, i)->subscription);
  return total;
}

/* So many that are to be sent have a smaller n. What the views have no longer has: eviction takes the oldest of all of a worker's. */
static guint64
count_before (WsedReader *reader,
              guint64     n)
{
  guint64 total = 0;

  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      const WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (can_drop (subscription))
        total += MAX (subscription->at, wsed_view_find_n (subscription->view, n)) - subscription->at;
    }
  return total;
}

/* The least n that the views have of what is to be sent, and one more than the greatest. */
static void
find_range (WsedReader *reader,
            guint64    *first,
            guint64    *behind)
{
  *first = G_MAXUINT64;
  *behind = 0;
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      const WsedSubscription *subscription = wsed_reader_nth (reader, i);
      WsedView *view = subscription->view;
      guint64 at = MAX (subscription->at, view->begin);

      if (!can_drop (subscription) || at >= view->end)
        continue;
      *first = MIN (*first, wsed_view_at (view, at)->n);
      *behind = MAX (*behind, wsed_view_at (view, view->end - 1)->n + 1);
    }
}

/* Sets the limits: of all that is still to be sent, the oldest @count lie before them. It is one n for all, so that what is merged by n is
 * divided there. Where it is in what the views have no longer, the n is not known: so many are counted as they come from the log. */
static void
divide (WsedReader *reader,
        guint64     count)
{
  guint64 low, high;

  find_range (reader, &low, &high);
  reader->quota = G_MAXUINT64;
  if (count_before (reader, 0) > count)
    reader->quota = count;
  else if (count_before (reader, high) <= count)
    low = high;
  /* The greatest n before which there are no more than that. */
  else
    while (high - low > 1)
      {
        guint64 middle = low + (high - low) / 2;

        if (count_before (reader, middle) <= count)
          low = middle;
        else
          high = middle;
      }
  for (guint i = 0; i < reader->subscriptions->len; i++)
    if (can_drop (wsed_reader_nth (reader, i)))
      wsed_reader_nth (reader, i)->limit = low;
}

static void
widen_gap (WsedReader       *reader,
           WsedSubscription *subscription,
           guint64           from,
           guint64           to,
           gboolean          conflated)
{
  if (subscription->gap_conflated != conflated)
    wsed_reader_tell_passed_over (reader, subscription);
  if (subscription->gap_from == 0)
    subscription->gap_from = from;
  subscription->gap_to = to;
  subscription->gap_conflated = conflated;
}

void
wsed_reader_conflate (WsedReader       *reader,
                      WsedSubscription *subscription,
                      guint64           seq)
{
  widen_gap (reader, subscription, seq, seq, TRUE);
  wsed_metric_add (wsed_stream_metrics ()->conflated, 1);
}

void
wsed_reader_pass_over (WsedReader       *reader,
                       WsedSubscription *subscription,
                       guint64           from,
                       guint64           to,
                       guint64           events)
{
  widen_gap (reader, subscription, from, to, FALSE);
  reader->dropped += events;
  wsed_metric_add (wsed_stream_metrics ()->dropped, events);
}

void
wsed_reader_tell_passed_over (WsedReader       *reader,
                              WsedSubscription *subscription)
{
  if (subscription->gap_from == 0)
    return;
  if (!subscription->gap_conflated)
    wsed_metric_add (wsed_stream_metrics ()->gaps, 1);
  wsed_reader_tell_gap (reader, subscription, subscription->gap_from, subscription->gap_to,
                        subscription->gap_conflated ? "conflated" : "policy");
  subscription->gap_from = 0;
}

void
wsed_reader_tell_all_passed_over (WsedReader *reader)
{
  for (guint i = 0; i < reader->subscriptions->len; i++)
    wsed_reader_tell_passed_over (reader, wsed_reader_nth (reader, i));
}

void
wsed_reader_tell_before (WsedReader       *reader,
                         WsedSubscription *subscription)
{
  /* The id of an event stands for everything before it. */
  if (reader->lagging && wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_SSE)
    wsed_reader_tell_all_passed_over (reader);
  else
    wsed_reader_tell_passed_over (reader, subscription);
}

/* Whether something of it that is not sent lies before the index @to of its view. */
static gboolean
lies_before (const WsedSubscription *subscription,
             guint64                 to)
{
  WsedView *view = subscription->view;

  return subscription->done + 1 < view->complete_from || wsed_view_find (view, subscription->done + 1) < to;
}

/* Goes on at the index @to of the view, if that is not behind it. */
static void
go_on_at (WsedReader       *reader,
          WsedSubscription *subscription,
          guint64           to)
{
  WsedView *view = subscription->view;
  guint64 done = to < view->end ? wsed_view_at (view, to)->seq - 1 : view->slot->head;

  if (lies_before (subscription, to) && done > subscription->done)
    {
      wsed_reader_pass_over (reader, subscription, subscription->done + 1, done, to > subscription->at ? to - subscription->at : 1);
      subscription->done = done;
    }
  subscription->at = MAX (to, wsed_view_find (view, subscription->done + 1));
  subscription->left_behind = FALSE;
  wsed_reader_set_state (subscription, WSED_SUBSCRIPTION_LIVE);
  if (!subscription->attached)
    wsed_view_attach (view, subscription);
}

static gboolean
is_merged (const WsedReader *reader)
{
  return wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_SSE;
}

/* What is merged is dropped together, or what one goes on with would come before what another leaves out. */
static gboolean
may_drop (WsedReader *reader)
{
  for (guint i = 0; is_merged (reader) && i < reader->subscriptions->len; i++)
    if (!can_drop (wsed_reader_nth (reader, i)))
      return FALSE;
  return TRUE;
}

static void
drop_oldest (WsedReader *reader,
             guint64     keep)
{
  if (!may_drop (reader))
    return;
  divide (reader, sum (reader, get_unsent) - keep);
  for (guint i = 0; reader->quota == G_MAXUINT64 && i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (can_drop (subscription))
        go_on_at (reader, subscription, wsed_view_find_n (subscription->view, subscription->limit));
    }
}

static void
drop_newest (WsedReader *reader,
             guint64     keep)
{
  if (reader->stopped || !may_drop (reader))
    return;
  reader->stopped = TRUE;
  divide (reader, keep);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      subscription->stopped = can_drop (subscription);
      subscription->spent = FALSE;
    }
}

/* All the others that are stopped go no further, either. */
static void
stop_behind (WsedReader *reader,
             guint64     n)
{
  reader->quota = G_MAXUINT64;
  for (guint i = 0; i < reader->subscriptions->len; i++)
    if (wsed_reader_nth (reader, i)->stopped)
      wsed_reader_nth (reader, i)->limit = n + 1;
}

gboolean
wsed_reader_leaves_out (WsedReader       *reader,
                        WsedSubscription *subscription,
                        guint64           n)
{
  gboolean before = n < subscription->limit && reader->quota > 0;

  if (before && reader->quota < G_MAXUINT64)
    reader->quota--;
  if (!subscription->stopped)
    return before;
  subscription->spent = !before;
  if (before && reader->quota == 0)
    stop_behind (reader, n);
  return !before;
}

gboolean
wsed_reader_has_stopped (const WsedSubscription *subscription)
{
  return subscription->stopped && (subscription->spent || !lies_before (subscription, wsed_reader_get_end (subscription)));
}

static gboolean
sends_before_stop (WsedReader *reader)
{
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      const WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (subscription->stopped && !wsed_reader_has_stopped (subscription))
        return TRUE;
    }
  return FALSE;
}

/* Those that have sent what is before their limits go on at the end; what is merged, all at once: what they have then must not come before
 * what the others leave out. */
static void
go_on_after_stop (WsedReader *reader)
{
  /* What came since may have to be read before that is known. */
  reader->must_replay = TRUE;
  if (is_merged (reader) && sends_before_stop (reader))
    return;
  reader->stopped = FALSE;
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (!subscription->stopped)
        continue;
      subscription->stopped = !wsed_reader_has_stopped (subscription);
      reader->stopped |= subscription->stopped;
      if (!subscription->stopped)
        go_on_at (reader, subscription, subscription->view->end);
    }
}

gboolean
wsed_reader_hold (WsedReader *reader)
{
  const WsedHubConfig *config = wsed_worker_get_config (reader->worker);
  guint64 behind;

  if (!reader->started)
    return TRUE;
  wsed_pages_wait (wsed_worker_get_pages (reader->worker), reader);
  if (reader->behind_since == 0)
    reader->behind_since = wsed_worker_get_now (reader->worker);
  behind = sum (reader, get_behind);
  if (behind < config->buffer_size)
    return TRUE;
  wsed_reader_lag (reader);
  switch (config->slow_consumer)
    {
    case WSED_SLOW_DISCONNECT:
      return FALSE;
    case WSED_SLOW_DROP_NEWEST:
      drop_newest (reader, config->buffer_size);
      break;
    case WSED_SLOW_DROP_OLDEST:
      /* So many at a time: dropping one by one as they come would cost as much as sending them. */
      if (behind >= 2 * (guint64) config->buffer_size)
        drop_oldest (reader, config->buffer_size);
      break;
    case WSED_SLOW_CATCH_UP:
      break;
    default:
      g_assert_not_reached ();
    }
  return TRUE;
}

void
wsed_reader_lag (WsedReader *reader)
{
  if (reader->lagging)
    return;
  reader->lagging = TRUE;
  wsed_metric_add (wsed_stream_metrics ()->lags, 1);
}

void
wsed_reader_apply_policy (WsedReader *reader)
{
  const WsedHubConfig *config = wsed_worker_get_config (reader->worker);

  if (reader->stopped)
    go_on_after_stop (reader);
  else if (config->slow_consumer == WSED_SLOW_DROP_OLDEST && sum (reader, get_behind) > config->buffer_size)
    drop_oldest (reader, config->buffer_size);
  wsed_reader_tell_all_passed_over (reader);
}

void
wsed_reader_arrive_at_end (WsedReader *reader)
{
  if ((reader->behind_since == 0 && !reader->lagging && !reader->untold) || reader->n_replaying > 0 || wsed_reader_has_more (reader))
    return;
  if (reader->stopped)
    go_on_after_stop (reader);
  if (reader->stopped)
    return;
  reader->behind_since = 0;
  if (!reader->lagging && !reader->untold)
    return;
  reader->lagging = reader->untold = FALSE;
  wsed_reader_tell_all_passed_over (reader);
  wsed_reader_tell_caught_up (reader, NULL);
}

/* About how large the entries from the position on are. */
static guint64
measure (const WsedSubscription *subscription,
         guint64                 events)
{
  WsedView *view = subscription->view;
  guint64 from = MAX (subscription->at, view->begin);
  guint64 measured = MIN (view->end - MIN (from, view->end), MEASURED);
  guint64 bytes = 0;

  for (guint64 i = from; i < from + measured; i++)
    bytes += wsed_view_at (view, i)->piece.length;
  return measured > 0 ? (guint64) ((double) bytes / measured * events) : 0;
}

void
wsed_reader_get_lag (WsedReader *reader,
                     WsedLag    *lag)
{
  *lag = (WsedLag){ .dropped = reader->dropped, .subscriptions = reader->subscriptions->len };
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      const WsedSubscription *subscription = wsed_reader_nth (reader, i);
      guint64 head = subscription->view->slot->head;
      guint64 events = can_drop (subscription) ? get_unsent (subscription) : head - MIN (head, subscription->done);

      lag->replaying |= subscription->state == WSED_SUBSCRIPTION_REPLAYING;
      lag->events += events;
      lag->bytes += measure (subscription, events);
    }
  for (guint i = reader->frames_sent; reader->frames != NULL && i < reader->frames->len; i++)
    lag->events += g_array_index (reader->frames, WsedPageFrame, i).event;
  if (reader->frames != NULL)
    lag->bytes += reader->page->len - (reader->frames_sent > 0 ? g_array_index (reader->frames, WsedPageFrame, reader->frames_sent - 1).end : 0);
  if (reader->shared != NULL)
    {
      guint n;
      const WsedFetchFrame *frames = wsed_fetch_get_frames (reader->shared, &n);

      lag->events += n - reader->shared_sent;
      lag->bytes += frames[n - 1].end - (reader->shared_sent > 0 ? frames[reader->shared_sent - 1].end : 0);
    }
  lag->since = lag->events > 0 ? reader->behind_since : 0;
}
