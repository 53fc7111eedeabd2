/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: bench-posts wsed|nchan PORT PID [SECONDS [CONNECTIONS]]
 * Posts one message of 250 bytes a request over keep-alive connections, each waiting for its answer before the next one, and prints one
 * line of JSON with what the server used. Nobody subscribes. */
#include "bench-post.h"
#include "bench-process.h"
#include "bench-usage.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CONNECTIONS 64
#define PAYLOAD 250

static double
seconds_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

/* The messages answered within @seconds. */
static uint64_t
run (BenchPost *posts, int n, double seconds, const char *path, const char *body)
{
  struct pollfd fds[MAX_CONNECTIONS];
  double end = seconds_now () + seconds;
  uint64_t answered = 0;

  while (seconds_now () < end)
    {
      for (int i = 0; i < n; i++)
        {
          fds[i] = (struct pollfd) { .fd = posts[i].fd, .events = POLLIN };
          if (!posts[i].busy && bench_post_start (&posts[i], path, "application/json", body, strlen (body), 1))
            fds[i].events |= POLLOUT;
        }
      poll (fds, n, 1000);
      for (int i = 0; i < n; i++)
        if ((fds[i].revents & ~POLLOUT) != 0 && bench_post_read (&posts[i]))
          {
            if (!bench_post_ok (&posts[i]))
              {
                fprintf (stderr, "posts: %s\n", posts[i].in);
                exit (1);
              }
            answered++;
          }
    }
  return answered;
}

int
main (int argc, char **argv)
{
  static BenchPost posts[MAX_CONNECTIONS];
  static BenchUsage before, after;
  int wsed = argc > 1 && strcmp (argv[1], "wsed") == 0, pid = argc > 3 ? atoi (argv[3]) : 0;
  int n = argc > 5 ? atoi (argv[5]) : MAX_CONNECTIONS;
  double seconds = argc > 4 ? atof (argv[4]) : 3, cpu;
  char payload[PAYLOAD + 1], body[PAYLOAD + 128];
  uint64_t answered;

  if (pid == 0 || n < 1 || n > MAX_CONNECTIONS)
    {
      fprintf (stderr, "usage: bench-posts wsed|nchan PORT PID [SECONDS [CONNECTIONS, at most %d]]\n", MAX_CONNECTIONS);
      return 2;
    }
  memset (payload, 'x', PAYLOAD);
  memcpy (payload, "{\"pad\":\"", 8);
  strcpy (payload + PAYLOAD - 2, "\"}");
  snprintf (body, sizeof body, "%s%s%s", wsed ? "{\"event_type\":\"bench_tick\",\"broadcast\":true,\"payload\":" : "", payload,
            wsed ? "}" : "");
  for (int i = 0; i < n; i++)
    bench_post_open (&posts[i], "127.0.0.1", atoi (argv[2]));
  run (posts, n, seconds / 2, wsed ? "/api/events" : "/pub", body);
  bench_usage_take (&before, pid);
  answered = run (posts, n, seconds, wsed ? "/api/events" : "/pub", body);
  bench_usage_take (&after, pid);
  cpu = (after.total - before.total) / 1e9;
  printf ("{\"posts\":%llu,\"per_s\":%.0f,\"cpu_s\":%.3f,\"per_cpu_s\":%.0f,", (unsigned long long) answered, answered / seconds, cpu,
          answered / cpu);
  bench_usage_print_threads (&before, &after);
  printf ("}\n");
  return 0;
}
