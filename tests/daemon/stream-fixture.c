/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The stream tests' fixture: it plays pipeline, relay and handshake. */

#include "stream-fixture.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/wsed-connection.h"

static void
on_heads (WsedMessage *message,
          gpointer     user_data)
{
  *(gboolean *) user_data = TRUE;
}

char *
stream_epoch (StreamFixture *fixture)
{
  WsedHeads *heads = wsed_heads_new (fixture->main);
  gboolean done = FALSE;
  char *epoch;

  wsed_heads_add (heads, "*");
  heads->message.run = on_heads;
  heads->message.user_data = &done;
  wsed_log_heads (fixture->log, heads);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  epoch = g_strdup (g_array_index (heads->heads, WsedHead, 0).epoch);
  wsed_heads_free (heads);
  return epoch;
}

static void
init (StreamFixture *fixture,
      WsedHubConfig  config,
      WsedLog       *log)
{
  config.max_message = 128 * 1024;
  config.max_subscriptions = 1000;
  config.start = wsed_connection_start;
  memset (fixture, 0, sizeof *fixture);
  fixture->main = wsed_inbox_new ();
  fixture->source = wsed_inbox_attach (fixture->main, NULL);
  fixture->log = stall_log_new (log);
  fixture->stall = STALL_LOG (fixture->log);
  fixture->hub = wsed_hub_new (&config, fixture->log, fixture->main);
  fixture->epoch = stream_epoch (fixture);
}

void
stream_fixture_init_log (StreamFixture        *fixture,
                         WsedSlowConsumer      policy,
                         guint                 buffer_size,
                         const WsedConflation *conflation,
                         WsedLog              *log)
{
  init (fixture, (WsedHubConfig){ .workers = 2, .tail_bytes = 1, .heartbeat = 3600, .buffer_size = buffer_size, .slow_consumer = policy,
                                  .conflation = conflation, .tick = 2000 }, log);
}

static WsedLog *
memory_log (guint64 retention)
{
  return wsed_memory_log_new (&(WsedRetention){ .max_events = retention });
}

void
stream_fixture_init (StreamFixture *fixture,
                     guint          workers,
                     gsize          tail_bytes,
                     guint64        retention,
                     guint          heartbeat)
{
  init (fixture, (WsedHubConfig){ .workers = workers, .tail_bytes = tail_bytes, .heartbeat = heartbeat, .buffer_size = 1000,
                                  .tick = 2000 }, memory_log (retention));
}

void
stream_fixture_begin (StreamFixture *fixture,
                      guint          workers)
{
  stream_fixture_init (fixture, workers, 64 * 1024 * 1024, 0, 3600);
}

void
stream_fixture_init_tick (StreamFixture *fixture,
                          guint          tick)
{
  init (fixture, (WsedHubConfig){ .workers = 1, .tail_bytes = 64 * 1024 * 1024, .heartbeat = 3600, .buffer_size = 1000, .tick = tick },
        memory_log (0));
}

void
stream_fixture_init_slow (StreamFixture        *fixture,
                          WsedSlowConsumer      policy,
                          guint                 buffer_size,
                          gsize                 tail_bytes,
                          const WsedConflation *conflation)
{
  init (fixture, (WsedHubConfig){ .workers = 1, .tail_bytes = tail_bytes, .heartbeat = 3600, .buffer_size = buffer_size,
                                  .slow_consumer = policy, .conflation = conflation, .tick = 2000 }, memory_log (0));
}

void
stream_fixture_turn (StreamFixture *fixture)
{
  g_main_context_iteration (NULL, FALSE);
}

void
stream_settle (StreamFixture *fixture)
{
  while (fixture->appending > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
on_shut_down (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

void
stream_fixture_clear (StreamFixture *fixture)
{
  gboolean done = FALSE;

  stream_settle (fixture);
  wsed_hub_shutdown (fixture->hub, 5000, on_shut_down, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  wsed_log_close (fixture->log);
  wsed_hub_free (fixture->hub);
  g_source_destroy (fixture->source);
  g_object_unref (fixture->log);
  wsed_inbox_run (fixture->main);
  wsed_inbox_free (fixture->main);
  g_free (fixture->epoch);
}

static void
on_appended (WsedMessage *message,
             gpointer     user_data)
{
  WsedAppend *append = (WsedAppend *) message;
  StreamFixture *fixture = user_data;

  g_assert_no_error (append->error);
  wsed_hub_publish (fixture->hub, append->entries, append->n_done);
  fixture->appending--;
  wsed_append_free (append);
}

static void
publish (StreamFixture *fixture,
         const char    *channels,
         const char    *type,
         WseSeverity    severity,
         const char    *payload,
         guint          n)
{
  g_auto(GStrv) names = g_strsplit (channels, " ", -1);
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) wse_event_unref);
  WsedAppend *append;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("e%" G_GUINT64_FORMAT, ++fixture->appended);
      WseEventFields fields = { .event_type = type, .id = id, .payload = payload, .payload_length = strlen (payload),
                                .channels = (const char * const *) names, .n_channels = g_strv_length (names),
                                .timestamp = G_GINT64_CONSTANT (1699468800123456), .latency = -1, .severity = severity };

      g_ptr_array_add (events, wse_event_new_from_fields (&fields));
    }
  append = wsed_append_new (events, fixture->main);
  append->message.run = on_appended;
  append->message.user_data = fixture;
  fixture->appending++;
  wsed_log_append (fixture->log, append);
}

void
stream_publish (StreamFixture *fixture,
                const char    *channels,
                const char    *type,
                WseSeverity    severity,
                const char    *payload)
{
  publish (fixture, channels, type, severity, payload, 1);
}

void
stream_publish_at_once (StreamFixture *fixture,
                        const char    *channels,
                        gsize          size,
                        guint          n)
{
  g_autofree char *payload = g_strnfill (size + 2, 'x');

  payload[0] = payload[size + 1] = '"';
  publish (fixture, channels, "t", WSE_SEVERITY_INFO, payload, n);
}

static void
on_erased (WsedMessage *message,
           gpointer     user_data)
{
  StreamFixture *fixture = user_data;
  WsedErase *erase = (WsedErase *) message;

  g_assert_no_error (erase->error);
  if (erase->known)
    wsed_hub_erase (fixture->hub, erase);
  fixture->appending--;
  wsed_erase_free (erase);
}

void
stream_erase (StreamFixture *fixture,
              const char    *channel)
{
  WsedErase *erase = wsed_erase_new (fixture->main, channel);

  erase->message.run = on_erased;
  erase->message.user_data = fixture;
  fixture->appending++;
  wsed_log_erase (fixture->log, erase);
  stream_settle (fixture);
}

void
stream_publish_some (StreamFixture *fixture,
                     const char    *channels,
                     guint          n)
{
  for (guint i = 0; i < n; i++)
    stream_publish (fixture, channels, "t", WSE_SEVERITY_INFO, "{}");
  stream_settle (fixture);
}

char *
stream_fill (StreamFixture *fixture,
             const char    *text)
{
  g_auto(GStrv) parts = text != NULL ? g_strsplit (text, "EPOCH", -1) : NULL;

  return parts != NULL ? g_strjoinv (fixture->epoch, parts) : NULL;
}

static void
on_opened (WsedMessage *message,
           gpointer     user_data)
{
  *(gboolean *) user_data = TRUE;
}

static GArray *
open_consumer (StreamFixture *fixture,
               const char    *name)
{
  g_autoptr(WsedConsumer) request = wsed_consumer_new ("u", name, fixture->main);
  gboolean done = FALSE;

  request->message.run = on_opened;
  request->message.user_data = &done;
  wsed_log_consume (fixture->log, request);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_no_error (request->error);
  return g_array_ref (request->acks);
}

Client *
client_new (StreamFixture       *fixture,
            const ClientOptions *options)
{
  Client *client = g_new0 (Client, 1);
  WsedAdmission *admission = wsed_admission_new ();
  g_autofree char *after = stream_fill (fixture, options->after);
  g_autoptr(GError) error = NULL;
  int fds[2], problem;

  problem = socketpair (AF_UNIX, (options->records ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
  g_assert_cmpint (problem, ==, 0);
  if (options->send_buffer > 0)
    setsockopt (fds[1], SOL_SOCKET, SO_SNDBUF, &options->send_buffer, sizeof options->send_buffer);
  client->fixture = fixture;
  client->fd = fds[0];
  if (options->framing == WSED_FRAMING_SSE)
    client->blocks = g_string_new (NULL);
  client->decoder = wse_frame_decoder_new (FALSE, 16 * 1024 * 1024, TRUE);
  admission->fd = fds[1];
  g_strlcpy (admission->client.id, "00000000-0000-4000-8000-000000000000", sizeof admission->client.id);
  admission->client.endpoint = "/wse";
  admission->client.dialect = options->dialect;
  admission->client.framing = options->framing;
  admission->client.control = options->control;
  admission->channels = g_strsplit (options->channels, " ", -1);
  admission->history = options->history;
  if (after != NULL)
    admission->after = wse_cursor_new (after, &error);
  g_assert_no_error (error);
  wse_filter_parse (options->types, options->severity, &admission->filter, &error);
  g_assert_no_error (error);
  if (options->consumer != NULL)
    {
      admission->client.user = g_strdup ("u");
      admission->client.owner = g_strdup ("u");
      admission->client.consumer = g_strdup (options->consumer);
      admission->client.acks = open_consumer (fixture, options->consumer);
    }
  wsed_hub_admit (fixture->hub, admission);
  return client;
}

void
client_free (Client *client)
{
  close (client->fd);
  wse_frame_decoder_free (client->decoder);
  if (client->blocks != NULL)
    g_string_free (client->blocks, TRUE);
  g_queue_clear_full (&client->texts, g_free);
  g_free (client);
}

void
stream_fixture_end (Client *client)
{
  StreamFixture *fixture = client->fixture;

  client_free (client);
  stream_fixture_clear (fixture);
}

gboolean
client_send (Client     *client,
             WseOpcode   opcode,
             const char *data,
             gsize       length)
{
  g_autoptr(GByteArray) out = g_byte_array_new ();
  guint8 header[8] = { 0x80 | opcode };
  static const guint8 mask[4] = { 0 };
  gssize sent;

  g_assert_cmpuint (length, <, 65536);
  if (length < 126)
    {
      header[1] = 0x80 | length;
      g_byte_array_append (out, header, 2);
    }
  else
    {
      header[1] = 0x80 | 126;
      header[2] = length >> 8;
      header[3] = length & 0xff;
      g_byte_array_append (out, header, 4);
    }
  g_byte_array_append (out, mask, 4);
  g_byte_array_append (out, (const guint8 *) data, length);
  sent = send (client->fd, out->data, out->len, MSG_NOSIGNAL);
  if (sent < 0 && errno == EAGAIN)
    return FALSE;
  g_assert_cmpint (sent, ==, out->len);
  return TRUE;
}

static void
split_blocks (Client     *client,
              const char *data,
              gsize       length)
{
  char *end;

  g_string_append_len (client->blocks, data, length);
  while ((end = strstr (client->blocks->str, "\n\n")) != NULL)
    {
      gsize block = end - client->blocks->str;

      g_queue_push_tail (&client->texts, g_strndup (client->blocks->str, block));
      g_string_erase (client->blocks, 0, block + 2);
    }
}

static void
receive (Client *client)
{
  char buffer[65536];
  gssize n = recv (client->fd, buffer, sizeof buffer, 0);
  char *data = buffer;
  gsize length = MAX (n, 0);
  WseFrame frame;

  if (n == 0 || (n < 0 && errno != EAGAIN))
    client->ended = TRUE;
  client->received += n > 0;
  if (client->blocks != NULL)
    {
      split_blocks (client, data, length);
      return;
    }
  while (length > 0)
    {
      WseFrameStatus status = wse_frame_decoder_feed (client->decoder, &data, &length, &frame);

      g_assert_cmpint (status, !=, WSE_FRAME_ERROR);
      if (status == WSE_FRAME_MORE)
        break;
      if (frame.opcode == WSE_OPCODE_TEXT)
        g_queue_push_tail (&client->texts, g_strndup (frame.data, frame.length));
      else if (frame.opcode == WSE_OPCODE_PING)
        {
          client->pings++;
          client_send (client, WSE_OPCODE_PONG, "", 0);
        }
      else if (frame.opcode == WSE_OPCODE_CLOSE)
        client->close_code = frame.close_code;
    }
}

/* Until something comes, anything else happens, or so many milliseconds are over. */
static void
wait_turn (Client *client,
           gint    timeout)
{
  struct pollfd fds[2] = { { client->fd, POLLIN, 0 }, { wsed_inbox_get_fd (client->fixture->main), POLLIN, 0 } };

  poll (fds, 2, timeout);
  stream_fixture_turn (client->fixture);
  if (fds[0].revents != 0)
    receive (client);
}

void
client_wait (Client *client)
{
  wait_turn (client, -1);
}

gboolean
client_wait_text (Client *client,
                  gint    timeout)
{
  gint64 end = g_get_monotonic_time () + timeout * G_TIME_SPAN_MILLISECOND, now;

  while (g_queue_is_empty (&client->texts) && !client->ended && (now = g_get_monotonic_time ()) < end)
    wait_turn (client, (end - now + 999) / G_TIME_SPAN_MILLISECOND);
  return !g_queue_is_empty (&client->texts);
}

char *
client_next (Client *client)
{
  while (g_queue_is_empty (&client->texts) && !client->ended)
    client_wait (client);
  return g_queue_pop_head (&client->texts);
}

void
client_expect_text (Client     *client,
                    const char *text)
{
  g_autofree char *next = client_next (client);
  g_autofree char *filled = stream_fill (client->fixture, text);

  g_assert_cmpstr (next, ==, filled);
}

void
client_expect (Client     *client,
               const char *channel,
               guint64     seq)
{
  g_autofree char *next = client_next (client);
  g_autofree char *place = g_strdup_printf ("\"seq\":%" G_GUINT64_FORMAT ",", seq);
  g_autofree char *name = g_strdup_printf ("\"ch\":\"%s\"", channel);

  g_assert_nonnull (next);
  if (strstr (next, place) == NULL || strstr (next, name) == NULL)
    g_error ("expected %s seq %" G_GUINT64_FORMAT ", got %s", channel, seq, next);
}

void
client_expect_quiet (Client *client)
{
  g_autofree char *next = NULL;

  stream_settle (client->fixture);
  client_send (client, WSE_OPCODE_TEXT, "{\"id\":\"quiet\",\"method\":\"ping\"}", 30);
  next = client_next (client);
  g_assert_nonnull (next);
  if (!g_str_has_prefix (next, "{\"id\":\"quiet\",\"success\":true"))
    g_error ("expected nothing, got %s", next);
}

void
client_say (Client     *client,
            const char *text)
{
  g_assert_true (client_send (client, WSE_OPCODE_TEXT, text, strlen (text)));
}
