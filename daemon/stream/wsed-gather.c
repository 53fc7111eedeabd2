/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a reader has to send, and what of it went. Nothing of what is live is copied: a flush points at the tail's bytes, and sending
 * moves the positions. One that the tail has left behind goes back to reading from the log (wsed-replay.c). */

#include "stream/wsed-reader-private.h"
#include "stream/wsed-stream-metrics.h"

static void
add_piece (WsedGather       *gather,
           WsedSubscription *subscription,
           guint64           upto,
           void             *data,
           gsize             bytes)
{
  if (bytes > 0)
    gather->pieces[gather->n_pieces++] = (struct iovec){ data, bytes };
  gather->gathered[gather->n_gathered++] = (WsedGathered){ .subscription = subscription, .upto = upto, .bytes = bytes };
  gather->bytes += bytes;
}

static gboolean
is_full (const WsedGather *gather,
         gsize             max_bytes)
{
  return gather->n_pieces == WSED_GATHER_MAX || gather->n_gathered == WSED_GATHER_MAX || gather->bytes >= max_bytes;
}

static void
gather_page (WsedReader *reader,
             WsedGather *gather,
             gsize       max_bytes)
{
  const WsedPageFrame *frames = (gconstpointer) reader->frames->data;
  gsize begin = reader->frames_sent > 0 ? frames[reader->frames_sent - 1].end : 0;
  guint upto = reader->frames_sent;

  do
    upto++;
  while (upto < reader->frames->len && frames[upto].end - begin <= max_bytes);
  add_piece (gather, NULL, upto, reader->page->data + begin, frames[upto - 1].end - begin);
}

static void
gather_shared (WsedReader *reader,
               WsedGather *gather,
               gsize       max_bytes)
{
  guint n, upto = reader->shared_sent;
  const WsedFetchFrame *frames = wsed_fetch_get_frames (reader->shared, &n);
  gsize begin = upto > 0 ? frames[upto - 1].end : 0;

  do
    upto++;
  while (upto < n && frames[upto].end - begin <= max_bytes);
  add_piece (gather, NULL, upto, (guint8 *) wsed_fetch_get_bytes (reader->shared) + begin, frames[upto - 1].end - begin);
  gather->gathered[gather->n_gathered - 1].shared = TRUE;
}

/* The page and what is shared behind it; FALSE where not all of them. */
static gboolean
gather_pages (WsedReader *reader,
              WsedGather *gather,
              gsize       max_bytes)
{
  guint n;

  if (reader->frames != NULL && reader->frames_sent < reader->frames->len)
    {
      gather_page (reader, gather, max_bytes);
      if (gather->gathered[gather->n_gathered - 1].upto < reader->frames->len)
        return FALSE;
    }
  if (reader->shared == NULL)
    return TRUE;
  gather_shared (reader, gather, max_bytes);
  wsed_fetch_get_frames (reader->shared, &n);
  return gather->gathered[gather->n_gathered - 1].upto == n;
}

/* What was read from the log may arrive in the view afterwards: it has been had. */
void
wsed_reader_skip_done (WsedSubscription *subscription)
{
  WsedView *view = subscription->view;

  while (subscription->at < view->end && wsed_view_at (view, subscription->at)->seq <= subscription->done)
    subscription->at++;
}

guint64
wsed_reader_get_end (const WsedSubscription *subscription)
{
  return subscription->stopped ? wsed_view_find_n (subscription->view, subscription->limit) : subscription->view->end;
}

/* In the order in which they came to each channel; they wait for nothing that is kept. */
static void
gather_asides (WsedReader *reader,
               WsedGather *gather,
               gsize       max_bytes)
{
  for (guint i = 0; reader->has_asides && i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);
      guint ahead = 0, n = 1;

      while (n > 0 && !is_full (gather, max_bytes))
        {
          gsize bytes;
          const void *data = wsed_reader_run_asides (subscription, ahead, max_bytes - gather->bytes, &n, &bytes);

          if (n == 0)
            break;
          add_piece (gather, subscription, n, (void *) data, bytes);
          gather->gathered[gather->n_gathered - 1].aside = TRUE;
          ahead += n;
        }
    }
}

static void
gather_view (WsedReader       *reader,
             WsedSubscription *subscription,
             WsedGather       *gather,
             gsize             max_bytes)
{
  WsedView *view = subscription->view;
  guint64 at, end;

  wsed_reader_skip_done (subscription);
  at = subscription->at;
  end = wsed_reader_get_end (subscription);
  while (at < end && !is_full (gather, max_bytes))
    {
      WsedViewEntry *entry = wsed_view_at (view, at);
      void *data = entry->piece.chunk->data + entry->piece.offset;
      gsize bytes = 0;
      guint64 seq;
      const char *channel;

      if (entry->several == NULL)
        at = wsed_view_run (view, at, end, MAX (max_bytes - gather->bytes, entry->piece.length), &bytes);
      else
        {
          if (wsed_reader_choose (reader, entry->several, &seq, &channel) == subscription)
            bytes = entry->piece.length;
          at++;
        }
      add_piece (gather, subscription, at, data, bytes);
    }
}

/* Whether what comes next was erased from the log: it says so, and what is left. */
static gboolean
stands_before_erased (WsedSubscription *subscription)
{
  WsedView *view = subscription->view;

  if (subscription->done >= view->slot->erased)
    return FALSE;
  wsed_reader_skip_done (subscription);
  return subscription->at < view->end && wsed_view_at (view, subscription->at)->seq <= view->slot->erased;
}

/* What the tail took from under one that has had it already, from the log, is no loss. */
gboolean
wsed_reader_is_left_behind (WsedSubscription *subscription)
{
  WsedView *view = subscription->view;

  if (subscription->at < view->begin)
    {
      if (subscription->done + 1 < view->complete_from)
        return TRUE;
      subscription->at = wsed_view_find (view, subscription->done + 1);
    }
  return stands_before_erased (subscription);
}

void
wsed_reader_fall_behind (WsedReader       *reader,
                         WsedSubscription *subscription)
{
  wsed_reader_set_state (subscription, WSED_SUBSCRIPTION_REPLAYING);
  /* What the client asked for is no lag: it goes on from the log. */
  if (subscription->catching)
    {
      wsed_reader_set_catching (subscription, FALSE);
      return;
    }
  /* Where events are not to be taken from it, nothing that comes is its business now. */
  if (wsed_worker_get_config (reader->worker)->slow_consumer == WSED_SLOW_CATCH_UP)
    wsed_view_detach (subscription->view, subscription);
  subscription->left_behind = TRUE;
  subscription->spent = FALSE;
  subscription->by_itself = FALSE;
  wsed_reader_lag (reader);
}

/* Channel after channel: runs of a channel lie together. FALSE where one has fallen behind. */
static gboolean
gather_each (WsedReader *reader,
             WsedGather *gather,
             gsize       max_bytes)
{
  gboolean ok = TRUE;

  for (guint i = 0; i < reader->news.n && !is_full (gather, max_bytes); i++)
    {
      WsedSubscription *subscription = wsed_reader_nth_news (reader, i)->subscription;

      if (subscription->state != WSED_SUBSCRIPTION_LIVE)
        continue;
      if (!wsed_reader_is_left_behind (subscription))
        {
          /* What grows old goes through the page. */
          if (!wsed_reader_is_condensed (reader, subscription))
            gather_view (reader, subscription, gather, max_bytes);
        }
      else
        {
          wsed_reader_fall_behind (reader, subscription);
          ok = FALSE;
        }
    }
  return ok;
}

gboolean
wsed_reader_is_merged (WsedReader             *reader,
                       const WsedSubscription *subscription)
{
  return wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_SSE || (subscription->catching && !subscription->by_itself);
}

/* What is merged over all channels waits for those that read from the log. */
static gboolean
waits_for_log (WsedReader *reader)
{
  return wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_SSE && reader->n_replaying > 0;
}

/* Merged by n over all channels, so that the id of each event stands for everything before it: what SSE promises, and every replay. One
 * that has fallen behind takes all with it that it is merged with. FALSE where that has happened. */
static gboolean
gather_merged (WsedReader *reader,
               WsedGather *gather,
               gsize       max_bytes)
{
  gboolean behind = FALSE;
  WsedNews *news;

  if (waits_for_log (reader))
    return TRUE;
  /* What arrived in one channel since the last flush may be older than what waits in another. */
  wsed_worker_wake (reader->worker);
  for (guint i = 0; i < reader->news.n && !behind; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth_news (reader, i)->subscription;

      behind = subscription->state == WSED_SUBSCRIPTION_LIVE && wsed_reader_is_left_behind (subscription);
    }
  for (guint i = 0; behind && i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      if (subscription->state == WSED_SUBSCRIPTION_LIVE && (wsed_reader_is_merged (reader, subscription) || wsed_reader_is_left_behind (subscription)))
        wsed_reader_fall_behind (reader, subscription);
    }
  if (behind)
    return FALSE;
  wsed_reader_merge_news (reader);
  while (!is_full (gather, max_bytes) && (news = wsed_reader_find_oldest (reader)) != NULL)
    {
      WsedSubscription *subscription = news->subscription;
      WsedViewEntry *entry = wsed_view_at (subscription->view, news->gathered++);
      guint64 seq;
      const char *channel;
      gboolean passed_over = entry->several != NULL && wsed_reader_choose (reader, entry->several, &seq, &channel) != subscription;

      add_piece (gather, subscription, news->gathered, entry->piece.chunk->data + entry->piece.offset,
                 passed_over ? 0 : entry->piece.length);
    }
  return TRUE;
}

/* For one that fell behind while something was put together. */
static void
replay_now (WsedReader *reader)
{
  reader->must_replay = FALSE;
  wsed_reader_replay (reader);
}

void
wsed_reader_gather (WsedReader *reader,
                    WsedGather *gather,
                    gsize       max_bytes)
{
  gboolean condensed = FALSE;

  reader->must_replay |= reader->let_go;
  reader->let_go = FALSE;
  wsed_reader_tell_lost_asides (reader);
  if (reader->lagging)
    {
      wsed_reader_apply_policy (reader);
      condensed = wsed_reader_condense (reader);
    }
  if (!gather_pages (reader, gather, max_bytes))
    return;
  /* Between the two it may have to be told that it has caught up. */
  if (wsed_reader_is_catching (reader) && wsed_reader_holds_events (reader))
    return;
  gather_asides (reader, gather, max_bytes);
  if (wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_SSE || (reader->catching && reader->subscriptions->len > 1))
    reader->must_replay |= !condensed && !gather_merged (reader, gather, max_bytes);
  else
    reader->must_replay |= !gather_each (reader, gather, max_bytes);
  /* What is put together points into the page, which a replay may change at once. */
  if (reader->must_replay && gather->n_gathered == 0)
    replay_now (reader);
}

/* Part of a page went: up to which frame, and what is left of that. */
static guint
page_sent_in_part (WsedReader  *reader,
                   gsize        sent,
                   GByteArray **rest)
{
  const WsedPageFrame *frames = (gconstpointer) reader->frames->data;
  gsize begin = reader->frames_sent > 0 ? frames[reader->frames_sent - 1].end : 0;
  guint events = 0;

  while (reader->frames_sent < reader->frames->len && sent > 0)
    {
      gsize length = frames[reader->frames_sent].end - begin;

      if (sent < length)
        *rest = g_byte_array_append (g_byte_array_new (), reader->page->data + begin + sent, length - sent);
      sent -= MIN (sent, length);
      begin = frames[reader->frames_sent].end;
      events += frames[reader->frames_sent].event;
      reader->frames_sent++;
    }
  return events;
}

static guint
shared_sent (WsedReader  *reader,
             gsize        sent,
             GByteArray **rest)
{
  guint n, from = reader->shared_sent;
  const WsedFetchFrame *frames = wsed_fetch_get_frames (reader->shared, &n);
  gsize begin = from > 0 ? frames[from - 1].end : 0;
  guint events;

  while (reader->shared_sent < n && sent > 0)
    {
      gsize length = frames[reader->shared_sent].end - begin;

      if (sent < length)
        *rest = g_byte_array_append (g_byte_array_new (), wsed_fetch_get_bytes (reader->shared) + begin + sent, length - sent);
      sent -= MIN (sent, length);
      begin = frames[reader->shared_sent++].end;
    }
  events = reader->shared_sent - from;
  if (reader->shared_sent == n)
    {
      g_clear_pointer (&reader->shared, wsed_fetch_unref);
      reader->page_shift -= reader->page_shift > 0;
    }
  return events;
}

static guint
view_sent_in_part (WsedSubscription *subscription,
                   gsize             sent,
                   GByteArray      **rest)
{
  guint64 from = subscription->at;

  while (sent > 0)
    {
      WsedViewEntry *entry = wsed_view_at (subscription->view, subscription->at);
      WsedPiece *piece = &entry->piece;

      if (sent < piece->length)
        *rest = g_byte_array_append (g_byte_array_new (), (guint8 *) piece->chunk->data + piece->offset + sent, piece->length - sent);
      sent -= MIN (sent, piece->length);
      subscription->done = entry->seq;
      subscription->at++;
    }
  return subscription->at - from;
}

static guint
view_sent (WsedSubscription *subscription,
           guint64           upto,
           gsize             bytes)
{
  guint events = bytes > 0 ? upto - subscription->at : 0;

  subscription->at = upto;
  subscription->done = wsed_view_at (subscription->view, upto - 1)->seq;
  return events;
}

guint
wsed_reader_sent (WsedReader       *reader,
                  const WsedGather *gather,
                  gsize             sent,
                  GByteArray      **rest)
{
  guint events = 0;

  if (sent > 0)
    wsed_pages_go_on (wsed_worker_get_pages (reader->worker), reader);
  for (guint i = 0; i < gather->n_gathered; i++)
    {
      const WsedGathered *gathered = &gather->gathered[i];
      gboolean whole = gathered->bytes <= sent;
      gsize bytes = MIN (gathered->bytes, sent);

      if (gathered->shared)
        events += shared_sent (reader, bytes, rest);
      else if (gathered->subscription == NULL)
        events += page_sent_in_part (reader, bytes, rest);
      else if (gathered->aside)
        events += wsed_reader_asides_sent (gathered->subscription, gathered->upto, bytes, rest);
      else if (!whole)
        events += view_sent_in_part (gathered->subscription, bytes, rest);
      else
        events += view_sent (gathered->subscription, gathered->upto, bytes);
      if (!whole)
        break;
      sent -= bytes;
    }
  wsed_reader_settle_news (reader);
  wsed_reader_settle_asides (reader);
  if (wsed_reader_page_is_sent (reader))
    wsed_reader_replay (reader);
  if (reader->must_replay)
    replay_now (reader);
  return events;
}

gboolean
wsed_reader_has_more (WsedReader *reader)
{
  if (!wsed_reader_page_is_sent (reader) || reader->has_asides || reader->let_go)
    return TRUE;
  if (waits_for_log (reader))
    return FALSE;
  for (guint i = 0; i < reader->news.n; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth_news (reader, i)->subscription;

      if (subscription->state == WSED_SUBSCRIPTION_LIVE && subscription->at < subscription->view->end)
        return TRUE;
    }
  return FALSE;
}
