/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random schedules of append, subscribe, resume, trim, erase and kill, with each policy for slow readers, each run against the real stream over
 * each log and held against a plain model of what readers are promised. WSE_TEST_SEED: the first schedule's; WSE_TEST_SCHEDULES: how many.
 * A schedule that fails is made as short as it can be before it is shown. */

#include "stream-world.h"

#define STEPS 60

typedef enum { STEP_PUBLISH, STEP_CONNECT, STEP_DISCONNECT, STEP_READ, STEP_ACK, STEP_SUBSCRIBE, STEP_UNSUBSCRIBE, STEP_SETTLE, STEP_SYNC,
               STEP_KILL, STEP_ERASE, N_STEPS } StepKind;

static const char * const names[] = { "publish", "connect", "disconnect", "read", "ack", "subscribe", "unsubscribe", "settle", "sync", "kill", "erase" };

/* What is done of each kind, in a hundred. */
static const guint shares[N_STEPS] = { 30, 17, 10, 16, 6, 7, 3, 4, 3, 2, 2 };

typedef struct
{
  StepKind kind;
  guint reader, a, b, c;
} Step;

typedef struct
{
  guint32 seed;
  gboolean sqlite;
  guint keep;
  WsedSlowConsumer policy;
  gboolean conflates;
  GArray *steps;               /* (element-type Step) */
} Schedule;

static guint
get_variable (const char *name,
              guint       otherwise)
{
  const char *value = g_getenv (name);

  return value != NULL ? g_ascii_strtoull (value, NULL, 10) : otherwise;
}

static Schedule *
schedule_new (guint32  seed,
              gboolean sqlite)
{
  static const guint keeps[] = { 0, 3, 8, 30 };
  static const WsedSlowConsumer policies[] = { WSED_SLOW_CATCH_UP, WSED_SLOW_CATCH_UP, WSED_SLOW_DROP_OLDEST, WSED_SLOW_DROP_NEWEST };
  g_autoptr(GRand) chance = g_rand_new_with_seed (seed);
  Schedule *schedule = g_new0 (Schedule, 1);

  schedule->seed = seed;
  schedule->sqlite = sqlite;
  schedule->keep = keeps[g_rand_int_range (chance, 0, G_N_ELEMENTS (keeps))];
  schedule->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  for (guint i = 0; i < STEPS; i++)
    {
      Step step = { 0, g_rand_int_range (chance, 0, N_READERS), g_rand_int (chance), g_rand_int (chance), g_rand_int (chance) };
      guint at = g_rand_int_range (chance, 0, 100);

      while (at >= shares[step.kind])
        at -= shares[step.kind++];
      if (step.kind == STEP_ACK)
        step.reader = READER_CONSUMER;
      else if (step.kind == STEP_SUBSCRIBE || step.kind == STEP_UNSUBSCRIBE)
        step.reader = READER_SUBSCRIBER;
      g_array_append_val (schedule->steps, step);
    }
  schedule->policy = policies[g_rand_int_range (chance, 0, G_N_ELEMENTS (policies))];
  schedule->conflates = g_rand_int_range (chance, 0, 3) == 0;
  return schedule;
}

static void
schedule_free (Schedule *schedule)
{
  g_array_unref (schedule->steps);
  g_free (schedule);
}

static void
take_step (World      *world,
           const Step *step)
{
  Reader *reader = &world->readers[step->reader];

  switch (step->kind)
    {
    case STEP_PUBLISH:
      /* Now and then so much that the tail loses it, and what was before. */
      if (step->c % 16 == 0)
        world_publish (world, 1 + step->a % 7, step->b % 3, 150000, 2);
      else
        world_publish (world, 1 + step->a % 7, step->b % 3, step->c / 16 % 8 == 0 ? 3000 : step->c % 50, 1 + step->c / 128 % 5);
      break;
    case STEP_CONNECT:
      world_connect (world, reader, step->a % 5 * 4);
      break;
    case STEP_DISCONNECT:
      world_disconnect (world, reader);
      break;
    case STEP_READ:
      /* Now and then more comes with each that is taken. */
      for (guint i = 0; step->b % 3 == 0 && i < step->a % 20; i++)
        {
          world_publish (world, 1 + (step->b / 3 + i * step->c) % 7, i % 3, step->c % 3 == 0 ? 3000 : 10, 1);
          world_read (world, reader, 1);
        }
      world_read (world, reader, step->a % 20);
      break;
    case STEP_ACK:
      world_acknowledge (world, reader, step->a % 8);
      break;
    case STEP_SUBSCRIBE:
      world_subscribe (world, reader, step->a % MODEL_CHANNELS, step->b % 3, step->c % 6, step->c / 8 % 1000);
      break;
    case STEP_UNSUBSCRIBE:
      world_unsubscribe (world, reader, step->a % MODEL_CHANNELS);
      break;
    case STEP_SETTLE:
      stream_settle (&world->stream);
      break;
    case STEP_SYNC:
      world_sync (world);
      break;
    case STEP_ERASE:
      world_erase (world, step->a % MODEL_CHANNELS);
      break;
    default:
      world_kill (world);
    }
}

/* What went wrong; NULL: nothing. */
static char *
run (const Schedule *schedule)
{
  World world;
  char *problem;

  world_init (&world, schedule->sqlite, schedule->keep, schedule->policy, schedule->conflates);
  for (guint i = 0; i < schedule->steps->len && world.problem == NULL; i++)
    take_step (&world, &g_array_index (schedule->steps, Step, i));
  for (guint i = 0; i < N_READERS && world.problem == NULL; i++)
    world_connect (&world, &world.readers[i], 10);
  if (world.problem == NULL)
    world_sync (&world);
  problem = g_strdup (world.problem);
  world_clear (&world);
  return problem;
}

/* Leaves out what it fails without: halves, then less, down to single steps. Threads are in it, so each try is given three chances. */
static char *
shorten (Schedule *schedule,
         char     *problem)
{
  for (guint length = schedule->steps->len / 2; length > 0; length /= 2)
    for (guint at = 0; at + length <= schedule->steps->len;)
      {
        Schedule shorter = *schedule;
        char *found = NULL;

        shorter.steps = g_array_copy (schedule->steps);
        g_array_remove_range (shorter.steps, at, length);
        for (guint chance = 0; chance < 3 && found == NULL; chance++)
          found = run (&shorter);
        if (found == NULL)
          at += length;
        else
          {
            g_free (problem);
            problem = found;
            g_array_unref (schedule->steps);
            schedule->steps = g_array_ref (shorter.steps);
          }
        g_array_unref (shorter.steps);
      }
  return problem;
}

static void
show (const Schedule *schedule,
      const char     *problem)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "WSE_TEST_SEED=%u, %s, keeps %u, policy %u%s: %s\n", schedule->seed, schedule->sqlite ? "SQLite" : "memory",
                          schedule->keep, schedule->policy, schedule->conflates ? ", conflates" : "", problem);
  for (guint i = 0; i < schedule->steps->len; i++)
    {
      const Step *step = &g_array_index (schedule->steps, Step, i);

      g_string_append_printf (text, "# %2u %s reader %u, %u %u %u\n", i, names[step->kind], step->reader, step->a, step->b, step->c);
    }
  g_test_message ("%s", text->str);
  g_string_free (text, TRUE);
}

static void
test_schedules (gconstpointer data)
{
  gboolean sqlite = GPOINTER_TO_INT (data);
  guint32 first = get_variable ("WSE_TEST_SEED", g_random_int_range (1, G_MAXINT));
  guint count = get_variable ("WSE_TEST_SCHEDULES", sqlite ? 60 : 200);

  g_test_message ("schedules %u to %u", first, first + count - 1);
  for (guint i = 0; i < count; i++)
    {
      Schedule *schedule = schedule_new (first + i, sqlite);
      g_autofree char *problem = run (schedule);

      if (problem != NULL)
        {
          problem = shorten (schedule, g_steal_pointer (&problem));
          show (schedule, problem);
          g_test_fail ();
        }
      schedule_free (schedule);
      if (problem != NULL)
        return;
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/model/memory", GINT_TO_POINTER (FALSE), test_schedules);
  g_test_add_data_func ("/model/sqlite", GINT_TO_POINTER (TRUE), test_schedules);
  return g_test_run ();
}
