/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the newest event of each key is: held against a table that forgets nothing. */

#include "stream/wsed-newest.h"

#define ENTRIES 256u

/* @index of what is in the view is never forgotten; of what is not, nothing else than the truth is told. */
static void
check_all (const WsedNewest *newest,
           const guint64    *places,
           guint             n_keys,
           guint64           begin)
{
  for (guint key = 1; key <= n_keys; key++)
    {
      guint64 seq = wsed_newest_get_seq (newest, key);

      g_assert_true (seq == places[key] || (seq == 0 && places[key] < begin + 1));
    }
}

/* A view of ENTRIES slides over a long row of keys; index i has seq i + 1. */
static void
test_slide (gconstpointer data)
{
  guint n_keys = GPOINTER_TO_UINT (data);
  g_autofree guint64 *places = g_new0 (guint64, n_keys + 1);
  g_autoptr(GRand) random = g_rand_new_with_seed (1);
  WsedNewest *newest = wsed_newest_new (ENTRIES);

  for (guint64 i = 0; i < 20000; i++)
    {
      guint64 begin = i >= ENTRIES ? i - ENTRIES + 1 : 0, before = G_MAXUINT64;
      guint key = g_rand_int_range (random, 1, n_keys + 1);
      gboolean known = wsed_newest_note (newest, key, i, i + 1, begin, &before);

      if (places[key] > begin)
        g_assert_true (known);
      if (known)
        g_assert_cmpuint (before + 1, ==, places[key]);
      places[key] = i + 1;
      if (i % 1000 == 0)
        check_all (newest, places, n_keys, begin);
    }
  wsed_newest_free (newest);
}

/* Keys that fall on one place are told apart. */
static void
test_collisions (void)
{
  WsedNewest *newest = wsed_newest_new (8);
  guint64 before;

  for (guint64 i = 0; i < 8; i++)
    g_assert_false (wsed_newest_note (newest, (i + 1) << 32, i, i + 1, 0, &before));
  for (guint64 i = 0; i < 8; i++)
    g_assert_cmpuint (wsed_newest_get_seq (newest, (i + 1) << 32), ==, i + 1);
  g_assert_cmpuint (wsed_newest_get_seq (newest, (guint64) 9 << 32), ==, 0);
  wsed_newest_free (newest);
}

/* Grown, it knows all; shrunk, what is in the view, and more only where there is room. */
static void
test_resize (void)
{
  WsedNewest *newest = wsed_newest_new (1);
  guint64 before;

  for (guint64 i = 0; i < 1024; i++)
    {
      if ((i & (i - 1)) == 0)
        wsed_newest_resize (newest, MAX (1, i * 2), 0);
      wsed_newest_note (newest, i + 1, i, i + 1, 0, &before);
    }
  for (guint64 i = 0; i < 1024; i++)
    g_assert_cmpuint (wsed_newest_get_seq (newest, i + 1), ==, i + 1);
  wsed_newest_resize (newest, 1024, 1000);
  g_assert_cmpuint (wsed_newest_get_seq (newest, 1), ==, 1);
  wsed_newest_resize (newest, 64, 1000);
  g_assert_cmpuint (wsed_newest_get_seq (newest, 1000), ==, 0);
  for (guint64 i = 1000; i < 1024; i++)
    g_assert_cmpuint (wsed_newest_get_seq (newest, i + 1), ==, i + 1);
  g_assert_cmpuint (wsed_newest_get_bytes (64), <, wsed_newest_get_bytes (128));
  wsed_newest_free (newest);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/newest/few-keys", GUINT_TO_POINTER (10), test_slide);
  g_test_add_data_func ("/newest/as-many", GUINT_TO_POINTER (ENTRIES), test_slide);
  g_test_add_data_func ("/newest/many-keys", GUINT_TO_POINTER (5000), test_slide);
  g_test_add_func ("/newest/collisions", test_collisions);
  g_test_add_func ("/newest/resize", test_resize);
  return g_test_run ();
}
