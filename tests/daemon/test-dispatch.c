/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands over a connection: what they do to its subscriptions, and in which order the answers come. */

#include "stream-fixture.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static StreamFixture fixture;

static void
test_subscribe (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "session:s", 3);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  client_say (client, "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"session_id\":\"s\",\"history\":2}}");
  client_expect_text (client, "{\"id\":\"1\",\"success\":true,\"result\":{\"subscribed\":true,\"channel\":\"session:s\",\"session_id\":\"s\","
                              "\"cursor\":\"session:s@EPOCH:1\",\"recovered\":true}}");
  client_expect (client, "session:s", 2);
  client_expect (client, "session:s", 3);
  stream_publish_some (&fixture, "session:s", 1);
  client_expect (client, "session:s", 4);
  stream_publish_some (&fixture, "user:a", 1);
  client_expect (client, "user:a", 1);
  /* Again: position and filter are replaced. */
  client_say (client, "{\"id\":\"2\",\"method\":\"subscribe\",\"params\":{\"channel\":\"session:s\",\"types\":[\"other\"]}}");
  client_expect_text (client, "{\"id\":\"2\",\"success\":true,\"result\":{\"subscribed\":true,\"channel\":\"session:s\","
                              "\"cursor\":\"session:s@EPOCH:4\",\"recovered\":true}}");
  stream_publish_some (&fixture, "session:s", 1);
  stream_publish (&fixture, "session:s", "other", WSE_SEVERITY_INFO, "{}");
  client_expect (client, "session:s", 6);
  client_expect_quiet (client);
  stream_fixture_end (client);
}

static void
test_unsubscribe (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "global", 400);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  client_say (client, "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"history\":400}}");
  g_free (client_next (client));
  client_expect (client, "global", 1);
  client_say (client, "{\"id\":\"2\",\"method\":\"unsubscribe\",\"params\":{\"channel\":\"global\"}}");
  for (;;)
    {
      g_autofree char *text = client_next (client);

      if (strstr (text, "\"id\":\"2\"") != NULL)
        break;
    }
  stream_publish_some (&fixture, "global", 1);
  client_expect_quiet (client);
  stream_publish_some (&fixture, "user:a", 1);
  client_expect (client, "user:a", 1);
  stream_fixture_end (client);
}

static void
test_subscribe_control (void)
{
  g_autofree char *after = NULL, *text = NULL;
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "global", 2);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .control = TRUE });
  g_free (client_next (client));
  g_free (client_next (client));
  text = stream_fill (&fixture, "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"after\":\"global@EPOCH:1\"}}");
  client_say (client, text);
  client_expect_text (client, "{\"id\":\"1\",\"success\":true,\"result\":{\"subscribed\":true,\"channel\":\"global\","
                              "\"cursor\":\"global@EPOCH:1\",\"recovered\":true}}");
  client_expect (client, "global", 2);
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"channel\":\"global\",\"cursor\":\"global@EPOCH:2\"}}");
  client_say (client, "{\"id\":\"2\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"after\":\"global@other:1\"}}");
  client_expect_text (client, "{\"id\":\"2\",\"success\":true,\"result\":{\"subscribed\":true,\"channel\":\"global\","
                              "\"cursor\":\"global@EPOCH:0\",\"recovered\":false}}");
  client_expect_text (client, "{\"v\":2,\"t\":\"gap\",\"p\":{\"channel\":\"global\",\"epoch\":\"EPOCH\",\"from\":1,\"to\":0,\"reason\":\"epoch\"}}");
  client_expect (client, "global", 1);
  client_expect (client, "global", 2);
  client_expect_text (client, "{\"v\":2,\"t\":\"caught_up\",\"p\":{\"channel\":\"global\",\"cursor\":\"global@EPOCH:2\"}}");
  stream_fixture_end (client);
}

static void
test_history (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "user:b", 3);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .dialect = WSE_DIALECT_FEED });
  client_say (client, "{\"id\":\"1\",\"method\":\"history\",\"params\":{\"channel\":\"user:b\",\"limit\":2}}");
  client_expect_text (client, "{\"id\":\"1\",\"success\":true,\"result\":{\"events\":["
                              "{\"timestamp\":1699468800.123456,\"type\":\"t\",\"message\":\"\",\"severity\":\"info\",\"metadata\":{}},"
                              "{\"timestamp\":1699468800.123456,\"type\":\"t\",\"message\":\"\",\"severity\":\"info\",\"metadata\":{}}],"
                              "\"cursor\":\"user:b@EPOCH:2\",\"recovered\":true}}");
  client_say (client, "{\"id\":\"2\",\"method\":\"history\",\"params\":{\"channel\":\"user:none\"}}");
  client_expect_text (client, "{\"id\":\"2\",\"success\":true,\"result\":{\"events\":[],\"cursor\":\"user:none@EPOCH:0\",\"recovered\":true}}");
  stream_fixture_end (client);
}

/* Answers come in the order of the commands, whatever each has to wait for. */
static void
test_order (void)
{
  g_autoptr(GString) all = g_string_new (NULL);
  Client *client;

  stream_fixture_begin (&fixture, 2);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"id\":\"%u\",\"method\":\"%s\",\"params\":{%s}}", i,
                                               i % 3 == 0 ? "subscribe" : i % 3 == 1 ? "ping" : "history",
                                               i % 3 == 1 ? "" : "\"channel\":\"user:x\"");

      client_say (client, text);
    }
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *text = client_next (client);
      g_autofree char *head = g_strdup_printf ("{\"id\":\"%u\",\"success\":true", i);

      g_assert_true (g_str_has_prefix (text, head));
    }
  stream_fixture_end (client);
}

static void
test_errors (void)
{
  static const char * const wrong[][2] = {
    { "{\"id\":\"1\",\"method\":\"subscribe\"}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"nowhere\"}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"*\"}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"session_id\":\"s\"}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"history\":10001}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"history\":-1}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"types\":\"a\"}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"severity\":\"bad\"}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"after\":\"global\"}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\",\"unknown\":1}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":[]}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"history\",\"params\":{\"channel\":\"global\",\"limit\":0}}", "\"invalid\"" },
    { "{\"id\":\"1\",\"method\":\"ack\",\"params\":{\"cursor\":\"global@x:1\"}}", "\"no_consumer\"" },
    { "{\"id\":\"1\",\"method\":\"fly\"}", "\"unknown_method\"" },
    { "{\"id\":1,\"method\":\"ping\"}", "Invalid message format" },
    { "{\"method\":\"ping\"}", "Invalid message format" },
    { "{\"type\":\"fly\"}", "Invalid message format" },
    { "[]", "Invalid message format" },
    { "", "Invalid message format" },
  };
  Client *client;

  stream_fixture_begin (&fixture, 2);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *answer = NULL;

      client_say (client, wrong[i][0]);
      answer = client_next (client);
      g_assert_nonnull (answer);
      if (strstr (answer, wrong[i][1]) == NULL)
        g_error ("%s was answered %s", wrong[i][0], answer);
    }
  stream_fixture_end (client);
}

/* 20 in a row that cannot be understood; one that can between them starts the count anew. */
static void
test_bad_in_a_row (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 2);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  for (guint i = 0; i < 19; i++)
    client_say (client, "garbage");
  client_say (client, "{\"type\":\"pong\"}");
  for (guint i = 0; i < 20; i++)
    client_say (client, "garbage");
  for (guint i = 0; i < 39; i++)
    client_expect_text (client, "{\"type\":\"error\",\"message\":\"Invalid message format\"}");
  g_assert_null (client_next (client));
  g_assert_cmpint (client->close_code, ==, WSE_CLOSE_POLICY);
  stream_fixture_end (client);
}

/* A client that asks and does not read: no more than 64 answers wait for it, and then the daemon reads no more of it either. */
static void
test_no_answers_taken (void)
{
  Client *client;
  guint64 seq = 0;
  guint asked = 0;

  stream_fixture_begin (&fixture, 2);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  client_expect_quiet (client);
  while (client_send (client, WSE_OPCODE_TEXT, "{\"type\":\"ping\"}", 15))
    {
      g_assert_cmpuint (++asked, <, 100000);
      if (asked % 100 == 0)
        stream_publish_some (&fixture, "user:a", 1);
    }
  for (guint i = 0; i < asked + asked / 100; i++)
    {
      g_autofree char *text = client_next (client);

      if (strstr (text, "\"pong\"") == NULL)
        g_assert_cmpuint (g_ascii_strtoull (strstr (text, "\"seq\":") + 6, NULL, 10), ==, ++seq);
    }
  g_assert_cmpuint (seq, ==, asked / 100);
  stream_fixture_end (client);
}

static void
ack (Client     *client,
     const char *cursor,
     gboolean    good)
{
  g_autofree char *text = stream_fill (&fixture, cursor);
  g_autofree char *command = g_strdup_printf ("{\"id\":\"ack\",\"method\":\"ack\",\"params\":{\"cursor\":\"%s\"}}", text);

  client_say (client, command);
  client_expect_text (client, good ? "{\"id\":\"ack\",\"success\":true,\"result\":{\"acked\":true}}"
                                   : "{\"id\":\"ack\",\"success\":false,\"error\":{\"code\":\"bad_cursor\","
                                     "\"message\":\"the cursor is not of what was sent on this connection\"}}");
}

static void
test_consumer (void)
{
  static const ClientOptions options = { .channels = "user:u global", .consumer = "c" };
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "user:u", 3);
  stream_publish_some (&fixture, "global", 2);
  /* New to it: the oldest kept. */
  client = client_new (&fixture, &options);
  for (guint i = 1; i <= 3; i++)
    client_expect (client, "user:u", i);
  client_expect (client, "global", 1);
  client_expect (client, "global", 2);
  ack (client, "user:u@EPOCH:2", TRUE);
  ack (client, "user:u@EPOCH:4", FALSE);
  ack (client, "user:u@EPOCH:3,global@EPOCH:3", FALSE);
  ack (client, "user:u@other:1", FALSE);
  ack (client, "team:t@EPOCH:0", FALSE);
  ack (client, "user:u@EPOCH:1", TRUE);
  client_free (client);
  /* From its ack; what it has not acked at all, from the oldest. */
  client = client_new (&fixture, &options);
  client_expect (client, "user:u", 3);
  client_expect (client, "global", 1);
  client_expect (client, "global", 2);
  /* The place in the whole log stands for one in each channel. */
  ack (client, "*@EPOCH:4", TRUE);
  ack (client, "*@EPOCH:9", FALSE);
  ack (client, "*@EPOCH:5", TRUE);
  ack (client, "*@other:4", FALSE);
  client_free (client);
  client = client_new (&fixture, &options);
  client_expect_quiet (client);
  client_free (client);
  /* Another one of the same user knows nothing of that. */
  client = client_new (&fixture, &(ClientOptions){ .channels = "global", .consumer = "d" });
  client_expect (client, "global", 1);
  stream_fixture_end (client);
}

/* A filter passes over what then counts as sent. */
static void
test_consumer_filter (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "user:u", 5);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:u", .consumer = "c", .types = "other", .control = TRUE });
  /* hello; caught_up: only then it is passed over. */
  g_free (client_next (client));
  g_free (client_next (client));
  ack (client, "user:u@EPOCH:5", TRUE);
  stream_publish_some (&fixture, "user:u", 2);
  client_expect_quiet (client);
  ack (client, "user:u@EPOCH:7", TRUE);
  ack (client, "user:u@EPOCH:8", FALSE);
  stream_fixture_end (client);
}

/* subscribe without a place of its own: the ack, else live. */
static void
test_consumer_subscribe (void)
{
  Client *client;

  stream_fixture_begin (&fixture, 2);
  stream_publish_some (&fixture, "team:t", 3);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:u", .consumer = "c" });
  client_say (client, "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"team:t\",\"history\":3}}");
  g_free (client_next (client));
  for (guint i = 1; i <= 3; i++)
    client_expect (client, "team:t", i);
  ack (client, "team:t@EPOCH:2", TRUE);
  client_say (client, "{\"id\":\"2\",\"method\":\"subscribe\",\"params\":{\"channel\":\"team:t\"}}");
  client_expect_text (client, "{\"id\":\"2\",\"success\":true,\"result\":{\"subscribed\":true,\"channel\":\"team:t\","
                              "\"cursor\":\"team:t@EPOCH:2\",\"recovered\":true}}");
  client_expect (client, "team:t", 3);
  client_say (client, "{\"id\":\"3\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\"}}");
  client_expect_text (client, "{\"id\":\"3\",\"success\":true,\"result\":{\"subscribed\":true,\"channel\":\"global\","
                              "\"cursor\":\"global@EPOCH:0\",\"recovered\":true}}");
  stream_fixture_end (client);
}

static void
on_shut_down (gpointer user_data)
{
}

/* A command that is under way when the connection is closed gets no answer: nothing comes behind a close frame. */
static void
test_closed_meanwhile (void)
{
  g_autofree char *text = g_strnfill (240000, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"x\":\"%s\"}", text);
  static const char reason[] = "the server shuts down";
  g_autoptr(GString) received = g_string_new (NULL);
  struct pollfd inbox;
  char bytes[65536];
  gssize n = -1;
  Client *client;

  stream_fixture_begin (&fixture, 2);
  inbox = (struct pollfd) { wsed_inbox_get_fd (fixture.main), POLLIN, 0 };
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a" });
  client_expect_quiet (client);
  stream_publish (&fixture, "user:a", "t", WSE_SEVERITY_INFO, payload);
  stream_settle (&fixture);
  poll (&(struct pollfd) { client->fd, POLLIN, 0 }, 1, -1);
  client_say (client, "{\"id\":\"1\",\"method\":\"subscribe\",\"params\":{\"channel\":\"global\"}}");
  poll (&inbox, 1, -1);
  /* The client has most of the event still to take, so the close frame waits; the hub answers behind it. */
  wsed_hub_shutdown (fixture.hub, 5000, on_shut_down, NULL);
  for (guint i = 0; i < 2; i++)
    g_free (stream_epoch (&fixture));
  /* Its decoder would pass over what comes behind. */
  while (n != 0)
    {
      poll (&(struct pollfd) { client->fd, POLLIN, 0 }, 1, -1);
      n = recv (client->fd, bytes, sizeof bytes, 0);
      g_assert_cmpint (n, >=, 0);
      g_string_append_len (received, bytes, n);
    }
  g_assert_cmpstr (received->str + received->len - strlen (reason), ==, reason);
  stream_fixture_end (client);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dispatch/subscribe", test_subscribe);
  g_test_add_func ("/dispatch/unsubscribe", test_unsubscribe);
  g_test_add_func ("/dispatch/subscribe-control", test_subscribe_control);
  g_test_add_func ("/dispatch/history", test_history);
  g_test_add_func ("/dispatch/order", test_order);
  g_test_add_func ("/dispatch/errors", test_errors);
  g_test_add_func ("/dispatch/bad-in-a-row", test_bad_in_a_row);
  g_test_add_func ("/dispatch/no-answers-taken", test_no_answers_taken);
  g_test_add_func ("/dispatch/consumer", test_consumer);
  g_test_add_func ("/dispatch/consumer-filter", test_consumer_filter);
  g_test_add_func ("/dispatch/consumer-subscribe", test_consumer_subscribe);
  g_test_add_func ("/dispatch/closed-meanwhile", test_closed_meanwhile);
  return g_test_run ();
}
