/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bench-post.h"

#include <stdint.h>

#define BENCH_MAX_PUBLISHERS 64

/* Begins a request on @post, which is free. */
typedef void (*BenchPublish) (BenchPost *post, void *user_data);

/* @n connections to 127.0.0.1. */
void     bench_publishers_open (BenchPost *posts, int n, int port);
/* For @seconds each has a request under way, always; the requests that were answered. Exits with the answer where one is refused. */
uint64_t bench_publishers_run  (BenchPost *posts, int n, double seconds, BenchPublish publish, void *user_data);
