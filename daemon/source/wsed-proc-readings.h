/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What /proc counts since the machine started; a value that could not be read is 0. */
typedef struct
{
  gint64 time;                 /* µs, monotonic */
  guint64 busy, ticks;         /* processor time in ticks, all cores: not idle, and all of it */
  guint64 total, available;    /* memory in KiB */
  guint64 disk;                /* ms for which the busiest disk had work */
  guint64 network;             /* bytes received and sent, loopback left out */
} WsedProcCounts;

/* What two counts say of the time between them. */
typedef struct
{
  double processor;            /* percent, all cores together; -1, here and below: unknown */
  double memory;               /* percent in use */
  double disk;                 /* percent of the time, the busiest disk */
  double network;              /* bytes a second */
} WsedProcReadings;

/* @root: "/proc". */
void wsed_proc_count   (const char *root, WsedProcCounts *counts);
void wsed_proc_compare (const WsedProcCounts *before, const WsedProcCounts *after, WsedProcReadings *readings);

G_END_DECLS
