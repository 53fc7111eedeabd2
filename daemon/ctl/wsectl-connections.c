/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* wsectl connections and disconnect: who is connected, a line each, and ending that. It never chooses for whom: without an id or a user
 * nobody is ended. */

#include <string.h>

#include "wse-error.h"
#include "wsectl-answer.h"
#include "wsectl-command.h"
#include "wsectl-line.h"
#include "wsectl-server.h"

/* What the server gives at a time. */
#define PAGE "1000"

typedef struct
{
  WsectlServer *server;
  const char *user, *endpoint, *channel;
  WsectlFormat format;
  char *next;                  /* of the page to come; NULL: the first, or there is none */
} List;

static void
append_text (GString            *line,
             const WseJsonValue *connection,
             const char         *name)
{
  g_autofree char *text = wsectl_answer_text (connection, name);

  if (line->len > 0)
    g_string_append_c (line, ' ');
  if (text != NULL)
    wsectl_answer_append_safe (line, text, strlen (text));
  else
    g_string_append_c (line, '-');
}

static gboolean
print_connection (const WseJsonValue  *connection,
                  WsectlFormat         format,
                  GError             **error)
{
  static const char * const texts[] = { "id", "user", "endpoint", "format", "consumer", "remote", "since", "state" };
  static const char * const numbers[] = { "channels", "sent", "dropped" };
  g_autoptr (GString) line = g_string_new (NULL);
  WseJsonValue lag;

  if (format == WSECTL_FORMAT_JSON)
    wsectl_answer_append_safe (line, connection->data, connection->length);
  else
    {
      for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
        append_text (line, connection, texts[i]);
      for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
        g_string_append_printf (line, " %s=%" G_GUINT64_FORMAT, numbers[i], wsectl_answer_number (connection, numbers[i], 0));
      if (wsectl_answer_member (connection, "lag", &lag))
        g_string_append_printf (line, " lag=%" G_GUINT64_FORMAT, wsectl_answer_number (&lag, "events", 0));
    }
  return wsectl_line_print (line, error);
}

static gboolean
print_page (List         *list,
            WsectlReply  *reply,
            GError      **error)
{
  gsize length;
  const char *data = g_bytes_get_data (reply->body, &length);
  WseJsonValue connections, connection, next;
  WseJson json;

  if (reply->status != 200)
    {
      wsectl_answer_set_refusal (reply->status, reply->body, error);
      return FALSE;
    }
  if (!wsectl_answer_find (data, length, "connections", &connections))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "the server's answer is no list of connections; is it wsed that answers there?");
      return FALSE;
    }
  g_clear_pointer (&list->next, g_free);
  if (wsectl_answer_find (data, length, "next", &next) && next.type == WSE_JSON_STRING)
    list->next = wse_json_string_dup (&next, NULL);
  wse_json_init (&json, connections.data, connections.length);
  if (wse_json_enter_array (&json))
    while (wse_json_next_element (&json, &connection))
      if (!print_connection (&connection, list->format, error))
        return FALSE;
  return TRUE;
}

static gboolean
print_all (List    *list,
           GError **error)
{
  do
    {
      g_autoptr (GString) query = g_string_new (NULL);
      g_auto (WsectlReply) reply = { 0 };

      wsectl_query_add (query, "user", list->user);
      wsectl_query_add (query, "endpoint", list->endpoint);
      wsectl_query_add (query, "channel", list->channel);
      wsectl_query_add (query, "limit", PAGE);
      wsectl_query_add (query, "next", list->next);
      if (!wsectl_server_ask (list->server, "GET", "/api/connections", query->str, NULL, NULL, &reply, error) ||
          !print_page (list, &reply, error))
        return FALSE;
    }
  while (list->next != NULL);
  return TRUE;
}

gboolean
wsectl_connections (int      argc,
                    char   **argv,
                    GError **error)
{
  g_autofree char *address = NULL, *user = NULL, *endpoint = NULL, *channel = NULL;
  g_autoptr (WsectlServer) server = NULL;
  gboolean json = FALSE, done;
  const GOptionEntry entries[] = {
    WSECTL_SERVER_ENTRY (&address),
    { "user", 'u', 0, G_OPTION_ARG_FILENAME, &user, "Only this user's", "ID" },
    { "channel", 'c', 0, G_OPTION_ARG_FILENAME, &channel, "Only those subscribed to it", "CHANNEL" },
    { "endpoint", 'e', 0, G_OPTION_ARG_FILENAME, &endpoint, "Only those of this path", "PATH" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "Each as the server writes it", NULL },
    { NULL }
  };
  List list = { 0 };

  if (!wsectl_command_parse (&argc, &argv, NULL, "Lists who is connected, in the order in which they came.",
                             "Example: wsectl connections --user=alice", entries, 0, error) ||
      !wsectl_command_check_text ("--user", user, error) || !wsectl_command_check_text ("--channel", channel, error) ||
      !wsectl_command_check_text ("--endpoint", endpoint, error) || (server = wsectl_server_new (address, error)) == NULL)
    return FALSE;
  list = (List) { server, user, endpoint, channel, json ? WSECTL_FORMAT_JSON : WSECTL_FORMAT_TEXT, NULL };
  done = print_all (&list, error);
  g_free (list.next);
  return done;
}

gboolean
wsectl_disconnect (int      argc,
                   char   **argv,
                   GError **error)
{
  g_autofree char *address = NULL, *user = NULL;
  const GOptionEntry entries[] = {
    WSECTL_SERVER_ENTRY (&address),
    { "user", 'u', 0, G_OPTION_ARG_FILENAME, &user, "All of this user's", "ID" },
    { NULL }
  };

  if (!wsectl_command_parse (&argc, &argv, "[ID]", "Ends a connection, or all of a user's; they can come back.",
                             "Example: wsectl disconnect --user=alice", entries, 1, error) ||
      !wsectl_command_check_text ("--user", user, error))
    return FALSE;
  if ((argc > 1) == (user != NULL))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "the id of a connection, or --user, is needed");
      return FALSE;
    }
  return wsectl_delete (address, "/api/connections", argc > 1 ? argv[1] : NULL, user, "ended", error);
}
