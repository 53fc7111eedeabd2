/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guard/wsed-quota.h"
#include "stream/wsed-history.h"
#include "stream/wsed-reader.h"
#include "stream/wsed-survey.h"
#include "transport/wsed-acknowledge.h"
#include "transport/wsed-command.h"
#include "transport/wsed-outbox.h"
#include "transport/wsed-refresh.h"
#include "wse-frame-private.h"

G_BEGIN_DECLS

typedef enum
{
  WSED_CONNECTION_OPEN,
  WSED_CONNECTION_CLOSING,     /* a close frame waits in the outbox, nothing else is added */
  WSED_CONNECTION_FINISHED,    /* it has gone; the peer is given a moment to end */
} WsedConnectionState;

typedef struct _WsedConnection WsedConnection;

/* What differs between the transports. */
typedef struct
{
  /* Uses bytes of the peer's; what it cannot use yet it leaves in self->input. */
  void (*take_in) (WsedConnection *self, char *data, gsize length);
  /* Whether it would not take any in now. */
  gboolean (*is_busy) (WsedConnection *self);
  /* Puts its goodbye into the outbox. */
  void (*say_goodbye) (WsedConnection *self, guint16 code, const char *reason);
  /* Puts a sign of life into the outbox. */
  void (*beat) (WsedConnection *self);
  void (*clear) (WsedConnection *self);
  gboolean answers;            /* the peer answers a sign of life; where it does not, its silence says nothing */
} WsedConnectionKind;

struct _WsedConnection
{
  WsedSubscriber subscriber;
  const WsedConnectionKind *kind;
  WsedClient client;
  WsedWire *wire;
  WsedReader *reader;          /* NULL: the test's echo */
  WsedOutbox outbox;
  WsedConnectionState state;
  guint readable : 1;          /* the socket may have something */
  guint writable : 1;          /* the socket may take something */
  guint half_closed : 1;       /* the peer sends no more */
  guint gone : 1;              /* to be freed at the end of the turn */
  guint bad_in_a_row : 8;      /* messages that could not be understood */
  guint32 queued;              /* what the kernel held for the peer when that was last asked */
  WsedBucket said;             /* messages */
  gboolean paused;             /* it says too much: nothing is read for a moment */
  guint32 ping;                /* the number that the last one bore */
  GByteArray *input;           /* read, and held back until a command is done; NULL: none */
  gint64 heard_at;             /* when the last frame came */
  gint64 touched_at;           /* when the log last heard of the consumer */
  gint64 moved_at;             /* when events last went out, or none were waiting */
  gint64 began_at;             /* as these; `since`: the same, microseconds since 1970 */
  gint64 since;
  guint64 sent, sent_bytes;    /* events, and all bytes */

  /* Of a WebSocket. */
  WseFrameDecoder *decoder;    /* of a message under way; NULL between two */
  gint64 pinged_at;            /* when it was made; 0: it was answered, or there is none */
  gint64 round_trip;           /* microseconds, of the last that was answered; -1: none yet */

  /* Of the dispatcher. */
  WsedCommand *command;        /* under way; nothing more is taken in until it is answered */
  WsedHistory *history;        /* what it waits for, where that is a page */
  WsedAcknowledge *acknowledge; /* … or an ack */
  WsedRefresh *refresh;        /* … or a new token */
};

extern const WsedConnectionKind wsed_websocket, wsed_sse;

/* Prepares a connection of the kind: its head, all of it but the empty line; @more lines of it, NULL: none. */
void wsed_websocket_init       (WsedConnection *self, const char *head);
void wsed_sse_init             (WsedConnection *self, const char *more);

/* wsed-describe.c: what an operator is told of it, a JSON object; whether it is meant. */
void     wsed_connection_describe (WsedSubscriber *subscriber, GString *out);
gboolean wsed_connection_matches  (WsedSubscriber *subscriber, const WsedSurveyWish *wish);
/* Has it closed when its grant expires, in place of the one before. */
void wsed_connection_set_grant (WsedConnection *self, WsedGrant *grant);
void wsed_connection_close     (WsedConnection *self, guint16 code, const char *reason);

void wsed_websocket_send_text  (WsedConnection *self, const GString *text);

/* Answers a message of the client's, at once or, with self->command set, later. */
void wsed_dispatch_message     (WsedConnection *self, const char *message, gsize length);
/* The command under way has had its time: undoes it and says so. */
void wsed_dispatch_time_out    (WsedConnection *self);
/* The connection ends. */
void wsed_dispatch_cancel      (WsedConnection *self);

G_END_DECLS
