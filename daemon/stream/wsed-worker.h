/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-withdrawal.h"
#include "stream/wsed-hub.h"
#include "stream/wsed-aside.h"
#include "stream/wsed-view.h"

G_BEGIN_DECLS

/* WsedWorker: a thread that owns connections and their positions wholly. Its functions are called on that thread but for those that say
 * otherwise. */

/* Each timer has one length for all subscribers of a worker. */
typedef enum
{
  WSED_TIMER_END,              /* 0.8 s: so long a connection that is being closed may take to say goodbye */
  WSED_TIMER_COMMAND,          /* 5 s: so long a command may take */
  WSED_TIMER_PAUSE,            /* 0.1 s: so long nothing is read from one that says too much */
  WSED_N_TIMERS,
} WsedTimer;

/* What a worker does with a connection; it knows no more of one than this. */
typedef struct _WsedSurveyWish WsedSurveyWish;

typedef struct
{
  /* Readable or writable (edge-triggered), or broken: EPOLL* in @events. */
  void (*ready) (WsedSubscriber *subscriber, guint32 events);
  /* There is something to send: called once per flush for each marked subscriber. */
  void (*flush) (WsedSubscriber *subscriber);
  /* Each heartbeat interval. */
  void (*heartbeat) (WsedSubscriber *subscriber);
  /* @timer was set and its time has passed; with WSED_TIMER_END, also where the worker stops, it must be gone when this returns. */
  void (*expired) (WsedSubscriber *subscriber, WsedTimer timer);
  /* A channel was erased: nothing of it that waits is to be sent. */
  void (*erased) (WsedSubscriber *subscriber, const char *channel);
  /* A channel began again, in another epoch: @stream has nothing of it. */
  void (*renewed) (WsedSubscriber *subscriber, WsedStream *stream);
  /* An operator's question, and his wish that it ends (wsed-survey.h). */
  gboolean (*matches) (WsedSubscriber *subscriber, const WsedSurveyWish *wish);
  void (*describe) (WsedSubscriber *subscriber, GString *out);
  void (*dismiss) (WsedSubscriber *subscriber);
  /* The time that was set with wsed_worker_set_deadline() has come. */
  void (*due) (WsedSubscriber *subscriber);
  /* Grants were taken back: its own may be one of them. */
  void (*withdraw) (WsedSubscriber *subscriber, const WsedWithdrawal *withdrawal);
  /* The daemon stops: say so and end. */
  void (*shutdown) (WsedSubscriber *subscriber, guint retry_after_ms);
} WsedSubscriberClass;

struct _WsedSubscriber
{
  const WsedSubscriberClass *klass;
  WsedWorker *worker;
  int fd;
  guint64 serial;              /* 1, 2, 3 … in the order of admission, over all workers */
  GList all;                   /* link in the worker's list of subscribers, by serial */
  GList beat;                  /* link in the queue of heartbeats, first due first */
  gint64 beat_at;              /* monotonic microseconds */
  GList *timers[WSED_N_TIMERS]; /* link in the queue of this timer, first due first; NULL: not set */
  gint64 deadline_at;          /* monotonic microseconds */
  GSequenceIter *deadline;     /* in the sequence of deadlines; NULL: none is set */
  gboolean marked;             /* in the list to flush */
};

WsedWorker *wsed_worker_new  (guint index, WsedHub *hub, const WsedHubConfig *config, WsedLog *log);
/* Main thread: the way in. */
WsedInbox  *wsed_worker_get_inbox (WsedWorker *worker);
/* Main thread: starts the thread; stops it, when it has no subscribers left. */
void        wsed_worker_start (WsedWorker *worker);
void        wsed_worker_stop  (WsedWorker *worker);
void        wsed_worker_free  (WsedWorker *worker);

guint                wsed_worker_get_index  (WsedWorker *worker);
const WsedHubConfig *wsed_worker_get_config (WsedWorker *worker);
WsedLog             *wsed_worker_get_log    (WsedWorker *worker);
WsedHub             *wsed_worker_get_hub    (WsedWorker *worker);
struct _WsedFetches *wsed_worker_get_fetches (WsedWorker *worker);
WsedAsides          *wsed_worker_get_asides (WsedWorker *worker);
struct _WsedPages   *wsed_worker_get_pages (WsedWorker *worker);
/* Monotonic microseconds, as of the last waking. */
gint64               wsed_worker_get_now    (WsedWorker *worker);

/* Endpoints. add watches the descriptor; remove forgets everything of it. */
gboolean wsed_worker_add          (WsedWorker *worker, WsedSubscriber *subscriber);
void     wsed_worker_remove       (WsedWorker *worker, WsedSubscriber *subscriber);
void     wsed_worker_mark         (WsedWorker *worker, WsedSubscriber *subscriber);
/* Sets a timer that is not set yet; clears one. */
void     wsed_worker_set_timer    (WsedWorker *worker, WsedSubscriber *subscriber, WsedTimer timer);
void     wsed_worker_clear_timer  (WsedWorker *worker, WsedSubscriber *subscriber, WsedTimer timer);

/* A time of the subscriber's own (monotonic microseconds), in place of the one set before; G_MAXINT64: none. */
void     wsed_worker_set_deadline (WsedWorker *worker, WsedSubscriber *subscriber, gint64 at);

/* A view of a stream for one more subscription, made where there is none yet (it begins behind @head then); drop gives it back. */
WsedView *wsed_worker_get_view    (WsedWorker *worker, WsedStream *stream, WseFilter *filter, const WsedHead *head);
void      wsed_worker_drop_view   (WsedWorker *worker, WsedView *view);

/* What arrives from the hub. */
void     wsed_worker_take_chunk   (WsedWorker *worker, WsedChunk *chunk);
void     wsed_worker_arrive       (WsedWorker *worker, const WsedArrival *arrival);
void     wsed_worker_evict        (WsedWorker *worker, guint64 first_chunk);
/* Wakes the subscriptions for which something arrived since the last flush. */
/* Forgets the entries of @view, and what is older of others. */
void     wsed_worker_empty_view   (WsedWorker *worker, WsedView *view);
void     wsed_worker_wake         (WsedWorker *worker);
/* @streams: the channel's and the whole log's, up to @head and @n. */
void     wsed_worker_erase        (WsedWorker *worker, GPtrArray *streams, const char *channel, guint64 head, guint64 n);
/* Calls @visit for each subscriber whose serial is greater than @after, in their order, as long as it says TRUE. */
void     wsed_worker_visit        (WsedWorker *worker, guint64 after, gboolean (*visit) (WsedSubscriber *, gpointer), gpointer user_data);
/* Asks all subscribers. */
void     wsed_worker_withdraw     (WsedWorker *worker, const WsedWithdrawal *withdrawal);
/* Says goodbye to all subscribers, spread over @spread ms. */
void     wsed_worker_shutdown     (WsedWorker *worker, guint spread);

G_END_DECLS
