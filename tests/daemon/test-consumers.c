/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Durable readers in each log: what is acked stays, and only goes forward. */

#include "log-fixture.h"
#include "postgres-fixture.h"

#include <sqlite3.h>

static const WsedRetention retention = { .sync_full = TRUE };

static void
set_up (LogFixture    *fixture,
        gconstpointer  kind)
{
  log_fixture_init (fixture, GPOINTER_TO_UINT (kind), &retention);
}

static void
tear_down (LogFixture    *fixture,
           gconstpointer  kind)
{
  log_fixture_clear (fixture);
}

/* Takes @request; gives it back answered. */
static WsedConsumer *
ask (LogFixture   *fixture,
     WsedConsumer *request)
{
  wsed_log_consume (fixture->log, request);
  g_assert_true (log_wait (fixture->inbox) == &request->message);
  return request;
}

static void
ack (LogFixture *fixture,
     const char *user,
     const char *name,
     const char *channel,
     const char *epoch,
     guint64     seq)
{
  g_autoptr(WsedConsumer) request = wsed_consumer_new (user, name, fixture->inbox);

  wsed_acks_add (request->acks, channel, epoch, seq);
  ask (fixture, request);
  g_assert_no_error (request->error);
}

static void
expect (LogFixture *fixture,
        const char *user,
        const char *name,
        const char *channel,
        const char *epoch,
        guint64     seq)
{
  g_autoptr(WsedConsumer) request = ask (fixture, wsed_consumer_new (user, name, fixture->inbox));
  WsedAck *found;

  g_assert_no_error (request->error);
  found = wsed_acks_find (request->acks, channel);
  if (epoch == NULL)
    {
      g_assert_null (found);
      return;
    }
  g_assert_nonnull (found);
  g_assert_cmpstr (found->epoch, ==, epoch);
  g_assert_cmpuint (found->seq, ==, seq);
}

static void
test_merge (LogFixture    *fixture,
            gconstpointer  kind)
{
  expect (fixture, "u", "c", "user:u", NULL, 0);
  ack (fixture, "u", "c", "user:u", "e1", 5);
  ack (fixture, "u", "c", "global", "e1", 9);
  ack (fixture, "u", "c", "user:u", "e1", 3);
  expect (fixture, "u", "c", "user:u", "e1", 5);
  ack (fixture, "u", "c", "user:u", "e1", 7);
  expect (fixture, "u", "c", "user:u", "e1", 7);
  expect (fixture, "u", "c", "global", "e1", 9);
  /* The channel has begun anew. */
  ack (fixture, "u", "c", "user:u", "e2", 1);
  expect (fixture, "u", "c", "user:u", "e2", 1);
  expect (fixture, "u", "other", "user:u", NULL, 0);
  expect (fixture, "v", "c", "user:u", NULL, 0);
}

static void
test_limit (LogFixture    *fixture,
            gconstpointer  kind)
{
  g_autoptr(WsedConsumer) seventeenth = wsed_consumer_new ("u", "c16", fixture->inbox);

  for (guint i = 0; i < WSED_MAX_CONSUMERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%u", i);

      ack (fixture, "u", name, "global", "e", i);
    }
  ask (fixture, seventeenth);
  g_assert_error (seventeenth->error, WSE_ERROR, WSE_ERROR_BUSY);
  /* The old ones go on, and so does somebody else. */
  expect (fixture, "u", "c3", "global", "e", 3);
  ack (fixture, "v", "c16", "global", "e", 1);
}

static void
test_restart (LogFixture    *fixture,
              gconstpointer  kind)
{
  ack (fixture, "u", "c", "user:u", "e", 5);
  log_fixture_close (fixture);
  log_fixture_open (fixture);
  if (GPOINTER_TO_UINT (kind) != LOG_MEMORY)
    expect (fixture, "u", "c", "user:u", "e", 5);
  else
    expect (fixture, "u", "c", "user:u", NULL, 0);
}

/* Makes the consumer "old" one that was last used more than 30 days ago. */
static void
make_old (LogFixture *fixture)
{
  const gint64 then = g_get_real_time () - WSED_CONSUMER_AGE - G_TIME_SPAN_HOUR;
  g_autofree char *sql = g_strdup_printf ("UPDATE consumer SET used=%" G_GINT64_FORMAT " WHERE name='old'", then);
  sqlite3 *db;

  if (fixture->kind == LOG_POSTGRES)
    {
      g_free (postgres_fixture_ask (LOG_DATABASE, "UPDATE wse.consumer SET used=%" G_GINT64_FORMAT " WHERE name='old'", then));
      return;
    }
  g_assert_cmpint (sqlite3_open (fixture->path, &db), ==, SQLITE_OK);
  sqlite3_busy_timeout (db, 60000);
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
}

/* One that is to be forgotten, and still there, is no way to a seventeenth. */
static void
test_limit_forgotten (LogFixture    *fixture,
                      gconstpointer  kind)
{
  g_autoptr(WsedConsumer) old = wsed_consumer_new ("u", "old", fixture->inbox);

  ack (fixture, "u", "old", "global", "e", 1);
  make_old (fixture);
  for (guint i = 0; i < WSED_MAX_CONSUMERS; i++)
    {
      g_autofree char *name = g_strdup_printf ("c%u", i);

      ack (fixture, "u", name, "global", "e", i);
    }
  ask (fixture, old);
  g_assert_error (old->error, WSE_ERROR, WSE_ERROR_BUSY);
}

/* What its maker wants no more is not kept. */
static void
test_withdrawn (LogFixture    *fixture,
                gconstpointer  kind)
{
  g_autoptr(WsedConsumer) request = wsed_consumer_new ("u", "c", fixture->inbox);

  ack (fixture, "u", "c", "global", "e", 1);
  wsed_acks_add (request->acks, "global", "e", 5);
  g_assert_true (wsed_consumer_withdraw (request));
  ask (fixture, request);
  expect (fixture, "u", "c", "global", "e", 1);
  g_assert_false (wsed_consumer_claim (request));
}

/* Not used for 30 days: forgotten, and its place is free. */
static void
test_forgotten (LogFixture    *fixture,
                gconstpointer  kind)
{
  ack (fixture, "u", "old", "user:u", "e", 5);
  ack (fixture, "u", "new", "user:u", "e", 6);
  log_fixture_close (fixture);
  make_old (fixture);
  log_fixture_open (fixture);
  expect (fixture, "u", "old", "user:u", NULL, 0);
  expect (fixture, "u", "new", "user:u", "e", 6);
}

static void
add (const char *name,
     LogKind     first,
     void      (*test) (LogFixture *, gconstpointer))
{
  static const char *const kinds[] = { "memory", "sqlite", "postgres" };

  for (guint kind = first; kind <= LOG_POSTGRES; kind++)
    {
      g_autofree char *path = g_strdup_printf ("/consumers/%s/%s", kinds[kind], name);

      if (kind != LOG_POSTGRES || postgres_fixture_is_installed ())
        g_test_add (path, LogFixture, GUINT_TO_POINTER (kind), set_up, test, tear_down);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("merge", LOG_MEMORY, test_merge);
  add ("limit", LOG_MEMORY, test_limit);
  add ("restart", LOG_MEMORY, test_restart);
  add ("withdrawn", LOG_MEMORY, test_withdrawn);
  add ("limit-forgotten", LOG_SQLITE, test_limit_forgotten);
  add ("forgotten", LOG_SQLITE, test_forgotten);
  return g_test_run ();
}
