/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opens a consumer: turns Last-Event-ID, where there is one, into places of single channels, has the log keep them, and brings back all
 * that is acked. A place that is not of this log is not kept: the stream then tells the gap. */

#include "transport/wsed-opening.h"

#include <string.h>

typedef struct
{
  WsedLog *log;
  WsedInbox *main;
  GStrv channels;
  WseCursor *seen;
  WsedConsumer *request;
  guint searches;              /* under way */
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  WsedOpened done;
  gpointer user_data;
} Opening;

static void
on_opened (WsedMessage *message,
           gpointer     user_data)
{
  Opening *self = user_data;

  self->done (self->request->acks, self->request->error, self->user_data);
  g_object_unref (self->log);
  g_strfreev (self->channels);
  g_clear_pointer (&self->seen, wse_cursor_unref);
  wsed_consumer_free (self->request);
  g_free (self);
}

static void
open_consumer (Opening *self)
{
  self->request->message.run = on_opened;
  self->request->message.user_data = self;
  wsed_log_consume (self->log, self->request);
}

static void
on_located (WsedMessage *message,
            gpointer     user_data)
{
  WsedLocate *locate = (WsedLocate *) message;
  Opening *self = user_data;

  if (locate->error == NULL && !locate->lost)
    wsed_acks_add (self->request->acks, locate->channel, self->epoch, locate->seq);
  wsed_locate_free (locate);
  if (--self->searches == 0)
    open_consumer (self);
}

/* A place in the whole log: one in each channel. */
static void
locate_all (Opening *self,
            guint64  n)
{
  self->searches = g_strv_length (self->channels);
  for (guint i = 0; self->channels[i] != NULL; i++)
    {
      WsedLocate *locate = wsed_locate_new (self->main, self->channels[i]);

      locate->after_n = n;
      locate->message.run = on_located;
      locate->message.user_data = self;
      wsed_log_locate (self->log, locate);
    }
}

static void
on_heads (WsedMessage *message,
          gpointer     user_data)
{
  WsedHeads *heads = (WsedHeads *) message;
  Opening *self = user_data;
  const WsedHead *log = &g_array_index (heads->heads, WsedHead, heads->heads->len - 1);
  gboolean whole = wse_cursor_is_whole_log (self->seen);
  const char *channel, *epoch;
  guint64 seq;

  memcpy (self->epoch, log->epoch, sizeof self->epoch);
  wse_cursor_get_place (self->seen, 0, &channel, &epoch, &seq);
  if (heads->error == NULL && whole && strcmp (self->channels[0], "*") != 0)
    {
      if (strcmp (epoch, log->epoch) == 0 && seq <= log->head)
        locate_all (self, seq);
    }
  else if (heads->error == NULL)
    for (guint i = 0; i < heads->heads->len - 1; i++)
      {
        const WsedHead *head = &g_array_index (heads->heads, WsedHead, i);

        if (wse_cursor_lookup (self->seen, head->channel, &epoch, &seq, &whole) && strcmp (epoch, head->epoch) == 0 && seq <= head->head)
          wsed_acks_add (self->request->acks, head->channel, epoch, seq);
      }
  wsed_heads_free (heads);
  if (self->searches == 0)
    open_consumer (self);
}

void
wsed_opening_start (WsedLog             *log,
                    WsedInbox           *main,
                    const WsedAdmission *admission,
                    WseCursor           *seen,
                    WsedOpened           done,
                    gpointer             user_data)
{
  Opening *self = g_new0 (Opening, 1);
  WsedHeads *heads;

  self->log = g_object_ref (log);
  self->main = main;
  self->channels = g_strdupv (admission->channels);
  self->seen = seen != NULL ? wse_cursor_ref (seen) : NULL;
  self->request = wsed_consumer_new (admission->client.owner, admission->client.consumer, main);
  self->done = done;
  self->user_data = user_data;
  if (seen == NULL)
    {
      open_consumer (self);
      return;
    }
  heads = wsed_heads_new (main);
  for (guint i = 0; self->channels[i] != NULL; i++)
    wsed_heads_add (heads, self->channels[i]);
  wsed_heads_add (heads, "*");
  heads->message.run = on_heads;
  heads->message.user_data = self;
  wsed_log_heads (log, heads);
}
