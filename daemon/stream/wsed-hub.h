/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-authority.h"
#include "log/wsed-log.h"
#include "stream/wsed-admission.h"
#include "stream/wsed-conflation.h"

G_BEGIN_DECLS

/* The main thread's side of streaming: which channels have subscribers, the tail, and the workers. Everything here is called on the main
 * thread. */
typedef struct _WsedHub WsedHub;
typedef struct _WsedWorker WsedWorker;

/* What becomes of a connection that lies buffer_size events behind (PROTOCOL section 3). */
typedef enum
{
  WSED_SLOW_CATCH_UP,          /* reads on from the log */
  WSED_SLOW_DROP_OLDEST,       /* goes on at the end less buffer_size */
  WSED_SLOW_DROP_NEWEST,       /* gets the first buffer_size, then goes on at the end */
  WSED_SLOW_DISCONNECT,        /* 4408 */
} WsedSlowConsumer;

typedef struct
{
  guint workers;
  gsize tail_bytes;
  guint heartbeat;             /* seconds */
  gint64 touch;                /* microseconds: so often a consumer that is connected is noted as in use */
  gsize max_message;           /* bytes */
  guint buffer_size;           /* events a connection may lie behind */
  WsedSlowConsumer slow_consumer;
  const WsedConflation *conflation; /* NULL: nothing is conflated */
  guint tick;                  /* microseconds between two flushes under load */
  guint command_rate;          /* messages a second that are read from one connection; 0: no limit */
  guint max_subscriptions;     /* of one connection */
  WsedAuthority *authority;    /* the main thread's; NULL: authentication is off */
  /* Where others append to the log, too. NULL: heads are asked of the log, and nobody has to know what is read here. */
  void (*ask) (WsedHeads *heads, gpointer user_data);
  void (*watch) (const char *channel, gboolean watched, gpointer user_data);
  gpointer user_data;
  /* A worker's thread: makes a connection of what was admitted and takes it. The transport's; the stream does not know what it is. */
  void (*start) (WsedWorker *worker, WsedAdmission *admission);
} WsedHubConfig;

/* @main: the inbox that the main loop runs. */
WsedHub *wsed_hub_new      (const WsedHubConfig *config, WsedLog *log, WsedInbox *main);
/* Called on the main thread when an admitted connection has ended; @user and @place may be NULL. */
typedef void (*WsedHubClosed) (const char *user, const char *place, gpointer user_data);
void     wsed_hub_set_closed (WsedHub *hub, WsedHubClosed closed, gpointer user_data);
/* Events in the order of their n; between them, anywhere, some that are kept nowhere (n is 0), for who is there now. */
void     wsed_hub_publish  (WsedHub *hub, WsedEntry * const *entries, guint n_entries);
/* Takes @admission, also where it fails. */
void     wsed_hub_admit    (WsedHub *hub, WsedAdmission *admission);
/* A worker's thread: an admitted connection is gone; takes @user and @place. */
void     wsed_hub_ended    (WsedHub *hub, char *user, char *place);
/* Ends the connections whose grants were taken back. */
void     wsed_hub_withdraw (WsedHub *hub, WsedWithdrawal *withdrawal);
guint    wsed_hub_get_connections (WsedHub *hub);
/* Answered by the log: has the workers let go of what they have of it (wsed-erasure.c). */
void     wsed_hub_erase    (WsedHub *hub, const WsedErase *erase);
/* Whether a subscription is to @channel, or to the whole log. */
gboolean wsed_hub_reads    (WsedHub *hub, const char *channel);
/* Adds the streams of @channel, with a reference each (element-type WsedStream). */
void     wsed_hub_get_streams (WsedHub *hub, const char *channel, GPtrArray *streams);
WsedWorker * const *wsed_hub_get_workers (WsedHub *hub, guint *n_workers);
WsedInbox *wsed_hub_get_main (WsedHub *hub);
/* Bytes handed to workers and not yet taken in by all of them: a bound for the pipeline. */
gsize    wsed_hub_get_pending (WsedHub *hub);
/* Closes every connection with `bye` and 1001; @done when all have gone or after @deadline ms. */
void     wsed_hub_shutdown (WsedHub *hub, guint deadline, void (*done) (gpointer), gpointer user_data);
void     wsed_hub_free     (WsedHub *hub);

G_END_DECLS
