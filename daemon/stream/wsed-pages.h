/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-fetch.h"

G_BEGIN_DECLS

/* What the readers of a worker have read from the log and their clients do not take. */
typedef struct _WsedPages
{
  GQueue waiting;              /* (element-type WsedReader), who has waited longest first */
  gsize bytes;                 /* of what they hold; what several share counts once */
  gsize max_bytes;
} WsedPages;

/* A reader's part in it. */
typedef struct
{
  GList link;                  /* in the queue; data NULL: it is not there */
  WsedFetch *fetch;            /* referenced, counted; NULL: it shares none */
  gsize bytes;                 /* counted of its own page */
} WsedHolding;

/* Of what the tail may have, what is left to the pages of all the workers together. */
gsize wsed_pages_get_share (gsize tail_bytes);
/* @reader's client takes nothing more now: it waits, in its old place where it waits already. May have any of them let go. */
void  wsed_pages_wait      (WsedPages *pages, WsedReader *reader);
/* It waits no longer, or what it holds is about to change. */
void  wsed_pages_go_on     (WsedPages *pages, WsedReader *reader);

G_END_DECLS
