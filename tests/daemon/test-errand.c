/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What may block: done beside the main loop, once more where that was wished for meanwhile, and left alone where nobody waits any more. */

#include <semaphore.h>

#include "thread/wsed-errand.h"
#include "wse-error.h"

/* What the thread does is said from outside: it goes on when it is told to. */
typedef struct
{
  sem_t go, gone;
  guint runs;                  /* atomic */
  guint freed;                 /* atomic; results */
  guint what_freed;            /* atomic */
  gboolean fails;
} Work;

typedef struct
{
  WsedInbox *main;
  Work work;
  WsedErrand *errand;
  guint done, failed;
  guint last;
} Fixture;

static Work *freed_into;

static gpointer
run (gpointer   what,
     GError   **error)
{
  Work *work = what;
  guint *result;

  while (sem_wait (&work->go) != 0)
    continue;
  if (work->fails)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_FAILED, "it is not there");
      return NULL;
    }
  result = g_new (guint, 1);
  *result = __atomic_add_fetch (&work->runs, 1, __ATOMIC_ACQ_REL);
  return result;
}

static void
on_done (gpointer      result,
         const GError *error,
         gpointer      user_data)
{
  Fixture *fixture = user_data;

  if (result != NULL)
    {
      fixture->last = *(guint *) result;
      g_free (result);
      fixture->done++;
      return;
    }
  g_assert_error (error, WSE_ERROR, WSE_ERROR_FAILED);
  fixture->failed++;
}

static void
free_result (gpointer result)
{
  g_free (result);
  __atomic_add_fetch (&freed_into->freed, 1, __ATOMIC_ACQ_REL);
}

/* The last thing that is done. */
static void
free_what (gpointer what)
{
  __atomic_add_fetch (&((Work *) what)->what_freed, 1, __ATOMIC_ACQ_REL);
  sem_post (&((Work *) what)->gone);
}

static const WsedErrandClass klass = { run, on_done, free_result, free_what, "the test's work" };

static void
set_up (Fixture       *fixture,
        gconstpointer  data)
{
  sem_init (&fixture->work.go, 0, 0);
  sem_init (&fixture->work.gone, 0, 0);
  freed_into = &fixture->work;
  fixture->main = wsed_inbox_new ();
  fixture->errand = wsed_errand_new (fixture->main, &klass, &fixture->work, fixture);
}

static void
wait_for (sem_t *semaphore)
{
  while (sem_wait (semaphore) != 0)
    continue;
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  data)
{
  g_clear_pointer (&fixture->errand, wsed_errand_free);
  wait_for (&fixture->work.gone);
  g_assert_cmpuint (__atomic_load_n (&fixture->work.what_freed, __ATOMIC_ACQUIRE), ==, 1);
  wsed_inbox_free (fixture->main);
  sem_destroy (&fixture->work.go);
  sem_destroy (&fixture->work.gone);
}

static void
come_back (Fixture *fixture,
           guint    answers)
{
  for (guint before = fixture->done + fixture->failed; fixture->done + fixture->failed < before + answers; )
    {
      wsed_inbox_wait (fixture->main, -1);
      wsed_inbox_run (fixture->main);
    }
}

static void
test_once (Fixture       *fixture,
           gconstpointer  data)
{
  g_assert_cmpint (wsed_errand_get_age (fixture->errand), ==, -1);
  wsed_errand_start (fixture->errand);
  g_assert_cmpint (wsed_errand_get_age (fixture->errand), >=, 0);
  /* Nothing comes as long as it hangs. */
  g_assert_cmpuint (wsed_inbox_run (fixture->main), ==, 0);
  sem_post (&fixture->work.go);
  come_back (fixture, 1);
  g_assert_cmpuint (fixture->done, ==, 1);
  g_assert_cmpint (wsed_errand_get_age (fixture->errand), ==, -1);
  fixture->work.fails = TRUE;
  wsed_errand_start (fixture->errand);
  sem_post (&fixture->work.go);
  come_back (fixture, 1);
  g_assert_cmpuint (fixture->failed, ==, 1);
}

/* However often it is wished for meanwhile, it follows once. */
static void
test_again (Fixture       *fixture,
            gconstpointer  data)
{
  wsed_errand_start (fixture->errand);
  for (guint i = 0; i < 3; i++)
    wsed_errand_start (fixture->errand);
  sem_post (&fixture->work.go);
  come_back (fixture, 1);
  g_assert_cmpuint (fixture->last, ==, 1);
  g_assert_cmpint (wsed_errand_get_age (fixture->errand), >=, 0);
  sem_post (&fixture->work.go);
  come_back (fixture, 1);
  g_assert_cmpuint (fixture->last, ==, 2);
  g_assert_cmpint (wsed_errand_get_age (fixture->errand), ==, -1);
}

/* Its owner does not wait for it, and hears no more of it. */
static void
test_left (Fixture       *fixture,
           gconstpointer  data)
{
  wsed_errand_start (fixture->errand);
  g_clear_pointer (&fixture->errand, wsed_errand_free);
  g_assert_cmpuint (__atomic_load_n (&fixture->work.what_freed, __ATOMIC_ACQUIRE), ==, 0);
  sem_post (&fixture->work.go);
  wait_for (&fixture->work.gone);
  g_assert_cmpuint (__atomic_load_n (&fixture->work.freed, __ATOMIC_ACQUIRE), ==, 1);
  g_assert_cmpuint (wsed_inbox_run (fixture->main), ==, 0);
  sem_post (&fixture->work.gone);
}

/* As above, with the answer in the inbox already. */
static void
test_left_late (Fixture       *fixture,
                gconstpointer  data)
{
  wsed_errand_start (fixture->errand);
  sem_post (&fixture->work.go);
  wsed_inbox_wait (fixture->main, -1);
  g_clear_pointer (&fixture->errand, wsed_errand_free);
  g_assert_cmpuint (wsed_inbox_run (fixture->main), ==, 1);
  g_assert_cmpuint (fixture->done, ==, 0);
  g_assert_cmpuint (__atomic_load_n (&fixture->work.freed, __ATOMIC_ACQUIRE), ==, 1);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/errand/once", Fixture, NULL, set_up, test_once, tear_down);
  g_test_add ("/errand/again", Fixture, NULL, set_up, test_again, tear_down);
  g_test_add ("/errand/left", Fixture, NULL, set_up, test_left, tear_down);
  g_test_add ("/errand/left-late", Fixture, NULL, set_up, test_left_late, tear_down);
  return g_test_run ();
}
