/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedReader holds a connection's positions and gives out what lies between them and the ends. It copies nothing of what is live: it
 * points at the tail's bytes. A position that the tail has left behind goes back to reading from the log (wsed-replay.c). */

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
  return reader->admission->control && wsed_encoding_get_framing (reader->encoding) == WSED_FRAMING_WEBSOCKET;
}

static GByteArray *
get_page (WsedReader *reader)
{
  if (reader->page == NULL)
    {
      reader->page = g_byte_array_new ();
      reader->frames = g_array_new (FALSE, FALSE, sizeof (WsedPageFrame));
    }
  return reader->page;
}

static void
end_frame (WsedReader       *reader,
           WsedSubscription *subscription)
{
  WsedPageFrame frame = { reader->page->len, subscription };

  g_array_append_val (reader->frames, frame);
}

void
wsed_reader_tell (WsedReader    *reader,
                  const char    *type,
                  const GString *text)
{
  wsed_encoding_control (reader->encoding, type, text->str, text->len, get_page (reader));
  end_frame (reader, NULL);
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
  end_frame (reader, subscription);
}

void
wsed_reader_append_cursor (WsedReader *reader,
                           GString    *cursor)
{
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);

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
      return g_ptr_array_index (reader->subscriptions, 0);
    }
  for (guint i = 0; i < entry->event->n_channels; i++)
    {
      WsedSubscription *subscription;

      if (entry->seqs[i] == 0)
        continue;
      subscription = wsed_reader_find (reader, entry->event->channels[i]);
      if (subscription == NULL || !wse_filter_matches (subscription->filter, entry->event))
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

static void
add_piece (WsedGather       *gather,
           WsedSubscription *subscription,
           guint64           upto,
           void             *data,
           gsize             bytes)
{
  if (bytes > 0)
    gather->pieces[gather->n_pieces++] = (struct iovec){ data, bytes };
  gather->gathered[gather->n_gathered++] = (WsedGathered){ subscription, upto, bytes };
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
gather_view (WsedReader       *reader,
             WsedSubscription *subscription,
             WsedGather       *gather,
             gsize             max_bytes)
{
  WsedView *view = subscription->view;
  guint64 at = subscription->at;

  while (at < view->end && !is_full (gather, max_bytes))
    {
      WsedViewEntry *entry = wsed_view_at (view, at);
      void *data = entry->piece.chunk->data + entry->piece.offset;
      gsize bytes = 0;
      guint64 seq;
      const char *channel;

      if (entry->several == NULL)
        at = wsed_view_run (view, at, MAX (max_bytes - gather->bytes, entry->piece.length), &bytes);
      else
        {
          if (wsed_reader_choose (reader, entry->several, &seq, &channel) == subscription)
            bytes = entry->piece.length;
          at++;
        }
      add_piece (gather, subscription, at, data, bytes);
    }
}

/* The tail has left the position behind. */
static void
fall_behind (WsedReader       *reader,
             WsedSubscription *subscription)
{
  wsed_view_detach (subscription->view, subscription);
  subscription->state = WSED_SUBSCRIPTION_REPLAYING;
  subscription->had_some = TRUE;
  subscription->target = subscription->view->slot->head;
  subscription->by_itself = FALSE;
  wsed_metric_add (wsed_stream_metrics ()->lags, 1);
}

static gboolean
page_is_sent (WsedReader *reader)
{
  return reader->frames == NULL || reader->frames_sent == reader->frames->len;
}

void
wsed_reader_gather (WsedReader *reader,
                    WsedGather *gather,
                    gsize       max_bytes)
{
  gboolean behind = FALSE;

  if (!page_is_sent (reader))
    {
      gather_page (reader, gather, max_bytes);
      if (gather->gathered[gather->n_gathered - 1].upto < reader->frames->len)
        return;
    }
  for (guint i = 0; i < reader->subscriptions->len && !is_full (gather, max_bytes); i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);

      if (subscription->state != WSED_SUBSCRIPTION_LIVE)
        continue;
      if (subscription->at >= subscription->view->begin)
        gather_view (reader, subscription, gather, max_bytes);
      else
        {
          fall_behind (reader, subscription);
          behind = TRUE;
        }
    }
  if (behind)
    wsed_reader_replay (reader);
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
      events += frames[reader->frames_sent].subscription != NULL;
      reader->frames_sent++;
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

  for (guint i = 0; i < gather->n_gathered; i++)
    {
      const WsedGathered *gathered = &gather->gathered[i];
      gboolean whole = gathered->bytes <= sent;
      gsize bytes = MIN (gathered->bytes, sent);

      if (gathered->subscription == NULL)
        events += page_sent_in_part (reader, bytes, rest);
      else if (!whole)
        events += view_sent_in_part (gathered->subscription, bytes, rest);
      else
        events += view_sent (gathered->subscription, gathered->upto, bytes);
      if (!whole)
        break;
      sent -= bytes;
    }
  if (page_is_sent (reader))
    wsed_reader_replay (reader);
  return events;
}

gboolean
wsed_reader_has_more (WsedReader *reader)
{
  if (!page_is_sent (reader))
    return TRUE;
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);

      if (subscription->state == WSED_SUBSCRIPTION_LIVE && subscription->at < subscription->view->end)
        return TRUE;
    }
  return FALSE;
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

  if (!reader->started || !page_is_sent (reader))
    return;
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);
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
      wsed_reader_tell (reader, "mark", text);
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
  wsed_control_write_hello (text, reader->admission->id, config->heartbeat, config->max_message, cursor->str);
  wsed_reader_tell (reader, "hello", text);
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
  g_ptr_array_unref (reader->subscriptions);
  reader->subscriptions = wsed_beginning_take (beginning, &recovered);
  g_strlcpy (reader->epoch, wsed_beginning_get_epoch (beginning), sizeof reader->epoch);
  reader->started = TRUE;
  if (is_told_all (reader))
    tell_hello (reader);
  wsed_reader_replay (reader);
  wsed_worker_mark (reader->worker, reader->subscriber);
}

WsedReader *
wsed_reader_new (WsedSubscriber        *subscriber,
                 const WsedAdmission *admission,
                 WsedReaderFailed     failed)
{
  WsedReader *reader = g_new0 (WsedReader, 1);
  WsedWish wish = { (const char * const *) admission->channels, admission->filter, admission->history, admission->after };

  reader->subscriber = subscriber;
  reader->worker = subscriber->worker;
  reader->admission = admission;
  reader->encoding = wsed_encoding (admission->dialect, admission->framing);
  reader->failed = failed;
  reader->subscriptions = g_ptr_array_new ();
  reader->beginning = wsed_beginning_new (reader, subscriber, reader->encoding, &wish, on_first_begun);
  return reader;
}

void
wsed_reader_free (WsedReader *reader)
{
  if (reader->beginning != NULL)
    wsed_beginning_cancel (reader->beginning);
  wsed_reader_cancel_replay (reader);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);

      if (subscription->state == WSED_SUBSCRIPTION_LIVE)
        wsed_view_detach (subscription->view, subscription);
    }
  wsed_subscriptions_drop (reader->worker, reader->subscriptions);
  g_ptr_array_unref (reader->subscriptions);
  g_clear_pointer (&reader->page, g_byte_array_unref);
  g_clear_pointer (&reader->frames, g_array_unref);
  g_free (reader);
}
