/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which of a reader's subscriptions have news: a connection with a thousand of them costs, for an event in one, no more than a connection
 * with that one. It says what may have to be sent, never what is. */

#include "stream/wsed-reader-private.h"

void
wsed_reader_note_news (WsedSubscription *subscription)
{
  WsedNews news = { subscription, 0 };

  if (subscription->has_news)
    return;
  subscription->has_news = TRUE;
  g_array_append_val (subscription->reader->news, news);
}

void
wsed_reader_wake (WsedSubscription *subscription)
{
  wsed_reader_note_news (subscription);
  wsed_worker_mark (subscription->reader->worker, subscription->reader->subscriber);
}

static gboolean
is_done (const WsedSubscription *subscription)
{
  if (subscription->state == WSED_SUBSCRIPTION_LIVE)
    return subscription->at >= subscription->view->end;
  return !subscription->left_behind;
}

void
wsed_reader_settle_news (WsedReader *reader)
{
  guint kept = 0;

  for (guint i = 0; i < reader->news->len; i++)
    {
      WsedNews *news = wsed_reader_nth_news (reader, i);

      news->subscription->has_news = !is_done (news->subscription);
      if (news->subscription->has_news)
        *wsed_reader_nth_news (reader, kept++) = *news;
    }
  g_array_set_size (reader->news, kept);
}

void
wsed_reader_forget_news (WsedSubscription *subscription)
{
  GArray *news = subscription->reader->news;

  for (guint i = 0; subscription->has_news && i < news->len; i++)
    if (g_array_index (news, WsedNews, i).subscription == subscription)
      {
        g_array_remove_index (news, i);
        subscription->has_news = FALSE;
      }
}

void
wsed_reader_merge_news (WsedReader *reader)
{
  for (guint i = 0; i < reader->news->len; i++)
    {
      WsedNews *news = wsed_reader_nth_news (reader, i);
      WsedSubscription *subscription = news->subscription;

      if (subscription->state == WSED_SUBSCRIPTION_LIVE)
        wsed_reader_skip_done (subscription);
      news->gathered = subscription->state == WSED_SUBSCRIPTION_LIVE ? subscription->at : subscription->view->end;
    }
}

WsedNews *
wsed_reader_find_oldest (WsedReader *reader)
{
  WsedNews *oldest = NULL;
  guint64 oldest_n = G_MAXUINT64;

  for (guint i = 0; i < reader->news->len; i++)
    {
      WsedNews *news = wsed_reader_nth_news (reader, i);

      if (news->gathered < wsed_reader_get_end (news->subscription)
          && wsed_view_at (news->subscription->view, news->gathered)->n < oldest_n)
        {
          oldest = news;
          oldest_n = wsed_view_at (news->subscription->view, news->gathered)->n;
        }
    }
  return oldest;
}

void
wsed_reader_set_state (WsedSubscription     *subscription,
                       WsedSubscriptionState state)
{
  WsedReader *reader = subscription->reader;

  reader->n_replaying += (state == WSED_SUBSCRIPTION_REPLAYING) - (subscription->state == WSED_SUBSCRIPTION_REPLAYING);
  subscription->state = state;
  wsed_reader_note_news (subscription);
}

void
wsed_reader_set_catching (WsedSubscription *subscription,
                          gboolean          catching)
{
  subscription->reader->n_catching += (catching != FALSE) - subscription->catching;
  subscription->catching = catching != FALSE;
}
