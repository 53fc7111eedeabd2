/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Seconds on a clock that nobody sets. */
double bench_clock_now (void);
