/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "guard/wsed-limits.h"

G_BEGIN_DECLS

/* Who a connection, or a request over one, comes from: the other end, or whom trusted proxies name. */
typedef struct
{
  char *text;                  /* "192.0.2.1:4711"; without a port where none is known; "unix" */
  char *place;                 /* as it is limited; NULL: it is not */
  gboolean named;              /* by a proxy: it is not the connection's other end */
} WsedVisitor;

/* Whose word is taken. */
typedef struct _WsedTrust WsedTrust;

/* @proxies: addresses, networks, "unix" for who comes over a Unix socket; NULL: nobody's. */
WsedTrust         *wsed_trust_new      (const char * const *proxies);
void               wsed_trust_free     (WsedTrust *self);

/* @remote, an object of its own for each connection, knows its visitor from here on. @local: it came over a Unix socket; @named: a
 * proxy said so. */
void               wsed_visitor_attach (GSocketAddress *remote, gboolean local, gboolean named, const WsedTrust *trust);
gboolean           wsed_visitor_is_trusted (GSocketAddress *remote);
/* Counts @remote, as a connection of its place, as long as it lives; a proxy's is not its clients'. FALSE: too many, or too fast: *limit. */
gboolean           wsed_visitor_enter  (GSocketAddress *remote, WsedLimits *limits);

/* Finds out who @message comes from; FALSE: what proxies say in its headers is malformed. */
gboolean           wsed_visitor_read   (SoupServerMessage *message, const WsedTrust *trust);
/* Who read found. */
const WsedVisitor *wsed_visitor_get    (SoupServerMessage *message);
/* The place of @message, counted from now on for the connection that is made of it, until its owner leaves it; TRUE with *@place NULL: it is
 * not counted. FALSE: it has as many as it may. */
gboolean           wsed_visitor_stay   (SoupServerMessage *message, WsedLimits *limits, char **place);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedTrust, wsed_trust_free)

G_END_DECLS
