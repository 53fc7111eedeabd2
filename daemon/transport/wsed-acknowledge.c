/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedAcknowledge turns a cursor into places of single channels and has the log keep them. A cursor of the whole log stands for a place in
 * each channel of the connection; these have to be looked up first. */

#include "transport/wsed-acknowledge.h"

#include <string.h>

#include "wse-error.h"

struct _WsedAcknowledge
{
  WsedReader *reader;          /* NULL once it was cancelled */
  WsedWorker *worker;
  WsedAcknowledged done;
  gpointer user_data;
  WsedConsumer *request;       /* what is to be acked */
  guint64 n;                   /* of a place in the whole log */
  guint searches;              /* under way */
  GError *error;
};

static GError *
bad_cursor (void)
{
  return g_error_new_literal (WSE_ERROR, WSE_ERROR_INVALID, "the cursor is not of what was sent on this connection");
}

static void
finish (WsedAcknowledge *self)
{
  if (self->reader != NULL)
    self->done (self->request->acks, self->error != NULL ? self->error : self->request->error, self->user_data);
  g_clear_pointer (&self->request, wsed_consumer_free);
  g_clear_error (&self->error);
  g_free (self);
}

static void
on_kept (WsedMessage *message,
         gpointer     user_data)
{
  finish (user_data);
}

static void
keep (WsedAcknowledge *self)
{
  if (self->error != NULL || self->reader == NULL)
    {
      finish (self);
      return;
    }
  self->request->message.run = on_kept;
  self->request->message.user_data = self;
  wsed_log_consume (wsed_worker_get_log (self->worker), self->request);
}

/* Whether @seq of @channel has been sent on this connection. */
static gboolean
add_place (WsedAcknowledge *self,
           const char      *channel,
           const char      *epoch,
           guint64          seq)
{
  const char *sent_epoch;
  guint64 sent;

  if (!wsed_reader_get_sent (self->reader, channel, &sent_epoch, &sent) || (epoch != NULL && strcmp (epoch, sent_epoch) != 0) || seq > sent)
    return FALSE;
  wsed_acks_add (self->request->acks, channel, sent_epoch, seq);
  return TRUE;
}

static void
on_located (WsedMessage *message,
            gpointer     user_data)
{
  WsedLocate *locate = (WsedLocate *) message;
  WsedAcknowledge *self = user_data;

  if (self->reader != NULL && self->error == NULL)
    {
      if (locate->error != NULL)
        self->error = g_error_copy (locate->error);
      else if (!add_place (self, locate->channel, NULL, locate->seq))
        self->error = bad_cursor ();
    }
  wsed_locate_free (locate);
  if (--self->searches == 0)
    keep (self);
}

static void
on_end (WsedMessage *message,
        gpointer     user_data)
{
  WsedHeads *heads = (WsedHeads *) message;
  WsedAcknowledge *self = user_data;

  if (heads->error != NULL && self->error == NULL)
    self->error = g_error_copy (heads->error);
  else if (self->n > heads->n && self->error == NULL)
    self->error = bad_cursor ();
  wsed_heads_free (heads);
  if (--self->searches == 0)
    keep (self);
}

/* The place in each channel, and whether the log is that long at all. */
static void
locate_all (WsedAcknowledge *self)
{
  g_autoptr(GPtrArray) channels = wsed_reader_get_channels (self->reader);
  WsedHeads *heads = wsed_heads_new (wsed_worker_get_inbox (self->worker));

  self->searches = channels->len + 1;
  wsed_heads_add (heads, "*");
  heads->message.run = on_end;
  heads->message.user_data = self;
  wsed_log_heads (wsed_worker_get_log (self->worker), heads);
  for (guint i = 0; i < channels->len; i++)
    {
      WsedLocate *locate = wsed_locate_new (wsed_worker_get_inbox (self->worker), g_ptr_array_index (channels, i));

      locate->after_n = self->n;
      locate->message.run = on_located;
      locate->message.user_data = self;
      wsed_log_locate (wsed_worker_get_log (self->worker), locate);
    }
}

WsedAcknowledge *
wsed_acknowledge_new (WsedReader       *reader,
                      WsedWorker       *worker,
                      const char       *user,
                      const char       *consumer,
                      WseCursor        *cursor,
                      WsedAcknowledged  done,
                      gpointer          user_data)
{
  WsedAcknowledge *self = g_new0 (WsedAcknowledge, 1);
  const char *channel, *epoch;
  guint64 seq;

  self->reader = reader;
  self->worker = worker;
  self->done = done;
  self->user_data = user_data;
  self->request = wsed_consumer_new (user, consumer, wsed_worker_get_inbox (worker));
  wse_cursor_get_place (cursor, 0, &channel, &epoch, &seq);
  if (wse_cursor_is_whole_log (cursor) && !wsed_reader_is_whole (reader))
    {
      if (strcmp (epoch, wsed_reader_get_epoch (reader)) == 0)
        {
          self->n = seq;
          locate_all (self);
          return self;
        }
      self->error = bad_cursor ();
    }
  for (guint i = 0; self->error == NULL && i < wse_cursor_get_length (cursor); i++)
    {
      wse_cursor_get_place (cursor, i, &channel, &epoch, &seq);
      if (!add_place (self, channel, epoch, seq))
        self->error = bad_cursor ();
    }
  if (self->error == NULL)
    {
      keep (self);
      return self;
    }
  finish (self);
  return NULL;
}

gboolean
wsed_acknowledge_withdraw (WsedAcknowledge *self)
{
  if (self->searches == 0 && !wsed_consumer_withdraw (self->request))
    return FALSE;
  self->reader = NULL;
  return TRUE;
}

void
wsed_acknowledge_cancel (WsedAcknowledge *self)
{
  self->reader = NULL;
}
