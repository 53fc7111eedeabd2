/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-beginning.h"
#include "stream/wsed-fetch.h"
#include "stream/wsed-join.h"
#include "stream/wsed-pages.h"
#include "stream/wsed-reader.h"

G_BEGIN_DECLS

/* A frame of the page. */
typedef struct
{
  guint32 end;                 /* offset behind it */
  guint event : 1;             /* an event; else a control message */
  guint cursor : 1;            /* a message that tells where all subscriptions stand */
  WsedSubscription *subscription; /* an event's, and what is told of it alone; NULL: a control message about all */
  guint64 seq;                 /* the event's place in the subscription; of a control message the one behind what was done with before */
} WsedPageFrame;

/* One that may have something to send from its view. */
typedef struct
{
  WsedSubscription *subscription;
  guint64 gathered;            /* the index up to which it is put together, while that is merged */
} WsedNews;

struct _WsedReader
{
  WsedSubscriber *subscriber;
  WsedWorker *worker;
  const WsedClient *client;
  WsedEncoding encoding;
  const char *epoch;           /* the log's, interned: all have the same */
  WsedReaderFailed failed;
  WsedReaderSubscribed subscribed;
  GArray *subscriptions;       /* (element-type WsedSubscription*): mostly one, for which a GPtrArray takes room for 16 */
  struct
  {
    WsedNews one;
    WsedNews *several;         /* NULL: there is room for one */
    guint n, room;
  } news;                      /* all that live or were left behind, and are not at their view's end; maybe others */
  guint n_replaying;           /* of the subscriptions */
  guint n_catching;
  gboolean started;
  gboolean catching;           /* the first channels do, from the views */
  gboolean must_replay;        /* one of them is to be read on from the log, once what is being sent has gone */
  gboolean caught_up;          /* the first channels have, and it is told */
  gboolean has_asides;         /* one of the subscriptions has not had all that is kept nowhere */
  gboolean untold;             /* a message that told where all stand was taken back */

  /* How it lags (wsed-lag.c). */
  gboolean lagging;            /* it lay too far behind and has not been at its end since */
  gboolean stopped;            /* one of the subscriptions is */
  guint64 quota;               /* only so many of what the log has before the limits lie before them; G_MAXUINT64: all */
  gint64 behind_since;         /* monotonic microseconds; 0: it was at its end when it was last looked at */
  guint64 dropped;             /* events */

  /* What is under way; each comes back to the worker even if the reader has gone. */
  WsedBeginning *beginning;    /* the first, then that of a subscribe */
  WsedFetch *reading;          /* referenced */
  GPtrArray *replaying;        /* (element-type WsedSubscription) of `reading`, in the order of its positions; NULL where one has ended */

  /* The page: bytes in the order of sending. */
  GByteArray *page;
  GArray *frames;              /* (element-type WsedPageFrame) */
  guint frames_sent;

  /* Behind it what many readers have in common: an event's frame each, of one subscription. */
  WsedFetch *shared;           /* referenced; NULL: none */
  WsedSubscription *shared_by;
  guint shared_sent;           /* frames */

  /* Both of them while the client does not take them (wsed-pages.c). */
  WsedHolding holding;
  gboolean let_go;             /* it was too much for all: it is read again once the client takes something */
  guint page_shift;            /* one is smaller by this power of two than it might be, for a client that does not take it at once */
};

static inline WsedNews *
wsed_reader_nth_news (const WsedReader *reader,
                      guint             i)
{
  return reader->news.several != NULL ? &reader->news.several[i] : (WsedNews *) &reader->news.one;
}

static inline WsedSubscription *
wsed_reader_nth (const WsedReader *reader,
                 guint             i)
{
  return g_array_index (reader->subscriptions, WsedSubscription *, i);
}

/* Some of what the client asked for comes from the views. */
static inline gboolean
wsed_reader_is_catching (const WsedReader *reader)
{
  return reader->catching || reader->n_catching > 0;
}

/* Puts a message about the stream into the page; @subscription: what it is about, NULL for all. */
void wsed_reader_tell         (WsedReader *reader, WsedSubscription *subscription, const char *type, const GString *text);
/* Puts an event into the page; @body is room to work in. */
void wsed_reader_add_event    (WsedReader *reader, WsedSubscription *subscription, const WsedEntry *entry, const char *channel, guint64 seq,
                               GString *body);
void wsed_reader_append_cursor (WsedReader *reader, GString *cursor);
WsedSubscription *wsed_reader_find (WsedReader *reader, const char *channel);
/* The subscription through which this connection gets @entry; NULL: through none. */
WsedSubscription *wsed_reader_choose (WsedReader *reader, WsedEntry *entry, guint64 *seq, const char **channel);
gboolean wsed_reader_page_is_sent (WsedReader *reader);
/* Whether an event waits in the page. What tells where subscriptions stand is not put behind one. */
gboolean wsed_reader_holds_events (WsedReader *reader);
/* Makes what is shared a part of the page, so that something can be changed there, or put behind it. */
void wsed_reader_unshare      (WsedReader *reader);
/* The place in the subscription of an entry that has @seq in its channel: n in the whole log. */
guint64 wsed_reader_get_place (const WsedSubscription *subscription, const WsedEntry *entry, guint64 seq);
/* Whether events wait in it that can be read again later; they are not to be sent now (wsed-subscribe.c). */
gboolean wsed_reader_can_let_go (WsedReader *reader);
void wsed_reader_let_go       (WsedReader *reader);
/* Goes on reading what the log has and the views have not (wsed-replay.c). Called again when the page is sent. */
void wsed_reader_replay       (WsedReader *reader);
/* What was asked for has come. */
void wsed_reader_take_fetched (WsedReader *reader, WsedFetch *fetch);
void wsed_reader_cancel_replay (WsedReader *reader);
/* What lies between @from and @to was left out. */
void wsed_reader_tell_gap     (WsedReader *reader, WsedSubscription *subscription, guint64 from, guint64 to, const char *reason);

/* What is kept nowhere (wsed-aside.c). There may be something new for a subscription; what none could be given is told, before something is
 * put together; what of it lies together behind the first @ahead that it has not had, *n of them; of @n so many bytes went, returns the
 * events; some have gone. */
void        wsed_reader_note_asides      (WsedSubscription *subscription);
void        wsed_reader_tell_lost_asides (WsedReader *reader);
const void *wsed_reader_run_asides       (const WsedSubscription *subscription, guint ahead, gsize max_bytes, guint *n, gsize *bytes);
guint       wsed_reader_asides_sent      (WsedSubscription *subscription, guint n, gsize sent, GByteArray **rest);
void        wsed_reader_settle_asides    (WsedReader *reader);

/* Lag (wsed-lag.c). It begins; while it lasts, the policy is applied before something is put together to be sent; it may be over, or
 * where all stand is to be told again. */
void wsed_reader_lag           (WsedReader *reader);
void wsed_reader_apply_policy  (WsedReader *reader);
void wsed_reader_arrive_at_end (WsedReader *reader);
/* Notes that the event with @seq is left out for being old. */
void wsed_reader_conflate         (WsedReader *reader, WsedSubscription *subscription, guint64 seq);
/* What of a lagging reader's channels grows old goes into the page, without what is old (wsed-condense.c). TRUE where nothing else may be
 * sent beside that. */
gboolean wsed_reader_condense     (WsedReader *reader);
/* Whether @subscription's events go that way now: not what the client asked for. */
gboolean wsed_reader_is_condensed (WsedReader *reader, const WsedSubscription *subscription);
/* Of one that is live: whether what comes next has to come from the log. */
gboolean wsed_reader_is_left_behind (WsedSubscription *subscription);
/* Those with news (wsed-news.c): a flush costs as many steps as there are of them. Its view has something for it; that, and the reader is to
 * be flushed; those that have had all are taken out; it ends. */
void    wsed_reader_note_news     (WsedSubscription *subscription);
void    wsed_reader_wake          (WsedSubscription *subscription);
void    wsed_reader_settle_news   (WsedReader *reader);
void    wsed_reader_forget_news   (WsedSubscription *subscription);
/* Before some are merged: all that are live have nothing put together yet. */
void    wsed_reader_merge_news    (WsedReader *reader);
/* The one whose next entry to be put together is the oldest; NULL: there is none. */
WsedNews *wsed_reader_find_oldest (WsedReader *reader);
/* Its two states, which the reader counts. */
void    wsed_reader_set_state     (WsedSubscription *subscription, WsedSubscriptionState state);
void    wsed_reader_set_catching  (WsedSubscription *subscription, gboolean catching);
/* Whether it is merged with others: it falls behind with them. */
gboolean wsed_reader_is_merged    (WsedReader *reader, const WsedSubscription *subscription);
/* The index up to which it sends now. */
guint64 wsed_reader_get_end       (const WsedSubscription *subscription);
/* Moves behind what it has had from the log. */
void    wsed_reader_skip_done     (WsedSubscription *subscription);
/* Puts the frame of an event as it lies in the view into the page. */
void    wsed_reader_add_entry     (WsedReader *reader, WsedSubscription *subscription, const WsedViewEntry *entry);
/* Notes that @events between the seqs @from and @to are left out by policy; tells what was noted. */
void wsed_reader_pass_over        (WsedReader *reader, WsedSubscription *subscription, guint64 from, guint64 to, guint64 events);
/* Whether the policy takes what comes from the log with @n from @subscription. Called once for each. */
gboolean wsed_reader_leaves_out (WsedReader *reader, WsedSubscription *subscription, guint64 n);
/* One that is stopped has put together all that it is to send before that. */
gboolean wsed_reader_has_stopped (const WsedSubscription *subscription);
void wsed_reader_tell_passed_over (WsedReader *reader, WsedSubscription *subscription);
void wsed_reader_tell_all_passed_over (WsedReader *reader);
/* Tells what has to be told before the next event of @subscription. */
void wsed_reader_tell_before (WsedReader *reader, WsedSubscription *subscription);
/* One that is live goes back to reading from the log (wsed-gather.c). */
void wsed_reader_fall_behind  (WsedReader *reader, WsedSubscription *subscription);
/* @subscription: NULL for all of the reader. */
void wsed_reader_tell_caught_up (WsedReader *reader, WsedSubscription *subscription);

G_END_DECLS
