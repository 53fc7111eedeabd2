/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the buckets of a latency distribution. */
#include "bench-histogram.h"

void
bench_histogram_add (BenchHistogram *histogram, uint64_t us)
{
  unsigned index, shift;

  us = us >> 36 ? (UINT64_C (1) << 36) - 1 : us;
  if (us < 16)
    index = us;
  else
    {
      shift = 63 - __builtin_clzll (us) - 4;
      index = 16 * (shift + 1) + (us >> shift) - 16;
    }
  histogram->counts[index]++;
  histogram->total++;
}

uint64_t
bench_histogram_get (const BenchHistogram *histogram, double share)
{
  uint64_t seen = 0;

  for (unsigned i = 0; i < 16 * 40; i++)
    {
      seen += histogram->counts[i];
      if (histogram->total > 0 && seen > share * histogram->total)
        return i < 16 ? i : (UINT64_C (16) + i % 16) << (i / 16 - 1);
    }
  return 0;
}
