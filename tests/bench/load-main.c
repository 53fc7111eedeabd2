/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: bench-load PEER PORT[:PUBLISH-PORT] PID N SECONDS [WARM-UP] PHASE…
 * Connects N subscribers to a running server, measures it idle and then in each phase for SECONDS, and prints one line of JSON. A phase
 * is flight=MESSAGES, flat out with so many under way at a time, or rate=DELIVERIES, so many a second in all. */
#include "bench-process.h"
#include "bench-usage.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const LoadPeer peers[] = {
  { "wsed", "/api/events", "/ws/events?channel=global&history=0&format=v2", "application/x-ndjson",
    "{\"event_type\":\"bench_tick\",\"broadcast\":true,\"payload\":", "}", 1, 64, 256 },
  /* Its messages cannot be looked into, so it has no latencies. */
  { "wsed-deflate", "/api/events", "/ws/events?channel=global&history=0&format=v2", "application/x-ndjson",
    "{\"event_type\":\"bench_tick\",\"broadcast\":true,\"payload\":", "}", 1, 64, 256,
    "Sec-WebSocket-Extensions: permessage-deflate\r\n" },
  { "nchan", "/pub", "/sub", "application/json", "", "", 64, 1, 256 },
  { "soup", "/pub", "/ws", "application/x-ndjson", "", "", 1, 64, 8 },
  { "floor", "/pub", "/ws", "application/x-ndjson", "", "", 1, 64, 256 },
  { "nats", NULL, "/", NULL, "PUB bench 250\r\n", "\r\n", 1, 64, 256, NULL, 1 },
};

/* One phase: a while to warm up, then what is measured, then what is still under way. */
static void
measure (Load *load, const char *name, double interval, double warm_up)
{
  static BenchUsage before, after;
  uint64_t published = load->published, first = load->deliveries, deliveries;
  double start, seconds, cpu;

  load->interval = interval;
  load_run (load, warm_up, 0);
  memset (&load->latency, 0, sizeof load->latency);
  bench_usage_take (&before, load->pid);
  deliveries = load->deliveries;
  start = load_now ();
  load_run (load, load->seconds, 0);
  seconds = (load_now () - start) / 1e6;
  bench_usage_take (&after, load->pid);
  deliveries = load->deliveries - deliveries;
  cpu = (after.total - before.total) / 1e9;
  printf (",\"%s\":{\"seconds\":%.3f,\"deliveries\":%llu,\"per_s\":%.0f,\"cpu_s\":%.4f,\"per_cpu_s\":%.0f,"
          "\"p50_ms\":%.3f,\"p99_ms\":%.3f,",
          name, seconds, (unsigned long long) deliveries, deliveries / seconds, cpu, deliveries / cpu,
          bench_histogram_get (&load->latency, 0.5) / 1e3, bench_histogram_get (&load->latency, 0.99) / 1e3);
  bench_usage_print_threads (&before, &after);
  load->interval = -1;
  load_run (load, 60, 1);
  printf (",\"undelivered\":%lld}", (long long) ((load->published - published) * load->n - (load->deliveries - first)));
  fflush (stdout);
}

static int
measure_named (Load *load, const char *phase, double warm_up)
{
  const char *value = strchr (phase, '=');
  double number = value != NULL ? atof (value + 1) : 0;

  if (number >= 1 && strncmp (phase, "flight=", 7) == 0)
    {
      load->flight = number;
      measure (load, phase, 0, warm_up);
    }
  else if (number >= 1 && strncmp (phase, "rate=", 5) == 0)
    measure (load, phase, 1e6 * load->n / number, warm_up);
  else
    fprintf (stderr, "no phase: %s\n", phase);
  return number >= 1;
}

int
main (int argc, char **argv)
{
  static Load load = { .payload = 250 };
  const char *colon;
  struct rlimit files;
  uint64_t rss, cpu;
  double seconds, warm_up = 1;
  int phase = 6;

  for (unsigned i = 0; argc >= 6 && i < sizeof peers / sizeof *peers; i++)
    if (strcmp (argv[1], peers[i].name) == 0)
      load.peer = &peers[i];
  if (load.peer == NULL)
    {
      fprintf (stderr, "usage: bench-load wsed|wsed-deflate|nchan|soup|floor|nats PORT[:PUBLISH-PORT] PID SUBSCRIBERS SECONDS [WARM-UP] "
                       "flight=MESSAGES|rate=DELIVERIES…\n");
      return 2;
    }
  colon = strchr (argv[2], ':');
  load.port = atoi (argv[2]);
  load.publish_port = colon != NULL ? atoi (colon + 1) : load.port;
  load.pid = atoi (argv[3]);
  load.n = atoi (argv[4]);
  load.seconds = atof (argv[5]);
  if (argc > phase && strchr (argv[phase], '=') == NULL)
    warm_up = atof (argv[phase++]);
  getrlimit (RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit (RLIMIT_NOFILE, &files);

  load_open (&load);
  load_touch (&load);
  load_run (&load, 0.2, 0);
  rss = bench_process_rss (load.pid);
  cpu = bench_process_cpu (load.pid, NULL);
  seconds = load_connect (&load);
  cpu = bench_process_cpu (load.pid, NULL) - cpu;
  printf ("{\"peer\":\"%s\",\"n\":%u,\"opened\":%u,\"connect_s\":%.6f,\"connect_cpu_s\":%.6f", load.peer->name, load.n, load.opened,
          seconds, cpu / 1e9);
  load_run (&load, warm_up, 0);
  printf (",\"rss\":%llu,\"rss_per_connection\":%.0f", (unsigned long long) rss,
          ((double) bench_process_rss (load.pid) - rss) / load.n);
  if (!load_settle (&load))
    {
      printf (",\"error\":\"no message reached all subscribers\"}\n");
      return 1;
    }
  for (; phase < argc; phase++)
    if (!measure_named (&load, argv[phase], warm_up))
      return 2;
  printf (",\"ended\":%u,\"refused\":%llu,\"misplaced\":%llu}\n", load.ended, (unsigned long long) load.refused,
          (unsigned long long) load.misplaced);
  for (unsigned i = 0; i < load.n; i++)
    bench_subscriber_end (&load.subscribers[i]);
  return 0;
}
