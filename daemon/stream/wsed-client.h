/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-grant.h"
#include "log/wsed-consumer.h"
#include "stream/wsed-encoding.h"

G_BEGIN_DECLS

/* What a connection's handshake found out and stays true as long as it lives. A part of its admission first, then of the connection: there
 * is one for each that is idle, and the order is that of the least padding. */
typedef struct
{
  char id[37];                 /* the connection's, a UUID */
  guint8 dialect;              /* WseDialect */
  guint8 framing;              /* WsedFraming */
  guint8 control : 1;          /* wse.v2 was chosen: hello, gap, caught_up, mark, bye */
  WsedGrant *grant;            /* what its credential grants; NULL: authentication is off */
  char *user;                  /* sub; NULL: nobody's, or a service's */
  char *place;                 /* where it comes from, as that is limited; NULL: it is not */
  char *remote;                /* its address as a proxy names it; NULL: its connection's other end */
  char *owner;                 /* whose its consumers are: the user, or `@` and the service's name; NULL: nobody's */
  const char *endpoint;        /* "/wse", static */
  char *consumer;              /* the durable reader's name; NULL: none */
  GArray *acks;                /* (element-type WsedAck) what it has acked; NULL without a consumer */
} WsedClient;

void wsed_client_clear (WsedClient *client);

G_END_DECLS
