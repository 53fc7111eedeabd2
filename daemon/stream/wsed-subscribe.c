/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of a reader's subscriptions while it runs. A change is made in one step, when all about the new one is known: until then the
 * old one goes on, and what is undone was never there. */

#include <string.h>

#include "stream/wsed-control.h"
#include "stream/wsed-reader-private.h"
#include "stream/wsed-stream-metrics.h"

/* Of who did not take a page the next one has 16 KiB. */
#define LET_GO_SHIFT 4

/* Takes what is left of it in the page from the frame @from on out of there; @cursors: and what tells where all stand, which is told again
 * then. */
static void
purge_page (WsedReader       *reader,
            WsedSubscription *subscription,
            guint             from,
            gboolean          cursors)
{
  GByteArray *page;
  GArray *frames;
  gsize begin = 0;

  wsed_reader_unshare (reader);
  if (reader->frames == NULL)
    return;
  page = g_byte_array_new ();
  frames = g_array_new (FALSE, FALSE, sizeof (WsedPageFrame));
  for (guint i = 0; i < reader->frames->len; i++)
    {
      WsedPageFrame frame = g_array_index (reader->frames, WsedPageFrame, i);
      gsize length = frame.end - begin;
      gboolean taken_back = i >= reader->frames_sent && cursors && frame.cursor;

      reader->untold |= taken_back;
      if (i >= reader->frames_sent && !taken_back && (i < from || frame.subscription != subscription))
        {
          g_byte_array_append (page, reader->page->data + begin, length);
          begin = frame.end;
          frame.end = page->len;
          g_array_append_val (frames, frame);
        }
      else
        begin = frame.end;
    }
  g_byte_array_unref (reader->page);
  g_array_unref (reader->frames);
  reader->page = page;
  reader->frames = frames;
  reader->frames_sent = 0;
}

WsedSubscription *
wsed_reader_find (WsedReader *reader,
                  const char *channel)
{
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (strcmp (subscription->stream->channel, channel) == 0)
        return subscription;
    }
  return NULL;
}

gboolean
wsed_reader_unsubscribe (WsedReader *reader,
                         const char *channel)
{
  WsedSubscription *subscription = wsed_reader_find (reader, channel);
  g_autoptr(GArray) gone = NULL;

  if (subscription == NULL)
    return FALSE;
  /* Nothing of it comes behind the answer; nor does where it stood. */
  purge_page (reader, subscription, 0, TRUE);
  for (guint i = 0; reader->replaying != NULL && i < reader->replaying->len; i++)
    if (reader->replaying->pdata[i] == subscription)
      reader->replaying->pdata[i] = NULL;
  wsed_view_detach (subscription->view, subscription);
  wsed_reader_forget_news (subscription);
  reader->n_replaying -= subscription->state == WSED_SUBSCRIPTION_REPLAYING;
  reader->n_catching -= subscription->catching;
  for (guint i = reader->subscriptions->len; i-- > 0;)
    if (wsed_reader_nth (reader, i) == subscription)
      g_array_remove_index (reader->subscriptions, i);
  gone = wsed_subscriptions_new ();
  g_array_append_val (gone, subscription);
  wsed_subscriptions_drop (reader->worker, gone);
  /* The others may have waited for it. */
  wsed_reader_replay (reader);
  return TRUE;
}

static void
on_begun (WsedReader    *reader,
          WsedBeginning *beginning,
          const char    *problem)
{
  g_autoptr(GArray) taken = NULL;
  WsedSubscription *subscription;
  gboolean recovered;

  reader->beginning = NULL;
  if (problem != NULL)
    {
      reader->subscribed (reader->subscriber, NULL, NULL, 0, FALSE, problem);
      return;
    }
  taken = wsed_beginning_take (beginning, &recovered);
  subscription = g_array_index (taken, WsedSubscription *, 0);
  subscription->by_itself = TRUE;
  wsed_reader_unsubscribe (reader, subscription->stream->channel);
  g_array_append_val (reader->subscriptions, subscription);
  reader->n_replaying++;
  /* The answer first: it goes out before anything of the page. */
  reader->subscribed (reader->subscriber, subscription->stream->channel, subscription->view->slot->epoch, subscription->done,
                      recovered, NULL);
  wsed_reader_replay (reader);
  wsed_worker_mark (reader->worker, reader->subscriber);
}

void
wsed_reader_subscribe (WsedReader          *reader,
                       const WsedWish      *wish,
                       WsedReaderSubscribed subscribed)
{
  g_assert (reader->started && reader->beginning == NULL);

  reader->subscribed = subscribed;
  reader->beginning = wsed_beginning_new (reader, reader->subscriber, reader->encoding, wish, on_begun);
}

void
wsed_reader_cancel_subscribe (WsedReader *reader)
{
  g_assert (reader->started && reader->beginning != NULL);

  wsed_beginning_cancel (reader->beginning);
  reader->beginning = NULL;
}

/* The place of its first event that waits in the page; 0: none does. */
static guint64
find_in_page (WsedReader       *reader,
              WsedSubscription *subscription)
{
  for (guint i = reader->frames_sent; reader->frames != NULL && i < reader->frames->len; i++)
    {
      const WsedPageFrame *frame = &g_array_index (reader->frames, WsedPageFrame, i);

      if (frame->subscription == subscription)
        return frame->seq;
    }
  if (reader->shared != NULL && subscription == reader->shared_by)
    {
      guint n;

      return wsed_fetch_get_frames (reader->shared, &n)[reader->shared_sent].place;
    }
  return 0;
}

/* Back to before the first of its events that wait; what was told before them stays. TRUE where it was live. */
static gboolean
go_back (WsedReader       *reader,
         WsedSubscription *subscription)
{
  guint at = reader->frames_sent;
  guint64 first;

  wsed_reader_unshare (reader);
  while (reader->frames != NULL && at < reader->frames->len
         && (!g_array_index (reader->frames, WsedPageFrame, at).event
             || g_array_index (reader->frames, WsedPageFrame, at).subscription != subscription))
    at++;
  if (reader->frames == NULL || at == reader->frames->len)
    return FALSE;
  first = g_array_index (reader->frames, WsedPageFrame, at).seq;
  purge_page (reader, subscription, at, FALSE);
  /* What was passed over behind it is met again. */
  subscription->gap_from = 0;
  subscription->spent = FALSE;
  subscription->done = first - 1;
  subscription->at = wsed_view_find (subscription->view, first);
  return subscription->state == WSED_SUBSCRIPTION_LIVE;
}

static gboolean
has_of (WsedReader *reader,
        const char *channel)
{
  return wsed_reader_is_whole (reader) || wsed_reader_find (reader, channel) != NULL;
}

/* What is merged stays together. */
static void
fall_behind_together (WsedReader *reader)
{
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (subscription->state == WSED_SUBSCRIPTION_LIVE && wsed_reader_is_merged (reader, subscription))
        wsed_reader_fall_behind (reader, subscription);
    }
}

gboolean
wsed_reader_can_let_go (WsedReader *reader)
{
  const WsedHubConfig *config = wsed_worker_get_config (reader->worker);

  /* What a policy leaves out is counted from what was read once. */
  if (reader->lagging && (config->conflation != NULL || config->slow_consumer != WSED_SLOW_CATCH_UP))
    return FALSE;
  return reader->shared != NULL || wsed_reader_holds_events (reader);
}

static void
let_shared_go (WsedReader *reader)
{
  guint n;

  if (reader->shared == NULL)
    return;
  reader->shared_by->done = wsed_fetch_get_frames (reader->shared, &n)[reader->shared_sent].place - 1;
  g_clear_pointer (&reader->shared, wsed_fetch_unref);
}

/* TRUE: it is live, and its view has not what it went back to. */
static gboolean
let_events_go (WsedReader       *reader,
               WsedSubscription *subscription)
{
  guint64 at = subscription->at, events = 0;

  for (guint i = reader->frames_sent; reader->frames != NULL && i < reader->frames->len; i++)
    {
      const WsedPageFrame *frame = &g_array_index (reader->frames, WsedPageFrame, i);

      events += frame->event && frame->subscription == subscription;
    }
  if (events == 0)
    return FALSE;
  if (go_back (reader, subscription))
    {
      wsed_reader_note_news (subscription);
      return subscription->done + 1 < subscription->view->complete_from || subscription->done < subscription->view->slot->erased;
    }
  /* By that it is known how far it lies behind. */
  if (subscription->left_behind)
    subscription->at = at - MIN (at, events);
  return FALSE;
}

void
wsed_reader_let_go (WsedReader *reader)
{
  gboolean behind = FALSE;

  wsed_reader_cancel_replay (reader);
  let_shared_go (reader);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (!let_events_go (reader, subscription))
        continue;
      wsed_reader_fall_behind (reader, subscription);
      behind = TRUE;
    }
  if (behind)
    fall_behind_together (reader);
  if (reader->frames != NULL && reader->frames->len == 0)
    {
      g_clear_pointer (&reader->page, g_byte_array_unref);
      g_clear_pointer (&reader->frames, g_array_unref);
    }
  reader->let_go = TRUE;
  reader->page_shift = LET_GO_SHIFT;
  wsed_metric_add (wsed_stream_metrics ()->pages_let_go, 1);
}

/* What is being read now may hold what was erased: it is read again. */
void
wsed_reader_erase (WsedReader *reader,
                   const char *channel)
{
  gboolean merged = wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_SSE, behind = FALSE;

  if (!has_of (reader, channel))
    return;
  wsed_reader_cancel_replay (reader);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (!merged && !wsed_stream_is_whole (subscription->stream) && strcmp (subscription->stream->channel, channel) != 0)
        continue;
      if (!go_back (reader, subscription))
        continue;
      wsed_reader_fall_behind (reader, subscription);
      behind = TRUE;
    }
  if (behind)
    fall_behind_together (reader);
  wsed_reader_replay (reader);
  wsed_worker_mark (reader->worker, reader->subscriber);
}

/* Nothing that waits is of this epoch; all that there is of it is read, behind a gap. */
void
wsed_reader_renew (WsedReader       *reader,
                   const WsedStream *stream)
{
  WsedSubscription *subscription = wsed_reader_find (reader, stream->channel);

  if (subscription == NULL || subscription->stream != stream)
    return;
  wsed_reader_cancel_replay (reader);
  purge_page (reader, subscription, 0, TRUE);
  if (subscription->state == WSED_SUBSCRIPTION_LIVE)
    wsed_reader_fall_behind (reader, subscription);
  subscription->start = subscription->done = subscription->gap_from = 0;
  subscription->at = subscription->owed = subscription->view->end;
  subscription->epoch_lost = TRUE;
  subscription->lost = subscription->lost_before = subscription->stopped = FALSE;
  if (subscription->left_behind)
    subscription->limit = 0;
  else
    subscription->target = subscription->view->slot->head;
  fall_behind_together (reader);
  wsed_reader_replay (reader);
  wsed_worker_mark (reader->worker, reader->subscriber);
}

guint
wsed_reader_get_n_others (WsedReader *reader,
                          const char *channel)
{
  return reader->subscriptions->len - (wsed_reader_find (reader, channel) != NULL);
}

gboolean
wsed_reader_is_whole (WsedReader *reader)
{
  return reader->subscriptions->len > 0 && wsed_stream_is_whole (wsed_reader_nth (reader, 0)->stream);
}

static guint64
get_sent (WsedReader       *reader,
          WsedSubscription *subscription)
{
  WsedView *view = subscription->view;
  guint64 waiting = find_in_page (reader, subscription);

  /* What was read for the page is done with only as far as the page has gone. */
  if (waiting > 0)
    return waiting - 1;
  if (subscription->state != WSED_SUBSCRIPTION_LIVE || subscription->at < view->begin)
    return subscription->done;
  if (subscription->at < view->end)
    return MAX (subscription->done, wsed_view_at (view, subscription->at)->seq - 1);
  return MAX (subscription->done, view->slot->head);
}

/* Its gap belongs to no subscription any more: what is purged of it does not take it along. What is left out has no end; what of it is
 * there already is named. */
static void
drop (WsedReader       *reader,
      WsedSubscription *subscription)
{
  g_autofree char *channel = g_strdup (subscription->stream->channel);
  g_autoptr(GString) text = g_string_new (NULL);

  wsed_control_write_gap (text, channel, subscription->view->slot->epoch, get_sent (reader, subscription) + 1, subscription->view->slot->head,
                          "permission");
  wsed_reader_unsubscribe (reader, channel);
  wsed_metric_add (wsed_stream_metrics ()->gaps, 1);
  if (reader->client->control)
    wsed_reader_tell (reader, NULL, "gap", text);
}

void
wsed_reader_restrict (WsedReader      *reader,
                      const WsedGrant *grant,
                      gboolean         all)
{
  for (guint i = reader->subscriptions->len; i > 0; i--)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i - 1);

      if (all || !wsed_grant_may_subscribe (grant, subscription->stream->channel))
        drop (reader, subscription);
    }
  wsed_worker_mark (reader->worker, reader->subscriber);
}

gboolean
wsed_reader_get_sent (WsedReader  *reader,
                      const char  *channel,
                      const char **epoch,
                      guint64     *seq)
{
  WsedSubscription *subscription = wsed_reader_find (reader, channel);

  if (subscription == NULL)
    return FALSE;
  *epoch = subscription->view->slot->epoch;
  *seq = get_sent (reader, subscription);
  return TRUE;
}

GPtrArray *
wsed_reader_get_channels (WsedReader *reader)
{
  GPtrArray *channels = g_ptr_array_new ();

  for (guint i = 0; i < reader->subscriptions->len; i++)
    g_ptr_array_add (channels, wsed_reader_nth (reader, i)->stream->channel);
  return channels;
}

const char *
wsed_reader_get_epoch (WsedReader *reader)
{
  return reader->epoch;
}
