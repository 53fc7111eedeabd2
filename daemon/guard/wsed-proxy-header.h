/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guard/wsed-address.h"

G_BEGIN_DECLS

/* The PROXY protocol, version 2 (HAProxy, "The PROXY protocol", section 2.2): what a proxy sends before a connection's own bytes. */

/* Bytes of the longest header that is taken, its extensions included. */
#define WSED_MAX_PROXY_HEADER 2048

typedef enum
{
  WSED_PROXY_NONE,             /* these are a connection's own bytes */
  WSED_PROXY_MORE,             /* so far it may become one */
  WSED_PROXY_BAD,              /* it begins as one and is malformed, or too long */
  WSED_PROXY_SAME,             /* the proxy speaks for itself, or of what is no internet address */
  WSED_PROXY_CLIENT,           /* it names the client */
} WsedProxyVerdict;

/* Reads the @length bytes that came first. With SAME and CLIENT *@size is the header's; with CLIENT *@client and *@port are its source. */
WsedProxyVerdict wsed_proxy_header_read (const guint8 *bytes, gsize length, gsize *size, WsedAddress *client, guint16 *port);

G_END_DECLS
