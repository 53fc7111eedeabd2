/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the header of the PROXY protocol, version 2. Whether its sender is believed is not decided here. */

#include "guard/wsed-proxy-header.h"

#include <string.h>

#define FIXED 16               /* bytes: signature, version and command, family and transport, length */

static const guint8 signature[12] = { '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

/* The extensions fill the rest exactly: one byte of type, two of length, the value. */
static gboolean
extensions_are_whole (const guint8 *bytes,
                      gsize         length)
{
  while (length >= 3)
    {
      gsize value = bytes[1] << 8 | bytes[2];

      if (value > length - 3)
        return FALSE;
      bytes += 3 + value;
      length -= 3 + value;
    }
  return length == 0;
}

static WsedProxyVerdict
read_source (const guint8 *bytes,
             gsize         rest,
             WsedAddress  *client,
             guint16      *port)
{
  gboolean ipv4 = bytes[13] == 0x11;
  gsize address = ipv4 ? 4 : 16, needed = 2 * address + 4;
  const guint8 *source = bytes + FIXED;

  if (rest < needed || !extensions_are_whole (source + needed, rest - needed))
    return WSED_PROXY_BAD;
  memset (client, 0, sizeof *client);
  if (ipv4)
    client->bytes[10] = client->bytes[11] = 0xff;
  memcpy (client->bytes + sizeof client->bytes - address, source, address);
  *port = source[2 * address] << 8 | source[2 * address + 1];
  return WSED_PROXY_CLIENT;
}

WsedProxyVerdict
wsed_proxy_header_read (const guint8 *bytes,
                        gsize         length,
                        gsize        *size,
                        WsedAddress  *client,
                        guint16      *port)
{
  gsize rest;

  if (memcmp (bytes, signature, MIN (length, sizeof signature)) != 0)
    return WSED_PROXY_NONE;
  if (length < FIXED)
    return WSED_PROXY_MORE;
  rest = bytes[14] << 8 | bytes[15];
  if (bytes[12] >> 4 != 2 || FIXED + rest > WSED_MAX_PROXY_HEADER)
    return WSED_PROXY_BAD;
  if (length < FIXED + rest)
    return WSED_PROXY_MORE;
  *size = FIXED + rest;
  /* LOCAL: whatever else it says is passed over. */
  if ((bytes[12] & 0xf) == 0)
    return WSED_PROXY_SAME;
  if ((bytes[12] & 0xf) != 1)
    return WSED_PROXY_BAD;
  switch (bytes[13])
    {
    case 0x11: /* TCP over IPv4 */
    case 0x21: /* TCP over IPv6 */
      return read_source (bytes, rest, client, port);
    case 0x00: /* unspecified */
    case 0x31: /* a Unix stream */
      return WSED_PROXY_SAME;
    default:   /* datagrams do not come over a connection */
      return WSED_PROXY_BAD;
    }
}
