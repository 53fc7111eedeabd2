/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plain way to do it with libsoup, as a measure: every line of a POST goes to every WebSocket connection by send_text(). Keeps
 * nothing, checks nothing. Usage: soup-baseline PORT */
#include <libsoup/soup.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void
on_closed (SoupWebsocketConnection *connection, gpointer user_data)
{
  GHashTable *connections = user_data;

  g_hash_table_remove (connections, connection);
}

static void
on_websocket (SoupServer *server, SoupServerMessage *message, const char *path, SoupWebsocketConnection *connection,
              gpointer user_data)
{
  GHashTable *connections = user_data;

  g_signal_connect (connection, "closed", G_CALLBACK (on_closed), connections);
  g_hash_table_add (connections, g_object_ref (connection));
}

static void
on_post (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  GHashTable *connections = user_data;
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autoptr (GBytes) bytes = soup_message_body_flatten (body);
  g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  GHashTableIter iter;
  gpointer connection;
  char *rest = NULL;

  for (char *line = strtok_r (text, "\n", &rest); line != NULL; line = strtok_r (NULL, "\n", &rest))
    {
      g_hash_table_iter_init (&iter, connections);
      while (g_hash_table_iter_next (&iter, &connection, NULL))
        soup_websocket_connection_send_text (connection, line);
    }
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_STATIC, "{}", 2);
}

int
main (int argc, char **argv)
{
  g_autoptr (SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr (GHashTable) connections = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  struct rlimit files;

  getrlimit (RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit (RLIMIT_NOFILE, &files);
  soup_server_add_handler (server, "/pub", on_post, connections, NULL);
  soup_server_add_websocket_handler (server, "/ws", NULL, NULL, on_websocket, connections, NULL);
  if (!soup_server_listen_local (server, argc > 1 ? atoi (argv[1]) : 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error))
    g_error ("listening: %s", error->message);
  g_main_loop_run (loop);
  return 0;
}
