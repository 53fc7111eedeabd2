/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-sqlite-index.h"

G_BEGIN_DECLS

/* A stretch of a channel: which n the seqs first … first + count - 1 have; 0: not known, so the event is gone. */
#define WSED_SPAN 256

typedef struct
{
  guint32 channel;
  guint64 first;
  guint count;
  guint64 ns[WSED_SPAN];
} WsedSpan;

/* With the index locked, and before the transaction begins in which the span is completed: what leaves memory in between is then
 * there. */
void wsed_span_begin    (WsedSpan *self, WsedIndex *index, guint32 channel, guint64 after, guint64 upto, guint most);
void wsed_span_complete (WsedSpan *self, sqlite3_stmt *runs);

#define WSED_SPAN_RUNS "SELECT last_seq,ns FROM run WHERE channel=?1 AND last_seq>=?2 ORDER BY last_seq"

G_END_DECLS
