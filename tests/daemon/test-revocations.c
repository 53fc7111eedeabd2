/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The deny list: what it covers, that it lasts, what is forgotten, a file that was cut off or damaged. */

#include <string.h>
#include <unistd.h>

#include "auth/wsed-revocations.h"

#define NOW (G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC)

typedef struct
{
  char *directory, *path;
  WsedInbox *main;
  WsedRevocations *list;
  guint done;
} Fixture;

static void
open_list (Fixture *fixture,
           gint64   now)
{
  g_autoptr (GError) error = NULL;

  fixture->list = wsed_revocations_new (fixture->path, fixture->main, now, &error);
  g_assert_no_error (error);
}

static void
reopen (Fixture *fixture,
        gint64   now)
{
  g_clear_pointer (&fixture->list, wsed_revocations_free);
  open_list (fixture, now);
}

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  fixture->directory = g_dir_make_tmp ("wse-revocations-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->directory, "list", NULL);
  fixture->main = wsed_inbox_new ();
  open_list (fixture, NOW);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_clear_pointer (&fixture->list, wsed_revocations_free);
  wsed_inbox_free (fixture->main);
  unlink (fixture->path);
  rmdir (fixture->directory);
  g_free (fixture->path);
  g_free (fixture->directory);
}

static void
on_done (WsedRevocation *revocation,
         const GError   *error,
         gpointer        user_data)
{
  g_assert_no_error (error);
  ((Fixture *) user_data)->done++;
}

static void
add (Fixture    *fixture,
     const char *text)
{
  const char *problem;
  WsedRevocation *revocation = wsed_revocation_new (text, strlen (text), NOW, &problem);
  guint before = fixture->done;

  g_assert_cmpstr (problem, ==, NULL);
  wsed_revocations_add (fixture->list, revocation, NOW, on_done, fixture);
  while (fixture->done == before)
    {
      wsed_inbox_wait (fixture->main, -1);
      wsed_inbox_run (fixture->main);
    }
}

static gboolean
covers (Fixture    *fixture,
        const char *user,
        const char *jti,
        gint64      issued)
{
  g_autoptr (WsedGrant) grant = wsed_grant_new ();

  grant->user = g_strdup (user);
  grant->jti = g_strdup (jti);
  grant->issued = issued;
  return wsed_revocations_cover (fixture->list, grant);
}

static void
test_cover (Fixture       *fixture,
            gconstpointer  data)
{
  add (fixture, "{\"jti\":\"one\"}");
  add (fixture, "{\"sub\":\"alice\",\"iat\":1699999999.5}");
  /* Twice: what is opened again knows as much. */
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (covers (fixture, "bob", "one", NOW));
      g_assert_false (covers (fixture, "bob", "two", NOW));
      g_assert_false (covers (fixture, "bob", NULL, G_MININT64));
      g_assert_true (covers (fixture, "alice", NULL, NOW - G_USEC_PER_SEC / 2));
      g_assert_false (covers (fixture, "alice", NULL, NOW - G_USEC_PER_SEC / 2 + 1));
      /* One that does not say when cannot show that it is newer. */
      g_assert_true (covers (fixture, "alice", "x", G_MININT64));
      reopen (fixture, NOW);
    }
}

static void
test_merge (Fixture       *fixture,
            gconstpointer  data)
{
  add (fixture, "{\"sub\":\"alice\",\"iat\":1699999999,\"exp\":1700000100}");
  add (fixture, "{\"sub\":\"alice\",\"iat\":1699999000,\"exp\":1700000200}");
  g_assert_cmpuint (wsed_revocations_get_length (fixture->list), ==, 1);
  reopen (fixture, NOW + 150 * G_USEC_PER_SEC);
  g_assert_true (covers (fixture, "alice", NULL, NOW - G_USEC_PER_SEC));
  reopen (fixture, NOW + 200 * G_USEC_PER_SEC);
  g_assert_cmpuint (wsed_revocations_get_length (fixture->list), ==, 0);
}

static void
test_now (Fixture       *fixture,
          gconstpointer  data)
{
  add (fixture, "{\"sub\":\"alice\"}");
  g_assert_true (covers (fixture, "alice", NULL, NOW));
  g_assert_false (covers (fixture, "alice", NULL, NOW + 1));
}

/* A line of which only a part was written was not answered. */
static void
test_cut_off (Fixture       *fixture,
              gconstpointer  data)
{
  g_autofree char *text = NULL, *cut = NULL;

  add (fixture, "{\"jti\":\"one\"}");
  add (fixture, "{\"jti\":\"two\"}");
  g_clear_pointer (&fixture->list, wsed_revocations_free);
  g_assert_true (g_file_get_contents (fixture->path, &text, NULL, NULL));
  cut = g_strndup (text, strlen (text) - 3);
  g_assert_true (g_file_set_contents (fixture->path, cut, -1, NULL));
  open_list (fixture, NOW);
  g_assert_true (covers (fixture, "a", "one", NOW));
  g_assert_false (covers (fixture, "a", "two", NOW));
  add (fixture, "{\"jti\":\"three\"}");
  reopen (fixture, NOW);
  g_assert_true (covers (fixture, "a", "three", NOW));
}

static void
test_damaged (Fixture       *fixture,
              gconstpointer  data)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&fixture->list, wsed_revocations_free);
  g_assert_true (g_file_set_contents (fixture->path, "{\"jti\":\"one\"}\n{\"jt\n{\"jti\":\"two\"}\n", -1, NULL));
  g_assert_null (wsed_revocations_new (fixture->path, fixture->main, NOW, &error));
  g_assert_nonnull (strstr (error->message, "line 2"));
}

/* What has expired makes room in the file, too. */
static void
test_bounded (Fixture       *fixture,
              gconstpointer  data)
{
  g_autofree char *text = NULL;
  guint lines = 0;

  for (guint i = 0; i < 3000; i++)
    {
      g_autofree char *one = g_strdup_printf ("{\"jti\":\"%u\",\"exp\":1699999999}", i);

      add (fixture, one);
    }
  g_assert_true (g_file_get_contents (fixture->path, &text, NULL, NULL));
  for (const char *at = text; (at = strchr (at, '\n')) != NULL; at++)
    lines++;
  g_assert_cmpuint (lines, <=, 3000);
  reopen (fixture, NOW);
  g_assert_cmpuint (wsed_revocations_get_length (fixture->list), ==, 0);
}

static void
test_refused (void)
{
  static const char * const bad[] = { "", "{}", "[]", "{\"jti\":\"a\",\"sub\":\"b\"}", "{\"jti\":\"\"}", "{\"jti\":7}", "{\"sub\":\"a b\"}",
                                      "{\"iat\":7}", "{\"jti\":\"a\",\"iat\":7}", "{\"sub\":\"a\",\"iat\":\"7\"}", "{\"jti\":\"a\",\"user\":\"b\"}",
                                      "{\"jti\":\"a\",\"jti\":\"b\"}" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char *problem;

      if (wsed_revocation_new (bad[i], strlen (bad[i]), NOW, &problem) != NULL)
        g_error ("%s is taken", bad[i]);
      g_assert_nonnull (problem);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/revocations/cover", Fixture, NULL, set_up, test_cover, tear_down);
  g_test_add ("/revocations/merge", Fixture, NULL, set_up, test_merge, tear_down);
  g_test_add ("/revocations/now", Fixture, NULL, set_up, test_now, tear_down);
  g_test_add ("/revocations/cut-off", Fixture, NULL, set_up, test_cut_off, tear_down);
  g_test_add ("/revocations/damaged", Fixture, NULL, set_up, test_damaged, tear_down);
  g_test_add ("/revocations/bounded", Fixture, NULL, set_up, test_bounded, tear_down);
  g_test_add_func ("/revocations/refused", test_refused);
  return g_test_run ();
}
