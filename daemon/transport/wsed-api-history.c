/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GET /api/events: one page of a channel's history. A page owns its request from the question for the channel's ends to the answer; it
 * asks the log one thing at a time and never blocks. */

#include "transport/wsed-api.h"

#include "transport/wsed-answer.h"
#include "transport/wsed-query.h"
#include "wse-channel.h"
#include "wse-json-private.h"
#include "wse-limits.h"

#define DEFAULT_LIMIT 100
/* Bytes of payload, about, that a page may hold. */
#define MAX_PAGE_BYTES (4 * 1024 * 1024)
/* A filter may pass over a whole log; so long may that take (microseconds). */
#define MAX_TIME (5 * G_USEC_PER_SEC)

typedef struct
{
  WsedApi *api;
  WsedPending *pending;
  gint64 deadline;             /* monotonic microseconds */

  char *channel;
  WseFilter *filter;
  WseCursor *after;            /* NULL: the oldest kept */
  guint limit;

  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  guint64 seq;                 /* read after this */
  gboolean named;              /* by the client: what is missing after it is a loss */
  gboolean recovered;
} Page;

static void
page_free (Page *page)
{
  g_free (page->channel);
  g_clear_pointer (&page->filter, wse_filter_unref);
  g_clear_pointer (&page->after, wse_cursor_unref);
  g_free (page);
}

static void
page_finish (Page *page)
{
  wsed_pending_done (page->pending);
  page_free (page);
}

/* Whether the log could not do it, or nobody waits any more: then the page is gone. */
static gboolean
page_ended (Page         *page,
            const GError *error)
{
  SoupServerMessage *message = wsed_pending_get_message (page->pending);

  if (message != NULL && error == NULL)
    return FALSE;
  if (message != NULL)
    wsed_answer_error (message, 503, "unavailable", error->message);
  page_finish (page);
  return TRUE;
}

static void
page_answer (Page            *page,
             const GPtrArray *entries)
{
  GString *out = g_string_new ("{\"events\":[");
  g_autoptr (GString) cursor = g_string_new (NULL);

  for (guint i = 0; i < entries->len; i++)
    {
      WsedEntry *entry = g_ptr_array_index (entries, i);

      if (i > 0)
        g_string_append_c (out, ',');
      wse_dialect_write_envelope_data (entry->event, page->channel, wsed_entry_get_seq (entry, page->channel), out);
    }
  wse_cursor_append (cursor, page->channel, page->epoch, page->seq);
  g_string_append (out, "],\"cursor\":");
  wse_json_append_string (out, cursor->str, cursor->len);
  g_string_append_printf (out, ",\"recovered\":%s}", page->recovered ? "true" : "false");
  wsed_answer_json (wsed_pending_get_message (page->pending), 200, out);
  page_finish (page);
}

static void on_read (WsedMessage *message,
                     gpointer     user_data);

static void
page_read (Page *page)
{
  WsedRead *read = wsed_read_new (page->api->main, page->limit, MAX_PAGE_BYTES);

  wsed_read_add (read, page->channel, page->filter, page->seq);
  read->message.run = on_read;
  read->message.user_data = page;
  wsed_log_read (page->api->log, read);
}

/* Uses @read; whether the page is answered. */
static gboolean
page_take (Page     *page,
           WsedRead *read)
{
  const WsedPosition *position = &g_array_index (read->positions, WsedPosition, 0);

  if (page_ended (page, read->error))
    return TRUE;
  if (page->named && position->low > page->seq)
    page->recovered = FALSE;
  page->seq = position->seq;
  /* Only an empty page is the end. */
  if (read->entries->len == 0 && !read->end && g_get_monotonic_time () < page->deadline)
    return FALSE;
  if (read->entries->len > 0 || read->end)
    page_answer (page, read->entries);
  else
    {
      wsed_answer_error (wsed_pending_get_message (page->pending), 503, "timeout",
                         "nothing that matches was found within 5 s; begin later or filter less");
      page_finish (page);
    }
  return TRUE;
}

static void
on_read (WsedMessage *message,
         gpointer     user_data)
{
  WsedRead *read = (WsedRead *) message;

  if (!page_take (user_data, read))
    page_read (user_data);
  wsed_read_free (read);
}

static void
on_located (WsedMessage *message,
            gpointer     user_data)
{
  WsedLocate *locate = (WsedLocate *) message;
  Page *page = user_data;

  if (!page_ended (page, locate->error))
    {
      /* At the oldest kept nobody knows whether what was before it was after the cursor. */
      page->recovered = locate->seq > page->seq || page->seq == 0;
      page->named = TRUE;
      page->seq = locate->seq;
      page_read (page);
    }
  wsed_locate_free (locate);
}

static void
page_locate (Page    *page,
             guint64  n)
{
  WsedLocate *locate = wsed_locate_new (page->api->main, page->channel);

  locate->after_n = n;
  locate->message.run = on_located;
  locate->message.user_data = page;
  wsed_log_locate (page->api->log, locate);
}

/* Goes on to read from where the cursor says, or from the oldest kept. */
static void
page_begin (Page            *page,
            const WsedHeads *heads)
{
  const WsedHead *head = &g_array_index (heads->heads, WsedHead, 0);
  const WsedHead *log = &g_array_index (heads->heads, WsedHead, 1);
  const char *epoch;
  guint64 seq;
  gboolean whole;

  g_strlcpy (page->epoch, head->epoch, sizeof page->epoch);
  page->seq = head->low;
  page->recovered = TRUE;
  if (page->after == NULL || !wse_cursor_lookup (page->after, page->channel, &epoch, &seq, &whole))
    page_read (page);
  else if (!g_str_equal (epoch, whole ? log->epoch : head->epoch) || seq > (whole ? heads->n : head->head))
    {
      page->recovered = FALSE;
      page_read (page);
    }
  else if (whole && seq < heads->n)
    page_locate (page, seq);
  else
    {
      page->named = TRUE;
      page->seq = whole ? head->head : seq;
      page_read (page);
    }
}

static void
on_heads (WsedMessage *message,
          gpointer     user_data)
{
  WsedHeads *heads = (WsedHeads *) message;

  if (!page_ended (user_data, heads->error))
    page_begin (user_data, heads);
  wsed_heads_free (heads);
}

/* Fills @page from the request's parameters. */
static gboolean
page_set_query (Page        *page,
                const char  *query,
                GError     **error)
{
  g_autoptr (WsedQuery) read = wsed_query_new (query, "channel after limit types severity " WSED_IDENTITY_PARAMETERS, "", error);
  const char *channel, *after;

  if (read == NULL || !wsed_endpoint_check_identity (read, error))
    return FALSE;
  channel = wsed_query_get (read, "channel");
  after = wsed_query_get (read, "after");
  page->channel = g_strdup (channel != NULL ? channel : "system");
  page->limit = DEFAULT_LIMIT;
  if (!wse_channel_is_valid (page->channel))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
                   "query parameter `channel`: user:<id>, role:<id>, team:<id>, session:<id>, global or system is needed");
      return FALSE;
    }
  if (after != NULL)
    {
      page->after = wse_cursor_new (after, error);
      if (page->after == NULL)
        {
          g_prefix_error (error, "query parameter `after`: ");
          return FALSE;
        }
    }
  return wsed_query_get_uint (read, "limit", 1, WSE_MAX_PAGE, &page->limit, error) &&
         wse_filter_parse (wsed_query_get (read, "types"), wsed_query_get (read, "severity"), &page->filter, error);
}

void
wsed_api_history (WsedApi           *api,
                  SoupServerMessage *message)
{
  g_autoptr (GError) error = NULL;
  Page *page = g_new0 (Page, 1);
  WsedHeads *heads;

  if (!page_set_query (page, g_uri_get_query (soup_server_message_get_uri (message)), &error))
    {
      wsed_answer_error (message, 400, "bad_request", error->message);
      page_free (page);
      return;
    }
  page->api = api;
  page->deadline = g_get_monotonic_time () + MAX_TIME;
  page->pending = wsed_pending_new (message);
  heads = wsed_heads_new (api->main);
  wsed_heads_add (heads, page->channel);
  wsed_heads_add (heads, "*");
  heads->message.run = on_heads;
  heads->message.user_data = page;
  wsed_log_heads (api->log, heads);
}
