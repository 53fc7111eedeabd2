/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses as they are compared, and lists of networks. Strict: what is not clearly an address is none. It resolves no names. */

#include "guard/wsed-address.h"

#include <arpa/inet.h>
#include <string.h>

typedef struct
{
  WsedAddress address;
  guint bits;                  /* of 128 */
} Network;

struct _WsedNetworks
{
  GArray *networks;            /* (element-type Network) */
};

static const guint8 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

gboolean
wsed_address_parse (const char  *text,
                    gsize        length,
                    WsedAddress *address)
{
  char copy[INET6_ADDRSTRLEN];

  if (length == 0 || length >= sizeof copy || memchr (text, '\0', length) != NULL)
    return FALSE;
  memcpy (copy, text, length);
  copy[length] = '\0';
  if (strchr (copy, ':') != NULL)
    return inet_pton (AF_INET6, copy, address->bytes) == 1;
  memcpy (address->bytes, mapped, sizeof mapped);
  return inet_pton (AF_INET, copy, address->bytes + sizeof mapped) == 1;
}

gboolean
wsed_address_from_socket (GSocketAddress *from,
                          WsedAddress    *address)
{
  GInetAddress *inet;
  gsize size;

  if (!G_IS_INET_SOCKET_ADDRESS (from))
    return FALSE;
  inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (from));
  size = g_inet_address_get_native_size (inet);
  memcpy (address->bytes, mapped, sizeof mapped);
  memcpy (address->bytes + sizeof address->bytes - size, g_inet_address_to_bytes (inet), size);
  return TRUE;
}

gboolean
wsed_address_is_ipv4 (const WsedAddress *self)
{
  return memcmp (self->bytes, mapped, sizeof mapped) == 0;
}

gboolean
wsed_address_is_loopback (const WsedAddress *self)
{
  static const guint8 loopback[16] = { [15] = 1 };

  return wsed_address_is_ipv4 (self) ? self->bytes[12] == 127 : memcmp (self->bytes, loopback, sizeof loopback) == 0;
}

char *
wsed_address_to_string (const WsedAddress *self)
{
  char text[INET6_ADDRSTRLEN];

  if (wsed_address_is_ipv4 (self))
    inet_ntop (AF_INET, self->bytes + sizeof mapped, text, sizeof text);
  else
    inet_ntop (AF_INET6, self->bytes, text, sizeof text);
  return g_strdup (text);
}

/* Whether the first @bits of both are the same. */
static gboolean
begins_alike (const guint8 *a,
              const guint8 *b,
              guint         bits)
{
  guint whole = bits / 8, rest = bits % 8;

  return memcmp (a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

static gboolean
network_read (const char *item,
              Network    *network)
{
  const char *slash = strchr (item, '/');
  gsize length = slash != NULL ? (gsize) (slash - item) : strlen (item);
  guint64 bits;
  guint most;

  if (!wsed_address_parse (item, length, &network->address))
    return FALSE;
  most = memchr (item, ':', length) != NULL ? 128 : 32;
  network->bits = 128;
  if (slash == NULL)
    return TRUE;
  if (!g_ascii_string_to_unsigned (slash + 1, 10, 0, most, &bits, NULL))
    return FALSE;
  network->bits = 128 - most + bits;
  /* What lies behind the network's bits is all zero. */
  for (guint i = network->bits; i < 128; i++)
    if ((network->address.bytes[i / 8] >> (7 - i % 8) & 1) != 0)
      return FALSE;
  return TRUE;
}

WsedNetworks *
wsed_networks_new (const char * const *items)
{
  WsedNetworks *self = g_new0 (WsedNetworks, 1);
  Network network;

  self->networks = g_array_new (FALSE, FALSE, sizeof (Network));
  for (guint i = 0; items != NULL && items[i] != NULL; i++)
    if (network_read (items[i], &network))
      g_array_append_val (self->networks, network);
  return self;
}

gboolean
wsed_networks_contain (const WsedNetworks *self,
                       const WsedAddress  *address)
{
  for (guint i = 0; i < self->networks->len; i++)
    {
      const Network *network = &g_array_index (self->networks, Network, i);

      if (begins_alike (network->address.bytes, address->bytes, network->bits))
        return TRUE;
    }
  return FALSE;
}

void
wsed_networks_free (WsedNetworks *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->networks);
  g_free (self);
}

gboolean
wsed_networks_is_item (const char *item)
{
  Network network;

  return network_read (item, &network);
}
