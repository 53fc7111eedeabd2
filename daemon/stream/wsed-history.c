/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedHistory reads one page of a channel: it asks the log one thing at a time (the ends, a place, a page, further pages while a filter
 * passes all over) and never blocks. Only an empty page is the end. */

#include "stream/wsed-history.h"

#include <string.h>

#include "wse-error.h"

/* A filter may pass over a whole log; so long may that take. */
#define MAX_TIME (4500 * G_TIME_SPAN_MILLISECOND)

struct _WsedHistory
{
  WsedLog *log;
  WsedInbox *inbox;
  WsedHistoryDone done;        /* NULL once it was cancelled */
  gpointer user_data;
  gint64 deadline;             /* monotonic microseconds */

  char *channel;
  WseFilter *filter;
  WseCursor *after;
  guint limit;
  gsize max_bytes;

  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  guint64 seq;                 /* read after this */
  gboolean named;              /* by the client: what is missing after it is a loss */
  gboolean recovered;
};

/* Tells, where somebody still listens, and is gone. */
static void
finish (WsedHistory *self,
        GPtrArray   *entries,
        GError      *error)
{
  g_autoptr(GString) cursor = g_string_new (NULL);
  WsedHistoryPage page = { entries, NULL, self->recovered, error };

  if (self->done != NULL)
    {
      wse_cursor_append (cursor, self->channel, self->epoch, self->seq);
      page.cursor = cursor->str;
      self->done (&page, self->user_data);
    }
  g_object_unref (self->log);
  g_free (self->channel);
  g_clear_pointer (&self->filter, wse_filter_unref);
  g_clear_pointer (&self->after, wse_cursor_unref);
  g_free (self);
}

static gboolean
ended (WsedHistory *self,
       GError      *error)
{
  if (self->done != NULL && error == NULL)
    return FALSE;
  finish (self, NULL, error);
  return TRUE;
}

static void read_page (WsedHistory *self);

static void
take_page (WsedHistory *self,
           WsedRead    *read)
{
  const WsedPosition *position = &g_array_index (read->positions, WsedPosition, 0);
  g_autoptr(GError) error = NULL;

  if (ended (self, read->error))
    return;
  if (self->named && position->low > self->seq)
    self->recovered = FALSE;
  self->named = TRUE;
  self->seq = position->seq;
  if (read->entries->len > 0 || read->end)
    finish (self, read->entries, NULL);
  else if (g_get_monotonic_time () < self->deadline)
    read_page (self);
  else
    {
      error = g_error_new_literal (WSE_ERROR, WSE_ERROR_BUSY, "nothing that matches was found in time: begin later or filter less");
      finish (self, NULL, error);
    }
}

static void
on_read (WsedMessage *message,
         gpointer     user_data)
{
  take_page (user_data, (WsedRead *) message);
  wsed_read_free ((WsedRead *) message);
}

static void
read_page (WsedHistory *self)
{
  WsedRead *read = wsed_read_new (self->inbox, self->limit, self->max_bytes);

  wsed_read_add (read, self->channel, self->filter, self->seq);
  read->message.run = on_read;
  read->message.user_data = self;
  wsed_log_read (self->log, read);
}

static void
on_located (WsedMessage *message,
            gpointer     user_data)
{
  WsedLocate *locate = (WsedLocate *) message;
  WsedHistory *self = user_data;

  if (!ended (self, locate->error))
    {
      self->recovered = !locate->lost;
      self->named = TRUE;
      self->seq = locate->seq;
      read_page (self);
    }
  wsed_locate_free (locate);
}

static void
locate (WsedHistory *self,
        guint64      n)
{
  WsedLocate *request = wsed_locate_new (self->inbox, self->channel);

  request->after_n = n;
  request->message.run = on_located;
  request->message.user_data = self;
  wsed_log_locate (self->log, request);
}

/* From where the cursor says, or from the oldest kept. */
static void
begin (WsedHistory     *self,
       const WsedHeads *heads)
{
  const WsedHead *head = &g_array_index (heads->heads, WsedHead, 0);
  const WsedHead *log = &g_array_index (heads->heads, WsedHead, 1);
  const char *epoch;
  guint64 seq;
  gboolean whole;

  memcpy (self->epoch, head->epoch, sizeof self->epoch);
  self->seq = head->low;
  if (self->after == NULL || !wse_cursor_lookup (self->after, self->channel, &epoch, &seq, &whole))
    read_page (self);
  else if (strcmp (epoch, whole ? log->epoch : head->epoch) != 0 || seq > (whole ? log->head : head->head))
    {
      self->recovered = FALSE;
      read_page (self);
    }
  else if (whole)
    locate (self, seq);
  else
    {
      self->named = TRUE;
      self->seq = seq;
      read_page (self);
    }
}

static void
on_heads (WsedMessage *message,
          gpointer     user_data)
{
  WsedHeads *heads = (WsedHeads *) message;

  if (!ended (user_data, heads->error))
    begin (user_data, heads);
  wsed_heads_free (heads);
}

WsedHistory *
wsed_history_new (WsedLog               *log,
                  WsedInbox             *inbox,
                  const WsedHistoryWish *wish,
                  WsedHistoryDone        done,
                  gpointer               user_data)
{
  WsedHistory *self = g_new0 (WsedHistory, 1);
  WsedHeads *heads = wsed_heads_new (inbox);

  self->log = g_object_ref (log);
  self->inbox = inbox;
  self->done = done;
  self->user_data = user_data;
  self->deadline = g_get_monotonic_time () + MAX_TIME;
  self->channel = g_strdup (wish->channel);
  self->filter = wish->filter != NULL ? wse_filter_ref (wish->filter) : NULL;
  self->after = wish->after != NULL ? wse_cursor_ref (wish->after) : NULL;
  self->limit = wish->limit;
  self->max_bytes = wish->max_bytes;
  self->recovered = TRUE;
  wsed_heads_add (heads, self->channel);
  wsed_heads_add (heads, "*");
  heads->message.run = on_heads;
  heads->message.user_data = self;
  wsed_log_heads (log, heads);
  return self;
}

void
wsed_history_cancel (WsedHistory *self)
{
  self->done = NULL;
}
