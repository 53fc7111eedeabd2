/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "thread/wsed-inbox.h"
#include "wse-limits.h"

G_BEGIN_DECLS

/* Where a source stands in what it reads (PROTOCOL section 1): a number of its own, kept by the log beside the events that were read up
 * to there, and moved with them or not at all. */

/* Part of an append: the source's position goes from one place to another. */
typedef struct
{
  char *source;                /* 1 to WSED_MAX_SOURCE_BYTES of UTF-8, "kafka:GROUP/TOPIC/PARTITION", "outbox:…"; one append has none twice */
  gint64 from;                 /* what has to be kept for it now; -1: nothing */
  gint64 to;                   /* at least 0; what is kept then */
  gint64 kept;                 /* out, where the append was refused with WSE_ERROR_CONFLICT: what is kept; -1: nothing. Else as it was */
} WsedMove;

/* A Kafka topic's name has up to 249 bytes, a group's about as many. */
#define WSED_MAX_SOURCE_BYTES 1024

GArray *wsed_moves_new (void);
void    wsed_moves_add (GArray *moves, const char *source, gint64 from, gint64 to);

/* Where sources stand. A request to the log like those of wsed-log.h, in the order of appends: the answer holds what those sent before
 * have moved, and nothing of those sent after. */
typedef struct
{
  char *source;
  gint64 position;
} WsedSourcePosition;

typedef struct
{
  WsedMessage message;
  WsedInbox *reply_to;
  char *prefix;                /* of the sources asked for, in bytes; "": all */

  GArray *positions;           /* (element-type WsedSourcePosition), by source in the order of bytes */
  GError *error;               /* WSE_ERROR_UNAVAILABLE: the log */
} WsedPositions;

WsedPositions *wsed_positions_new  (const char *prefix, WsedInbox *reply_to);
void           wsed_positions_free (WsedPositions *positions);
/* -1: there is none of this source. */
gint64         wsed_positions_find (const WsedPositions *positions, const char *source);
/* For the stores. */
void           wsed_positions_add  (WsedPositions *positions, const char *source, gint64 position);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedPositions, wsed_positions_free)

G_END_DECLS
