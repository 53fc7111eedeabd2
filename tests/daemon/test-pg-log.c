/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What only the log in PostgreSQL has: several who append at the same time, and a server that ends sessions, dies, hangs, or is not there. */

#include "log-fixture.h"
#include "postgres-fixture.h"

#include <string.h>

#define DATABASE "faults"
#define PEERS 3
#define CHANNELS 7

typedef struct
{
  WsedLog *log;
  WsedInbox *inbox;
  guint number;
  guint sent, answered;        /* appends */
  guint64 last_n;
} Peer;

typedef struct
{
  char *uri;
  WsedInbox *inbox;
  Peer peers[PEERS];
  guint n_peers;
  guint appends;               /* of each peer */
  GRand *random;
  GHashTable *kept;            /* n → id, of every answer */
} Fixture;

static WsedLog *
open_log (const char *uri,
          guint       patience)
{
  const WsedRetention retention = { .sync_full = TRUE };
  g_autoptr (GError) error = NULL;
  WsedLog *log = wsed_pg_log_new (uri, &retention, patience, &error);

  g_assert_no_error (error);
  return log;
}

static gboolean
set_up (Fixture *fixture,
        guint    peers,
        guint    appends,
        guint    patience)
{
  memset (fixture, 0, sizeof *fixture);
  if (postgres_fixture_start () == NULL)
    return FALSE;
  fixture->uri = postgres_fixture_get_uri (DATABASE);
  g_free (postgres_fixture_ask (DATABASE, "DROP SCHEMA IF EXISTS wse CASCADE"));
  fixture->random = g_rand_new_with_seed (g_test_rand_int ());
  fixture->kept = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  fixture->n_peers = peers;
  fixture->appends = appends;
  for (guint i = 0; i < peers; i++)
    fixture->peers[i] = (Peer) { open_log (fixture->uri, patience), wsed_inbox_new (), i };
  return TRUE;
}

static void
tear_down (Fixture *fixture)
{
  for (guint i = 0; i < fixture->n_peers; i++)
    {
      wsed_log_close (fixture->peers[i].log);
      g_object_unref (fixture->peers[i].log);
      wsed_inbox_free (fixture->peers[i].inbox);
    }
  g_hash_table_unref (fixture->kept);
  g_rand_free (fixture->random);
  g_free (fixture->uri);
}

static void
send_batch (Fixture *fixture,
            Peer    *peer)
{
  GPtrArray *events = log_new_events ();
  guint count = g_rand_int_range (fixture->random, 1, 20);

  for (guint i = 0; i < count; i++)
    {
      guint first = g_rand_int_range (fixture->random, 0, CHANNELS), more = g_rand_int_range (fixture->random, 0, 3);
      g_autofree char *id = g_strdup_printf ("%u.%u.%u", peer->number, peer->sent, i);
      g_autoptr (GString) channels = g_string_new (NULL);

      g_string_append_printf (channels, "user:%u", first);
      for (guint k = 1; k <= more; k++)
        g_string_append_printf (channels, ",user:%u", (first + k) % CHANNELS);
      g_ptr_array_add (events, log_event (id, channels->str));
    }
  peer->sent++;
  wsed_log_append (peer->log, wsed_append_new (events, peer->inbox));
}

/* Kept once, in order, none a duplicate. */
static void
take_answer (Fixture    *fixture,
             Peer       *peer,
             WsedAppend *append)
{
  g_assert_no_error (append->error);
  g_assert_cmpuint (append->n_done, ==, append->events->len);
  for (guint i = 0; i < append->n_done; i++)
    {
      g_assert_cmpint (append->duplicates[i], ==, 0);
      g_assert_cmpuint (append->entries[i]->n, >, peer->last_n);
      peer->last_n = append->entries[i]->n;
      g_assert_true (g_hash_table_insert (fixture->kept, g_memdup2 (&append->entries[i]->n, 8), g_strdup (append->entries[i]->event->id)));
    }
  peer->answered++;
  wsed_append_free (append);
}

/* Two appends under way from each, until each has made all of its own. @disturb: now and then. */
static void
run_peers (Fixture *fixture,
           void   (*disturb) (guint answered))
{
  const guint all = fixture->n_peers * fixture->appends;
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  guint answered = 0;

  while (answered < all)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      for (guint i = 0; i < fixture->n_peers; i++)
        {
          Peer *peer = &fixture->peers[i];

          while (peer->sent < fixture->appends && peer->sent - peer->answered < 2)
            send_batch (fixture, peer);
          for (WsedMessage *message = wsed_inbox_take (peer->inbox), *next; message != NULL; message = next, answered++)
            {
              next = message->next;
              take_answer (fixture, peer, (WsedAppend *) message);
              if (disturb != NULL)
                disturb (answered);
            }
        }
      g_main_context_iteration (NULL, TRUE);
    }
}

static void
assert_answer (const char *expected,
               const char *question)
{
  g_autofree char *answer = postgres_fixture_ask (DATABASE, "%s", question);

  g_assert_cmpstr (answer, ==, expected);
}

/* What the answers said is what is there; n and seqs have no hole and one order. */
static void
verify (Fixture *fixture)
{
  LogFixture reader = { .log = fixture->peers[0].log, .inbox = fixture->peers[0].inbox };
  g_autofree char *all = log_read_ids (&reader, "*", 0, 1000);
  g_auto (GStrv) ids = g_strsplit (all, " ", -1);
  guint64 n;

  assert_answer ("t", "SELECT l.n = (SELECT count(*) FROM wse.entry) AND l.n = (SELECT max(n) FROM wse.entry) AND l.n = l.events FROM wse.log l");
  assert_answer ("0", "SELECT count(*) FROM (SELECT seq, n, row_number() OVER w AS i, lag(n) OVER w AS before FROM wse.place"
                      " WINDOW w AS (PARTITION BY channel ORDER BY seq)) q WHERE seq <> i OR n <= before");
  assert_answer ("0", "SELECT count(*) FROM wse.channel c WHERE head <> (SELECT count(*) FROM wse.place p WHERE p.channel = c.id)");
  assert_answer ("0", "SELECT count(*) FROM wse.entry e, unnest(string_to_array(e.channels, ','), e.seqs) u(name, seq)"
                      " WHERE NOT EXISTS (SELECT FROM wse.place p JOIN wse.channel c ON p.channel = c.id"
                      " WHERE c.name = u.name AND p.seq = u.seq AND p.n = e.n)");
  g_assert_cmpuint (g_strv_length (ids), ==, g_hash_table_size (fixture->kept));
  for (n = 1; ids[n - 1] != NULL; n++)
    g_assert_cmpstr (ids[n - 1], ==, g_hash_table_lookup (fixture->kept, &n));
}

static void
test_peers (void)
{
  Fixture fixture;

  if (!set_up (&fixture, PEERS, 150, 0))
    return;
  run_peers (&fixture, NULL);
  verify (&fixture);
  tear_down (&fixture);
}

/* What the database's owner has set for others: who waits for the log's row must see it as it is then. */
static void
test_isolation (void)
{
  Fixture fixture;

  if (postgres_fixture_start () == NULL)
    return;
  /* This makes it. */
  g_free (postgres_fixture_get_uri (DATABASE));
  g_free (postgres_fixture_ask (DATABASE, "ALTER DATABASE " DATABASE " SET default_transaction_isolation = 'repeatable read'"));
  if (!set_up (&fixture, PEERS, 30, 0))
    return;
  run_peers (&fixture, NULL);
  verify (&fixture);
  tear_down (&fixture);
  g_free (postgres_fixture_ask (DATABASE, "ALTER DATABASE " DATABASE " RESET default_transaction_isolation"));
}

static void
terminate (guint answered)
{
  if (answered % 10 == 9)
    g_free (postgres_fixture_ask (DATABASE, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'wsed'"));
}

static void
test_terminated (void)
{
  Fixture fixture;

  if (!set_up (&fixture, PEERS, 30, 30000))
    return;
  run_peers (&fixture, terminate);
  verify (&fixture);
  tear_down (&fixture);
}

static void
kill_server (guint answered)
{
  if (answered % 50 != 49)
    return;
  postgres_fixture_kill ();
  postgres_fixture_restart ();
}

static void
test_killed (void)
{
  Fixture fixture;

  if (!set_up (&fixture, PEERS, 40, 30000))
    return;
  run_peers (&fixture, kill_server);
  verify (&fixture);
  tear_down (&fixture);
}

static WsedLogState
get_state (WsedLog *log)
{
  WsedLogStats stats;

  wsed_log_get_stats (log, &stats);
  return stats.state;
}

static void
wait_for_state (WsedLog     *log,
                WsedLogState state)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;

  while (get_state (log) != state)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_main_context_iteration (NULL, TRUE);
    }
}

/* It starts without a server, says so at once to who asks, and is there when the server is. */
static void
test_absent (void)
{
  LogFixture reader = { LOG_POSTGRES };
  Fixture fixture;
  WsedAppend *append;

  if (!set_up (&fixture, 0, 0, 0))
    return;
  postgres_fixture_kill ();
  fixture.peers[0] = (Peer) { open_log (fixture.uri, 0), wsed_inbox_new (), 0 };
  fixture.n_peers = fixture.appends = 1;
  g_assert_cmpint (get_state (fixture.peers[0].log), ==, WSED_LOG_DOWN);
  reader.log = fixture.peers[0].log;
  reader.inbox = fixture.peers[0].inbox;
  append = log_append_events (&reader, log_event ("early", "user:1"), NULL);
  g_assert_error (append->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  g_assert_cmpuint (append->n_done, ==, 0);
  wsed_append_free (append);
  postgres_fixture_restart ();
  wait_for_state (fixture.peers[0].log, WSED_LOG_OK);
  run_peers (&fixture, NULL);
  verify (&fixture);
  tear_down (&fixture);
}

/* A server that hangs: everything is answered in time, with an error, and nothing is lost of what was answered without one. */
static void
test_hanging (void)
{
  Fixture fixture;
  WsedAppend *append;
  WsedHeads *heads;
  WsedRead *read;
  WsedLogStats stats;
  Peer *peer = &fixture.peers[0];
  LogFixture reader;

  if (!set_up (&fixture, 1, 5, 1000))
    return;
  run_peers (&fixture, NULL);
  postgres_fixture_suspend ();
  fixture.appends = 7;
  send_batch (&fixture, peer);
  send_batch (&fixture, peer);
  for (guint i = 0; i < 2; i++)
    {
      append = (WsedAppend *) log_wait (peer->inbox);
      g_assert_null (append->message.next);
      g_assert_error (append->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
      wsed_append_free (append);
    }
  heads = wsed_heads_new (peer->inbox);
  wsed_heads_add (heads, "user:1");
  wsed_log_heads (peer->log, heads);
  g_assert_true (log_wait (peer->inbox) == &heads->message);
  g_assert_error (heads->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  wsed_heads_free (heads);
  read = wsed_read_new (peer->inbox, 10, 1000);
  wsed_read_add (read, "user:1", NULL, 0);
  wsed_log_read (peer->log, read);
  g_assert_true (log_wait (peer->inbox) == &read->message);
  g_assert_error (read->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  wsed_read_free (read);
  wsed_log_get_stats (peer->log, &stats);
  g_assert_cmpuint (stats.queued_bytes, ==, 0);
  wait_for_state (peer->log, WSED_LOG_DOWN);
  postgres_fixture_resume ();
  wait_for_state (peer->log, WSED_LOG_OK);
  reader = (LogFixture) { .log = peer->log, .inbox = peer->inbox };
  append = log_append_events (&reader, log_event ("late", "user:1"), NULL);
  g_assert_no_error (append->error);
  g_assert_cmpuint (append->entries[0]->seqs[0], >, 0);
  wsed_append_free (append);
  /* What was answered with an error may have been kept. */
  assert_answer ("t", "SELECT l.n = (SELECT count(*) FROM wse.entry) AND l.n = (SELECT max(n) FROM wse.entry) FROM wse.log l");
  tear_down (&fixture);
}

/* An erasure whose answer was lost is asked for again, and answered as it was, whatever came since. */
static void
test_erase_again (void)
{
  Fixture fixture;
  LogFixture reader;

  if (!set_up (&fixture, 1, 1, 0))
    return;
  reader = (LogFixture) { .log = fixture.peers[0].log, .inbox = fixture.peers[0].inbox };
  log_append_many (&reader, "a", 5, "user:1");
  assert_answer ("0 5", "SELECT low || ' ' || head FROM wse.erase('user:1', 1000000, 'one')");
  log_append_many (&reader, "b", 2, "user:1");
  assert_answer ("0 5", "SELECT low || ' ' || head FROM wse.erase('user:1', 1000000, 'one')");
  assert_answer ("2", "SELECT head - low FROM wse.channel WHERE name = 'user:1'");
  assert_answer ("5 7", "SELECT low || ' ' || head FROM wse.erase('user:1', 1000000, 'two')");
  tear_down (&fixture);
}

/* An attempt is carried out once, however often it is sent; one that was fenced off never is. */
static void
test_attempts (void)
{
#define APPEND(attempt) \
  "SELECT base FROM wse.append('w', " attempt ", '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'," \
  " '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')"
  Fixture fixture;
  LogFixture reader;

  if (!set_up (&fixture, 1, 1, 0))
    return;
  reader = (LogFixture) { .log = fixture.peers[0].log, .inbox = fixture.peers[0].inbox };
  log_append_many (&reader, "a", 5, "user:1");
  assert_answer ("5", APPEND ("1"));
  log_append_many (&reader, "b", 2, "user:1");
  assert_answer ("5", APPEND ("1"));
  assert_answer ("t", "SELECT wse.fence('w', 1)");
  assert_answer ("7", APPEND ("2"));
  assert_answer ("f", "SELECT wse.fence('w', 3)");
  assert_answer ("f", "SELECT wse.fence('w', 3)");
  for (guint attempt = 1; attempt <= 3; attempt++)
    {
      g_autofree char *refused = g_strdup_printf ("DO $$ BEGIN PERFORM base FROM (%s) q; RAISE 'taken';"
                                                  " EXCEPTION WHEN object_in_use THEN NULL; END $$",
                                                  attempt == 1 ? APPEND ("1") : attempt == 2 ? APPEND ("2") : APPEND ("3"));

      assert_answer ("", refused);
    }
  assert_answer ("7", APPEND ("4"));
  tear_down (&fixture);
#undef APPEND
}

/* Steps of retention until @question has @answer. @longest: of an event, µs. */
static void
trim_until (const char *longest,
            const char *answer,
            const char *question)
{
  gint64 deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
  g_autofree char *now = NULL;

  do
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_free (postgres_fixture_ask (DATABASE, "SELECT more FROM wse.trim(1000000, %s, 1e15::bigint, 1000, 1e15::bigint, 10, 10, 10, 'next')", longest));
      g_free (now);
      now = postgres_fixture_ask (DATABASE, "%s", question);
    }
  while (strcmp (now, answer) != 0);
}

/* A channel that was forgotten and has begun anew, while events of its earlier life are still kept for another one: retention of those
 * does not give it an end that it has not come to. */
static void
test_reborn (void)
{
  Fixture fixture;
  LogFixture reader;

  if (!set_up (&fixture, 1, 0, 0))
    return;
  reader = (LogFixture) { .log = fixture.peers[0].log, .inbox = fixture.peers[0].inbox };
  log_append_many (&reader, "old", 5, "user:0,user:1");
  assert_answer ("0 5", "SELECT low || ' ' || head FROM wse.erase('user:1', 1000000, 'one')");
  g_free (postgres_fixture_ask (DATABASE, "UPDATE wse.channel SET emptied = 0 WHERE name = 'user:1'"));
  trim_until ("1e15::bigint", "0", "SELECT count(*) FROM wse.channel WHERE name = 'user:1'");
  log_append_many (&reader, "new", 1, "user:1");
  trim_until ("-1", "0", "SELECT count(*) FROM wse.entry");
  assert_answer ("1 1", "SELECT low || ' ' || head FROM wse.channel WHERE name = 'user:1'");
  tear_down (&fixture);
}

/* What a newer version has made is not touched. */
static void
test_newer (void)
{
  const WsedRetention retention = { .sync_full = TRUE };
  g_autoptr (GError) error = NULL;
  Fixture fixture;

  if (!set_up (&fixture, 1, 1, 0))
    return;
  run_peers (&fixture, NULL);
  tear_down (&fixture);
  g_free (postgres_fixture_ask (DATABASE, "UPDATE wse.log SET format = 999"));
  fixture.uri = postgres_fixture_get_uri (DATABASE);
  g_assert_null (wsed_pg_log_new (fixture.uri, &retention, 0, &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "newer version"));
  g_free (fixture.uri);
}

/* The rows in another cluster are another log: its places are not those that readers know. */
static void
test_copied (void)
{
  Fixture fixture;
  g_autofree char *before = NULL, *after = NULL;

  if (!set_up (&fixture, 1, 1, 0))
    return;
  run_peers (&fixture, NULL);
  before = postgres_fixture_ask (DATABASE, "SELECT epoch FROM wse.log");
  wsed_log_close (fixture.peers[0].log);
  g_clear_object (&fixture.peers[0].log);
  g_free (postgres_fixture_ask (DATABASE, "UPDATE wse.log SET system = 'elsewhere'"));
  fixture.peers[0].log = open_log (fixture.uri, 0);
  after = postgres_fixture_ask (DATABASE, "SELECT epoch FROM wse.log");
  g_assert_cmpstr (before, !=, after);
  verify (&fixture);
  tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* It warns of a server that is away. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/pg-log/peers", test_peers);
  g_test_add_func ("/pg-log/isolation", test_isolation);
  g_test_add_func ("/pg-log/terminated", test_terminated);
  g_test_add_func ("/pg-log/killed", test_killed);
  g_test_add_func ("/pg-log/absent", test_absent);
  g_test_add_func ("/pg-log/hanging", test_hanging);
  g_test_add_func ("/pg-log/erase-again", test_erase_again);
  g_test_add_func ("/pg-log/attempts", test_attempts);
  g_test_add_func ("/pg-log/reborn", test_reborn);
  g_test_add_func ("/pg-log/newer", test_newer);
  g_test_add_func ("/pg-log/copied", test_copied);
  return g_test_run ();
}
