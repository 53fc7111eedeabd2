/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsectlStream owns the WebSocket, its end and its return: after what a client comes back from (PROTOCOL section 3) it goes on
 * where it was, after anything else it ends. A server that does not take the first connection is not waited for. It holds one
 * message. */

#include "wsectl-stream.h"

#include <string.h>

#include "wse-cursor.h"
#include "wse-error.h"
#include "wsectl-answer.h"
#include "wsectl-line.h"
#include "wsectl-place.h"

#define PATH "/ws/events"
/* Bytes: the largest event a server can be configured to take, and what is written around it. */
#define MAX_MESSAGE ((64 + 1) * 1024 * 1024)
#define FIRST_PAUSE 100        /* ms between two attempts, doubled each time */
#define LONGEST_PAUSE 5000
#define GOODBYE 1000           /* ms for the closing handshake */

struct _WsectlStream
{
  WsectlServer *server;
  char *channels, *filter, *from;
  WsectlStreamEvent event;
  gpointer user_data;
  WsectlPlace *place;

  GMainLoop *loop;
  GCancellable *cancellable;
  SoupMessage *message;        /* the handshake under way */
  SoupWebsocketConnection *connection;
  guint timer;                 /* until the next attempt */
  guint watch;                 /* looks whether the server still lives */
  gboolean heard;              /* since the last look */

  gboolean ended;
  GError *error;
  gboolean connected_before;
  gboolean told;               /* that the connection is lost */
  guint pause;                 /* ms */
  guint wanted_pause;          /* what a bye asked for */
};

void
wsectl_stream_end (WsectlStream *self,
                   GError       *error)
{
  if (self->ended)
    g_clear_error (&error);
  else
    self->error = error;
  self->ended = TRUE;
  g_main_loop_quit (self->loop);
}

static void connect_now (WsectlStream *self);

static gboolean
on_pause_over (gpointer user_data)
{
  WsectlStream *self = user_data;

  self->timer = 0;
  connect_now (self);
  return G_SOURCE_REMOVE;
}

static void
come_back (WsectlStream *self,
           const char   *why)
{
  guint pause = MAX (self->pause, self->wanted_pause);

  if (!self->told)
    wsectl_line_note ("%s; coming back", why);
  self->told = TRUE;
  self->wanted_pause = 0;
  self->timer = g_timeout_add (pause / 2 + g_random_int_range (0, pause / 2 + 1), on_pause_over, self);
  self->pause = MIN (self->pause * 2, LONGEST_PAUSE);
}

static void
drop_connection (WsectlStream *self)
{
  g_clear_handle_id (&self->watch, g_source_remove);
  if (self->connection != NULL)
    g_signal_handlers_disconnect_by_data (self->connection, self);
  g_clear_object (&self->connection);
}

static gboolean
is_passing (guint code)
{
  return code == 0 || code == 1001 || code == 1005 || code == 1006 || code == 1011 || code == 4408 || code == 4429;
}

static void
on_closed (SoupWebsocketConnection *connection,
           gpointer                 user_data)
{
  WsectlStream *self = user_data;
  guint code = soup_websocket_connection_get_close_code (connection);
  const char *data = soup_websocket_connection_get_close_data (connection);
  g_autofree char *why = g_strdup_printf ("the connection to %s ended (%u)", wsectl_server_get_address (self->server),
                                          code != 0 ? code : 1006);

  if (is_passing (code))
    come_back (self, why);
  else
    wsectl_stream_end (self, g_error_new (WSE_ERROR, WSE_ERROR_FAILED, "the server closed the connection for good: %s (%u)",
                                          data != NULL && *data != '\0' ? data : "no reason given", code));
  drop_connection (self);
}

static void
on_error (SoupWebsocketConnection *connection,
          GError                  *error,
          gpointer                 user_data)
{
  /* What the transport does is an end like 1006; a server that breaks the protocol would do it again. */
  if (error->domain == SOUP_WEBSOCKET_ERROR &&
      (error->code == SOUP_WEBSOCKET_CLOSE_PROTOCOL_ERROR || error->code == SOUP_WEBSOCKET_CLOSE_BAD_DATA ||
       error->code == SOUP_WEBSOCKET_CLOSE_TOO_BIG))
    wsectl_stream_end (user_data, g_error_new (WSE_ERROR, WSE_ERROR_FAILED, "what the server sends cannot be taken: %s",
                                               error->message));
}

static void
take_gap (WsectlStream       *self,
          const WseJsonValue *gap)
{
  g_autofree char *channel = wsectl_answer_text (gap, "channel"), *epoch = wsectl_answer_text (gap, "epoch");
  g_autofree char *reason = wsectl_answer_text (gap, "reason");
  guint64 from = wsectl_answer_number (gap, "from", 0), to = wsectl_answer_number (gap, "to", 0);
  g_autoptr (GString) cursor = g_string_new (NULL), said = g_string_new (NULL);

  if (channel == NULL || epoch == NULL)
    return;
  wse_cursor_append (cursor, channel, epoch, to);
  wsectl_place_begin (self->place, cursor->str);
  wsectl_answer_append_safe (said, reason != NULL ? reason : "no reason", strlen (reason != NULL ? reason : "no reason"));
  if (to >= from && to > 0)
    wsectl_line_note ("gap in %s: %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " (%s)", channel, from, to, said->str);
  else
    wsectl_line_note ("gap in %s: it began again, everything it has follows (%s)", channel, said->str);
}

static void
take_control (WsectlStream *self,
              const char   *data,
              gsize         length,
              const char   *kind)
{
  g_autofree char *cursor = NULL;
  WseJsonValue about;

  if (!wsectl_answer_find (data, length, "p", &about))
    return;
  cursor = wsectl_answer_text (&about, "cursor");
  if (g_str_equal (kind, "hello"))
    {
      guint64 heartbeat = wsectl_answer_number (&about, "heartbeat_s", 30);

      wsectl_place_begin (self->place, cursor);
      soup_websocket_connection_set_keepalive_interval (self->connection, CLAMP (heartbeat, 1, 3600));
    }
  else if (g_str_equal (kind, "mark") || g_str_equal (kind, "caught_up"))
    wsectl_place_reach (self->place, cursor);
  else if (g_str_equal (kind, "gap"))
    take_gap (self, &about);
  else if (g_str_equal (kind, "bye"))
    self->wanted_pause = MIN (wsectl_answer_number (&about, "retry_after_ms", 0), 60000);
}

static void
on_message (SoupWebsocketConnection *connection,
            gint                     type,
            GBytes                  *message,
            gpointer                 user_data)
{
  WsectlStream *self = user_data;
  gsize length;
  const char *data = g_bytes_get_data (message, &length);
  g_autofree char *kind = NULL, *channel = NULL;
  WseJsonValue whole = { data, length, WSE_JSON_OBJECT };

  self->heard = TRUE;
  if (self->ended || type != SOUP_WEBSOCKET_DATA_TEXT)
    return;
  kind = wsectl_answer_text (&whole, "t");
  channel = wsectl_answer_text (&whole, "ch");
  if (kind != NULL && channel == NULL)
    take_control (self, data, length, kind);
  else if (kind != NULL && wsectl_place_show (self->place, channel, wsectl_answer_number (&whole, "seq", 0)) &&
           !self->event (data, length, self->user_data))
    wsectl_stream_end (self, NULL);
}

static void
on_pong (SoupWebsocketConnection *connection,
         GBytes                  *message,
         gpointer                 user_data)
{
  WsectlStream *self = user_data;

  self->heard = TRUE;
}

/* Two intervals without a sign of life are an end that TCP has not told yet. */
static gboolean
on_watch (gpointer user_data)
{
  WsectlStream *self = user_data;
  g_autofree char *why = NULL;

  if (self->heard)
    {
      self->heard = FALSE;
      return G_SOURCE_CONTINUE;
    }
  self->watch = 0;
  why = g_strdup_printf ("nothing is heard from %s any more", wsectl_server_get_address (self->server));
  drop_connection (self);
  come_back (self, why);
  return G_SOURCE_REMOVE;
}

/* TRUE where the server may take the connection another time. */
static gboolean
is_worth_another (guint status)
{
  return status == 0 || status == 429 || status >= 500;
}

/* What a 401 says of the credential, in the one place that the session lets through (RFC 6750 section 3). */
static char *
explain (SoupMessage *message)
{
  const char *challenge = soup_message_headers_get_one (soup_message_get_response_headers (message), "WWW-Authenticate");
  g_autoptr (GString) why = g_string_new (NULL);

  if (challenge != NULL && g_str_has_prefix (challenge, "Bearer "))
    {
      g_autoptr (GHashTable) parameters = soup_header_parse_param_list (challenge + strlen ("Bearer "));
      const char *said = g_hash_table_lookup (parameters, "error_description");

      if (said == NULL)
        said = "a token, or the key of a service, is needed (--token, WSE_TOKEN)";
      g_string_append (why, ": ");
      wsectl_answer_append_safe (why, said, strlen (said));
    }
  return g_string_free (g_steal_pointer (&why), FALSE);
}

static void
not_connected (WsectlStream *self,
               SoupMessage  *message,
               GError       *problem)
{
  g_autoptr (GError) error = problem;
  guint status = soup_message_get_status (message);
  const char *address = wsectl_server_get_address (self->server);

  if (self->connected_before && is_worth_another (status))
    come_back (self, "the server is not there");
  else if (status != 0 && status != 101)
    {
      g_autofree char *why = explain (message);

      wsectl_stream_end (self, g_error_new (WSE_ERROR, WSE_ERROR_FAILED, "%s refused the connection: %u %s%s", address, status,
                                            soup_status_get_phrase (status), why));
    }
  else
    wsectl_stream_end (self, g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE,
                                          "%s cannot be reached; is wsed running there? (--server, WSE_SERVER): %s", address,
                                          error->message));
}

static void
on_connected (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  WsectlStream *self = user_data;
  GError *error = NULL;
  SoupWebsocketConnection *connection = soup_session_websocket_connect_finish (SOUP_SESSION (source), result, &error);
  g_autoptr (SoupMessage) message = g_steal_pointer (&self->message);

  if (connection == NULL)
    {
      not_connected (self, message, error);
      return;
    }
  self->connection = connection;
  soup_websocket_connection_set_max_incoming_payload_size (connection, MAX_MESSAGE);
  g_signal_connect (connection, "message", G_CALLBACK (on_message), self);
  g_signal_connect (connection, "pong", G_CALLBACK (on_pong), self);
  g_signal_connect (connection, "error", G_CALLBACK (on_error), self);
  g_signal_connect (connection, "closed", G_CALLBACK (on_closed), self);
  soup_websocket_connection_set_keepalive_interval (connection, 30);
  self->heard = TRUE;
  self->watch = g_timeout_add_seconds (60, on_watch, self);
  self->connected_before = TRUE;
  self->pause = FIRST_PAUSE;
  if (self->told)
    wsectl_line_note ("connected again");
  self->told = FALSE;
}

static void
connect_now (WsectlStream *self)
{
  char *protocols[] = { (char *) "wse.v2", NULL };
  g_autofree char *cursor = wsectl_place_get_cursor (self->place);
  g_autoptr (GString) query = g_string_new (self->channels);
  g_autoptr (GUri) uri = NULL;

  if (*self->filter != '\0')
    g_string_append_printf (query, "&%s", self->filter);
  if (cursor != NULL)
    {
      wsectl_query_add (query, "history", "0");
      wsectl_query_add (query, "after", cursor);
    }
  else if (*self->from != '\0')
    g_string_append_printf (query, "&%s", self->from);
  uri = wsectl_server_get_uri (self->server, PATH, query->str, TRUE);
  self->message = soup_message_new_from_uri ("GET", uri);
  wsectl_server_sign (self->server, self->message);
  soup_session_websocket_connect_async (wsectl_server_get_session (self->server), self->message, NULL, protocols,
                                        G_PRIORITY_DEFAULT, self->cancellable, on_connected, self);
}

static gboolean
on_goodbye_over (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Says goodbye, and waits for what is under way to end. */
static void
leave (WsectlStream *self)
{
  gboolean over = FALSE;
  guint timer = g_timeout_add (GOODBYE, on_goodbye_over, &over);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_handle_id (&self->watch, g_source_remove);
  g_cancellable_cancel (self->cancellable);
  if (self->connection != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->connection, self);
      if (soup_websocket_connection_get_state (self->connection) == SOUP_WEBSOCKET_STATE_OPEN)
        soup_websocket_connection_close (self->connection, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
    }
  while (!over && (self->message != NULL ||
                   (self->connection != NULL &&
                    soup_websocket_connection_get_state (self->connection) != SOUP_WEBSOCKET_STATE_CLOSED)))
    g_main_context_iteration (NULL, TRUE);
  if (!over)
    g_source_remove (timer);
  drop_connection (self);
  g_clear_handle_id (&self->timer, g_source_remove);
}

WsectlStream *
wsectl_stream_new (WsectlServer      *server,
                   const char        *channels,
                   const char        *filter,
                   const char        *from,
                   WsectlStreamEvent  event,
                   gpointer           user_data)
{
  WsectlStream *self = g_new0 (WsectlStream, 1);

  self->server = server;
  self->channels = g_strdup (channels);
  self->filter = g_strdup (filter);
  self->from = g_strdup (from);
  self->event = event;
  self->user_data = user_data;
  self->place = wsectl_place_new ();
  self->loop = g_main_loop_new (NULL, FALSE);
  self->cancellable = g_cancellable_new ();
  self->pause = FIRST_PAUSE;
  return self;
}

void
wsectl_stream_free (WsectlStream *self)
{
  wsectl_place_free (self->place);
  g_main_loop_unref (self->loop);
  g_object_unref (self->cancellable);
  g_clear_error (&self->error);
  g_free (self->channels);
  g_free (self->filter);
  g_free (self->from);
  g_free (self);
}

gboolean
wsectl_stream_run (WsectlStream  *self,
                   GError       **error)
{
  connect_now (self);
  if (!self->ended)
    g_main_loop_run (self->loop);
  leave (self);
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

char *
wsectl_stream_get_cursor (WsectlStream *self)
{
  return wsectl_place_get_cursor (self->place);
}
