/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-client.h"
#include "tls/wsed-tls-session.h"
#include "wse-cursor.h"
#include "wse-filter.h"

G_BEGIN_DECLS

/* What a handshake found out, handed over to a worker; gone once the connection has begun. */
typedef struct _WsedJoin WsedJoin;

typedef struct
{
  WsedClient client;           /* the connection takes it over */
  int fd;                      /* a connected, non-blocking socket; owned */
  guint history;               /* for channels that after does not name */
  guint history_given : 1;     /* the client said how many */
  guint withdrawn : 1;         /* the hub's: the grant holds no longer */
  WsedTlsSession *tls;         /* over it; owned; NULL: none */
  char *early;                 /* bytes that came right behind the handshake; NULL: none */
  gsize early_length;
  guint64 serial;              /* the hub's: 1, 2, 3 … in the order of admission */
  char *head;                  /* what the connection is to say before the stream: lines of the answer; NULL: nothing */
  GStrv channels;              /* or { "*" } */
  WseFilter *filter;           /* NULL: all */
  WseCursor *after;            /* NULL: none given */
  WsedJoin *join;              /* the hub's: its first subscriptions, under way; borrowed */
} WsedAdmission;

WsedAdmission *wsed_admission_new  (void);
void           wsed_admission_free (WsedAdmission *admission);

G_END_DECLS
