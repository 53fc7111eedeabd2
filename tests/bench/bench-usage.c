/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the comparison of what a process' threads used at two times. */
#include "bench-usage.h"
#include "bench-process.h"

#include <stdio.h>
#include <string.h>

void
bench_usage_take (BenchUsage *usage, int pid)
{
  char names[1024], *rest = NULL;
  int i = 0;

  bench_process_threads (pid, usage->names, sizeof usage->names);
  strcpy (names, usage->names);
  usage->total = bench_process_cpu (pid, NULL);
  for (char *name = strtok_r (names, ",", &rest); name != NULL && i < BENCH_MAX_THREADS; name = strtok_r (NULL, ",", &rest))
    usage->cpu[i++] = bench_process_cpu (pid, name);
}

/* By name, since threads may have come in between. */
static uint64_t
find (const BenchUsage *usage, const char *wanted)
{
  char names[1024], *rest = NULL;
  int i = 0;

  strcpy (names, usage->names);
  for (char *name = strtok_r (names, ",", &rest); name != NULL && i < BENCH_MAX_THREADS; name = strtok_r (NULL, ",", &rest), i++)
    if (strcmp (name, wanted) == 0)
      return usage->cpu[i];
  return 0;
}

void
bench_usage_print_threads (const BenchUsage *before, const BenchUsage *after)
{
  char names[1024], *rest = NULL;
  int i = 0;

  strcpy (names, after->names);
  printf ("\"threads\":{");
  for (char *name = strtok_r (names, ",", &rest); name != NULL && i < BENCH_MAX_THREADS; name = strtok_r (NULL, ",", &rest), i++)
    printf ("%s\"%s\":%.4f", i > 0 ? "," : "", name, (after->cpu[i] - find (before, name)) / 1e9);
  printf ("}");
}

void
bench_usage_print (const BenchUsage *before, const BenchUsage *after, const char *what, uint64_t n, double seconds)
{
  double cpu = (after->total - before->total) / 1e9;

  printf ("{\"%s\":%llu,\"per_s\":%.0f,\"cpu_s\":%.3f,\"per_cpu_s\":%.0f,", what, (unsigned long long) n, n / seconds, cpu, n / cpu);
  bench_usage_print_threads (before, after);
  printf ("}\n");
}
