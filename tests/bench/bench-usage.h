/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#define BENCH_MAX_THREADS 64

/* What each thread of a process used up to now, by name. */
typedef struct
{
  char names[1024];
  uint64_t cpu[BENCH_MAX_THREADS];   /* nanoseconds, in the order of the names */
  uint64_t total;
} BenchUsage;

void bench_usage_take          (BenchUsage *usage, int pid);
/* Prints "threads":{NAME:SECONDS,…} for the time between the two. */
void bench_usage_print_threads (const BenchUsage *before, const BenchUsage *after);
/* Prints a line of JSON: that the process has done @n of @what in @seconds between the two, and what it and each thread used for that. */
void bench_usage_print         (const BenchUsage *before, const BenchUsage *after, const char *what, uint64_t n, double seconds);
