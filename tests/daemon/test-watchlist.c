/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is said of channels that are wanted, or no longer: in batches, as little as can be, again after a loss. */

#include "relay/wsed-watchlist.h"

#include <string.h>

#define LINGER 50

static GHashTable *known;       /* what the other side has been told to send */
static guint said, largest;
static gboolean full;

static gboolean
on_say (gboolean subscribe, guint n, const char * const *names, gpointer user_data)
{
  if (full)
    return FALSE;
  said++;
  largest = MAX (largest, n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (g_str_has_prefix (names[i], "wse:"));
      g_assert_true (subscribe ? g_hash_table_add (known, g_strdup (names[i] + 4)) : g_hash_table_remove (known, names[i] + 4));
    }
  return TRUE;
}

static WsedWatchlist *
begin (void)
{
  known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  said = largest = 0;
  full = FALSE;
  return wsed_watchlist_new (LINGER, on_say, NULL);
}

static void
end (WsedWatchlist *list)
{
  wsed_watchlist_free (list);
  g_clear_pointer (&known, g_hash_table_unref);
}

static void
turn (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

static gboolean
on_passed (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* So many ms. */
static void
pass (guint ms)
{
  gboolean passed = FALSE;

  g_timeout_add (ms, on_passed, &passed);
  while (!passed)
    g_main_context_iteration (NULL, TRUE);
}

static void
add_many (WsedWatchlist *list, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *channel = g_strdup_printf ("user:%u", i);

      wsed_watchlist_add (list, channel);
    }
}

static void
test_batches (void)
{
  WsedWatchlist *list = begin ();

  add_many (list, 3500);
  turn ();
  g_assert_cmpuint (said, ==, 0);
  wsed_watchlist_run (list);
  turn ();
  g_assert_cmpuint (said, ==, 4);
  g_assert_cmpuint (largest, ==, 1000);
  g_assert_cmpuint (g_hash_table_size (known), ==, 3500);
  g_assert_cmpuint (wsed_watchlist_count (list), ==, 3500);
  /* Those of one turn of the loop go together. */
  wsed_watchlist_add (list, "global");
  wsed_watchlist_add (list, "system");
  turn ();
  g_assert_cmpuint (said, ==, 5);
  end (list);
}

/* Who comes back in time costs nothing; who does not is given up. */
static void
test_linger (void)
{
  WsedWatchlist *list = begin ();

  wsed_watchlist_run (list);
  wsed_watchlist_add (list, "user:a");
  wsed_watchlist_add (list, "user:b");
  turn ();
  for (guint i = 0; i < 100; i++)
    {
      wsed_watchlist_remove (list, "user:a");
      wsed_watchlist_add (list, "user:a");
    }
  wsed_watchlist_remove (list, "user:b");
  g_assert_false (wsed_watchlist_wants (list, "user:b"));
  turn ();
  g_assert_cmpuint (said, ==, 1);
  while (g_hash_table_size (known) > 1)
    pass (LINGER);
  g_assert_true (g_hash_table_contains (known, "user:a"));
  g_assert_true (wsed_watchlist_wants (list, "user:a"));
  g_assert_cmpuint (said, ==, 2);
  wsed_watchlist_add (list, "user:b");
  turn ();
  g_assert_cmpuint (g_hash_table_size (known), ==, 2);
  end (list);
}

static void
test_loss (void)
{
  WsedWatchlist *list = begin ();

  wsed_watchlist_run (list);
  add_many (list, 2500);
  turn ();
  wsed_watchlist_remove (list, "user:7");
  wsed_watchlist_forget (list);
  g_hash_table_remove_all (known);
  wsed_watchlist_add (list, "global");
  wsed_watchlist_remove (list, "global");
  turn ();
  g_assert_cmpuint (g_hash_table_size (known), ==, 0);
  wsed_watchlist_run (list);
  turn ();
  g_assert_cmpuint (g_hash_table_size (known), ==, 2499);
  pass (3 * LINGER);
  g_assert_cmpuint (g_hash_table_size (known), ==, 2499);
  end (list);
}

/* Nothing is lost where there is no room for a moment. */
static void
test_no_room (void)
{
  WsedWatchlist *list = begin ();

  wsed_watchlist_run (list);
  full = TRUE;
  add_many (list, 1500);
  turn ();
  wsed_watchlist_remove (list, "user:1");
  pass (3 * LINGER);
  g_assert_cmpuint (said, ==, 0);
  full = FALSE;
  wsed_watchlist_run (list);
  turn ();
  g_assert_cmpuint (g_hash_table_size (known), ==, 1499);
  end (list);
}

/* Whatever comes and goes, in the end the two agree. */
static void
test_random (void)
{
  WsedWatchlist *list = begin ();
  g_autoptr(GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  wsed_watchlist_run (list);
  for (guint i = 0; i < 20000; i++)
    {
      char *channel = g_strdup_printf ("user:%u", g_test_rand_int_range (0, 50));

      if (g_test_rand_int_range (0, 2) == 0)
        {
          wsed_watchlist_add (list, channel);
          g_hash_table_add (wanted, channel);
        }
      else
        {
          wsed_watchlist_remove (list, channel);
          g_hash_table_remove (wanted, channel);
          g_free (channel);
        }
      if (g_test_rand_int_range (0, 500) == 0)
        {
          wsed_watchlist_forget (list);
          g_hash_table_remove_all (known);
        }
      full = g_test_rand_int_range (0, 3) == 0;
      if (g_test_rand_int_range (0, 10) == 0)
        wsed_watchlist_run (list);
      if (g_test_rand_int_range (0, 10) == 0)
        turn ();
      if (i % 2000 == 0)
        pass (LINGER);
    }
  full = FALSE;
  wsed_watchlist_run (list);
  while (g_hash_table_size (known) != g_hash_table_size (wanted))
    pass (LINGER);
  pass (3 * LINGER);
  g_assert_cmpuint (g_hash_table_size (known), ==, g_hash_table_size (wanted));
  g_assert_cmpuint (wsed_watchlist_count (list), ==, g_hash_table_size (wanted));
  end (list);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/watchlist/batches", test_batches);
  g_test_add_func ("/watchlist/linger", test_linger);
  g_test_add_func ("/watchlist/loss", test_loss);
  g_test_add_func ("/watchlist/no-room", test_no_room);
  g_test_add_func ("/watchlist/random", test_random);
  return g_test_run ();
}
