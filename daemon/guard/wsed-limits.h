/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guard/wsed-address.h"

G_BEGIN_DECLS

/* What one address, user or key may have at a time and do in a second, and what was refused because of it. */
typedef struct _WsedLimits WsedLimits;

typedef enum
{
  WSED_LIMIT_CONNECTIONS,
  WSED_LIMIT_CONNECTIONS_PER_ADDRESS,
  WSED_LIMIT_CONNECTIONS_PER_USER,
  WSED_LIMIT_CONNECTION_RATE,
  WSED_LIMIT_REQUEST_RATE,
  WSED_LIMIT_REQUEST_RATE_PER_KEY,
  WSED_LIMIT_HEADER,
  WSED_LIMIT_SUBSCRIPTIONS,
  WSED_LIMIT_COMMAND_RATE,
  WSED_LIMIT_HANDSHAKE_RATE,
  WSED_LIMIT_TLS_RECORDS,
  WSED_N_LIMITS,
} WsedLimit;

/* 0: no limit. */
typedef struct
{
  guint connections_per_address;
  guint connection_rate;       /* per address and second */
  guint request_rate;          /* per address and second */
  guint request_rate_per_key;  /* per second */
  guint handshake_rate;        /* TLS handshakes of all together, per second */
} WsedLimitsConfig;

WsedLimits *wsed_limits_new     (const WsedLimitsConfig *config);
WsedLimits *wsed_limits_ref     (WsedLimits *self);
void        wsed_limits_unref   (WsedLimits *self);

/* Main thread. An address as it is limited: of IPv6 the first 64 bits, which is what one customer has. NULL: this machine's own, which is not
 * limited. */
char       *wsed_limits_place   (const WsedAddress *address);
/* Counts a connection of @place; FALSE: it has as many as it may. leave takes one off again; NULL: nothing is counted. */
gboolean    wsed_limits_enter   (WsedLimits *self, const char *place);
void        wsed_limits_leave   (WsedLimits *self, const char *place);
/* Whether one more may be had in this second; FALSE: it is to wait, at most a second. */
gboolean    wsed_limits_connect (WsedLimits *self, const char *place);
gboolean    wsed_limits_request (WsedLimits *self, const char *place);
gboolean    wsed_limits_request_by_key (WsedLimits *self, const char *key);

/* 0: a TLS handshake may begin now; microseconds until it may. */
gint64      wsed_limits_handshake (WsedLimits *self);

/* Any thread: one more refusal because of @limit, in wse_refusals_total. */
void        wsed_limits_refused (WsedLimit limit);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedLimits, wsed_limits_unref)

G_END_DECLS
