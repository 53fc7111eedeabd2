/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* wsectl erase, and what it has in common with disconnect: DELETE, and the answer as it is. */

#include "wse-channel.h"
#include "wse-error.h"
#include "wsectl-answer.h"
#include "wsectl-command.h"
#include "wsectl-line.h"
#include "wsectl-server.h"

gboolean
wsectl_delete (const char  *address,
               const char  *folder,
               const char  *name,
               const char  *user,
               const char  *expected,
               GError     **error)
{
  g_autoptr (WsectlServer) server = wsectl_server_new (address, error);
  g_autofree char *escaped = name != NULL ? g_uri_escape_string (name, NULL, FALSE) : NULL;
  g_autofree char *path = g_strconcat (folder, escaped != NULL ? "/" : NULL, escaped, NULL);
  g_autoptr (GString) query = g_string_new (NULL);
  g_autoptr (GString) line = g_string_new (NULL);
  g_auto (WsectlReply) reply = { 0 };
  gsize length;
  const char *data;
  WseJsonValue value;

  wsectl_query_add (query, "user", user);
  if (server == NULL || !wsectl_server_ask (server, "DELETE", path, query->str, NULL, NULL, &reply, error))
    return FALSE;
  if (reply.status != 200)
    {
      wsectl_answer_set_refusal (reply.status, reply.body, error);
      return FALSE;
    }
  data = g_bytes_get_data (reply.body, &length);
  if (!wsectl_answer_find (data, length, expected, &value))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "the server's answer does not say “%s”; is it wsed that answers there?", expected);
      return FALSE;
    }
  wsectl_answer_append_safe (line, data, length);
  return wsectl_line_print (line, error);
}

gboolean
wsectl_erase (int      argc,
              char   **argv,
              GError **error)
{
  g_autofree char *address = NULL;
  const GOptionEntry entries[] = {
    WSECTL_SERVER_ENTRY (&address),
    { NULL }
  };

  if (!wsectl_command_parse (&argc, &argv, "CHANNEL", "Erases all events that a channel holds. There is no way back.",
                             "Example: wsectl erase user:alice", entries, 1, error))
    return FALSE;
  if (argc < 2 || !wse_channel_is_valid (argv[1]))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s%s%s channel: user:ID, role:ID, team:ID, session:ID, global or system is needed",
                   argc > 1 ? "“" : "name a", argc > 1 ? argv[1] : "", argc > 1 ? "” is no" : "");
      return FALSE;
    }
  return wsectl_delete (address, "/api/channels", argv[1], NULL, "erased", error);
}
