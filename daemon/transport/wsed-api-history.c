/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GET /api/events: one page of a channel's history. It reads the request and writes the answer; the page is WsedHistory's. */

#include "transport/wsed-api.h"

#include "stream/wsed-history.h"
#include "transport/wsed-answer.h"
#include "transport/wsed-query.h"
#include "wse-channel.h"
#include "wse-filter-private.h"
#include "wse-json-private.h"
#include "wse-limits.h"

#define DEFAULT_LIMIT 100
/* Bytes of payload, about, that a page may hold. */
#define MAX_PAGE_BYTES (4 * 1024 * 1024)

typedef struct
{
  WsedPending *pending;
  WsedHistory *history;        /* under way */
  char *channel;
} Request;

static void
request_free (Request *request)
{
  wsed_pending_done (request->pending);
  g_free (request->channel);
  g_free (request);
}

/* Nobody waits for the answer any more. */
static void
on_disconnected (SoupServerMessage *message,
                 Request           *request)
{
  wsed_history_cancel (request->history);
  request_free (request);
}

static GString *
write_page (const WsedHistoryPage *page,
            const char            *channel)
{
  GString *out = g_string_new ("{\"events\":[");

  for (guint i = 0; i < page->entries->len; i++)
    {
      WsedEntry *entry = g_ptr_array_index (page->entries, i);

      if (i > 0)
        g_string_append_c (out, ',');
      wse_dialect_write_envelope_data (entry->event, channel, wsed_entry_get_seq (entry, channel), out);
    }
  g_string_append (out, "],\"cursor\":");
  wse_json_append_string (out, page->cursor, -1);
  g_string_append_printf (out, ",\"recovered\":%s}", page->recovered ? "true" : "false");
  return out;
}

static void
on_page (const WsedHistoryPage *page,
         gpointer               user_data)
{
  Request *request = user_data;
  SoupServerMessage *message = wsed_pending_get_message (request->pending);

  g_signal_handlers_disconnect_by_func (message, on_disconnected, request);
  if (page->error != NULL)
    wsed_answer_error (message, 503, wse_error_get_code (page->error), page->error->message);
  else
    wsed_answer_json (message, 200, write_page (page, request->channel));
  request_free (request);
}

/* Fills @wish from the request's parameters; @filter and @after hold what it borrows. */
static gboolean
read_wish (WsedQuery        *query,
           WsedHistoryWish  *wish,
           WseFilter       **filter,
           WseCursor       **after,
           GError          **error)
{
  const char *channel = wsed_query_get (query, "channel");
  const char *cursor = wsed_query_get (query, "after");

  *wish = (WsedHistoryWish) { channel != NULL ? channel : "system", NULL, NULL, DEFAULT_LIMIT, MAX_PAGE_BYTES };
  if (!wse_channel_is_valid (wish->channel))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
                   "query parameter `channel`: user:<id>, role:<id>, team:<id>, session:<id>, global or system is needed");
      return FALSE;
    }
  if (cursor != NULL && (wish->after = *after = wse_cursor_new (cursor, error)) == NULL)
    {
      g_prefix_error (error, "query parameter `after`: ");
      return FALSE;
    }
  if (!wsed_query_get_uint (query, "limit", 1, WSE_MAX_PAGE, &wish->limit, error) ||
      !wse_filter_parse (wsed_query_get (query, "types"), wsed_query_get (query, "severity"), filter, error))
    return FALSE;
  wish->filter = *filter;
  return TRUE;
}

void
wsed_api_history (WsedApi           *api,
                  SoupServerMessage *message)
{
  static const char names[] = "channel after limit types severity " WSED_IDENTITY_PARAMETERS;
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedQuery) query = wsed_query_new (g_uri_get_query (soup_server_message_get_uri (message)), names, "", &error);
  g_autoptr (WseFilter) filter = NULL, permitted = NULL;
  g_autoptr (WseCursor) after = NULL;
  WsedGrant *grant = wsed_credential_get (message);
  WsedHistoryWish wish;
  Request *request;

  if (query == NULL || !wsed_endpoint_check_identity (query, api->authority != NULL, &error) || !read_wish (query, &wish, &filter, &after, &error))
    {
      wsed_answer_error (message, 400, "bad_request", error->message);
      return;
    }
  if (!wsed_grant_may_subscribe (grant, wish.channel))
    {
      wsed_answer_error (message, 403, "forbidden", "reading this channel is not permitted");
      return;
    }
  permitted = wse_filter_both (filter, wsed_grant_get_filter (grant));
  wish.filter = permitted;
  request = g_new0 (Request, 1);
  request->channel = g_strdup (wish.channel);
  request->pending = wsed_pending_new (message);
  g_signal_connect (message, "disconnected", G_CALLBACK (on_disconnected), request);
  request->history = wsed_history_new (api->log, api->main, &wish, on_page, request);
}
