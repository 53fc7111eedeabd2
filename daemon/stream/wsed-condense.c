/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a lagging reader has still to send from its views, without what a newer event of the same key has made old. It is copied into the
 * page, so that each gap is told where it is; whoever does not lag is never here. */

#include "stream/wsed-reader-private.h"

/* Bytes copied at once. */
#define ROUND_BYTES (16 * 1024)

static gboolean
has_room (WsedReader *reader)
{
  return reader->page == NULL || reader->page->len < ROUND_BYTES;
}

/* Takes the entry at the position. */
static void
take (WsedReader       *reader,
      WsedSubscription *subscription)
{
  const WsedViewEntry *entry = wsed_view_at (subscription->view, subscription->at++);
  const char *channel;
  guint64 seq;

  /* It may come through another channel: a gap must not reach over it. */
  if (entry->several != NULL && wsed_reader_choose (reader, entry->several, &seq, &channel) != subscription)
    wsed_reader_tell_passed_over (reader, subscription);
  else if (entry->superseded && !subscription->stopped)
    wsed_reader_conflate (reader, subscription, entry->seq);
  else
    {
      wsed_reader_tell_before (reader, subscription);
      wsed_reader_add_entry (reader, subscription, entry);
    }
  subscription->done = entry->seq;
}

gboolean
wsed_reader_is_condensed (WsedReader             *reader,
                          const WsedSubscription *subscription)
{
  return reader->lagging && subscription->state == WSED_SUBSCRIPTION_LIVE && wsed_view_get_newest (subscription->view) != NULL
         && !reader->catching && !subscription->catching;
}

static void
condense_each (WsedReader *reader)
{
  for (guint i = 0; i < reader->news.n; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth_news (reader, i)->subscription;

      if (!wsed_reader_is_condensed (reader, subscription) || wsed_reader_is_left_behind (subscription))
        continue;
      wsed_reader_skip_done (subscription);
      while (subscription->at < wsed_reader_get_end (subscription) && has_room (reader))
        take (reader, subscription);
    }
}

/* By n over all of them, or not at all. */
static gboolean
condense_merged (WsedReader *reader)
{
  gboolean any = FALSE;

  if (reader->n_replaying > 0)
    return FALSE;
  wsed_worker_wake (reader->worker);
  for (guint i = 0; i < reader->news.n; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth_news (reader, i)->subscription;

      if (wsed_reader_is_left_behind (subscription))
        return FALSE;
      any |= wsed_reader_is_condensed (reader, subscription);
    }
  wsed_reader_merge_news (reader);
  while (any && has_room (reader))
    {
      WsedNews *oldest = wsed_reader_find_oldest (reader);

      if (oldest == NULL)
        break;
      take (reader, oldest->subscription);
      oldest->gathered = oldest->subscription->at;
    }
  return any;
}

gboolean
wsed_reader_condense (WsedReader *reader)
{
  if (wsed_worker_get_config (reader->worker)->conflation == NULL)
    return FALSE;
  if (wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_SSE)
    return condense_merged (reader);
  condense_each (reader);
  return FALSE;
}
