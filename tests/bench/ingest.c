/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: bench-ingest PORT PID [SECONDS [WARM-UP [CONNECTIONS]]]
 * Posts NDJSON batches of 100 events to a running wsed: 1,000 channels of Zipf popularity, 1.8 of them an event, and prints one
 * line of JSON with what the daemon's threads used in SECONDS after the warm-up. */
#include "bench-event.h"
#include "bench-post.h"
#include "bench-usage.h"

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
  double seconds = argc > 3 ? atof (argv[3]) : 10, warm = argc > 4 ? atof (argv[4]) : 10, start, cpu;
  static BenchUsage before, after;
  uint64_t events, bytes = 0, batches;

  if (pid == 0 || n < 1 || n > MAX_CONNECTIONS)
    {
      fprintf (stderr, "usage: bench-ingest PORT PID [SECONDS [WARM-UP [CONNECTIONS, at most %d]]]\n", MAX_CONNECTIONS);
      return 2;
    }
  for (int i = 0; i < n; i++)
    bench_post_open (&posts[i], "127.0.0.1", atoi (argv[1]));
  events = run (posts, n, warm, &bytes);
  batches = events / BATCH + n;
  fprintf (stderr, "ingest: warm-up of %llu events, %.0f bytes a line\n", (unsigned long long) events,
           (double) bytes / batches / BATCH);

  bench_usage_take (&before, pid);
  start = seconds_now ();
  events = run (posts, n, seconds, &bytes);
  seconds = seconds_now () - start;
  bench_usage_take (&after, pid);
  cpu = (after.total - before.total) / 1e9;
  printf ("{\"events\":%llu,\"per_s\":%.0f,\"cpu_s\":%.3f,\"per_cpu_s\":%.0f,", (unsigned long long) events, events / seconds, cpu,
          events / cpu);
  bench_usage_print_threads (&before, &after);
  printf ("}\n");
  return 0;
}
