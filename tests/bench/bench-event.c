/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the made-up events of the ingest: of the size and the spread over channels with which the log's layout was chosen. */
#include "bench-event.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define CHANNELS 1000

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

  if (popularity[CHANNELS - 1] == 0)
    fill_popularity ();
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

char *
bench_event_write (char *out)
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
                        "\"payload\":{\"order_id\":\"%016llx\",\"symbol\":\"EUR%03u\",\"side\":\"%s\","
                        "\"price\":%llu.%05llu,\"quantity\":%llu,"
                        "\"venue\":{\"name\":\"exchange-%02u\",\"latency_us\":%llu},\"flags\":[%s,null,%s],\"sequence\":%llu,"
                        "\"comment\":\"limit order, good till cancelled %016llx %016llx\",\"account\":\"ACC-%010llu\"}}\n",
                        (unsigned long long) b, (unsigned) (a % 1000), a & 8 ? "buy" : "sell", (unsigned long long) (a >> 50),
                        (unsigned long long) (b % 100000), (unsigned long long) (a >> 40 & 0xffff), (unsigned) (b % 64),
                        (unsigned long long) (b >> 52), a & 16 ? "true" : "false", a & 32 ? "true" : "false",
                        (unsigned long long) (a >> 4),
                        (unsigned long long) (a * 31), (unsigned long long) (b * 17), (unsigned long long) (a % 10000000000));
}
