/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the clock of all that is measured. */
#include "bench-clock.h"

#include <time.h>

double
bench_clock_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}
