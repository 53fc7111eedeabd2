/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which of a reader's subscriptions have news: a connection with a thousand of them costs, for an event in one, no more than a connection
 * with that one. It says what may have to be sent, never what is. */

#include "stream/wsed-reader-private.h"

/* Nothing is allocated for a connection with one subscription, nor for an idle one. */
static void
make_room (WsedReader *reader)
{
  guint room = reader->news.several != NULL ? reader->news.room : 1;

  if (reader->news.n < room)
    return;
  reader->news.room = 2 * room;
  if (reader->news.several == NULL)
    {
      reader->news.several = g_new (WsedNews, reader->news.room);
      reader->news.several[0] = reader->news.one;
    }
  else
    reader->news.several = g_renew (WsedNews, reader->news.several, reader->news.room);
}

static void
set_length (WsedReader *reader,
            guint       n)
{
  reader->news.n = n;
  if (n == 0)
    g_clear_pointer (&reader->news.several, g_free);
}

void
wsed_reader_note_news (WsedSubscription *subscription)
{
  WsedReader *reader = subscription->reader;

  if (subscription->has_news)
    return;
  subscription->has_news = TRUE;
  make_room (reader);
  *wsed_reader_nth_news (reader, reader->news.n++) = (WsedNews){ subscription, 0 };
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

  for (guint i = 0; i < reader->news.n; i++)
    {
      WsedNews *news = wsed_reader_nth_news (reader, i);

      news->subscription->has_news = !is_done (news->subscription);
      if (news->subscription->has_news)
        *wsed_reader_nth_news (reader, kept++) = *news;
    }
  set_length (reader, kept);
}

void
wsed_reader_forget_news (WsedSubscription *subscription)
{
  WsedReader *reader = subscription->reader;
  guint kept = 0;

  if (!subscription->has_news)
    return;
  subscription->has_news = FALSE;
  for (guint i = 0; i < reader->news.n; i++)
    {
      WsedNews *news = wsed_reader_nth_news (reader, i);

      if (news->subscription != subscription)
        *wsed_reader_nth_news (reader, kept++) = *news;
    }
  set_length (reader, kept);
}

void
wsed_reader_merge_news (WsedReader *reader)
{
  for (guint i = 0; i < reader->news.n; i++)
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

  for (guint i = 0; i < reader->news.n; i++)
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
  wsed_reader_note_asides (subscription);
}

void
wsed_reader_set_catching (WsedSubscription *subscription,
                          gboolean          catching)
{
  subscription->reader->n_catching += (catching != FALSE) - subscription->catching;
  subscription->catching = catching != FALSE;
}
