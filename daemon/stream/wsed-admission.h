/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-grant.h"
#include "log/wsed-consumer.h"
#include "stream/wsed-encoding.h"
#include "tls/wsed-tls-session.h"
#include "wse-cursor.h"
#include "wse-filter.h"

G_BEGIN_DECLS

/* What a handshake found out, handed over to a worker. There is one for each connection: the order is that of the least padding. */
typedef struct _WsedJoin WsedJoin;

typedef struct
{
  int fd;                      /* a connected, non-blocking socket; owned */
  WseDialect dialect;
  WsedFraming framing;
  guint history;               /* for channels that after does not name */
  char id[37];                 /* the connection's, a UUID */
  guint control : 1;           /* wse.v2 was chosen: hello, gap, caught_up, mark, bye */
  guint history_given : 1;     /* the client said how many */
  guint withdrawn : 1;         /* the hub's: the grant holds no longer */
  WsedTlsSession *tls;         /* over it; owned; NULL: none */
  char *early;                 /* bytes that came right behind the handshake; NULL: none */
  gsize early_length;
  guint64 serial;              /* the hub's: 1, 2, 3 … in the order of admission */
  WsedGrant *grant;            /* what its credential grants; NULL: authentication is off */
  char *user;                  /* sub; NULL: nobody's, or a service's */
  char *owner;                 /* whose its consumers are: the user, or `@` and the service's name; NULL: nobody's */
  const char *endpoint;        /* "/wse", static */
  char *head;                  /* header lines of its own that an SSE answer has; NULL: none */
  GStrv channels;              /* or { "*" } */
  WseFilter *filter;           /* NULL: all */
  WseCursor *after;            /* NULL: none given */
  char *consumer;              /* the durable reader's name; NULL: none */
  GArray *acks;                /* (element-type WsedAck) what it has acked; NULL without a consumer */
  WsedJoin *join;              /* the hub's: its first subscriptions, under way; borrowed */
} WsedAdmission;

WsedAdmission *wsed_admission_new  (void);
void           wsed_admission_free (WsedAdmission *admission);

G_END_DECLS
