/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Durable readers in either log: what is acked stays, and only goes forward. */

#include <glib/gstdio.h>
#include <sqlite3.h>

#include "log/wsed-memory-log.h"
#include "log/wsed-sqlite-log.h"
#include "wse-error.h"

typedef struct
{
  WsedLog *log;
  WsedInbox *inbox;
  char *directory;             /* NULL: in memory */
  char *path;
} Fixture;

static const WsedRetention retention = { .sync_full = TRUE };

static void
open_log (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  fixture->log = fixture->path == NULL ? wsed_memory_log_new (&retention) : wsed_sqlite_log_new (fixture->path, &retention, &error);
  g_assert_no_error (error);
}

static void
close_log (Fixture *fixture)
{
  wsed_log_close (fixture->log);
  g_clear_object (&fixture->log);
}

static void
set_up (Fixture       *fixture,
        gconstpointer  sqlite)
{
  fixture->inbox = wsed_inbox_new ();
  if (sqlite != NULL)
    {
      fixture->directory = g_dir_make_tmp ("wse-consumers-XXXXXX", NULL);
      fixture->path = g_build_filename (fixture->directory, "wse.db", NULL);
    }
  open_log (fixture);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  sqlite)
{
  close_log (fixture);
  wsed_inbox_free (fixture->inbox);
  if (fixture->directory != NULL)
    {
      g_autoptr(GDir) files = g_dir_open (fixture->directory, 0, NULL);
      const char *name;

      while ((name = g_dir_read_name (files)) != NULL)
        {
          g_autofree char *path = g_build_filename (fixture->directory, name, NULL);

          g_unlink (path);
        }
      g_rmdir (fixture->directory);
    }
  g_free (fixture->directory);
  g_free (fixture->path);
}

static void
on_answer (WsedMessage *message,
           gpointer     user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* Takes @request; gives it back answered. */
static WsedConsumer *
ask (Fixture      *fixture,
     WsedConsumer *request)
{
  gboolean answered = FALSE;

  request->message.run = on_answer;
  request->message.user_data = &answered;
  wsed_log_consume (fixture->log, request);
  while (!answered)
    {
      wsed_inbox_wait (fixture->inbox, -1);
      wsed_inbox_run (fixture->inbox);
    }
  return request;
}

static void
ack (Fixture    *fixture,
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
expect (Fixture    *fixture,
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
test_merge (Fixture       *fixture,
            gconstpointer  sqlite)
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
test_limit (Fixture       *fixture,
            gconstpointer  sqlite)
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
test_restart (Fixture       *fixture,
              gconstpointer  sqlite)
{
  ack (fixture, "u", "c", "user:u", "e", 5);
  close_log (fixture);
  open_log (fixture);
  if (sqlite != NULL)
    expect (fixture, "u", "c", "user:u", "e", 5);
  else
    expect (fixture, "u", "c", "user:u", NULL, 0);
}

/* Makes the consumer "old" one that was last used more than 30 days ago. */
static void
make_old (Fixture *fixture)
{
  g_autofree char *sql = g_strdup_printf ("UPDATE consumer SET used=%" G_GINT64_FORMAT " WHERE name='old'",
                                          g_get_real_time () - WSED_CONSUMER_AGE - G_TIME_SPAN_HOUR);
  sqlite3 *db;

  g_assert_cmpint (sqlite3_open (fixture->path, &db), ==, SQLITE_OK);
  sqlite3_busy_timeout (db, 60000);
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
}

/* One that is to be forgotten, and still there, is no way to a seventeenth. */
static void
test_limit_forgotten (Fixture       *fixture,
                      gconstpointer  sqlite)
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
test_withdrawn (Fixture       *fixture,
                gconstpointer  sqlite)
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
test_forgotten (Fixture       *fixture,
                gconstpointer  sqlite)
{
  ack (fixture, "u", "old", "user:u", "e", 5);
  ack (fixture, "u", "new", "user:u", "e", 6);
  close_log (fixture);
  make_old (fixture);
  open_log (fixture);
  expect (fixture, "u", "old", "user:u", NULL, 0);
  expect (fixture, "u", "new", "user:u", "e", 6);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define BOTH(name, test) \
  g_test_add ("/consumers/memory/" name, Fixture, NULL, set_up, test, tear_down); \
  g_test_add ("/consumers/sqlite/" name, Fixture, "sqlite", set_up, test, tear_down)
  BOTH ("merge", test_merge);
  BOTH ("limit", test_limit);
  BOTH ("restart", test_restart);
  BOTH ("withdrawn", test_withdrawn);
  g_test_add ("/consumers/sqlite/limit-forgotten", Fixture, "sqlite", set_up, test_limit_forgotten, tear_down);
  g_test_add ("/consumers/sqlite/forgotten", Fixture, "sqlite", set_up, test_forgotten, tear_down);
  return g_test_run ();
}
