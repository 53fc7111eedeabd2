/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* What a process has used so far. */

/* Nanoseconds on a processor of all living threads of @pid; with @comm only of the threads of that name. */
uint64_t bench_process_cpu (int pid, const char *comm);
/* Bytes resident. */
uint64_t bench_process_rss (int pid);
/* The threads' names, each once, separated by commas, into @out. */
void     bench_process_threads (int pid, char *out, unsigned size);
