/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two relays over a real PostgreSQL: what the log's end is told, what daemons say to each other, and what becomes of a lost connection. */

#include "postgres-fixture.h"

#include <string.h>

#include "relay/wsed-notify-relay.h"

typedef struct
{
  WsedRelay *relay;
  GString *story;
  guint lost, changed;
} Party;

static void
on_end (const char *epoch,
        guint64     n,
        gboolean    own,
        gpointer    user_data)
{
  g_string_append_printf (((Party *) user_data)->story, "%s %" G_GUINT64_FORMAT "%s;", epoch, n, own ? " own" : "");
}

static void
on_entry (const char *epoch,
          WsedEntry  *entry,
          gpointer    user_data)
{
  g_string_append (((Party *) user_data)->story, "entry;");
}

static void
on_said (const char *from,
         const char *text,
         gsize       length,
         gpointer    user_data)
{
  g_string_append_printf (((Party *) user_data)->story, "%.1s: %.*s;", from, (int) length, text);
}

static void
on_lost (gpointer user_data)
{
  ((Party *) user_data)->lost++;
}

static void
on_changed (gpointer user_data)
{
  ((Party *) user_data)->changed++;
}

static WsedRelayState
get_state (Party *party)
{
  WsedRelayStats stats;

  wsed_relay_get_stats (party->relay, &stats);
  return stats.state;
}

static void
begin (Party      *party,
       const char *name)
{
  static const WsedRelayListener listener = { .entry = on_entry, .end = on_end, .said = on_said, .lost = on_lost, .changed = on_changed };
  g_autofree char *uri = postgres_fixture_get_uri ("wse");
  g_autoptr (WsedPostgresAddress) address = wsed_postgres_address_new (uri, NULL);

  *party = (Party) { wsed_notify_relay_new (address, name), g_string_new (NULL) };
  g_assert_cmpint (get_state (party), ==, WSED_RELAY_DEGRADED);
  wsed_relay_start (party->relay, name, &listener, party);
  while (party->lost == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (get_state (party), ==, WSED_RELAY_OK);
}

static void
end (Party *party)
{
  wsed_relay_stop (party->relay);
  g_object_unref (party->relay);
  g_string_free (party->story, TRUE);
}

static void
wait_for (Party      *party,
          const char *story)
{
  while (strlen (party->story->str) < strlen (story))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (party->story->str, ==, story);
  g_string_truncate (party->story, 0);
}

static void
notify (const char *payload)
{
  g_free (postgres_fixture_ask ("wse", "SELECT pg_notify('wse_log', '%s')", payload));
}

/* Whose append it was is known; what is no such message is passed over. */
static void
test_end (void)
{
  static const char *const bad[] = { "epoch 10 x user:1", "epoch 1 x user:1 1 00 user:2 1 00", "epoch 11 x user:1 1 zz", "epoch 12 x user:1 0 00",
                                     "epoch 13 x user:1 1,2,3,4,5,6,7,8 0011223344556677", "epoch 14 x user:1 1 ", "epoch 15 x  1 00112233445566778899" };
  Party one, two;

  begin (&one, "aaaaaaaaaaaaaaaa");
  begin (&two, "bbbbbbbbbbbbbbbb");
  notify ("epoch");
  notify ("epoch x aaaaaaaaaaaaaaaa");
  notify ("epoch 7 aaaaaaaaaaaaaaaa");
  notify ("epoch 9 bbbbbbbbbbbbbbbb");
  /* Events that go along and cannot be read. */
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    notify (bad[i]);
  wait_for (&one, "epoch 7 own;epoch 9;epoch 11;epoch 12;epoch 13;epoch 14;epoch 15;");
  wait_for (&two, "epoch 7;epoch 9 own;epoch 11;epoch 12;epoch 13;epoch 14;epoch 15;");
  end (&one);
  end (&two);
}

static void
test_said (void)
{
  g_autofree char *much = g_strnfill (WSED_RELAY_MAX_SAID, 'x'), *story = g_strdup_printf ("b: one;b: %s;", much);
  Party one, two, three;

  begin (&one, "aaaaaaaaaaaaaaaa");
  begin (&two, "bbbbbbbbbbbbbbbb");
  begin (&three, "cccccccccccccccc");
  wsed_relay_say (two.relay, "aaaaaaaaaaaaaaaa", "one", 3);
  wsed_relay_say (two.relay, NULL, much, strlen (much));
  wsed_relay_say (three.relay, "bbbbbbbbbbbbbbbb", "a b\nc", 5);
  wait_for (&one, story);
  wait_for (&two, "c: a b\nc;");
  end (&one);
  end (&two);
  end (&three);
}

static void
test_lost (void)
{
  Party one;

  begin (&one, "aaaaaaaaaaaaaaaa");
  postgres_fixture_kill ();
  while (get_state (&one) == WSED_RELAY_OK)
    g_main_context_iteration (NULL, TRUE);
  wsed_relay_say (one.relay, NULL, "nobody hears", 12);
  postgres_fixture_restart ();
  while (one.lost == 1)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (get_state (&one), ==, WSED_RELAY_OK);
  g_assert_cmpuint (one.changed, >=, 3);
  notify ("epoch 11 x");
  wait_for (&one, "epoch 11;");
  end (&one);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  if (postgres_fixture_start () == NULL)
    return 77;
  g_test_add_func ("/notify-relay/end", test_end);
  g_test_add_func ("/notify-relay/said", test_said);
  g_test_add_func ("/notify-relay/lost", test_lost);
  return g_test_run ();
}
