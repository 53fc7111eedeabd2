/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker that does not come to its messages: what waits for it is counted for what it holds in memory, and publishing is refused (503)
 * before that is more than the bound. Then it goes on, and nothing is lost. */

#include <wse.h>

#include <stdlib.h>
#include <string.h>

#include "log/wsed-memory-log.h"
#include "stream-fixture.h"
#include "stream/wsed-worker.h"
#include "wsed-pipeline.h"

#define MIB (1024 * 1024)
#define BOUND (4 * MIB)
/* One submission's overshoot: its event as the log has it, and a chunk. */
#define OVERSHOOT (512 * 1024)

typedef struct
{
  StreamFixture stream;
  WsedSequence *sequence;
  WsedPipeline *pipeline;
  WseRouter *router;
  guint accepted, refused;
} Fixture;

static void
on_relayed (WsedEntry * const *entries,
            guint              n_entries,
            gpointer           user_data)
{
  wsed_hub_publish (user_data, entries, n_entries);
}

static gsize
get_backlog (gpointer user_data)
{
  return wsed_hub_get_pending (user_data);
}

static void
set_up (Fixture      *fixture,
        gconstpointer workers)
{
  stream_fixture_init (&fixture->stream, GPOINTER_TO_UINT (workers), 2 * MIB, 0, 3600);
  fixture->sequence = wsed_sequence_new (on_relayed, fixture->stream.hub);
  fixture->pipeline = wsed_pipeline_new (fixture->stream.log, fixture->sequence, fixture->stream.main);
  wsed_pipeline_set_limits (fixture->pipeline, 256 * 1024, BOUND);
  wsed_pipeline_set_backlog (fixture->pipeline, get_backlog, fixture->stream.hub);
  fixture->router = wse_router_new ();
  wsed_pipeline_add (fixture->pipeline, WSE_TRANSFORMER (fixture->router));
}

static void
tear_down (Fixture      *fixture,
           gconstpointer unused)
{
  wsed_pipeline_free (fixture->pipeline);
  g_object_unref (fixture->router);
  wsed_sequence_free (fixture->sequence);
  stream_fixture_clear (&fixture->stream);
}

/* A message that a worker does not get over until it is let. */
typedef struct
{
  WsedMessage message;
  WsedInbox *holding, *release; /* it stands there; it may go on */
} Hold;

static void
nothing (WsedMessage *message,
         gpointer     user_data)
{
}

static void
run_hold (WsedMessage *message,
          gpointer     user_data)
{
  static WsedMessage holds = { .run = nothing };
  Hold *hold = user_data;

  wsed_inbox_push (hold->holding, &holds);
  wsed_inbox_wait (hold->release, -1);
}

static void
hold (Fixture *fixture,
      guint    worker,
      Hold    *message)
{
  guint n;

  message->message.run = run_hold;
  message->message.user_data = message;
  message->holding = wsed_inbox_new ();
  message->release = wsed_inbox_new ();
  wsed_inbox_push (wsed_worker_get_inbox (wsed_hub_get_workers (fixture->stream.hub, &n)[worker]), &message->message);
  wsed_inbox_wait (message->holding, -1);
  wsed_inbox_run (message->holding);
}

static void
let_go (Fixture *fixture,
        Hold    *hold)
{
  WsedMessage go = { .run = nothing };

  wsed_inbox_push (hold->release, &go);
  while (wsed_hub_get_pending (fixture->stream.hub) > 0)
    stream_fixture_turn (&fixture->stream);
  wsed_inbox_run (hold->release);
  wsed_inbox_free (hold->release);
  wsed_inbox_free (hold->holding);
}

static void
on_submitted (const WsedItem *items,
              guint           n_items,
              gboolean        single,
              const GError   *error,
              gpointer        user_data)
{
  Fixture *fixture = user_data;

  if (error != NULL)
    g_assert_error (error, WSE_ERROR, WSE_ERROR_BUSY);
  else
    g_assert_cmpint (items[0].outcome, ==, WSED_OUTCOME_APPENDED);
  fixture->accepted += error == NULL;
  fixture->refused += error != NULL;
}

/* Waits for the answer. */
static gboolean
submit (Fixture    *fixture,
        const char *target,
        gsize       padding)
{
  g_autofree char *filler = g_strnfill (padding, 'x');
  g_autofree char *body = g_strdup_printf ("{\"event_type\":\"t\",%s,\"payload\":{\"x\":%u,\"filler\":\"%s\"}}", target, fixture->accepted, filler);
  guint before = fixture->accepted;

  wsed_pipeline_submit (fixture->pipeline, WSED_FORM_JSON, body, strlen (body), on_submitted, fixture);
  while (wsed_pipeline_get_pending (fixture->pipeline) > 0)
    stream_fixture_turn (&fixture->stream);
  return fixture->accepted > before;
}

static Client *
connect_to (Fixture    *fixture,
            const char *channels)
{
  Client *client = client_new (&fixture->stream, &(ClientOptions){ .channels = channels, .dialect = WSE_DIALECT_V2, .control = TRUE });
  g_autofree char *hello = client_next (client), *caught_up = client_next (client);

  g_assert_nonnull (strstr (hello, "\"hello\""));
  g_assert_nonnull (strstr (caught_up, "\"caught_up\""));
  return client;
}

static void
expect_all (Client *client,
            guint   n)
{
  for (guint seq = 1; seq <= n; seq++)
    {
      g_autofree char *text = client_next (client), *place = g_strdup_printf ("\"seq\":%u,", seq);

      g_assert_nonnull (strstr (text, place));
    }
}

/* Small events, and ones of many kilobytes. */
static void
fill (Fixture *fixture,
      gsize    padding)
{
  Client *client = connect_to (fixture, "global");
  Hold held;

  hold (fixture, 0, &held);
  while (submit (fixture, "\"broadcast\":true", padding))
    g_assert_cmpuint (wsed_hub_get_pending (fixture->stream.hub), <=, BOUND + OVERSHOOT);
  g_assert_cmpuint (fixture->accepted * (padding + 1), >=, padding > 0 ? BOUND / 4 : 1000);
  g_assert_cmpuint (fixture->accepted * padding, <=, BOUND);
  g_assert_false (submit (fixture, "\"broadcast\":true", padding));
  let_go (fixture, &held);
  g_assert_true (submit (fixture, "\"broadcast\":true", padding));
  expect_all (client, fixture->accepted);
  client_free (client);
}

static void
test_small (Fixture      *fixture,
            gconstpointer unused)
{
  fill (fixture, 0);
}

static void
test_large (Fixture      *fixture,
            gconstpointer unused)
{
  fill (fixture, 20000);
}

/* What little one worker gets may lie in very many chunks, which the others filled: it keeps all of them. */
static void
test_scattered (Fixture      *fixture,
                gconstpointer unused)
{
  Client *stuck = connect_to (fixture, "user:a"), *other = connect_to (fixture, "global");
  guint rare = 0;
  Hold held;

  hold (fixture, 0, &held);
  while (submit (fixture, "\"user_id\":\"a\"", 0))
    {
      rare++;
      g_assert_cmpuint (rare, <, 100);
      for (guint i = 0; i < 4 && submit (fixture, "\"broadcast\":true", 100000); i++)
        g_free (client_next (other));
    }
  g_assert_cmpuint (rare, >=, 4);
  let_go (fixture, &held);
  g_assert_true (submit (fixture, "\"broadcast\":true", 0));
  expect_all (stuck, rare);
  client_free (stuck);
  client_free (other);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/backlog/small", Fixture, GUINT_TO_POINTER (1), set_up, test_small, tear_down);
  g_test_add ("/backlog/large", Fixture, GUINT_TO_POINTER (1), set_up, test_large, tear_down);
  g_test_add ("/backlog/scattered", Fixture, GUINT_TO_POINTER (2), set_up, test_scattered, tear_down);
  return g_test_run ();
}
