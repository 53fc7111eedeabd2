/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Readers that do not take what comes, under each policy: what they get in the end, and what they are told of the rest. */

#include "stream-fixture.h"

#include <string.h>

#define MIB (1024 * 1024)
/* Far more than a socket takes at once. */
#define MANY 3000

static StreamFixture fixture;
static const WsedConflation *conflation; /* what the next fixture has */

/* What a reader got, its events and gaps numbered by the order of publishing. */
typedef struct
{
  guint first_run;             /* events without a hole from the first one on */
  guint dropped;               /* in the gaps */
  guint gaps;
  guint last_run;              /* events since the last gap */
  guint events;                /* all of them */
  guint keys;                  /* a bit for each that came after a gap */
  guint end;                   /* the last one known of */
  guint caught_up;
} Taken;

static void
publish_many (guint       from,
              const char *channel,
              const char *other)
{
  g_autofree char *padding = g_strnfill (1000, 'x');

  for (guint i = from; i < from + MANY; i++)
    {
      /* Each has its turn under ten keys; every hundredth has none. */
      g_autofree char *key = i % 100 != 0 ? g_strdup_printf ("\"k\":{\"\\u0069d\":\"%u\"},", i % 10) : g_strdup ("");
      g_autofree char *payload = g_strdup_printf ("{\"i\":%u,%s\"x\":\"%s\"}", i, key, padding);

      stream_publish (&fixture, other != NULL && i % 2 == 0 ? other : channel, i % 3 == 0 ? "third" : "t", WSE_SEVERITY_INFO, payload);
    }
  stream_settle (&fixture);
}

static guint64
get_number (const char *text,
            const char *name)
{
  const char *at = strstr (text, name);

  g_assert_nonnull (at);
  return g_ascii_strtoull (at + strlen (name), NULL, 10);
}

/* One that reads at once, of a channel that nothing comes in until wait_for_worker(). */
static Client *
watch_worker (void)
{
  Client *reads = client_new (&fixture, &(ClientOptions){ .channels = "user:end" });

  client_expect_quiet (reads);
  return reads;
}

/* Until it has had what comes last: then the worker has all before that, too. */
static void
wait_for_worker (Client *reads)
{
  stream_publish (&fixture, "user:end", "t", WSE_SEVERITY_INFO, "{\"i\":0}");
  client_expect (reads, "user:end", 1);
  client_free (reads);
}

/* Of one channel all of whose events match: takes all in, until caught_up after @end or the connection's end. */
static Taken
take_all (Client *client,
          guint   end)
{
  Taken taken = { 0 };

  while (TRUE)
    {
      g_autofree char *text = client_next (client);

      if (text == NULL)
        break;
      if (strstr (text, "\"t\":\"gap\"") != NULL)
        {
          g_assert_nonnull (strstr (text, conflation != NULL ? "\"reason\":\"conflated\"" : "\"reason\":\"policy\""));
          g_assert_cmpuint (get_number (text, "\"from\":"), ==, taken.end + 1);
          g_assert_cmpuint (get_number (text, "\"to\":"), >, taken.end);
          taken.dropped += get_number (text, "\"to\":") - taken.end;
          taken.end = get_number (text, "\"to\":");
          taken.gaps++;
          taken.last_run = 0;
        }
      else if (strstr (text, "\"t\":\"caught_up\"") != NULL)
        {
          if (++taken.caught_up > 1 && taken.end == end)
            break;
        }
      else if (strstr (text, "\"t\":\"hello\"") == NULL)
        {
          g_assert_cmpuint (get_number (text, "\"seq\":"), ==, taken.end + 1);
          taken.end++;
          taken.last_run++;
          taken.first_run += taken.gaps == 0;
          if (taken.gaps > 0 && strstr (text, "\"k\":") != NULL)
            taken.keys |= 1 << get_number (text, "0069d\":\"");
          taken.events++;
        }
    }
  return taken;
}

/* One that reads nothing while much comes. */
static Client *
begin (WsedSlowConsumer policy,
       guint            buffer_size,
       gsize            tail_bytes,
       const char      *channel)
{
  Client *client, *reads;

  stream_fixture_init_slow (&fixture, policy, buffer_size, tail_bytes, conflation);
  client = client_new (&fixture, &(ClientOptions){ .channels = channel, .control = TRUE });
  reads = watch_worker ();
  publish_many (1, "user:a", NULL);
  wait_for_worker (reads);
  return client;
}

/* After all that, it is as any other. */
static void
expect_alive (Client *client)
{
  client_expect_quiet (client);
  stream_publish (&fixture, "user:a", "t", WSE_SEVERITY_INFO, "{}");
  client_expect (client, "user:a", MANY + 1);
  client_expect_quiet (client);
}

/* What a policy keeps, and where that lies in the end. */
typedef struct
{
  gsize tail_bytes;
  guint buffer_size;
  guint most_gaps;
  guint most_first_run;
} Kept;

static const Kept in_tail = { 64 * MIB, 50, 1, MANY / 2 };
/* The tail has as good as nothing of it any more. What is read from the log takes its time, in which more can be lost. */
static const Kept in_log = { MIB / 2, 1200, MANY, MANY };

static void
test_catch_up (gconstpointer data)
{
  const Kept *kept = data;
  Client *client = begin (WSED_SLOW_CATCH_UP, kept->buffer_size, kept->tail_bytes, "user:a");
  Taken taken = take_all (client, MANY);

  g_assert_cmpuint (taken.first_run, ==, MANY);
  g_assert_cmpuint (taken.caught_up, ==, 2);
  expect_alive (client);
  stream_fixture_end (client);
}

static void
test_drop_oldest (gconstpointer data)
{
  const Kept *kept = data;
  Client *client = begin (WSED_SLOW_DROP_OLDEST, kept->buffer_size, kept->tail_bytes, "user:a");
  Taken taken = take_all (client, MANY);

  g_assert_cmpuint (taken.gaps, >=, 1);
  g_assert_cmpuint (taken.gaps, <=, kept->most_gaps);
  g_assert_cmpuint (taken.last_run, ==, kept->buffer_size);
  g_assert_cmpuint (taken.first_run + taken.dropped + kept->buffer_size, ==, MANY);
  expect_alive (client);
  stream_fixture_end (client);
}

/* Nothing behind what is kept for it. */
static void
test_drop_newest (gconstpointer data)
{
  const Kept *kept = data;
  Client *client = begin (WSED_SLOW_DROP_NEWEST, kept->buffer_size, kept->tail_bytes, "user:a");
  Taken taken = take_all (client, MANY);

  g_assert_cmpuint (taken.gaps, ==, 1);
  g_assert_cmpuint (taken.first_run, >=, kept->buffer_size);
  g_assert_cmpuint (taken.first_run, <, kept->most_first_run);
  g_assert_cmpuint (taken.last_run, ==, 0);
  expect_alive (client);
  stream_fixture_end (client);
}

static void
test_disconnect (void)
{
  Client *client = begin (WSED_SLOW_DISCONNECT, 50, 64 * MIB, "user:a");
  Taken taken = take_all (client, MANY);

  g_assert_cmpuint (client->close_code, ==, 4408);
  g_assert_cmpuint (taken.gaps, ==, 0);
  g_assert_cmpuint (taken.first_run, ==, taken.end);
  g_assert_cmpuint (taken.end, <, MANY);
  stream_fixture_end (client);
}

/* What was asked for is no lag, however long it takes. */
static void
test_replay (void)
{
  static const WsedSlowConsumer policies[] = { WSED_SLOW_CATCH_UP, WSED_SLOW_DROP_OLDEST, WSED_SLOW_DROP_NEWEST, WSED_SLOW_DISCONNECT };

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    {
      Client *client;

      stream_fixture_init_slow (&fixture, policies[i], 50, 64 * MIB, NULL);
      publish_many (1, "user:a", NULL);
      client = client_new (&fixture, &(ClientOptions){ .channels = "user:a", .history = MANY });
      /* Less than the policy's measure comes while it takes nothing. */
      for (guint j = 0; j < 49; j++)
        stream_publish (&fixture, "user:a", "t", WSE_SEVERITY_INFO, "{}");
      stream_settle (&fixture);
      for (guint j = 1; j <= MANY + 49; j++)
        client_expect (client, "user:a", j);
      client_expect_quiet (client);
      stream_fixture_end (client);
    }
}

/* Of several channels the newest of all are kept; what a filter passes over does not count. */
static void
test_several (void)
{
  static const char * const filters[] = { NULL, "third" };

  for (guint f = 0; f < G_N_ELEMENTS (filters); f++)
    {
      Client *client, *reads;
      guint step = filters[f] != NULL ? 3 : 1;
      guint expected = MANY - 50 * step + step;
      guint from[2] = { 0 }, next = 1, gaps = 0;

      stream_fixture_init_slow (&fixture, WSED_SLOW_DROP_OLDEST, 50, 64 * MIB, NULL);
      client = client_new (&fixture, &(ClientOptions){ .channels = "user:a global", .types = filters[f], .control = TRUE });
      reads = watch_worker ();
      publish_many (1, "user:a", "global");
      wait_for_worker (reads);
      for (guint caught_up = 0; caught_up < 2;)
        {
          g_autofree char *text = client_next (client);

          caught_up += strstr (text, "\"t\":\"caught_up\"") != NULL;
          if (strstr (text, "\"t\":\"gap\"") != NULL)
            {
              gboolean global = strstr (text, "\"channel\":\"global\"") != NULL;

              /* seq s is the event 2s in global, 2s - 1 in the other. */
              from[global] = get_number (text, "\"to\":") * 2 - !global;
              gaps++;
            }
          else if (strstr (text, "{\"i\":") != NULL && gaps == 2)
            {
              guint i = get_number (text, "{\"i\":");

              g_assert_cmpuint (i, >, from[i % 2 == 0]);
              g_assert_cmpuint (i, >=, expected);
              next++;
            }
        }
      g_assert_cmpuint (gaps, ==, 2);
      g_assert_cmpuint (next - 1, ==, 50);
      client_expect_quiet (client);
      stream_fixture_end (client);
    }
}

/* The whole log's gaps count n. */
static void
test_whole (void)
{
  Client *client = begin (WSED_SLOW_DROP_OLDEST, 50, 64 * MIB, "*");
  guint64 to = 0, after = 0;

  for (guint caught_up = 0; caught_up < 2;)
    {
      g_autofree char *text = client_next (client);

      caught_up += strstr (text, "\"t\":\"caught_up\"") != NULL;
      if (strstr (text, "\"t\":\"gap\",\"p\":{\"channel\":\"*\"") != NULL)
        to = get_number (text, "\"to\":");
      else
        after += to != 0 && strstr (text, "{\"i\":") != NULL;
    }
  g_assert_cmpuint (to, >, MANY / 2);
  g_assert_cmpuint (after, ==, 50);
  client_expect_quiet (client);
  stream_fixture_end (client);
}

/* Of each key the newest, and what has no key, whether memory has them or the log. */
static void
test_conflate (gconstpointer tail_bytes)
{
  static const char * const types[] = { "th*", "t", NULL };
  g_autoptr(WsedConflation) rules = wsed_conflation_new ();
  Client *client;
  Taken taken;

  wsed_conflation_add (rules, types, "payload.k.id");
  conflation = rules;
  client = begin (WSED_SLOW_CATCH_UP, 50, GPOINTER_TO_SIZE (tail_bytes), "user:a");
  taken = take_all (client, MANY);
  g_assert_cmpuint (taken.first_run, <, MANY / 2);
  g_assert_cmpuint (taken.events + taken.dropped, ==, MANY);
  g_assert_cmphex (taken.keys, ==, 0x3ff);
  /* Ten keys; the type "third" has them all once more. From the log some may have been read before newer ones were known of. */
  if (GPOINTER_TO_SIZE (tail_bytes) > MIB)
    g_assert_cmpuint (taken.events - taken.first_run, ==, 20 + MANY / 100 - (taken.first_run + 1) / 100);
  else
    g_assert_cmpuint (taken.events, <, MANY / 2);
  expect_alive (client);
  stream_fixture_end (client);
  conflation = NULL;
}

/* Every second event is in two channels, which a reader has both: it comes once, and where it does not come no gap reaches over it. In the
 * merged order of Server-Sent Events, too. */
static void
test_conflate_channels (gconstpointer framing)
{
  static const char * const types[] = { "t", NULL };
  g_autoptr(WsedConflation) rules = wsed_conflation_new ();
  guint8 seen[MANY + 1] = { 0 };
  guint events = 0, conflated = 0;
  guint64 last_n = 0;
  Client *client, *reads;

  wsed_conflation_add (rules, types, "k");
  stream_fixture_init_slow (&fixture, WSED_SLOW_CATCH_UP, 50, 64 * MIB, rules);
  client = client_new (&fixture, &(ClientOptions){ .channels = "user:a user:b", .control = TRUE, .framing = GPOINTER_TO_UINT (framing) });
  reads = watch_worker ();
  for (guint i = 1; i <= MANY; i++)
    {
      g_autofree char *filler = g_strnfill (1000, 'x');
      g_autofree char *payload = g_strdup_printf ("{\"i\":%u,\"k\":%u,\"f\":\"%s\"}", i, i % 10, filler);

      stream_publish (&fixture, i % 2 == 0 ? "user:a user:b" : "user:b", "t", WSE_SEVERITY_INFO, payload);
    }
  wait_for_worker (reads);
  while (!seen[MANY] || !seen[MANY - 1])
    {
      g_autofree char *text = client_next (client);

      if (strstr (text, "\"reason\":\"conflated\"") != NULL)
        conflated += get_number (text, "\"to\":") - get_number (text, "\"from\":") + 1;
      else if (strstr (text, "{\"i\":") != NULL)
        {
          guint64 n = framing != NULL ? get_number (strchr (text, '@'), ":") : last_n + 1;

          g_assert_cmpuint (seen[get_number (text, "{\"i\":")]++, ==, 0);
          events++;
          if (framing != NULL)
            g_assert_cmpuint (n, >, last_n);
          last_n = n;
        }
    }
  for (guint i = MANY - 9; i <= MANY; i++)
    g_assert_cmpuint (seen[i], ==, 1);
  g_assert_cmpuint (conflated, >, MANY / 4);
  g_assert_cmpuint (events + conflated, ==, MANY);
  stream_fixture_end (client);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/lag/catch-up", &in_tail, test_catch_up);
  g_test_add_data_func ("/lag/catch-up-from-log", &in_log, test_catch_up);
  g_test_add_data_func ("/lag/drop-oldest", &in_tail, test_drop_oldest);
  g_test_add_data_func ("/lag/drop-oldest-from-log", &in_log, test_drop_oldest);
  g_test_add_data_func ("/lag/drop-newest", &in_tail, test_drop_newest);
  g_test_add_data_func ("/lag/drop-newest-from-log", &in_log, test_drop_newest);
  g_test_add_func ("/lag/disconnect", test_disconnect);
  g_test_add_func ("/lag/replay", test_replay);
  g_test_add_func ("/lag/several", test_several);
  g_test_add_func ("/lag/whole", test_whole);
  g_test_add_data_func ("/lag/conflate", GSIZE_TO_POINTER (64 * MIB), test_conflate);
  g_test_add_data_func ("/lag/conflate-channels", NULL, test_conflate_channels);
  g_test_add_data_func ("/lag/conflate-sse", GUINT_TO_POINTER (WSED_FRAMING_SSE), test_conflate_channels);
  g_test_add_data_func ("/lag/conflate-from-log", GSIZE_TO_POINTER (MIB / 2), test_conflate);
  return g_test_run ();
}
