/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-grant.h"
#include "log/wsed-consumer.h"
#include "stream/wsed-encoding.h"
#include "wse-cursor.h"
#include "wse-filter.h"

G_BEGIN_DECLS

/* What a handshake found out, handed over to a worker. */
typedef struct _WsedJoin WsedJoin;

typedef struct
{
  int fd;                      /* a connected, non-blocking socket; owned */
  char *early;                 /* bytes that came right behind the handshake; NULL: none */
  gsize early_length;
  char *id;                    /* the connection's, a UUID */
  guint64 serial;              /* the hub's: 1, 2, 3 … in the order of admission */
  WsedGrant *grant;            /* what its credential grants; NULL: authentication is off */
  gboolean withdrawn;          /* the hub's: the grant holds no longer */
  char *user;                  /* sub; NULL: nobody's, or a service's */
  char *owner;                 /* whose its consumers are: the user, or `@` and the service's name; NULL: nobody's */
  const char *endpoint;        /* "/wse", static */
  WseDialect dialect;
  WsedFraming framing;
  char *head;                  /* header lines of its own that an SSE answer has; NULL: none */
  gboolean control;            /* wse.v2 was chosen: hello, gap, caught_up, mark, bye */
  GStrv channels;              /* or { "*" } */
  WseFilter *filter;           /* NULL: all */
  guint history;               /* for channels that after does not name */
  gboolean history_given;      /* the client said how many */
  WseCursor *after;            /* NULL: none given */
  char *consumer;              /* the durable reader's name; NULL: none */
  GArray *acks;                /* (element-type WsedAck) what it has acked; NULL without a consumer */
  WsedJoin *join;              /* the hub's: its first subscriptions, under way; borrowed */
} WsedAdmission;

WsedAdmission *wsed_admission_new  (void);
void           wsed_admission_free (WsedAdmission *admission);

G_END_DECLS
