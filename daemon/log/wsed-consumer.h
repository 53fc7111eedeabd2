/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "thread/wsed-inbox.h"
#include "wse-limits.h"

G_BEGIN_DECLS

/* Durable readers: (user, name) and what each has acked (PROTOCOL sections 1 and 3). A request to the log like those of wsed-log.h. */

/* Consumers of one user. */
#define WSED_MAX_CONSUMERS 16
/* One that was not used for so long is forgotten. */
#define WSED_CONSUMER_AGE (30 * G_TIME_SPAN_DAY)

/* Everything in the channel up to and with seq is done with. */
typedef struct
{
  char *channel;               /* "*": the whole log, seq is n */
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  guint64 seq;
} WsedAck;

typedef struct
{
  WsedMessage message;
  WsedInbox *reply_to;
  char *user;
  char *name;
  GArray *acks;                /* (element-type WsedAck) in: to be acked, kept before the answer; none: only to be opened. out: all that it
                                * has acked, merged to the greater seq of each channel's newest epoch */
  int fate;                    /* atomic: whether the log has begun with it, or its maker wants it no more */
  GError *error;               /* WSE_ERROR_BUSY: the user has WSED_MAX_CONSUMERS others; WSE_ERROR_UNAVAILABLE: the log; else NULL */
} WsedConsumer;

WsedConsumer *wsed_consumer_new  (const char *user, const char *name, WsedInbox *reply_to);
void          wsed_consumer_free (WsedConsumer *consumer);
/* For the stores, before they carry it out. FALSE: it was withdrawn, and is answered as it is. */
gboolean      wsed_consumer_claim (WsedConsumer *consumer);
/* For its maker, while it is under way. FALSE: the log has begun with it. */
gboolean      wsed_consumer_withdraw (WsedConsumer *consumer);

GArray       *wsed_acks_new      (void);
GArray       *wsed_acks_copy     (GArray *acks);
/* Merges one ack in: the greater seq stays; of another epoch than before it replaces. */
void          wsed_acks_add      (GArray *acks, const char *channel, const char *epoch, guint64 seq);
/* NULL: none of this channel. */
WsedAck      *wsed_acks_find     (GArray *acks, const char *channel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedConsumer, wsed_consumer_free)

G_END_DECLS
