/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-join.h"

G_BEGIN_DECLS

typedef struct _WsedBeginning WsedBeginning;

/* Where subscriptions are to begin. */
typedef struct
{
  const char * const *channels;
  WseFilter *filter;           /* NULL: all */
  guint history;               /* for channels that `after` does not name */
  WseCursor *after;            /* NULL: none */
  GArray *acks;                /* (element-type WsedAck) a consumer's: stands before the other two; NULL: none */
  WsedJoin *join;              /* already under way; NULL: to be sent */
  gboolean all_new;            /* a channel that acks does not have begins at the oldest kept */
} WsedWish;

/* @problem: NULL where the subscriptions are ready to be taken, else why they are not. The beginning is gone after the call. */
typedef void (*WsedBegun) (WsedReader *reader, WsedBeginning *beginning, const char *problem);

/* @wish is copied. */
WsedBeginning *wsed_beginning_new    (WsedReader *reader, WsedSubscriber *subscriber, WsedEncoding encoding, const WsedWish *wish,
                                      WsedBegun begun);
/* Undoes it; begun is not called. */
void           wsed_beginning_cancel (WsedBeginning *beginning);
/* While begun is called: the subscriptions (element-type WsedSubscription), in the order of the channels, which then are the caller's;
 * whether nothing since the cursor is lost. */
GArray        *wsed_beginning_take   (WsedBeginning *beginning, gboolean *recovered);
/* While begun is called: the epoch of the log. */
const char    *wsed_beginning_get_epoch (WsedBeginning *beginning);

/* Ends subscriptions (element-type WsedSubscription) that are not attached to their views any more. */
void           wsed_subscriptions_drop (WsedWorker *worker, GArray *subscriptions);
/* Room for one: a connection has mostly no more. */
GArray        *wsed_subscriptions_new  (void);

G_END_DECLS
