/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buckets by key, on a clock of the test's own. */

#include "guard/wsed-quota.h"

#include <string.h>

#define START (1000 * G_USEC_PER_SEC)

static guint
take_all (WsedQuota  *quota,
          const char *key,
          gint64      now)
{
  guint n = 0;

  while (n < 10000 && wsed_quota_take (quota, key, strlen (key), now) == 0)
    n++;
  return n;
}

static void
test_rate (void)
{
  g_autoptr (WsedQuota) quota = wsed_quota_new (10, 40);
  gint64 wait;

  g_assert_cmpuint (take_all (quota, "a", START), ==, 40);
  wait = wsed_quota_take (quota, "a", 1, START);
  g_assert_cmpint (wait, ==, G_USEC_PER_SEC / 10);
  g_assert_cmpint (wsed_quota_take (quota, "a", 1, START + wait - 1), >, 0);
  g_assert_cmpint (wsed_quota_take (quota, "a", 1, START + wait), ==, 0);
  /* Another is not concerned; an hour saves up no more than a full bucket. */
  g_assert_cmpuint (take_all (quota, "b", START), ==, 40);
  g_assert_cmpuint (take_all (quota, "a", START + G_TIME_SPAN_HOUR), ==, 40);
  g_assert_cmpuint (take_all (quota, "a", START + G_TIME_SPAN_HOUR + G_USEC_PER_SEC), ==, 10);
}

static void
test_none (void)
{
  g_assert_null (wsed_quota_new (0, 0));
  g_assert_cmpuint (take_all (NULL, "a", START), ==, 10000);
}

/* Far more keys than there is room for: who has used up his own is still refused, and who is new is served. */
static void
test_full (void)
{
  g_autoptr (WsedQuota) quota = wsed_quota_new (1, 1000);

  g_assert_cmpuint (take_all (quota, "greedy", START), ==, 1000);
  for (guint i = 0; i < 200000; i++)
    {
      g_autofree char *key = g_strdup_printf ("key %u", i);

      g_assert_cmpint (wsed_quota_take (quota, key, strlen (key), START), ==, 0);
    }
  g_assert_cmpint (wsed_quota_take (quota, "greedy", 6, START), >, 0);
}

/* Keys that differ in one byte, or in length alone, are different ones. */
static void
test_keys (void)
{
  g_autoptr (WsedQuota) quota = wsed_quota_new (1, 1);
  static const char zeros[64];
  char key[40] = { 0 };

  for (gsize length = 1; length < sizeof zeros; length++)
    g_assert_cmpint (wsed_quota_take (quota, zeros, length, START), ==, 0);
  for (gsize i = 0; i < sizeof key; i++)
    {
      key[i] = 1;
      g_assert_cmpint (wsed_quota_take (quota, key, sizeof key, START), ==, 0);
      key[i] = 0;
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quota/rate", test_rate);
  g_test_add_func ("/quota/none", test_none);
  g_test_add_func ("/quota/full", test_full);
  g_test_add_func ("/quota/keys", test_keys);
  return g_test_run ();
}
