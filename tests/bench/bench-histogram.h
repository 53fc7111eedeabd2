/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* Counts of microseconds in buckets no wider than a sixteenth of their value. */
typedef struct
{
  uint64_t total;
  uint64_t counts[16 * 40];
} BenchHistogram;

void     bench_histogram_add (BenchHistogram *histogram, uint64_t us);
/* Microseconds below which @share (0 to 1) of them lie; 0 where there are none. */
uint64_t bench_histogram_get (const BenchHistogram *histogram, double share);
