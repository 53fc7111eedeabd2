/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: bench-ingest PORT PID [SECONDS [WARM-UP [CONNECTIONS]]]
 * Posts NDJSON batches of 100 events to a running wsed: 1,000 channels of Zipf popularity, 1.8 of them an event, and prints one
 * line of JSON with what the daemon's threads used in SECONDS after the warm-up. */
#include "bench-event.h"
#include "bench-post.h"
#include "bench-process.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 100
#define MAX_CONNECTIONS 16

static double
seconds_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

/* Posts for @seconds over all connections; the events that were answered. */
static uint64_t
run (BenchPost *posts, int n, double seconds, uint64_t *bytes)
{
  static char body[BATCH * BENCH_EVENT_MAX];
  struct pollfd fds[MAX_CONNECTIONS];
  double end = seconds_now () + seconds;
  uint64_t events = 0;

  while (seconds_now () < end)
    {
      for (int i = 0; i < n; i++)
        {
          char *out = body;

          fds[i] = (struct pollfd) { .fd = posts[i].fd, .events = POLLIN };
          if (posts[i].busy)
            continue;
          for (int j = 0; j < BATCH; j++)
            out = bench_event_write (out);
          *bytes += out - body;
          bench_post_start (&posts[i], "/api/events", "application/x-ndjson", body, out - body, BATCH);
        }
      for (int i = 0; i < n; i++)
        fds[i].events |= bench_post_flush (&posts[i]) ? POLLOUT : 0;
      poll (fds, n, 1000);
      for (int i = 0; i < n; i++)
        if ((fds[i].revents & ~POLLOUT) != 0 && bench_post_read (&posts[i]))
          {
            if (!bench_post_ok (&posts[i]))
              {
                fprintf (stderr, "ingest: %s\n", posts[i].in);
                exit (1);
              }
            events += BATCH;
          }
    }
  return events;
}

int
main (int argc, char **argv)
{
  static BenchPost posts[MAX_CONNECTIONS];
  int pid = argc > 2 ? atoi (argv[2]) : 0, n = argc > 5 ? atoi (argv[5]) : 4;
  double seconds = argc > 3 ? atof (argv[3]) : 10, warm = argc > 4 ? atof (argv[4]) : 10, start;
  char names[1024], *rest = NULL;
  uint64_t before[32], cpu, events, bytes = 0, batches;
  int i = 0;

  if (pid == 0 || n < 1 || n > MAX_CONNECTIONS)
    {
      fprintf (stderr, "usage: bench-ingest PORT PID [SECONDS [WARM-UP [CONNECTIONS, at most %d]]]\n", MAX_CONNECTIONS);
      return 2;
    }
  for (i = 0; i < n; i++)
    bench_post_open (&posts[i], "127.0.0.1", atoi (argv[1]));
  events = run (posts, n, warm, &bytes);
  batches = events / BATCH + n;
  fprintf (stderr, "ingest: warm-up of %llu events, %.0f bytes a line\n", (unsigned long long) events,
           (double) bytes / batches / BATCH);

  bench_process_threads (pid, names, sizeof names);
  i = 0;
  for (char *copy = strdup (names), *name = strtok_r (copy, ",", &rest); name != NULL && i < 32; name = strtok_r (NULL, ",", &rest))
    before[i++] = bench_process_cpu (pid, name);
  cpu = bench_process_cpu (pid, NULL);
  start = seconds_now ();
  events = run (posts, n, seconds, &bytes);
  seconds = seconds_now () - start;
  cpu = bench_process_cpu (pid, NULL) - cpu;
  printf ("{\"events\":%llu,\"per_s\":%.0f,\"cpu_s\":%.3f,\"per_cpu_s\":%.0f,\"threads\":{", (unsigned long long) events,
          events / seconds, cpu / 1e9, events / (cpu / 1e9));
  i = 0;
  for (char *name = strtok_r (names, ",", &rest); name != NULL && i < 32; name = strtok_r (NULL, ",", &rest), i++)
    printf ("%s\"%s\":%.3f", i > 0 ? "," : "", name, (bench_process_cpu (pid, name) - before[i]) / 1e9);
  printf ("}}\n");
  return 0;
}
