/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: ingest PORT PID [SECONDS [WARM-UP [CONNECTIONS]]]
 * Posts NDJSON batches of 100 events to a running wsed: 1,000 channels of Zipf popularity, 1.8 of them an event, and prints one line of
 * JSON with what the daemon's threads used in SECONDS after the warm-up. */
#include "bench-post.h"
#include "bench-process.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 100
#define CHANNELS 1000
#define MAX_CONNECTIONS 16

static double popularity[CHANNELS];
static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t
next_random (void)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state * 0x2545f4914f6cdd1d;
}

static void
fill_popularity (void)
{
  double sum = 0;

  for (int i = 0; i < CHANNELS; i++)
    popularity[i] = sum += 1.0 / (i + 1);
  for (int i = 0; i < CHANNELS; i++)
    popularity[i] /= sum;
}

static int
pick_channel (void)
{
  double at = (next_random () >> 11) * 0x1p-53;
  int low = 0, high = CHANNELS - 1;

  while (low < high)
    {
      int middle = (low + high) / 2;

      if (popularity[middle] < at)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

static char *
write_channels (char *out)
{
  static const char *const kinds[] = { "user_id", "role_id", "team_id", "session_id" };
  int at = next_random () % 10, wanted = at < 5 ? 1 : at < 8 ? 2 : at < 9 ? 3 : 4;
  unsigned taken = 0;

  while (wanted > 0)
    {
      int channel = pick_channel ();

      if ((taken & 1u << channel % 4) != 0)
        continue;
      taken |= 1u << channel % 4;
      out += sprintf (out, "\"%s\":\"c%d\",", kinds[channel % 4], channel);
      wanted--;
    }
  return out;
}

static char *
write_event (char *out)
{
  static const char *const types[] = { "OrderPlaced", "OrderFilled", "PositionOpened", "price_changed", "balance_update" };
  uint64_t a = next_random (), b = next_random ();
  struct timespec now;
  struct tm tm;
  char time[40];

  clock_gettime (CLOCK_REALTIME, &now);
  gmtime_r (&now.tv_sec, &tm);
  strftime (time, sizeof time, "%FT%T", &tm);
  out += sprintf (out, "{\"event_type\":\"%s\",\"event_id\":\"%016llx%016llx\",\"timestamp\":\"%s.%06ldZ\",", types[a % 5],
                  (unsigned long long) a, (unsigned long long) b, time, now.tv_nsec / 1000);
  out = write_channels (out);
  return out + sprintf (out,
                        "\"payload\":{\"order_id\":\"%016llx\",\"symbol\":\"EUR%03u\",\"side\":\"%s\",\"price\":%llu.%05llu,\"quantity\":%llu,"
                        "\"venue\":{\"name\":\"exchange-%02u\",\"latency_us\":%llu},\"flags\":[%s,null,%s],\"sequence\":%llu,"
                        "\"comment\":\"limit order, good till cancelled %016llx %016llx\",\"account\":\"ACC-%010llu\"}}\n",
                        (unsigned long long) b, (unsigned) (a % 1000), a & 8 ? "buy" : "sell", (unsigned long long) (a >> 50),
                        (unsigned long long) (b % 100000), (unsigned long long) (a >> 40 & 0xffff), (unsigned) (b % 64),
                        (unsigned long long) (b >> 52), a & 16 ? "true" : "false", a & 32 ? "true" : "false", (unsigned long long) (a >> 4),
                        (unsigned long long) (a * 31), (unsigned long long) (b * 17), (unsigned long long) (a % 10000000000));
}

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
  static char body[BATCH * 1024];
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
            out = write_event (out);
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
      fprintf (stderr, "usage: ingest PORT PID [SECONDS [WARM-UP [CONNECTIONS, at most %d]]]\n", MAX_CONNECTIONS);
      return 2;
    }
  fill_popularity ();
  for (i = 0; i < n; i++)
    bench_post_open (&posts[i], "127.0.0.1", atoi (argv[1]));
  events = run (posts, n, warm, &bytes);
  batches = events / BATCH + n;
  fprintf (stderr, "ingest: warm-up of %llu events, %.0f bytes a line\n", (unsigned long long) events, (double) bytes / batches / BATCH);

  bench_process_threads (pid, names, sizeof names);
  i = 0;
  for (char *copy = strdup (names), *name = strtok_r (copy, ",", &rest); name != NULL && i < 32; name = strtok_r (NULL, ",", &rest))
    before[i++] = bench_process_cpu (pid, name);
  cpu = bench_process_cpu (pid, NULL);
  start = seconds_now ();
  events = run (posts, n, seconds, &bytes);
  seconds = seconds_now () - start;
  cpu = bench_process_cpu (pid, NULL) - cpu;
  printf ("{\"events\":%llu,\"per_s\":%.0f,\"cpu_s\":%.3f,\"per_cpu_s\":%.0f,\"threads\":{", (unsigned long long) events, events / seconds,
          cpu / 1e9, events / (cpu / 1e9));
  i = 0;
  for (char *name = strtok_r (names, ",", &rest); name != NULL && i < 32; name = strtok_r (NULL, ",", &rest), i++)
    printf ("%s\"%s\":%.3f", i > 0 ? "," : "", name, (bench_process_cpu (pid, name) - before[i]) / 1e9);
  printf ("}}\n");
  return 0;
}
