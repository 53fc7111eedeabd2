/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/uio.h>

#include "stream/wsed-beginning.h"
#include "stream/wsed-worker.h"

G_BEGIN_DECLS

/* One connection's positions in its streams, and what it has to send of them: first the page (what was read from the log, and the control
 * messages, in their order), then what is new in the views. */

#define WSED_GATHER_MAX 64

typedef struct
{
  WsedSubscription *subscription;   /* NULL: of the page */
  guint shared : 1;                 /* of the page's shared part */
  guint aside : 1;                  /* of what is kept nowhere */
  guint64 upto;                     /* the index behind it, in the view or the page's frames; of what is kept nowhere how many */
  gsize bytes;                      /* 0: passed over */
} WsedGathered;

/* What one flush may send. */
typedef struct
{
  struct iovec pieces[WSED_GATHER_MAX];
  guint n_pieces;
  WsedGathered gathered[WSED_GATHER_MAX];
  guint n_gathered;
  gsize bytes;
} WsedGather;

/* The log failed: the stream cannot go on. */
typedef void (*WsedReaderFailed) (WsedSubscriber *subscriber, const char *reason);

/* Joins the admission's channels; @client must outlive the reader. @subscriber is marked when there is something to send. */
WsedReader *wsed_reader_new     (WsedSubscriber *subscriber, const WsedClient *client, const WsedAdmission *admission,
                                 WsedReaderFailed failed);
void        wsed_reader_free    (WsedReader *reader);
/* Whether the beginning is known, so that hello, where it is wanted, is before everything else. */
gboolean    wsed_reader_started (WsedReader *reader);
gboolean    wsed_reader_has_more (WsedReader *reader);
/* Adds to @gather, which may have pieces of others before, up to about @max_bytes. */
void        wsed_reader_gather  (WsedReader *reader, WsedGather *gather, gsize max_bytes);
/* @sent bytes of what gather added have gone; what is left of a frame that went in part becomes *@rest. Returns the events gone. */
guint       wsed_reader_sent    (WsedReader *reader, const WsedGather *gather, gsize sent, GByteArray **rest);
/* What was gathered does not go out now: FALSE where the connection lies so far behind that it is to be ended. To be called again as
 * more comes. */
gboolean    wsed_reader_hold    (WsedReader *reader);
/* Heartbeat: tells the place where a filter passed events over since it was told last. */
void        wsed_reader_mark    (WsedReader *reader);

/* What it has still to send. */
typedef struct
{
  guint64 events;              /* in a replay: at most */
  guint64 bytes;               /* about */
  gint64 since;                /* monotonic microseconds, when it was last seen to have sent all; 0: it has */
  guint64 dropped;             /* events that the policy took from it, or that were no longer kept */
  guint subscriptions;
  gboolean replaying;          /* one of them reads from the log */
} WsedLag;

void        wsed_reader_get_lag (WsedReader *reader, WsedLag *lag);

/* Changes of subscriptions, once it has started. One subscribe at a time; @subscribed is told where it begins, before anything of it is
 * sent, or @problem. A subscription to the same channel is replaced. */
typedef void (*WsedReaderSubscribed) (WsedSubscriber *subscriber, const char *channel, const char *epoch, guint64 seq, gboolean recovered,
                                      const char *problem);

void        wsed_reader_subscribe        (WsedReader *reader, const WsedWish *wish, WsedReaderSubscribed subscribed);
/* Undoes one that is under way. */
void        wsed_reader_cancel_subscribe (WsedReader *reader);
/* FALSE where there was none. Nothing of it is sent afterwards but the rest of a frame that went in part. */
gboolean    wsed_reader_unsubscribe      (WsedReader *reader, const char *channel);
/* @channel was erased: what waits of it is not sent any more, the log says what is left. */
void        wsed_reader_erase            (WsedReader *reader, const char *channel);
/* What the log has of @stream's channel is of another epoch. */
void        wsed_reader_renew            (WsedReader *reader, const WsedStream *stream);
/* Ends the subscriptions that @grant does not permit, or all of them, and tells the client. */
void        wsed_reader_restrict         (WsedReader *reader, const WsedGrant *grant, gboolean all);
/* The subscriptions to other channels. */
guint       wsed_reader_get_n_others     (WsedReader *reader, const char *channel);
gboolean    wsed_reader_is_whole         (WsedReader *reader);
/* How far @channel has been sent or passed over on this connection; FALSE where it is not subscribed to. */
gboolean    wsed_reader_get_sent         (WsedReader *reader, const char *channel, const char **epoch, guint64 *seq);
/* The channels subscribed to (element-type utf8), borrowed. */
GPtrArray  *wsed_reader_get_channels     (WsedReader *reader);
/* The log's epoch. */
const char *wsed_reader_get_epoch        (WsedReader *reader);

G_END_DECLS
