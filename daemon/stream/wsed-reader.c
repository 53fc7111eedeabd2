/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedReader holds a connection's positions and the page that waits to be sent. What lies between the positions and the ends is given out
 * by wsed-gather.c, what the views have not is read by wsed-replay.c. */

#include "stream/wsed-control.h"
#include "stream/wsed-reader-private.h"
#include "stream/wsed-stream-metrics.h"

#include <string.h>

/* A page's memory is given back when it was larger than this. */
#define KEPT_PAGE_BYTES 1024

/* An SSE client has its place in the id of each event, and nothing to be greeted for. */
static gboolean
is_told_all (WsedReader *reader)
{
  return reader->client->control && wsed_encoding_get_framing (reader->encoding) != WSED_FRAMING_SSE;
}

static GByteArray *
get_page (WsedReader *reader)
{
  wsed_reader_unshare (reader);
  if (reader->page == NULL)
    {
      reader->page = g_byte_array_new ();
      reader->frames = g_array_new (FALSE, FALSE, sizeof (WsedPageFrame));
    }
  return reader->page;
}

void
wsed_reader_unshare (WsedReader *reader)
{
  g_autoptr(WsedFetch) fetch = g_steal_pointer (&reader->shared);
  const WsedFetchFrame *frames;
  const guint8 *bytes;
  gsize begin;
  guint n;

  wsed_pages_go_on (wsed_worker_get_pages (reader->worker), reader);
  if (fetch == NULL)
    return;
  bytes = wsed_fetch_get_bytes (fetch);
  frames = wsed_fetch_get_frames (fetch, &n);
  begin = reader->shared_sent > 0 ? frames[reader->shared_sent - 1].end : 0;
  for (guint i = reader->shared_sent; i < n; i++)
    {
      WsedPageFrame frame = { .event = TRUE, .subscription = reader->shared_by, .seq = frames[i].place };

      g_byte_array_append (get_page (reader), bytes + begin, frames[i].end - begin);
      frame.end = reader->page->len;
      g_array_append_val (reader->frames, frame);
      begin = frames[i].end;
    }
}

guint64
wsed_reader_get_place (const WsedSubscription *subscription,
                       const WsedEntry        *entry,
                       guint64                 seq)
{
  return wsed_stream_is_whole (subscription->stream) ? entry->n : seq;
}

static void
end_frame (WsedReader       *reader,
           gboolean          event,
           WsedSubscription *subscription,
           guint64           seq)
{
  WsedPageFrame frame = { .end = reader->page->len, .event = event, .subscription = subscription, .seq = seq };

  g_array_append_val (reader->frames, frame);
}

void
wsed_reader_tell (WsedReader       *reader,
                  WsedSubscription *subscription,
                  const char       *type,
                  const GString    *text)
{
  wsed_encoding_control (reader->encoding, type, text->str, text->len, get_page (reader));
  end_frame (reader, FALSE, subscription, subscription != NULL ? subscription->done + 1 : 0);
  g_array_index (reader->frames, WsedPageFrame, reader->frames->len - 1).cursor
    = g_str_equal (type, "mark") || (g_str_equal (type, "caught_up") && subscription == NULL);
}

void
wsed_reader_add_event (WsedReader       *reader,
                       WsedSubscription *subscription,
                       const WsedEntry  *entry,
                       const char       *channel,
                       guint64           seq,
                       GString          *body)
{
  char head[WSED_ENCODING_HEAD];
  gsize length = wsed_encoding_write (reader->encoding, entry, channel, seq, reader->epoch, body, head);

  g_byte_array_append (get_page (reader), (const guint8 *) head, length);
  g_byte_array_append (reader->page, (const guint8 *) body->str, body->len);
  end_frame (reader, TRUE, subscription, wsed_reader_get_place (subscription, entry, seq));
}

void
wsed_reader_add_entry (WsedReader          *reader,
                       WsedSubscription    *subscription,
                       const WsedViewEntry *entry)
{
  const WsedPiece *piece = &entry->piece;

  g_byte_array_append (get_page (reader), (const guint8 *) piece->chunk->data + piece->offset, piece->length);
  end_frame (reader, TRUE, subscription, entry->seq);
}

void
wsed_reader_append_cursor (WsedReader *reader,
                           GString    *cursor)
{
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      wse_cursor_append (cursor, subscription->stream->channel, subscription->view->slot->epoch, subscription->done);
    }
}

/* PROTOCOL section 3: once, in the first of its channels that is subscribed to and whose filter takes it; where that one began behind
 * it, it was had before if the beginning was a cursor, and is the next one's if it was not. */
WsedSubscription *
wsed_reader_choose (WsedReader  *reader,
                    WsedEntry   *entry,
                    guint64     *seq,
                    const char **channel)
{
  if (wsed_reader_is_whole (reader))
    {
      guint i = 0;

      /* Retention may have taken it from its first channel. */
      while (entry->seqs[i] == 0 && i + 1 < entry->event->n_channels)
        i++;
      *seq = entry->seqs[i];
      *channel = entry->event->channels[i];
      return wsed_reader_nth (reader, 0);
    }
  for (guint i = 0; i < entry->event->n_channels; i++)
    {
      WsedSubscription *subscription;

      if (entry->seqs[i] == 0)
        continue;
      subscription = wsed_reader_find (reader, entry->event->channels[i]);
      if (subscription == NULL || !wse_filter_matches (subscription->view->filter, entry->event))
        continue;
      if (entry->seqs[i] > subscription->start)
        {
          *seq = entry->seqs[i];
          *channel = entry->event->channels[i];
          return subscription;
        }
      if (subscription->from_cursor)
        return NULL;
    }
  return NULL;
}

gboolean
wsed_reader_page_is_sent (WsedReader *reader)
{
  return (reader->frames == NULL || reader->frames_sent == reader->frames->len) && reader->shared == NULL;
}

gboolean
wsed_reader_holds_events (WsedReader *reader)
{
  for (guint i = reader->frames_sent; reader->frames != NULL && i < reader->frames->len; i++)
    if (g_array_index (reader->frames, WsedPageFrame, i).event)
      return TRUE;
  return reader->shared != NULL;
}

gboolean
wsed_reader_started (WsedReader *reader)
{
  return reader->started;
}

void
wsed_reader_mark (WsedReader *reader)
{
  gboolean passed_over = FALSE;

  if (!reader->started || !wsed_reader_page_is_sent (reader))
    return;
  wsed_reader_tell_all_passed_over (reader);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);
      WsedView *view = subscription->view;
      guint64 seen;

      if (subscription->state != WSED_SUBSCRIPTION_LIVE || subscription->at < view->begin)
        continue;
      seen = subscription->at == view->end ? view->slot->head : wsed_view_at (view, subscription->at)->seq - 1;
      if (seen <= subscription->done)
        continue;
      subscription->done = seen;
      passed_over = TRUE;
    }
  if (passed_over && is_told_all (reader))
    {
      g_autoptr(GString) cursor = g_string_new (NULL);
      g_autoptr(GString) text = g_string_new (NULL);

      wsed_reader_append_cursor (reader, cursor);
      wsed_control_write_mark (text, cursor->str);
      wsed_reader_tell (reader, NULL, "mark", text);
      wsed_worker_mark (reader->worker, reader->subscriber);
    }
}

static void
tell_hello (WsedReader *reader)
{
  const WsedHubConfig *config = wsed_worker_get_config (reader->worker);
  g_autoptr(GString) cursor = g_string_new (NULL);
  g_autoptr(GString) text = g_string_new (NULL);

  wsed_reader_append_cursor (reader, cursor);
  wsed_control_write_hello (text, reader->client->id, config->heartbeat, config->max_message, cursor->str);
  wsed_reader_tell (reader, NULL, "hello", text);
}

static void
on_first_begun (WsedReader    *reader,
                WsedBeginning *beginning,
                const char    *problem)
{
  gboolean recovered;

  reader->beginning = NULL;
  if (problem != NULL)
    {
      reader->failed (reader->subscriber, problem);
      return;
    }
  g_array_unref (reader->subscriptions);
  reader->subscriptions = wsed_beginning_take (beginning, &recovered);
  reader->n_replaying = reader->subscriptions->len;
  reader->epoch = g_intern_string (wsed_beginning_get_epoch (beginning));
  reader->started = TRUE;
  if (is_told_all (reader))
    tell_hello (reader);
  /* Without a first channel there is nothing to wait for. */
  if (reader->subscriptions->len == 0)
    {
      wsed_reader_tell_caught_up (reader, NULL);
      reader->caught_up = TRUE;
    }
  reader->behind_since = wsed_worker_get_now (reader->worker);
  wsed_reader_replay (reader);
  wsed_worker_mark (reader->worker, reader->subscriber);
}

WsedReader *
wsed_reader_new (WsedSubscriber        *subscriber,
                 const WsedClient    *client,
                 const WsedAdmission *admission,
                 WsedReaderFailed     failed)
{
  WsedReader *reader = g_new0 (WsedReader, 1);
  WsedWish wish = { (const char * const *) admission->channels, admission->filter, admission->history, admission->after,
                    client->acks, admission->join, client->consumer != NULL };

  reader->subscriber = subscriber;
  reader->worker = subscriber->worker;
  reader->client = client;
  reader->encoding = wsed_encoding (client->dialect, client->framing);
  reader->failed = failed;
  reader->epoch = "";
  reader->subscriptions = wsed_subscriptions_new ();
  reader->beginning = wsed_beginning_new (reader, subscriber, reader->encoding, &wish, on_first_begun);
  return reader;
}

void
wsed_reader_free (WsedReader *reader)
{
  if (reader->beginning != NULL)
    wsed_beginning_cancel (reader->beginning);
  wsed_pages_go_on (wsed_worker_get_pages (reader->worker), reader);
  wsed_reader_cancel_replay (reader);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);

      wsed_view_detach (subscription->view, subscription);
    }
  wsed_subscriptions_drop (reader->worker, reader->subscriptions);
  g_array_unref (reader->subscriptions);
  g_free (reader->news.several);
  g_clear_pointer (&reader->page, g_byte_array_unref);
  g_clear_pointer (&reader->frames, g_array_unref);
  g_clear_pointer (&reader->shared, wsed_fetch_unref);
  g_free (reader);
}
