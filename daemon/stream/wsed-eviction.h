/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-view.h"

G_BEGIN_DECLS

/* A worker's order of forgetting: what came first goes first, from whichever view. */
typedef struct
{
  gsize max_bytes;             /* of the memory for entries */
  gsize bytes;
  gsize told;                  /* of them, what the metric has been told */
  GQueue chunks;               /* (element-type WsedChunk), referenced, oldest first */
  WsedView **views;            /* ring: whose first entry is the next to go, in the order of arrival */
  guint64 begin, end;
  gsize size;                  /* a power of two; 0: none */
} WsedEviction;

void wsed_eviction_init       (WsedEviction *eviction, gsize max_bytes);
void wsed_eviction_clear      (WsedEviction *eviction);
/* Takes the reference. */
void wsed_eviction_take_chunk (WsedEviction *eviction, WsedChunk *chunk);
/* Adds an entry to @view. Where there is no room for it in max_bytes the oldest of all go, one at least is kept. */
void wsed_eviction_append     (WsedEviction *eviction, WsedView *view, const WsedArrival *arrival);
/* Nobody reads at @view any more. */
void wsed_eviction_retire     (WsedEviction *eviction, WsedView *view);
/* Forgets all entries of @view, and those that came before. */
void wsed_eviction_empty      (WsedEviction *eviction, WsedView *view);
/* Forgets all entries in chunks before @first_chunk, and those chunks. */
void wsed_eviction_run        (WsedEviction *eviction, guint64 first_chunk);

G_END_DECLS
