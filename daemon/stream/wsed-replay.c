/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A reader's way through the log: page after page, all positions that are behind merged by n, each page asked for when the one before
 * has been sent, so that a slow client costs one page. It ends where the views are complete; there the positions go live. */

#include "stream/wsed-control.h"
#include "stream/wsed-reader-private.h"
#include "stream/wsed-stream-metrics.h"

#define PAGE_EVENTS 256
#define PAGE_BYTES (256 * 1024)
/* So much of a page that is not sent does not hold up the next: a hello, a gap. */
#define SMALL_PAGE_BYTES 4096

void
wsed_reader_tell_gap (WsedReader       *reader,
                      WsedSubscription *subscription,
                      guint64           from,
                      guint64           to,
                      const char       *reason)
{
  g_autoptr(GString) text = NULL;

  if (!reader->client->control)
    return;
  text = g_string_new (NULL);
  wsed_control_write_gap (text, subscription->stream->channel, subscription->view->slot->epoch, from, to, reason);
  wsed_reader_tell (reader, subscription, "gap", text);
}

static void
tell_loss (WsedReader       *reader,
           WsedSubscription *subscription,
           guint64           from,
           guint64           to,
           const char       *reason)
{
  wsed_reader_tell_passed_over (reader, subscription);
  reader->dropped += to >= from ? to - from + 1 : 0;
  wsed_metric_add (wsed_stream_metrics ()->gaps, 1);
  wsed_reader_tell_gap (reader, subscription, from, to, reason);
}

/* What lies between what was asked for and the first event that is still there is lost; it is told before what comes behind it. */
static void
tell_losses (WsedReader         *reader,
             WsedSubscription   *subscription,
             const WsedPosition *position,
             guint64             asked)
{
  if (subscription->epoch_lost)
    tell_loss (reader, subscription, 1, position->low, "epoch");
  else if (subscription->lost)
    {
      guint64 from = subscription->lost_before ? 1 : asked + 1;

      /* What was read for another one a moment ago may still have it. */
      if (position->low >= from)
        tell_loss (reader, subscription, from, position->low, "retention");
    }
  else if (position->low > asked)
    tell_loss (reader, subscription, asked + 1, position->low, "retention");
  subscription->epoch_lost = FALSE;
  subscription->lost = FALSE;
}

/* Whether a newer one of its key is known to come. */
static gboolean
is_superseded (WsedReader       *reader,
               WsedSubscription *subscription,
               const WsedEntry  *entry,
               guint64           seq)
{
  const WsedNewest *newest = wsed_view_get_newest (subscription->view);
  guint64 key;

  if (newest == NULL || subscription->stopped)
    return FALSE;
  key = wsed_conflation_get_key (wsed_worker_get_config (reader->worker)->conflation, entry->event);
  return key != 0 && wsed_newest_get_seq (newest, key) > seq;
}

/* What comes from the log now for one that was left behind may have been taken from it by the policy, or have grown old. */
static gboolean
pass_over (WsedReader       *reader,
           WsedSubscription *subscription,
           const WsedEntry  *entry,
           guint64           seq)
{
  subscription->at++;
  if (wsed_reader_leaves_out (reader, subscription, entry->n))
    wsed_reader_pass_over (reader, subscription, seq, seq, 1);
  else if (is_superseded (reader, subscription, entry, seq))
    wsed_reader_conflate (reader, subscription, seq);
  else
    return FALSE;
  return TRUE;
}

static void
add_event (WsedReader *reader,
           WsedEntry  *entry,
           GString    *body)
{
  guint64 seq;
  const char *channel;
  WsedSubscription *subscription = wsed_reader_choose (reader, entry, &seq, &channel);

  /* One that is live gets it from its view; one that is further on than the one it was read for has had it. */
  if (subscription == NULL || wsed_reader_get_place (subscription, entry, seq) <= subscription->done
      || !g_ptr_array_find (reader->replaying, subscription, NULL))
    return;
  if (subscription->left_behind && pass_over (reader, subscription, entry, wsed_reader_get_place (subscription, entry, seq)))
    return;
  /* Read for one that went on elsewhere meanwhile: it has it from here then. */
  if (subscription->state == WSED_SUBSCRIPTION_LIVE && subscription->at < subscription->view->end)
    subscription->at++;
  wsed_reader_tell_before (reader, subscription);
  wsed_reader_add_event (reader, subscription, entry, channel, seq, body);
}

static gboolean
is_behind (const WsedSubscription *subscription)
{
  return subscription->state == WSED_SUBSCRIPTION_REPLAYING;
}

/* The log has nothing for it that its view has not. */
static gboolean
can_go_live (const WsedSubscription *subscription)
{
  return !subscription->epoch_lost && !subscription->lost && subscription->done + 1 >= subscription->view->complete_from
         && subscription->done >= subscription->view->slot->erased;
}

static void
go_live (WsedSubscription *subscription)
{
  WsedView *view = subscription->view;

  wsed_reader_set_state (subscription, WSED_SUBSCRIPTION_LIVE);
  subscription->at = wsed_view_find (view, subscription->done + 1);
  wsed_reader_set_catching (subscription, !subscription->left_behind);
  if (!subscription->left_behind)
    subscription->owed = view->end;
  subscription->left_behind = FALSE;
  if (!subscription->attached)
    wsed_view_attach (view, subscription);
}

void
wsed_reader_tell_caught_up (WsedReader       *reader,
                            WsedSubscription *subscription)
{
  g_autoptr(GString) cursor = NULL;
  g_autoptr(GString) text = NULL;

  if (!reader->client->control)
    return;
  cursor = g_string_new (NULL);
  text = g_string_new (NULL);
  if (subscription == NULL)
    wsed_reader_append_cursor (reader, cursor);
  else
    wse_cursor_append (cursor, subscription->stream->channel, subscription->view->slot->epoch, subscription->done);
  wsed_control_write_caught_up (text, subscription != NULL ? subscription->stream->channel : NULL, cursor->str);
  wsed_reader_tell (reader, subscription, "caught_up", text);
}

/* Whether it has all that was there when it began. */
static gboolean
has_caught_up (const WsedSubscription *subscription)
{
  WsedView *view = subscription->view;

  return subscription->done >= subscription->target || subscription->at >= view->end
         || (subscription->at >= view->begin && wsed_view_at (view, subscription->at)->seq > subscription->target);
}

static void
end_catching (WsedSubscription *subscription)
{
  wsed_reader_set_catching (subscription, FALSE);
  subscription->done = MAX (subscription->done, subscription->target);
  subscription->limit = 0;
}

/* Tells those that have caught up: each that a subscribe began by itself, the others once, together. Not while an event waits that is to come
 * before it: that may still be taken back. */
static void
tell_who_caught_up (WsedReader *reader)
{
  gboolean all = reader->catching;

  if (!wsed_reader_is_catching (reader) || wsed_reader_holds_events (reader))
    return;
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);
      gboolean reached = subscription->catching && has_caught_up (subscription);

      if (!subscription->by_itself)
        all &= reached || (!subscription->catching && !is_behind (subscription));
      else if (reached)
        {
          end_catching (subscription);
          wsed_reader_tell_caught_up (reader, subscription);
        }
    }
  if (!all)
    return;
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (subscription->catching && !subscription->by_itself)
        end_catching (subscription);
    }
  reader->catching = FALSE;
  /* After a lag it is told when all is sent. */
  if (!reader->caught_up)
    wsed_reader_tell_caught_up (reader, NULL);
  reader->caught_up = TRUE;
}

/* Those that a subscribe began go live each by itself; the others together, since their replay is merged. TRUE where all are live. */
static gboolean
all_live (WsedReader *reader)
{
  guint together = 0, together_ready = 0, left = 0;

  for (guint i = 0; reader->n_replaying > 0 && i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (!is_behind (subscription))
        continue;
      if (!subscription->by_itself)
        {
          together++;
          together_ready += can_go_live (subscription);
        }
      else if (can_go_live (subscription))
        go_live (subscription);
      else
        left++;
    }
  if (together > 0 && together == together_ready)
    {
      for (guint i = 0; i < reader->subscriptions->len; i++)
        if (is_behind (wsed_reader_nth (reader, i)) && !wsed_reader_nth (reader, i)->by_itself)
          go_live (wsed_reader_nth (reader, i));
      reader->catching = TRUE;
      together = 0;
    }
  tell_who_caught_up (reader);
  return together == 0 && left == 0;
}

static void
take_page (WsedReader *reader,
           WsedRead   *read)
{
  g_autoptr(GString) body = g_string_sized_new (512);

  for (guint i = 0; i < reader->replaying->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->replaying, i);

      if (subscription != NULL)
        tell_losses (reader, subscription, &g_array_index (read->positions, WsedPosition, i), subscription->done);
    }
  for (guint i = 0; i < read->entries->len; i++)
    add_event (reader, g_ptr_array_index (read->entries, i), body);
  for (guint i = 0; i < reader->replaying->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->replaying, i);

      if (subscription != NULL)
        subscription->done = MAX (subscription->done, g_array_index (read->positions, WsedPosition, i).seq);
    }
  wsed_metric_add (wsed_stream_metrics ()->replayed, read->entries->len);
}

/* Where all who have it send the same bytes nothing is copied. FALSE: this one does not. */
static gboolean
share (WsedReader *reader,
       WsedFetch  *fetch)
{
  WsedSubscription *subscription = g_ptr_array_index (reader->replaying, 0);
  WsedRead *read = wsed_fetch_get_read (fetch);
  const WsedPosition *position = &g_array_index (read->positions, WsedPosition, 0);

  if (reader->replaying->len > 1 || subscription == NULL || !is_behind (subscription) || subscription->left_behind
      || !wsed_fetch_is_plain (fetch))
    return FALSE;
  tell_losses (reader, subscription, position, subscription->done);
  wsed_reader_tell_before (reader, subscription);
  wsed_fetch_encode (fetch, reader->encoding, reader->epoch, wsed_stream_is_whole (subscription->stream));
  reader->shared = wsed_fetch_ref (fetch);
  reader->shared_by = subscription;
  reader->shared_sent = 0;
  subscription->done = MAX (subscription->done, position->seq);
  wsed_metric_add (wsed_stream_metrics ()->replayed, read->entries->len);
  return TRUE;
}

void
wsed_reader_take_fetched (WsedReader *reader,
                          WsedFetch  *fetch)
{
  WsedRead *read = wsed_fetch_get_read (fetch);

  g_clear_pointer (&reader->reading, wsed_fetch_unref);
  if (read->error != NULL)
    {
      reader->failed (reader->subscriber, read->error->message);
      return;
    }
  if (!share (reader, fetch))
    take_page (reader, read);
  wsed_worker_mark (reader->worker, reader->subscriber);
  wsed_reader_replay (reader);
}

static gsize
get_page_bytes (WsedReader *reader)
{
  const WsedHubConfig *config = wsed_worker_get_config (reader->worker);

  /* What a policy leaves out takes no room, and is told once for each page. */
  if (reader->lagging && config->slow_consumer != WSED_SLOW_CATCH_UP)
    return PAGE_BYTES;
  return PAGE_BYTES >> reader->page_shift;
}

static WsedRead *
make_read (WsedReader *reader)
{
  WsedRead *read = wsed_read_new (wsed_worker_get_inbox (reader->worker), PAGE_EVENTS, get_page_bytes (reader));

  for (guint i = 0; i < reader->replaying->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->replaying, i);

      wsed_read_add (read, subscription->stream->channel, subscription->view->filter, subscription->done);
    }
  return read;
}

/* What who asks for the same has, too, and nobody else. */
static char *
make_key (WsedReader *reader)
{
  GString *key = g_string_new (NULL);

  g_string_append_printf (key, "%u", reader->encoding);
  for (guint i = 0; i < reader->replaying->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->replaying, i);

      g_string_append_printf (key, "\n%s\n%s\n%" G_GUINT64_FORMAT, subscription->stream->channel,
                              wse_filter_get_key (subscription->view->filter), subscription->done);
    }
  return g_string_free (key, FALSE);
}

/* One that has stopped goes on at the end, once all that it has is sent; one whose channel began anew waits until its epoch is known. */
static gboolean
can_read (const WsedSubscription *subscription)
{
  return is_behind (subscription) && !subscription->view->slot->asked
         && !(subscription->left_behind && wsed_reader_has_stopped (subscription));
}

/* What is merged waits together. */
static gboolean
waits_for_epoch (WsedReader *reader)
{
  if (wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_SSE)
    for (guint i = 0; i < reader->subscriptions->len; i++)
      if (wsed_reader_nth (reader, i)->view->slot->asked)
        return TRUE;
  return FALSE;
}

static void
ask (WsedReader *reader)
{
  WsedFetches *fetches = wsed_worker_get_fetches (reader->worker);
  g_autofree char *key = NULL;
  g_autoptr(WsedFetch) fetch = NULL;

  if (reader->replaying == NULL)
    reader->replaying = g_ptr_array_new ();
  g_ptr_array_set_size (reader->replaying, 0);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (can_read (subscription))
        g_ptr_array_add (reader->replaying, subscription);
    }
  if (reader->replaying->len == 0 || waits_for_epoch (reader))
    return;
  key = make_key (reader);
  fetch = wsed_fetches_find (fetches, key);
  if (fetch == NULL)
    fetch = wsed_fetches_add (fetches, key, make_read (reader));
  reader->reading = wsed_fetch_ref (fetch);
  if (!wsed_fetch_wait (fetch, reader))
    wsed_reader_take_fetched (reader, fetch);
}

static gboolean
release_page (WsedReader *reader)
{
  if (reader->frames == NULL)
    return TRUE;
  if (reader->frames_sent < reader->frames->len)
    return FALSE;
  g_clear_pointer (&reader->page, g_byte_array_unref);
  g_clear_pointer (&reader->frames, g_array_unref);
  reader->frames_sent = 0;
  reader->page_shift -= reader->page_shift > 0;
  return TRUE;
}

void
wsed_reader_replay (WsedReader *reader)
{
  gboolean room = release_page (reader) || reader->page->len <= SMALL_PAGE_BYTES;

  /* What is told next comes behind it. */
  if (reader->shared != NULL)
    return;
  if (reader->reading == NULL && !all_live (reader) && room && !reader->let_go)
    ask (reader);
  /* What came may have been for others, or have been taken back, so that nothing is left to be sent. */
  wsed_reader_arrive_at_end (reader);
}

void
wsed_reader_cancel_replay (WsedReader *reader)
{
  if (reader->reading != NULL)
    wsed_fetch_forget (reader->reading, reader);
  g_clear_pointer (&reader->reading, wsed_fetch_unref);
  g_clear_pointer (&reader->replaying, g_ptr_array_unref);
}
