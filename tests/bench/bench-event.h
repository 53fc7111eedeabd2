/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bytes of one line at most. */
#define BENCH_EVENT_MAX 1024

/* Writes the next event, one line of NDJSON; returns the end. Of 1,000 channels by Zipf's law, 1.8 of them an event; the same
 * events in every run but for the times. */
char *bench_event_write (char *out);
