/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GET and DELETE /api/connections: who is connected, and ending that. It reads the request and writes the answer; the connections are
 * asked where they live (WsedSurvey). */

#include "transport/wsed-api.h"

#include "transport/wsed-answer.h"
#include "transport/wsed-query.h"
#include "transport/wsed-roster.h"
#include "wse-channel.h"
#include "wse-error.h"

#define DEFAULT_LIMIT 1000
#define MAX_LIMIT 10000

static void
on_listed (const WsedRosterResult *result,
           gpointer                user_data)
{
  WsedPending *pending = user_data;
  SoupServerMessage *message = wsed_pending_get_message (pending);
  GString *out;

  if (message != NULL)
    {
      out = g_string_sized_new (result->text->len + 64);
      g_string_append_printf (out, "{\"connections\":[%s]", result->text->str);
      if (result->next != NULL)
        g_string_append_printf (out, ",\"next\":\"%s\"", result->next);
      if (result->unanswered > 0)
        g_string_append_printf (out, ",\"unanswered\":%u", result->unanswered);
      g_string_append_c (out, '}');
      wsed_answer_json (message, 200, out);
    }
  wsed_pending_done (pending);
}

/* The strings are borrowed from @query. */
static gboolean
read_wish (WsedQuery       *query,
           WsedSurveyWish  *wish,
           GError         **error)
{
  *wish = (WsedSurveyWish) { .limit = DEFAULT_LIMIT };
  wish->user = (char *) wsed_query_get (query, "user");
  wish->endpoint = (char *) wsed_query_get (query, "endpoint");
  wish->channel = (char *) wsed_query_get (query, "channel");
  if (wish->channel != NULL && g_strcmp0 (wish->channel, "*") != 0 && !wse_channel_is_valid (wish->channel))
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `channel`: the name of a channel, or *, is needed");
  else
    return wsed_query_get_uint (query, "limit", 1, MAX_LIMIT, &wish->limit, error);
  return FALSE;
}

void
wsed_api_list_connections (WsedApi           *api,
                           SoupServerMessage *message)
{
  static const char names[] = "user endpoint channel next limit " WSED_IDENTITY_PARAMETERS;
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedQuery) query = wsed_query_new (g_uri_get_query (soup_server_message_get_uri (message)), names, "", &error);
  WsedSurveyWish wish;
  WsedPending *pending;

  if (query == NULL || !wsed_endpoint_check_identity (query, api->authority != NULL, &error) || !read_wish (query, &wish, &error))
    {
      wsed_answer_error (message, 400, "bad_request", error->message);
      return;
    }
  pending = wsed_pending_new (message);
  if (wsed_roster_start (api->hub, api->fleet, &wish, wsed_query_get (query, "next"), on_listed, pending))
    return;
  wsed_answer_error (message, 400, "bad_request", "query parameter `next` is what the page before gave as `next`");
  wsed_pending_done (pending);
}

static void
answer_ended (SoupServerMessage *message,
              guint              count)
{
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "{\"ended\":%u}", count);
  wsed_answer_json (message, 200, out);
}

static void
on_one_ended (const WsedRosterResult *result,
              gpointer                user_data)
{
  WsedPending *pending = user_data;
  SoupServerMessage *message = wsed_pending_get_message (pending);

  if (message != NULL && result->count > 0)
    answer_ended (message, result->count);
  else if (message != NULL)
    wsed_answer_error (message, 404, "not_found", "no open connection has this id; GET /api/connections lists them");
  wsed_pending_done (pending);
}

static void
on_some_ended (const WsedRosterResult *result,
               gpointer                user_data)
{
  WsedPending *pending = user_data;
  SoupServerMessage *message = wsed_pending_get_message (pending);

  if (message != NULL)
    answer_ended (message, result->count);
  wsed_pending_done (pending);
}

void
wsed_api_end_connection (WsedApi           *api,
                         SoupServerMessage *message)
{
  g_autofree char *id = wsed_api_check_query (api, message) ? wsed_api_get_name (message) : NULL;
  WsedSurveyWish wish = { .id = id, .limit = 1, .dismiss = TRUE };

  if (id != NULL)
    wsed_roster_start (api->hub, api->fleet, &wish, NULL, on_one_ended, wsed_pending_new (message));
}

/* Never all of them: a forgotten parameter would end everybody's. */
void
wsed_api_end_connections (WsedApi           *api,
                          SoupServerMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedQuery) query = wsed_query_new (g_uri_get_query (soup_server_message_get_uri (message)),
                                                "user " WSED_IDENTITY_PARAMETERS, "", &error);
  WsedSurveyWish wish = { .limit = G_MAXUINT, .dismiss = TRUE };

  if (query != NULL && wsed_query_get (query, "user") == NULL)
    g_set_error_literal (&error, WSE_ERROR, WSE_ERROR_INVALID, "query parameter `user` is needed: whose connections to end");
  if (error != NULL || !wsed_endpoint_check_identity (query, api->authority != NULL, &error))
    {
      wsed_answer_error (message, 400, "bad_request", error->message);
      return;
    }
  wish.user = (char *) wsed_query_get (query, "user");
  wsed_roster_start (api->hub, api->fleet, &wish, NULL, on_some_ended, wsed_pending_new (message));
}
