/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: bench-load PEER PORT PID N [SECONDS [FLIGHT [RATE]]]
 * Connects N subscribers to a running server, measures it idle, flat out and at a rate, and prints one line of JSON. */
#include "bench-process.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const LoadPeer peers[] = {
  { "wsed", "/api/events", "/ws/events?channel=global&history=0&format=v2", "application/x-ndjson",
    "{\"event_type\":\"bench_tick\",\"broadcast\":true,\"payload\":", "}", 1, 64, 256, NULL },
  /* Its messages cannot be looked into, so it has no latencies. */
  { "wsed-deflate", "/api/events", "/ws/events?channel=global&history=0&format=v2", "application/x-ndjson",
    "{\"event_type\":\"bench_tick\",\"broadcast\":true,\"payload\":", "}", 1, 64, 256,
    "Sec-WebSocket-Extensions: permessage-deflate\r\n" },
  { "nchan", "/pub", "/sub", "application/json", "", "", 64, 1, 256, NULL },
  { "soup", "/pub", "/ws", "application/x-ndjson", "", "", 1, 64, 8, NULL },
};

typedef struct
{
  char names[1024];
  uint64_t cpu[32];
  uint64_t total;
} Usage;

static void
take_usage (const Load *load, Usage *usage)
{
  char names[1024], *rest = NULL;
  int i = 0;

  bench_process_threads (load->pid, usage->names, sizeof usage->names);
  strcpy (names, usage->names);
  usage->total = bench_process_cpu (load->pid, NULL);
  for (char *name = strtok_r (names, ",", &rest); name != NULL && i < 32; name = strtok_r (NULL, ",", &rest))
    usage->cpu[i++] = bench_process_cpu (load->pid, name);
}

static void
print_threads (const Usage *before, const Usage *after)
{
  char names[1024], *rest = NULL;
  int i = 0;

  strcpy (names, after->names);
  printf (",\"threads\":{");
  for (char *name = strtok_r (names, ",", &rest); name != NULL && i < 32; name = strtok_r (NULL, ",", &rest), i++)
    printf ("%s\"%s\":%.4f", i > 0 ? "," : "", name, (after->cpu[i] - before->cpu[i]) / 1e9);
  printf ("}");
}

/* One phase: a second to warm up, then what is measured, then what is still under way. */
static void
measure (Load *load, const char *name, double interval)
{
  Usage before, after;
  uint64_t published = load->published, first = load->deliveries, deliveries;
  double start, seconds, cpu;

  load->interval = interval;
  load_run (load, 1, 0);
  memset (&load->latency, 0, sizeof load->latency);
  take_usage (load, &before);
  deliveries = load->deliveries;
  start = load_now ();
  load_run (load, load->seconds, 0);
  seconds = (load_now () - start) / 1e6;
  take_usage (load, &after);
  deliveries = load->deliveries - deliveries;
  cpu = (after.total - before.total) / 1e9;
  printf (",\"%s\":{\"seconds\":%.3f,\"deliveries\":%llu,\"per_s\":%.0f,\"cpu_s\":%.4f,\"per_cpu_s\":%.0f,"
          "\"p50_ms\":%.2f,\"p99_ms\":%.2f",
          name, seconds, (unsigned long long) deliveries, deliveries / seconds, cpu, deliveries / cpu,
          bench_histogram_get (&load->latency, 0.5) / 1e3, bench_histogram_get (&load->latency, 0.99) / 1e3);
  print_threads (&before, &after);
  load->interval = -1;
  load_run (load, 60, 1);
  printf (",\"undelivered\":%lld}", (long long) ((load->published - published) * load->n - (load->deliveries - first)));
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  static Load load = { .flight = 64, .rate = 50000, .seconds = 4, .payload = 250 };
  struct rlimit files;
  uint64_t rss, cpu;
  double seconds;

  for (unsigned i = 0; argc >= 5 && i < sizeof peers / sizeof *peers; i++)
    if (strcmp (argv[1], peers[i].name) == 0)
      load.peer = &peers[i];
  if (load.peer == NULL)
    {
      fprintf (stderr, "usage: bench-load wsed|wsed-deflate|nchan|soup PORT PID SUBSCRIBERS [SECONDS [FLIGHT [RATE]]]\n");
      return 2;
    }
  load.port = atoi (argv[2]);
  load.pid = atoi (argv[3]);
  load.n = atoi (argv[4]);
  load.seconds = argc > 5 ? atof (argv[5]) : load.seconds;
  load.flight = argc > 6 ? atoi (argv[6]) : (int) load.flight;
  load.rate = argc > 7 ? atoi (argv[7]) : (int) load.rate;
  getrlimit (RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit (RLIMIT_NOFILE, &files);

  load_open (&load);
  rss = bench_process_rss (load.pid);
  cpu = bench_process_cpu (load.pid, NULL);
  seconds = load_connect (&load);
  cpu = bench_process_cpu (load.pid, NULL) - cpu;
  printf ("{\"peer\":\"%s\",\"n\":%u,\"opened\":%u,\"connect_s\":%.3f,\"connect_cpu_s\":%.3f", load.peer->name, load.n, load.opened,
          seconds, cpu / 1e9);
  load_run (&load, 1, 0);
  printf (",\"rss\":%llu,\"rss_per_connection\":%.0f", (unsigned long long) rss,
          ((double) bench_process_rss (load.pid) - rss) / load.n);
  if (!load_settle (&load))
    {
      printf (",\"error\":\"no message reached all subscribers\"}\n");
      return 1;
    }
  measure (&load, "flat", 0);
  if (load.rate > 0)
    measure (&load, "rate", 1e6 * load.n / load.rate);
  printf (",\"ended\":%u,\"refused\":%llu,\"misplaced\":%llu}\n", load.ended, (unsigned long long) load.refused,
          (unsigned long long) load.misplaced);
  for (unsigned i = 0; i < load.n; i++)
    bench_subscriber_end (&load.subscribers[i]);
  return 0;
}
