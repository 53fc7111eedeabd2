/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Grants: what they permit (PROTOCOL section 5, token). */

#include "auth/wsed-grant.h"

static WsedGrant *
make (const char *subscribe,
      const char *publish)
{
  WsedGrant *grant = wsed_grant_new ();

  grant->user = g_strdup ("alice");
  g_strfreev (grant->roles);
  grant->roles = g_strsplit ("trader", ",", -1);
  g_strfreev (grant->teams);
  grant->teams = g_strsplit ("t1,t2", ",", -1);
  g_strfreev (grant->subscribe);
  grant->subscribe = g_strsplit (subscribe, " ", -1);
  g_strfreev (grant->publish);
  grant->publish = g_strsplit (publish, " ", -1);
  return grant;
}

static void
test_own (void)
{
  static const char * const own[] = { "user:alice", "global", "role:trader", "team:t1", "team:t2" };
  static const char * const others[] = { "user:alice2", "user:bob", "role:t1", "team:trader", "role:trader2", "session:alice", "system", "*" };
  g_autoptr (WsedGrant) grant = make ("", "");

  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    {
      g_assert_true (wsed_grant_may_subscribe (grant, own[i]));
      g_assert_false (wsed_grant_may_publish (grant, own[i]));
    }
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (wsed_grant_may_subscribe (grant, others[i]));
}

static void
test_patterns (void)
{
  g_autoptr (WsedGrant) grant = make ("session:a* user:bob", "user:* global"), all = make ("*", "*");

  g_assert_true (wsed_grant_may_subscribe (grant, "session:abc"));
  g_assert_true (wsed_grant_may_subscribe (grant, "user:bob"));
  g_assert_false (wsed_grant_may_subscribe (grant, "user:bobby"));
  g_assert_false (wsed_grant_may_subscribe (grant, "session:b"));
  g_assert_false (wsed_grant_may_subscribe (grant, "system"));
  g_assert_true (wsed_grant_may_publish (grant, "user:x"));
  g_assert_true (wsed_grant_may_publish (grant, "global"));
  g_assert_false (wsed_grant_may_publish (grant, "role:x"));
  g_assert_true (wsed_grant_may_subscribe (all, "system"));
  g_assert_true (wsed_grant_may_subscribe (all, "session:x"));
  /* Every channel is not yet the whole log. */
  g_assert_false (wsed_grant_may_subscribe (all, "*"));
}

static void
test_operators (void)
{
  g_autoptr (WsedGrant) grant = make ("", "");

  g_assert_false (wsed_grant_may_monitor (grant));
  grant->monitor = TRUE;
  g_assert_true (wsed_grant_may_monitor (grant));
  g_assert_true (wsed_grant_may_subscribe (grant, "system"));
  g_assert_true (wsed_grant_may_subscribe (grant, "*"));
  g_assert_false (wsed_grant_may_subscribe (grant, "user:bob"));
  g_assert_false (wsed_grant_may_administer (grant));
  grant->monitor = FALSE;
  grant->admin = TRUE;
  g_assert_true (wsed_grant_may_monitor (grant));
  g_assert_true (wsed_grant_may_administer (grant));
  g_assert_false (wsed_grant_may_publish (grant, "global"));
}

static void
test_off (void)
{
  g_assert_true (wsed_grant_may_subscribe (NULL, "user:x"));
  g_assert_true (wsed_grant_may_subscribe (NULL, "*"));
  g_assert_true (wsed_grant_may_publish (NULL, "user:x"));
  g_assert_true (wsed_grant_may_administer (NULL));
  g_assert_null (wsed_grant_get_filter (NULL));
}

static void
test_valid (void)
{
  static const char * const good[] = { "*", "user:*", "user:a", "global", "system", "s*", "session:2026-*" };
  static const char * const bad[] = { "", "**", "user:", "user", "a", "user:a*b", "user: *", "user:a,b", "*user:a", "user:a@*" };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (wsed_grant_pattern_is_valid (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    if (wsed_grant_pattern_is_valid (bad[i]))
      g_error ("“%s” is taken", bad[i]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/grant/own", test_own);
  g_test_add_func ("/grant/patterns", test_patterns);
  g_test_add_func ("/grant/operators", test_operators);
  g_test_add_func ("/grant/off", test_off);
  g_test_add_func ("/grant/valid", test_valid);
  return g_test_run ();
}
