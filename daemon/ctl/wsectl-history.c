/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* wsectl history: pages of GET /api/events until the end. It never waits for what is yet to come. */

#include <string.h>

#include "wse-channel.h"
#include "wse-cursor.h"
#include "wse-error.h"
#include "wse-filter.h"
#include "wse-limits.h"
#include "wsectl-answer.h"
#include "wsectl-command.h"
#include "wsectl-line.h"
#include "wsectl-server.h"

typedef struct
{
  WsectlServer *server;
  const char *channel, *types, *severity;
  char *after;
  WsectlFormat format;
  gint64 left;                 /* events still wanted */
  gboolean ended;
} History;

static gboolean
print_events (History             *history,
              const WseJsonValue  *events,
              GError             **error)
{
  guint count = 0;
  WseJsonValue element;
  WseJson json;

  wse_json_init (&json, events->data, events->length);
  if (wse_json_enter_array (&json))
    for (; wse_json_next_element (&json, &element); count++)
      {
        WsectlEvent event;

        if (!wsectl_event_read (&event, element.data, element.length))
          {
            g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "the server's answer has something in it that is no event");
            return FALSE;
          }
        if (!wsectl_event_print (&event, history->format, error))
          return FALSE;
      }
  history->ended = count == 0;
  history->left -= MIN (history->left, count);
  return TRUE;
}

static gboolean
take_page (History      *history,
           WsectlReply  *reply,
           GError      **error)
{
  gsize length;
  const char *data = g_bytes_get_data (reply->body, &length);
  WseJsonValue events, cursor, recovered;

  if (reply->status != 200)
    {
      wsectl_answer_set_refusal (reply->status, reply->body, error);
      return FALSE;
    }
  if (!wsectl_answer_find (data, length, "events", &events) || !wsectl_answer_find (data, length, "cursor", &cursor) ||
      cursor.type != WSE_JSON_STRING)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "the server's answer is no page of history; is it wsed that answers there?");
      return FALSE;
    }
  if (wsectl_answer_find (data, length, "recovered", &recovered) && recovered.type == WSE_JSON_FALSE)
    wsectl_line_note ("gap in %s: something after %s is no longer kept", history->channel, history->after);
  g_free (history->after);
  history->after = wse_json_string_dup (&cursor, NULL);
  return print_events (history, &events, error);
}

static gboolean
read_pages (History  *history,
            GError  **error)
{
  while (!history->ended && history->left != 0)
    {
      guint limit = MIN (history->left, WSE_MAX_PAGE);
      g_autoptr (GString) query = g_string_new (NULL);
      g_auto (WsectlReply) reply = { 0 };

      wsectl_query_add (query, "channel", history->channel);
      wsectl_query_add (query, "after", history->after);
      wsectl_query_add (query, "types", history->types);
      wsectl_query_add (query, "severity", history->severity);
      g_string_append_printf (query, "&limit=%u", limit);
      if (!wsectl_server_ask (history->server, "GET", "/api/events", query->str, NULL, NULL, &reply, error) ||
          !take_page (history, &reply, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check (const History  *history,
       gint64          limit,
       GError        **error)
{
  g_autoptr (WseFilter) filter = NULL;
  g_autoptr (WseCursor) after = NULL;

  if (!wse_channel_is_valid (history->channel))
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
                 "“%s” is no channel: user:ID, role:ID, team:ID, session:ID, global or system is needed", history->channel);
  else if (limit < 1)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--limit: a number from 1 is needed");
  else if (wse_filter_parse (history->types, history->severity, &filter, error))
    {
      after = history->after != NULL ? wse_cursor_new (history->after, error) : NULL;
      if (history->after == NULL || after != NULL)
        return TRUE;
      g_prefix_error (error, "--after: ");
    }
  return FALSE;
}

gboolean
wsectl_history (int      argc,
                char   **argv,
                GError **error)
{
  g_autofree char *address = NULL, *types = NULL, *severity = NULL, *after = NULL, *format = NULL;
  gboolean show_cursor = FALSE, done;
  gint64 limit = G_MAXINT64;
  const GOptionEntry entries[] = {
    WSECTL_SERVER_ENTRY (&address),
    { "types", 't', 0, G_OPTION_ARG_FILENAME, &types, "Only these types, wire or original", "A,B" },
    { "severity", 's', 0, G_OPTION_ARG_FILENAME, &severity, "Only info, warning or error and above", "SEVERITY" },
    { "after", 'a', 0, G_OPTION_ARG_FILENAME, &after, "Begin after this place (default: the oldest kept)", "CURSOR" },
    { "limit", 'n', 0, G_OPTION_ARG_INT64, &limit, "At most so many events (default: all)", "N" },
    { "format", 'f', 0, G_OPTION_ARG_FILENAME, &format, "text (default), or json: each event as the server writes it", "FORMAT" },
    { "show-cursor", 0, 0, G_OPTION_ARG_NONE, &show_cursor, "At the end say on standard error where to go on", NULL },
    { NULL }
  };
  History history = { .format = WSECTL_FORMAT_TEXT };

  if (!wsectl_command_parse (&argc, &argv, "[CHANNEL]", "Writes what a channel (default: system) keeps, the oldest first.",
                             "Example: wsectl history user:alice --types=order_filled --limit=10", entries, 1, error))
    return FALSE;
  history.channel = argc > 1 ? argv[1] : "system";
  history.types = types;
  history.severity = severity;
  history.after = g_strdup (after);
  history.left = limit;
  history.server = NULL;
  done = wsectl_format_parse (format, &history.format, error) && check (&history, limit, error) &&
         (history.server = wsectl_server_new (address, error)) != NULL && read_pages (&history, error);
  if (done && show_cursor && history.after != NULL)
    wsectl_line_note ("cursor: %s", history.after);
  g_clear_pointer (&history.server, wsectl_server_free);
  g_free (history.after);
  return done;
}
