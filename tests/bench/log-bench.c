/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: bench-log [EVENTS [CHANNELS [BATCH [KEEP [URI]]]]] The log by itself, in a file or in the PostgreSQL database of that URI, as a measure for bench-ingest: appends batches of events
 * of about 370 bytes on channels of Zipf popularity, 1.8 of them an event, durable and with retention at work, and prints one line
 * of JSON with what EVENTS of them, after as many to warm up, took of the processor. Encoding, index, checkpoints and retention are
 * in it; making the events is told apart. */
#include "log/wsed-pg-log.h"
#include "log/wsed-sqlite-log.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Batches under way at a time: as many as bench-ingest has connections. */
#define IN_FLIGHT 4

static double *popularity;
static double making;          /* seconds of the processor that the events took */
static guint n_channels = 1000;

static void
fill_popularity (void)
{
  double sum = 0;

  popularity = g_new (double, n_channels);
  for (guint i = 0; i < n_channels; i++)
    popularity[i] = sum += 1.0 / (i + 1);
  for (guint i = 0; i < n_channels; i++)
    popularity[i] /= sum;
}

static guint
pick_channel (GRand *random)
{
  double at = g_rand_double (random);
  guint low = 0, high = n_channels - 1;

  while (low < high)
    {
      guint middle = (low + high) / 2;

      if (popularity[middle] < at)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static GPtrArray *
make_batch (GRand  *random,
            guint64 first,
            guint   count)
{
  static const guint how_many[] = { 1, 1, 1, 1, 1, 2, 2, 2, 3, 4 };
  static char payload[301];
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) wse_event_unref);

  memset (payload, 'x', 300);
  payload[0] = payload[299] = '"';
  for (guint i = 0; i < count; i++)
    {
      char id[40], names[WSE_MAX_TARGETS][24];
      const char *channels[WSE_MAX_TARGETS + 1] = { NULL };
      guint last = 0, wanted = how_many[g_rand_int_range (random, 0, G_N_ELEMENTS (how_many))];
      WseEventFields fields = { .event_type = "order_update", .id = id, .payload = payload, .payload_length = 300,
                                .channels = channels,
                                .timestamp = 1700000000000000 + first + i, .latency = 3 };

      g_snprintf (id, sizeof id, "%032" G_GINT64_MODIFIER "x", (first + i) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
      for (guint tries = 0; fields.n_channels < wanted && tries < 4 * wanted; tries++)
        {
          guint channel = pick_channel (random);

          if (fields.n_channels > 0 && channel <= last)
            continue;
          last = channel;
          g_snprintf (names[fields.n_channels], sizeof names[0], "user:%u", channel);
          channels[fields.n_channels] = names[fields.n_channels];
          fields.n_channels++;
        }
      g_ptr_array_add (events, wse_event_new_from_fields (&fields));
    }
  return events;
}

/* Finer than the clock's ticks. */
static double
thread_seconds (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static double
cpu_seconds (int who)
{
  struct rusage usage;

  getrusage (who, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static gboolean
on_answer (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Takes the answers that are there, or waits for one. @loop: the log has no thread of its own. */
static guint
take_answers (WsedInbox *inbox,
              gboolean   loop)
{
  guint taken = 0;

  if (loop)
    g_main_context_iteration (NULL, TRUE);
  else
    wsed_inbox_wait (inbox, -1);
  for (WsedMessage *message = wsed_inbox_take (inbox), *next; message != NULL; message = next, taken++)
    {
      WsedAppend *append = (WsedAppend *) message;

      next = message->next;
      if (append->error != NULL)
        g_error ("%s", append->error->message);
      wsed_append_free (append);
    }
  return taken;
}

static void
append_all (WsedLog   *log,
            WsedInbox *inbox,
            GRand     *random,
            guint64    first,
            guint64    events,
            guint      batch,
            gboolean   loop)
{
  guint in_flight = 0;

  making = 0;
  for (guint64 sent = 0; sent < events; sent += batch, in_flight++)
    {
      double began = thread_seconds ();
      GPtrArray *made = make_batch (random, first + sent, batch);

      making += thread_seconds () - began;
      while (in_flight >= IN_FLIGHT)
        in_flight -= take_answers (inbox, loop);
      wsed_log_append (log, wsed_append_new (made, inbox));
    }
  while (in_flight > 0)
    in_flight -= take_answers (inbox, loop);
}

static void
remove_files (const char *directory,
              const char *path)
{
  static const char *const endings[] = { "", "-wal", "-shm", ".lock", ".ballast" };

  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *name = g_strconcat (path, endings[i], NULL);

      g_unlink (name);
    }
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  guint64 events = argc > 1 ? strtoull (argv[1], NULL, 10) : 500000;
  guint batch = argc > 3 ? atoi (argv[3]) : 100;
  WsedRetention retention = { .max_events = argc > 4 ? atoi (argv[4]) : 300, .sync_full = TRUE };
  g_autofree char *directory = g_dir_make_tmp ("wse-bench-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "wse.db", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  WsedInbox *inbox = wsed_inbox_new ();
  const char *uri = argc > 5 ? argv[5] : NULL;
  GSource *answers = g_unix_fd_source_new (wsed_inbox_get_fd (inbox), G_IO_IN);
  WsedLogStats stats;
  WsedLog *log;
  double cpu, own, wall;

  n_channels = argc > 2 ? atoi (argv[2]) : 1000;
  fill_popularity ();
  g_source_set_callback (answers, G_SOURCE_FUNC (on_answer), NULL, NULL);
  g_source_attach (answers, NULL);
  log = uri != NULL ? wsed_pg_log_new (uri, &retention, 0, &error) : wsed_sqlite_log_new (path, &retention, &error);
  if (log == NULL)
    g_error ("%s", error->message);
  append_all (log, inbox, random, 0, events, batch, uri != NULL);
  cpu = cpu_seconds (RUSAGE_SELF);
  own = cpu_seconds (RUSAGE_THREAD);
  wall = g_get_monotonic_time ();
  append_all (log, inbox, random, events, events, batch, uri != NULL);
  cpu = cpu_seconds (RUSAGE_SELF) - cpu;
  /* Without a thread of its own the log is in this one, too. */
  own = uri != NULL ? making : cpu_seconds (RUSAGE_THREAD) - own;
  wall = (g_get_monotonic_time () - wall) / 1e6;
  wsed_log_get_stats (log, &stats);
  printf ("{\"events\":%" G_GUINT64_FORMAT ",\"channels\":%u,\"batch\":%u,\"keep\":%" G_GUINT64_FORMAT
          ",\"wall_s\":%.2f,\"cpu_s\":%.2f,"
          "\"generator_cpu_s\":%.2f,\"events_per_cpu_s\":%.0f,\"events_per_log_cpu_s\":%.0f,\"commits\":%" G_GUINT64_FORMAT
          ",\"kept\":%" G_GUINT64_FORMAT ",\"bytes\":%" G_GUINT64_FORMAT "}\n",
          events, n_channels, batch, retention.max_events, wall, cpu, own, events / cpu, events / (cpu - own), stats.commits,
          stats.events, stats.bytes);
  wsed_log_close (log);
  g_object_unref (log);
  g_source_destroy (answers);
  g_source_unref (answers);
  wsed_inbox_free (inbox);
  remove_files (directory, path);
  g_free (popularity);
  return 0;
}
