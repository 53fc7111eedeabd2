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

static void
tell_gap (WsedReader       *reader,
          WsedSubscription *subscription,
          guint64           from,
          guint64           to,
          const char       *reason)
{
  g_autoptr(GString) text = NULL;

  wsed_metric_add (wsed_stream_metrics ()->gaps, 1);
  if (!reader->admission->control)
    return;
  text = g_string_new (NULL);
  wsed_control_write_gap (text, subscription->stream->channel, subscription->view->slot->epoch, from, to, reason);
  wsed_reader_add_text (reader, text, FALSE);
}

/* What lies between what was asked for and the first event that is still there is lost; it is told before what comes behind it. */
static void
tell_losses (WsedReader         *reader,
             WsedSubscription   *subscription,
             const WsedPosition *position,
             guint64             asked)
{
  if (subscription->epoch_lost)
    tell_gap (reader, subscription, 1, position->low, "epoch");
  else if (position->low > asked && (subscription->from_cursor || subscription->had_some))
    tell_gap (reader, subscription, asked + 1, position->low, "retention");
  subscription->epoch_lost = FALSE;
  subscription->had_some = TRUE;
}

static void
add_event (WsedReader *reader,
           WsedEntry  *entry,
           GString    *text)
{
  guint64 seq;
  const char *channel;
  WsedSubscription *subscription = wsed_reader_choose (reader, entry, &seq, &channel);

  /* One that is live gets it from its view. */
  if (subscription == NULL || !g_ptr_array_find (reader->replaying, subscription, NULL))
    return;
  g_string_truncate (text, 0);
  wse_dialect_write (reader->admission->dialect, entry->event, channel, seq, text);
  wsed_reader_add_text (reader, text, TRUE);
}

static gboolean
is_behind (WsedSubscription *subscription)
{
  return subscription->state == WSED_SUBSCRIPTION_REPLAYING;
}

/* The log has nothing that the views have not. */
static gboolean
all_can_go_live (WsedReader *reader)
{
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);

      if (!is_behind (subscription))
        continue;
      if (subscription->epoch_lost || subscription->done < subscription->target
          || subscription->done + 1 < subscription->view->complete_from)
        return FALSE;
    }
  return TRUE;
}

static void
tell_caught_up (WsedReader *reader)
{
  g_autoptr(GString) cursor = NULL;
  g_autoptr(GString) text = NULL;

  reader->catching_up = FALSE;
  if (!reader->admission->control)
    return;
  cursor = g_string_new (NULL);
  text = g_string_new (NULL);
  wsed_reader_append_cursor (reader, cursor);
  wsed_control_write_caught_up (text, NULL, cursor->str);
  wsed_reader_add_text (reader, text, FALSE);
}

static void
go_live (WsedReader *reader)
{
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);

      if (!is_behind (subscription))
        continue;
      subscription->state = WSED_SUBSCRIPTION_LIVE;
      subscription->at = wsed_view_find (subscription->view, subscription->done + 1);
      wsed_view_attach (subscription->view, subscription);
    }
  tell_caught_up (reader);
}

static void
on_read (WsedMessage *message,
         gpointer     user_data)
{
  WsedRead *read = (WsedRead *) message;
  WsedReader *reader = user_data;

  if (reader != NULL)
    {
      reader->reading = NULL;
      if (read->error != NULL)
        reader->failed (reader->endpoint, read->error->message);
      else
        {
          g_autoptr(GString) text = g_string_sized_new (512);

          for (guint i = 0; i < reader->replaying->len; i++)
            {
              WsedSubscription *subscription = g_ptr_array_index (reader->replaying, i);

              tell_losses (reader, subscription, &g_array_index (read->positions, WsedPosition, i), subscription->done);
            }
          for (guint i = 0; i < read->entries->len; i++)
            add_event (reader, g_ptr_array_index (read->entries, i), text);
          for (guint i = 0; i < reader->replaying->len; i++)
            {
              WsedSubscription *subscription = g_ptr_array_index (reader->replaying, i);

              subscription->done = MAX (subscription->done, g_array_index (read->positions, WsedPosition, i).seq);
            }
          wsed_metric_add (wsed_stream_metrics ()->replayed, read->entries->len);
          wsed_worker_mark (reader->worker, reader->endpoint);
          wsed_reader_replay (reader);
        }
    }
  wsed_read_free (read);
}

static void
ask (WsedReader *reader)
{
  WsedRead *read = wsed_read_new (wsed_worker_get_inbox (reader->worker), PAGE_EVENTS, PAGE_BYTES);

  read->message.run = on_read;
  read->message.user_data = reader;
  if (reader->replaying == NULL)
    reader->replaying = g_ptr_array_new ();
  g_ptr_array_set_size (reader->replaying, 0);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);

      if (!is_behind (subscription))
        continue;
      wsed_read_add (read, subscription->stream->channel, subscription->filter, subscription->done);
      g_ptr_array_add (reader->replaying, subscription);
    }
  reader->reading = read;
  wsed_log_read (wsed_worker_get_log (reader->worker), read);
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
  return TRUE;
}

void
wsed_reader_replay (WsedReader *reader)
{
  gboolean room = release_page (reader) || reader->page->len <= SMALL_PAGE_BYTES;

  if (!reader->catching_up || reader->reading != NULL)
    return;
  if (all_can_go_live (reader))
    go_live (reader);
  else if (room)
    ask (reader);
}

void
wsed_reader_cancel_replay (WsedReader *reader)
{
  if (reader->reading != NULL)
    reader->reading->message.user_data = NULL;
  g_clear_pointer (&reader->replaying, g_ptr_array_unref);
}
