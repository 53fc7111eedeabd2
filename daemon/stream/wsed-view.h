/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "stream/wsed-stream.h"
#include "wse-filter.h"

G_BEGIN_DECLS

/* A worker's side of the streams. All of it is that one thread's. */

typedef struct
{
  WsedPiece piece;
  guint64 seq;
  guint64 n;
  WsedEntry *several;          /* an event of several channels: who has it twice must look; else NULL */
} WsedViewEntry;

typedef struct _WsedSlot WsedSlot;
typedef struct _WsedView WsedView;
typedef struct _WsedSubscriber WsedSubscriber;

typedef enum
{
  WSED_SUBSCRIPTION_REPLAYING, /* what comes next is read from the log */
  WSED_SUBSCRIPTION_LIVE,      /* what comes next is in the view, at `at` */
} WsedSubscriptionState;

/* A position in a stream. */
typedef struct
{
  WsedSubscriber *subscriber;      /* whose it is */
  WsedStream *stream;          /* referenced */
  WseFilter *filter;           /* NULL: all */
  WsedView *view;
  guint place;                 /* in the view's subscriptions, while live */
  WsedSubscriptionState state;
  guint from_cursor : 1;       /* it began at a cursor of the client's: all up to `start` is done with */
  guint by_itself : 1;         /* replaying: it is told by name when it has caught up */
  guint epoch_lost : 1;        /* its cursor was of another epoch, or beyond the end; to be told */
  guint had_some : 1;          /* it has had everything up to `done`: what is lost behind that is to be told */
  guint attached : 1;          /* to be woken by its view */
  guint left_behind : 1;       /* replaying: not what the client asked for, but what the tail has taken from under it */
  guint stopped : 1;           /* nothing from `limit` on is sent */
  guint64 loss_from;           /* from here up to what is kept something may be lost, to be told; 0: nothing known */
  guint64 start;               /* the seq after which it began */
  guint64 done;                /* the seq up to which everything is sent or passed over */
  guint64 target;              /* replaying: the head when that began */
  guint64 at;                  /* the index in the view of the next entry; left behind: about, its entry is no longer there */
  guint64 owed;                /* what lies before this index came while it replayed: not to have it yet is no lag */
  guint64 limit;               /* what lies before this index is to be passed over; stopped: from it on */
  guint64 gap_from, gap_to;    /* passed over, to be told before anything else; 0: nothing */
  guint64 gathered;            /* live: the same while a flush is put together */
} WsedSubscription;

/* What a worker knows of a stream. */
struct _WsedSlot
{
  WsedStream *stream;          /* referenced */
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  guint64 head;                /* the last seq that this worker was told of */
  GPtrArray *views;
};

/* The entries of a stream that pass one filter, made once for all subscriptions that share it. A position is an index; indices count up
 * for ever, [begin, end) are in memory. */
struct _WsedView
{
  WsedSlot *slot;
  WseFilter *filter;           /* NULL: all */
  WsedViewEntry *ring;
  guint mask;                  /* entries of the ring, less one */
  guint64 begin, end;
  guint64 complete_from;       /* every match with this seq or a greater one is, or will be, in [begin, end) */
  GPtrArray *subscriptions;    /* (element-type WsedSubscription) the live ones, to be woken */
  guint users;                 /* subscriptions in any state */
  guint remembered;            /* entries of the eviction queue that point here */
  gboolean dirty;              /* in the worker's list of views with news */

  /* The last run found: readers that stand at one place share the search. */
  guint64 run_begin, run_end, run_limit;
  gsize run_bytes;
};

WsedSlot *wsed_slot_new  (WsedStream *stream, guint worker, const WsedHead *head);
/* When no view is left. */
void      wsed_slot_free (WsedSlot *slot, guint worker);

WsedView *wsed_slot_get_view   (WsedSlot *slot, WseFilter *filter);
/* Takes it from its slot; it is gone once the eviction queue has forgotten it too. */
void      wsed_view_retire     (WsedView *view);
void      wsed_view_append     (WsedView *view, const WsedArrival *arrival);
void      wsed_view_drop_first (WsedView *view);
/* To wake @subscription for news, or no longer. */
void      wsed_view_attach     (WsedView *view, WsedSubscription *subscription);
void      wsed_view_detach     (WsedView *view, WsedSubscription *subscription);
/* The first index with a seq of at least @seq; with an n of at least @n. */
guint64   wsed_view_find       (WsedView *view, guint64 seq);
guint64   wsed_view_find_n     (WsedView *view, guint64 n);
/* The entries from @from on, before @to, that lie together in memory and need no look, at most @max_bytes; returns the index behind
 * them. */
guint64   wsed_view_run        (WsedView *view, guint64 from, guint64 to, gsize max_bytes, gsize *bytes);

static inline WsedViewEntry *
wsed_view_at (WsedView *view,
              guint64   index)
{
  return &view->ring[index & view->mask];
}

G_END_DECLS
