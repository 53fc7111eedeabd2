/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-reader.h"
#include "transport/wsed-wire.h"

G_BEGIN_DECLS

/* What a connection has to send, in its order: the rest of an event's frame that went in part, frames for this connection alone (replies,
 * pings, a close), then what its reader has. */
typedef struct
{
  GByteArray *rest;            /* NULL: nothing */
  GByteArray *own;             /* whole frames; NULL: nothing */
  guint own_sent;              /* bytes of them that are gone */
  guint answers;               /* replies among them */
} WsedOutbox;

typedef enum
{
  WSED_OUTBOX_EMPTY,           /* all is sent */
  WSED_OUTBOX_BLOCKED,         /* the peer does not take more now */
  WSED_OUTBOX_MORE,            /* it would, but others are to have their turn */
  WSED_OUTBOX_BROKEN,
} WsedOutboxState;

/* Bytes of own frames above which nothing more is read from the peer, which would make more of them. */
#define WSED_OUTBOX_OWN_BYTES (64 * 1024)
/* PROTOCOL section 3, commands. */
#define WSED_OUTBOX_ANSWERS 64

void            wsed_outbox_clear   (WsedOutbox *outbox);
/* To append a frame to. */
GByteArray     *wsed_outbox_get_own (WsedOutbox *outbox);
gboolean        wsed_outbox_is_full (const WsedOutbox *outbox);
gboolean        wsed_outbox_has_own (const WsedOutbox *outbox);
/* @reader may be NULL. *@events: events of the reader that went; *@bytes: all bytes that went. */
WsedOutboxState wsed_outbox_flush   (WsedOutbox *outbox, WsedWire *wire, WsedReader *reader, guint *events, gsize *bytes);

G_END_DECLS
