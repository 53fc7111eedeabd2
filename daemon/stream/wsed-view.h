/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "stream/wsed-newest.h"
#include "stream/wsed-stream.h"
#include "wse-filter.h"

G_BEGIN_DECLS

/* A worker's side of the streams. All of it is that one thread's. */

typedef struct
{
  WsedPiece piece;
  guint64 seq;
  guint64 n : 63;
  guint64 superseded : 1;      /* a newer one of its key has come: one that lags can do without it */
  WsedEntry *several;          /* an event of several channels: who has it twice must look; else NULL */
} WsedViewEntry;

typedef struct _WsedSubscriber WsedSubscriber;
typedef struct _WsedReader WsedReader;

typedef enum
{
  WSED_SUBSCRIPTION_REPLAYING, /* what comes next is read from the log */
  WSED_SUBSCRIPTION_LIVE,      /* what comes next is in the view, at `at` */
} WsedSubscriptionState;

/* A position in a stream. There may be very many: it is kept small. */
typedef struct
{
  WsedReader *reader;          /* whose it is */
  WsedStream *stream;          /* referenced */
  WsedView *view;              /* has its filter */
  guint64 place : 20;          /* in the view's subscriptions, while live: not more than there may be connections */
  guint64 aside : 31;          /* the index of the next of what is kept nowhere (wsed-aside.h) */
  guint64 from_cursor : 1;     /* it began at a cursor of the client's: all up to `start` is done with */
  guint64 by_itself : 1;       /* replaying: it is told by name when it has caught up */
  guint64 state : 1;           /* a WsedSubscriptionState */
  guint64 lost : 1;            /* up to what is kept something may be lost, to be told */
  guint64 lost_before : 1;     /* … also of what is before `done` */
  guint64 epoch_lost : 1;      /* its cursor was of another epoch, or beyond the end; to be told */
  guint64 attached : 1;        /* to be woken by its view */
  guint64 left_behind : 1;     /* replaying: not what the client asked for, but what the tail has taken from under it */
  guint64 stopped : 1;         /* nothing from `limit` on is sent */
  guint64 spent : 1;           /* stopped, reading from the log: it has met what lies there */
  guint64 catching : 1;        /* live: what the client asked for comes from the view, up to `target` */
  guint64 gap_conflated : 1;   /* what was passed over, was for being old; else by policy */
  guint64 has_news : 1;        /* in the reader's list (wsed-news.c) */
  guint64 start;               /* the seq after which it began */
  guint64 done;                /* the seq up to which everything is sent or passed over */
  union
  {
    guint64 target;            /* while it gets what the client asked for: the head when that began */
    guint64 limit;             /* from then on, an n: what the log has before it is to be passed over; stopped: from it on */
  };
  guint64 at;                  /* the index in the view of the next entry; left behind: about, its entry is no longer there */
  guint64 owed;                /* what lies before this index came while it replayed: not to have it yet is no lag */
  guint64 gap_from, gap_to;    /* passed over, to be told before anything else; 0: nothing */
} WsedSubscription;

/* A view's entries, in a ring that is as large as they need. */
typedef struct
{
  guint mask;                  /* entries that it has room for, less one */
  WsedNewest *newest;          /* of those with a key; NULL: there were none */

  /* The last run found: readers that stand at one place share the search. */
  guint64 run_begin, run_end, run_limit;
  gsize run_bytes;

  WsedViewEntry entries[];
} WsedRing;

/* The entries of a stream that pass one filter, made once for all subscriptions that share it. A position is an index; indices count up
 * for ever, [begin, end) are in memory. */
struct _WsedView
{
  WsedSlot *slot;              /* NULL: retired */
  WsedView *next;              /* of the slot */
  WseFilter *filter;           /* NULL: all */
  WsedRing *ring;              /* NULL: no entries */
  guint64 begin, end;
  guint64 complete_from;       /* every match with this seq or a greater one is, or will be, in [begin, end) */
  union
  {
    WsedSubscription *one;
    WsedSubscription **many;   /* more than one: in a block of a power of two */
  } live;                      /* the live subscriptions, to be woken */
  guint n_live;
  guint users : 31;            /* subscriptions in any state; retired: entries of the eviction queue that point here */
  guint dirty : 1;             /* in the worker's list of views with news */
};

/* Made in @slot where there is none yet; one that is the slot's first begins behind @head. */
WsedView *wsed_slot_get_view   (WsedSlot *slot, WseFilter *filter, const WsedHead *head);
/* Takes it from its slot, and forgets its entries; it is gone once the eviction queue has forgotten it too. Like the next two it returns
 * by how many bytes the memory of entries has grown. */
gssize    wsed_view_retire     (WsedView *view);
gssize    wsed_view_append     (WsedView *view, const WsedArrival *arrival);
gssize    wsed_view_drop_first (WsedView *view);
/* Bytes by which appending @arrival will grow it. */
gsize     wsed_view_get_growth (const WsedView *view, const WsedArrival *arrival);
/* A retired view: one that pointed to it has forgotten it. */
void      wsed_view_forget     (WsedView *view);
/* To wake @subscription for news, or no longer. */
void      wsed_view_attach     (WsedView *view, WsedSubscription *subscription);
void      wsed_view_detach     (WsedView *view, WsedSubscription *subscription);
/* The first index with a seq of at least @seq; with an n of at least @n. */
guint64   wsed_view_find       (WsedView *view, guint64 seq);
guint64   wsed_view_find_n     (WsedView *view, guint64 n);
/* The entries from @from on, before @to, that lie together in memory and need no look, at most @max_bytes; returns the index behind
 * them. */
guint64   wsed_view_run        (WsedView *view, guint64 from, guint64 to, gsize max_bytes, gsize *bytes);

/* The live subscriptions, n_live of them. */
static inline WsedSubscription **
wsed_view_get_live (WsedView *view)
{
  return view->n_live > 1 ? view->live.many : &view->live.one;
}

/* NULL: none of its entries has a key. */
static inline WsedNewest *
wsed_view_get_newest (const WsedView *view)
{
  return view->ring != NULL ? view->ring->newest : NULL;
}

static inline WsedViewEntry *
wsed_view_at (WsedView *view,
              guint64   index)
{
  return &view->ring->entries[index & view->ring->mask];
}

G_END_DECLS
