/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* An internet address without a port: 16 bytes, one of IPv4 as ::ffff:a.b.c.d. */
typedef struct
{
  guint8 bytes[16];
} WsedAddress;

/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; no zone, no brackets, no leading zeros in IPv4. */
gboolean wsed_address_parse       (const char *text, gsize length, WsedAddress *address);
/* FALSE: it is no internet address. */
gboolean wsed_address_from_socket (GSocketAddress *from, WsedAddress *address);
gboolean wsed_address_is_loopback (const WsedAddress *self);
gboolean wsed_address_is_ipv4     (const WsedAddress *self);
/* As it is written: "192.0.2.1", "2001:db8::1". */
char    *wsed_address_to_string   (const WsedAddress *self);

/* A list of addresses and networks. */
typedef struct _WsedNetworks WsedNetworks;

/* @items: "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"; what is none of these is passed over; NULL: an empty list. */
WsedNetworks *wsed_networks_new      (const char * const *items);
gboolean      wsed_networks_contain  (const WsedNetworks *self, const WsedAddress *address);
void          wsed_networks_free     (WsedNetworks *self);
/* Whether @item is one; bits set behind the network's are an error. */
gboolean      wsed_networks_is_item  (const char *item);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedNetworks, wsed_networks_free)

G_END_DECLS
