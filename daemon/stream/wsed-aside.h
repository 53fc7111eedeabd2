/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-view.h"

G_BEGIN_DECLS

/* What a worker's views have of events that are kept nowhere (PROTOCOL section 3): they have no place in the channel, so they are beside
 * the entries, in the order in which they came. A position is an index here too; indices count up for ever, modulo 2³¹. */
typedef struct
{
  GHashTable *lists;           /* view → its list; only those that ever had one */
  GQueue order;                /* lists whose first one is the next to go, in the order of arrival */
  gsize bytes, max_bytes;
  gsize told;                  /* of the bytes, what the metric has been told */
} WsedAsides;

void     wsed_asides_init   (WsedAsides *asides, gsize max_bytes);
void     wsed_asides_clear  (WsedAsides *asides);
/* The oldest of all go where there is no room. */
void     wsed_asides_append (WsedAsides *asides, WsedView *view, const WsedPiece *piece);
/* Forgets all in chunks before @first_chunk. */
void     wsed_asides_run    (WsedAsides *asides, guint64 first_chunk);
/* Nothing of what @view has is given out any more; nobody reads at it any more. */
void     wsed_asides_blank  (WsedAsides *asides, WsedView *view);
void     wsed_asides_retire (WsedAsides *asides, WsedView *view);
/* The index behind all that @view has had. */
guint32  wsed_asides_get_end (const WsedAsides *asides, const WsedView *view);

G_END_DECLS
