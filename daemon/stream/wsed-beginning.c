/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a reader's subscriptions begin: after the client's cursor, so many events back, or now. The heads come from the log through the
 * hub, so that nothing can fall between them and what arrives live; what needs a search in the log is asked of it. */

#include "stream/wsed-control.h"
#include "stream/wsed-reader-private.h"

#include <string.h>

static void
tell_hello (WsedReader *reader)
{
  const WsedHubConfig *config = wsed_worker_get_config (reader->worker);
  g_autoptr(GString) cursor = g_string_new (NULL);
  g_autoptr(GString) text = g_string_new (NULL);

  if (!reader->admission->control)
    return;
  wsed_reader_append_cursor (reader, cursor);
  wsed_control_write_hello (text, reader->admission->id, config->heartbeat, config->max_message, cursor->str);
  wsed_reader_add_text (reader, text, FALSE);
}

/* Everything is known: hello, then the log, then live. */
static void
begin (WsedReader *reader)
{
  reader->started = TRUE;
  tell_hello (reader);
  for (guint i = 0; i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = g_ptr_array_index (reader->subscriptions, i);

      subscription->state = WSED_SUBSCRIPTION_REPLAYING;
    }
  reader->catching_up = TRUE;
  wsed_reader_replay (reader);
  wsed_worker_mark (reader->worker, reader->endpoint);
}

static void
locate_done (WsedReader *reader)
{
  if (reader->locating->len == 0 && reader->joining == NULL)
    begin (reader);
}

/* A search under way: which subscription it is for. */
typedef struct
{
  WsedReader *reader;          /* NULL once it has gone */
  WsedSubscription *subscription;
} Search;

static void
on_located (WsedMessage *message,
            gpointer     user_data)
{
  WsedLocate *locate = (WsedLocate *) message;
  g_autofree Search *search = user_data;
  WsedReader *reader = search->reader;

  if (reader != NULL)
    {
      g_ptr_array_remove_fast (reader->locating, locate);
      if (locate->error != NULL)
        reader->failed (reader->endpoint, locate->error->message);
      else
        {
          search->subscription->start = search->subscription->done = locate->seq;
          locate_done (reader);
        }
    }
  wsed_locate_free (locate);
}

static WsedLocate *
search (WsedReader       *reader,
        WsedSubscription *subscription)
{
  WsedLocate *locate = wsed_locate_new (wsed_worker_get_inbox (reader->worker), subscription->stream->channel);
  Search *place = g_new (Search, 1);

  place->reader = reader;
  place->subscription = subscription;
  locate->message.run = on_located;
  locate->message.user_data = place;
  g_ptr_array_add (reader->locating, locate);
  return locate;
}

static void
begin_at_history (WsedReader       *reader,
                  WsedSubscription *subscription,
                  const WsedHead   *head)
{
  guint history = reader->admission->history;

  subscription->start = subscription->done = head->head;
  if (history == 0 || head->head == head->low)
    return;
  if (subscription->filter == NULL && !wsed_stream_is_whole (subscription->stream))
    subscription->start = subscription->done = MAX (head->low, head->head - MIN (head->head, history));
  else
    {
      WsedLocate *locate = search (reader, subscription);

      locate->filter = subscription->filter != NULL ? wse_filter_ref (subscription->filter) : NULL;
      locate->history = history;
      locate->upto = head->head;
    }
}

static void
begin_at_cursor (WsedReader       *reader,
                 WsedSubscription *subscription,
                 const WsedHead   *head,
                 const WsedHead   *log,
                 const char       *epoch,
                 guint64           seq,
                 gboolean          whole)
{
  const WsedHead *against = whole ? log : head;

  if (strcmp (epoch, against->epoch) != 0 || seq > against->head)
    {
      subscription->start = subscription->done = 0;
      subscription->epoch_lost = TRUE;
      return;
    }
  subscription->from_cursor = TRUE;
  if (whole && !wsed_stream_is_whole (subscription->stream))
    {
      WsedLocate *locate = search (reader, subscription);

      locate->after_n = seq;
    }
  else
    subscription->start = subscription->done = seq;
}

static void
find_beginning (WsedReader       *reader,
                WsedSubscription *subscription,
                const WsedHead   *head,
                const WsedHead   *log)
{
  const char *epoch;
  guint64 seq;
  gboolean whole;

  subscription->target = head->head;
  if (reader->admission->after != NULL
      && wse_cursor_lookup (reader->admission->after, subscription->stream->channel, &epoch, &seq, &whole))
    begin_at_cursor (reader, subscription, head, log, epoch, seq, whole);
  else
    begin_at_history (reader, subscription, head);
}

static WsedSubscription *
subscribe (WsedReader     *reader,
           WsedStream     *stream,
           const WsedHead *head)
{
  WsedSubscription *subscription = g_new0 (WsedSubscription, 1);
  WseFilter *filter = reader->admission->filter;

  subscription->endpoint = reader->endpoint;
  subscription->stream = wsed_stream_ref (stream);
  subscription->filter = filter != NULL ? wse_filter_ref (filter) : NULL;
  subscription->view = wsed_worker_get_view (reader->worker, stream, filter, head);
  g_ptr_array_add (reader->subscriptions, subscription);
  return subscription;
}

static void
on_joined (gpointer message)
{
  WsedJoin *join = message;
  WsedReader *reader = join->reader;

  if (reader == NULL)
    wsed_hub_leave (join->hub, wsed_worker_get_index (join->worker), g_steal_pointer (&join->streams));
  else if (join->heads->error != NULL)
    {
      reader->joining = NULL;
      wsed_hub_leave (join->hub, wsed_worker_get_index (join->worker), g_steal_pointer (&join->streams));
      reader->failed (reader->endpoint, join->heads->error->message);
    }
  else
    {
      const WsedHead *heads = (gconstpointer) join->heads->heads->data;
      guint n = join->streams->len;

      for (guint i = 0; i < n; i++)
        find_beginning (reader, subscribe (reader, g_ptr_array_index (join->streams, i), &heads[i]), &heads[i], &heads[n]);
      reader->joining = NULL;
      for (guint i = 0; i < reader->locating->len; i++)
        wsed_log_locate (wsed_worker_get_log (reader->worker), g_ptr_array_index (reader->locating, i));
      locate_done (reader);
    }
  wsed_join_free (join);
}

void
wsed_reader_join (WsedReader *reader)
{
  reader->locating = g_ptr_array_new ();
  reader->joining = wsed_join_new (reader->worker, (const char * const *) reader->admission->channels, reader->admission->dialect,
                                   reader, on_joined);
  wsed_hub_join (wsed_worker_get_hub (reader->worker), reader->joining);
}

void
wsed_reader_cancel_join (WsedReader *reader)
{
  if (reader->joining != NULL)
    reader->joining->reader = NULL;
  for (guint i = 0; i < reader->locating->len; i++)
    {
      WsedLocate *locate = g_ptr_array_index (reader->locating, i);

      ((Search *) locate->message.user_data)->reader = NULL;
    }
  g_ptr_array_unref (reader->locating);
}
