/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Carries out what a client says, one command after the other, and writes the answers (PROTOCOL section 3, commands). While a command
 * waits for the log, the connection takes nothing more in. */

#include <string.h>

#include "guard/wsed-limits.h"
#include "stream/wsed-stream-metrics.h"
#include "transport/wsed-connection-private.h"
#include "wse-error.h"
#include "wse-filter-private.h"
#include "wse-json-private.h"
#include "wse-time-private.h"

/* PROTOCOL section 3: so many messages in a row that cannot be understood close the connection. */
#define MAX_BAD_IN_A_ROW 20
/* Bytes of payload, about, of an answer to `history`. */
#define HISTORY_BYTES (1024 * 1024)

/* The command is answered: the next message may be taken in. */
static void
send_answer (WsedConnection *self,
             const GString  *answer)
{
  WsedWorker *worker = self->subscriber.worker;

  wsed_websocket_send_text (self, answer);
  self->outbox.answers++;
  if (self->command == NULL)
    return;
  g_clear_pointer (&self->command, wsed_command_free);
  wsed_worker_clear_timer (worker, &self->subscriber, WSED_TIMER_COMMAND);
  wsed_worker_mark (worker, &self->subscriber);
}

static GString *
begin_result (const WsedCommand *command)
{
  GString *answer = g_string_new ("{\"id\":");

  g_string_append (answer, command->id);
  g_string_append (answer, ",\"success\":true,\"result\":{");
  return answer;
}

static void
send_result (WsedConnection *self,
             GString        *answer)
{
  g_string_append (answer, "}}");
  send_answer (self, answer);
}

static void
send_error (WsedConnection *self,
            const char     *code,
            const char     *message)
{
  g_autoptr(GString) answer = g_string_new ("{\"id\":");

  g_string_append (answer, self->command->id);
  g_string_append_printf (answer, ",\"success\":false,\"error\":{\"code\":\"%s\",\"message\":", code);
  wse_json_append_string (answer, message, -1);
  g_string_append (answer, "}}");
  send_answer (self, answer);
}

static void
append_channel (GString           *answer,
                const WsedCommand *command)
{
  g_string_append (answer, ",\"channel\":");
  wse_json_append_string (answer, command->channel, -1);
  if (command->session_id == NULL)
    return;
  g_string_append (answer, ",\"session_id\":");
  wse_json_append_string (answer, command->session_id, -1);
}

static void
on_subscribed (WsedSubscriber *subscriber,
               const char     *channel,
               const char     *epoch,
               guint64         seq,
               gboolean        recovered,
               const char     *problem)
{
  WsedConnection *self = (WsedConnection *) subscriber;
  g_autoptr(GString) answer = NULL;
  g_autoptr(GString) cursor = g_string_new (NULL);

  if (problem != NULL)
    {
      send_error (self, "unavailable", problem);
      return;
    }
  answer = begin_result (self->command);
  g_string_append (answer, "\"subscribed\":true");
  append_channel (answer, self->command);
  wse_cursor_append (cursor, channel, epoch, seq);
  g_string_append (answer, ",\"cursor\":");
  wse_json_append_string (answer, cursor->str, cursor->len);
  g_string_append_printf (answer, ",\"recovered\":%s", recovered ? "true" : "false");
  send_result (self, answer);
}

static void
subscribe (WsedConnection *self)
{
  const char *channels[] = { self->command->channel, NULL };
  g_autoptr(WseFilter) filter = wse_filter_both (self->command->filter, wsed_grant_get_filter (self->client.grant));
  guint most = wsed_worker_get_config (self->subscriber.worker)->max_subscriptions;
  WsedWish wish = { channels, filter, self->command->history, self->command->after };

  if (!self->command->has_history && self->command->after == NULL)
    wish.acks = self->client.acks;

  if (!wsed_grant_may_subscribe (self->client.grant, self->command->channel))
    send_error (self, "forbidden", "reading this channel is not permitted");
  else if (wsed_reader_is_whole (self->reader))
    send_error (self, "invalid", "this connection reads the whole log: open another one for single channels");
  else if (wsed_reader_get_n_others (self->reader, self->command->channel) >= most)
    {
      g_autofree char *text = g_strdup_printf ("a connection has at most %u subscriptions: unsubscribe, or open another one", most);

      wsed_limits_refused (WSED_LIMIT_SUBSCRIPTIONS);
      send_error (self, "too_many_subscriptions", text);
    }
  else
    wsed_reader_subscribe (self->reader, &wish, on_subscribed);
}

static void
unsubscribe (WsedConnection *self)
{
  g_autoptr(GString) answer = begin_result (self->command);

  wsed_reader_unsubscribe (self->reader, self->command->channel);
  g_string_append (answer, "\"unsubscribed\":true");
  append_channel (answer, self->command);
  send_result (self, answer);
}

static void
on_history (const WsedHistoryPage *page,
            gpointer               user_data)
{
  WsedConnection *self = user_data;
  g_autoptr(GString) answer = NULL;

  self->history = NULL;
  if (page->error != NULL)
    {
      send_error (self, wse_error_get_code (page->error), page->error->message);
      return;
    }
  answer = begin_result (self->command);
  g_string_append (answer, "\"events\":[");
  for (guint i = 0; i < page->entries->len; i++)
    {
      WsedEntry *entry = g_ptr_array_index (page->entries, i);

      if (i > 0)
        g_string_append_c (answer, ',');
      wse_dialect_write (self->client.dialect, entry->event, self->command->channel,
                         wsed_entry_get_seq (entry, self->command->channel), answer);
    }
  g_string_append (answer, "],\"cursor\":");
  wse_json_append_string (answer, page->cursor, -1);
  g_string_append_printf (answer, ",\"recovered\":%s", page->recovered ? "true" : "false");
  send_result (self, answer);
}

static void
history (WsedConnection *self)
{
  WsedWorker *worker = self->subscriber.worker;
  WseFilter *filter = wsed_grant_get_filter (self->client.grant);
  WsedHistoryWish wish = { self->command->channel, filter, self->command->after, self->command->limit, HISTORY_BYTES };

  if (!wsed_grant_may_subscribe (self->client.grant, self->command->channel))
    {
      send_error (self, "forbidden", "reading this channel is not permitted");
      return;
    }
  self->history = wsed_history_new (wsed_worker_get_log (worker), wsed_worker_get_inbox (worker), &wish, on_history, self);
}

static void
on_acknowledged (GArray       *acks,
                 const GError *error,
                 gpointer      user_data)
{
  WsedConnection *self = user_data;
  GArray *known = self->client.acks;
  g_autoptr(GString) answer = NULL;

  self->acknowledge = NULL;
  if (error != NULL)
    {
      send_error (self, error->code == WSE_ERROR_INVALID ? "bad_cursor" : wse_error_get_code (error), error->message);
      return;
    }
  for (guint i = 0; i < acks->len; i++)
    {
      const WsedAck *ack = &g_array_index (acks, WsedAck, i);

      wsed_acks_add (known, ack->channel, ack->epoch, ack->seq);
    }
  answer = begin_result (self->command);
  g_string_append (answer, "\"acked\":true");
  send_result (self, answer);
}

static void
acknowledge (WsedConnection *self)
{
  const WsedClient *client = &self->client;

  if (client->consumer == NULL)
    send_error (self, "no_consumer", "connect with consumer=NAME to acknowledge");
  else
    self->acknowledge = wsed_acknowledge_new (self->reader, self->subscriber.worker, client->owner, client->consumer,
                                              self->command->cursor, on_acknowledged, self);
}

static void
ping (WsedConnection *self)
{
  g_autoptr(GString) answer = begin_result (self->command);

  g_string_append (answer, "\"time\":\"");
  wse_time_append_iso (answer, wse_time_now ());
  g_string_append_c (answer, '"');
  send_result (self, answer);
}

static void
on_refreshed (WsedGrant                   *grant,
              const WsedCredentialProblem *problem,
              gpointer                     user_data)
{
  WsedConnection *self = user_data;
  WsedGrant *before = self->client.grant;
  gboolean other_filter;
  g_autoptr(GString) answer = NULL;

  self->refresh = NULL;
  if (grant == NULL || g_strcmp0 (grant->user, before->user) != 0)
    {
      send_error (self, grant == NULL ? "unauthorized" : "forbidden", grant == NULL ? problem->text : "the token is of another sub");
      return;
    }
  other_filter = strcmp (wse_filter_get_key (grant->filter), wse_filter_get_key (before->filter)) != 0;
  wsed_connection_set_grant (self, grant);
  /* What was let through before is not what is let through now: the client asks anew. */
  wsed_reader_restrict (self->reader, grant, other_filter);
  answer = begin_result (self->command);
  g_string_append (answer, "\"expires_at\":");
  if (grant->expires == G_MAXINT64)
    g_string_append (answer, "null");
  else
    {
      g_string_append_c (answer, '"');
      wse_time_append_iso (answer, grant->expires);
      g_string_append_c (answer, '"');
    }
  send_result (self, answer);
}

static void
refresh (WsedConnection *self)
{
  WsedWorker *worker = self->subscriber.worker;

  if (self->client.grant == NULL)
    send_error (self, "invalid", "authentication is off: there is no token to refresh");
  else if (self->client.grant->service != NULL)
    send_error (self, "forbidden", "the key of a service is not refreshed");
  else
    self->refresh = wsed_refresh_new (worker, self->command->token, on_refreshed, self);
}

/* Takes @command; while it is not answered it stays in self->command. */
static void
carry_out (WsedConnection *self,
           WsedCommand    *command,
           const GError   *error)
{
  self->command = command;
  wsed_worker_set_timer (self->subscriber.worker, &self->subscriber, WSED_TIMER_COMMAND);
  if (error != NULL)
    {
      send_error (self, command->bad_cursor ? "bad_cursor" : "invalid", error->message);
      return;
    }
  switch (command->method)
    {
    case WSED_METHOD_SUBSCRIBE:
      subscribe (self);
      break;
    case WSED_METHOD_UNSUBSCRIBE:
      unsubscribe (self);
      break;
    case WSED_METHOD_HISTORY:
      history (self);
      break;
    case WSED_METHOD_PING:
      ping (self);
      break;
    case WSED_METHOD_ACK:
      acknowledge (self);
      break;
    case WSED_METHOD_SNAPSHOT:
      send_error (self, "unknown_snapshot", "no snapshot of this type is configured");
      break;
    case WSED_METHOD_REFRESH:
      refresh (self);
      break;
    case WSED_METHOD_UNKNOWN:
    default:
      send_error (self, "unknown_method", "the methods are subscribe, unsubscribe, ack, history, snapshot, refresh and ping");
      break;
    }
}

void
wsed_dispatch_message (WsedConnection *self,
                       const char     *message,
                       gsize           length)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GString) answer = g_string_new (NULL);
  WsedCommand *command = NULL;

  switch (wsed_command_read (message, length, &command, &error))
    {
    case WSED_SAID_PING:
      g_string_append (answer, "{\"type\":\"pong\",\"timestamp\":\"");
      wse_time_append_iso (answer, wse_time_now ());
      g_string_append (answer, "\"}");
      send_answer (self, answer);
      break;
    case WSED_SAID_COMMAND:
      carry_out (self, command, error);
      break;
    case WSED_SAID_PONG:
      break;
    case WSED_SAID_NOTHING:
    default:
      wsed_metric_add (wsed_stream_metrics ()->bad_messages, 1);
      g_string_append (answer, "{\"type\":\"error\",\"message\":\"Invalid message format\"}");
      send_answer (self, answer);
      if (++self->bad_in_a_row >= MAX_BAD_IN_A_ROW)
        wsed_connection_close (self, WSE_CLOSE_POLICY, "too many messages that cannot be understood");
      return;
    }
  self->bad_in_a_row = 0;
}

/* What waits for the log is forgotten. */
static void
undo (WsedConnection *self)
{
  if (self->history != NULL)
    wsed_history_cancel (g_steal_pointer (&self->history));
  else if (self->acknowledge != NULL)
    wsed_acknowledge_cancel (g_steal_pointer (&self->acknowledge));
  else if (self->refresh != NULL)
    wsed_refresh_cancel (g_steal_pointer (&self->refresh));
  else
    wsed_reader_cancel_subscribe (self->reader);
}

void
wsed_dispatch_time_out (WsedConnection *self)
{
  /* An ack that is being kept cannot be undone; it is answered in a moment. */
  if (self->acknowledge != NULL && !wsed_acknowledge_withdraw (self->acknowledge))
    return;
  undo (self);
  send_error (self, "timeout", "it could not be done in 5 s and is undone: try again later");
}

void
wsed_dispatch_cancel (WsedConnection *self)
{
  if (self->command == NULL)
    return;
  undo (self);
  wsed_worker_clear_timer (self->subscriber.worker, &self->subscriber, WSED_TIMER_COMMAND);
  g_clear_pointer (&self->command, wsed_command_free);
}
