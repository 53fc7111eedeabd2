/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guard/wsed-address.h"

G_BEGIN_DECLS

/* What proxies say in a request's headers about where it came from. */

/* Addresses of at most so many proxies in a row are looked at. */
#define WSED_MAX_HOPS 16

typedef enum
{
  WSED_FORWARDED_SAME,         /* nothing is said, or nothing that can be used: it is who was known before */
  WSED_FORWARDED_CLIENT,       /* *@client is another */
  WSED_FORWARDED_BAD,          /* malformed, or the two headers name different clients */
} WsedForwardedVerdict;

/* Reads from the right, as long as who said something is one of @trusted: the first that is not is the client. @forwarded (RFC 7239) and
 * @x_forwarded_for: the headers' values, those of several lines joined by commas; NULL: not there. *@client: on entry who connected, who is
 * taken to be trusted. `unknown` and names that hide an address are the end: who told so counts as the client. */
WsedForwardedVerdict wsed_forwarded_read (const char *forwarded, const char *x_forwarded_for, const WsedNetworks *trusted, WsedAddress *client);

G_END_DECLS
