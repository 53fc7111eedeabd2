/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: bench-ingest PORT PID [SECONDS [WARM-UP [CONNECTIONS]]]
 * Posts NDJSON batches of 100 events to a running wsed: 1,000 channels of Zipf popularity, 1.8 of them an event, and prints one
 * line of JSON with what the daemon's threads used in SECONDS after the warm-up. */
#include "bench-clock.h"
#include "bench-event.h"
#include "bench-publishers.h"
#include "bench-usage.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 100

typedef struct
{
  char body[BATCH * BENCH_EVENT_MAX];
  uint64_t bytes, batches;
} Ingest;

static void
publish (BenchPost *post, void *user_data)
{
  Ingest *ingest = user_data;
  char *out = ingest->body;

  for (int i = 0; i < BATCH; i++)
    out = bench_event_write (out);
  ingest->bytes += out - ingest->body;
  ingest->batches++;
  bench_post_start (post, "/api/events", "application/x-ndjson", ingest->body, out - ingest->body, BATCH);
}

int
main (int argc, char **argv)
{
  static BenchPost posts[BENCH_MAX_PUBLISHERS];
  static BenchUsage before, after;
  static Ingest ingest;
  int pid = argc > 2 ? atoi (argv[2]) : 0, n = argc > 5 ? atoi (argv[5]) : 4;
  double seconds = argc > 3 ? atof (argv[3]) : 10, warm = argc > 4 ? atof (argv[4]) : 10, start;
  uint64_t events;

  if (pid == 0 || n < 1 || n > BENCH_MAX_PUBLISHERS)
    {
      fprintf (stderr, "usage: bench-ingest PORT PID [SECONDS [WARM-UP [CONNECTIONS, at most %d]]]\n", BENCH_MAX_PUBLISHERS);
      return 2;
    }
  bench_publishers_open (posts, n, atoi (argv[1]));
  events = BATCH * bench_publishers_run (posts, n, warm, publish, &ingest);
  fprintf (stderr, "ingest: warm-up of %llu events, %.0f bytes a line\n", (unsigned long long) events,
           (double) ingest.bytes / ingest.batches / BATCH);

  bench_usage_take (&before, pid);
  start = bench_clock_now ();
  events = BATCH * bench_publishers_run (posts, n, seconds, publish, &ingest);
  seconds = bench_clock_now () - start;
  bench_usage_take (&after, pid);
  bench_usage_print (&before, &after, "events", events, seconds);
  return 0;
}
