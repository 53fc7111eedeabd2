/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for a header of the PROXY protocol: never longer than allowed, and the same verdict however much follows. */

#include "guard/wsed-proxy-header.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  WsedAddress client, again;
  guint16 port = 0, port_again = 0;
  gsize length = 0, length_again = 0;
  WsedProxyVerdict verdict;

  if (size == 0)
    return 0;
  verdict = wsed_proxy_header_read (data, size, &length, &client, &port);
  if (verdict != WSED_PROXY_SAME && verdict != WSED_PROXY_CLIENT)
    return 0;
  g_assert_true (length >= 16 && length <= size && length <= WSED_MAX_PROXY_HEADER);
  g_assert_cmpint (wsed_proxy_header_read (data, length, &length_again, &again, &port_again), ==, verdict);
  g_assert_cmpuint (length, ==, length_again);
  g_assert_true (verdict == WSED_PROXY_SAME || (port == port_again && memcmp (&client, &again, sizeof again) == 0));
  for (gsize i = 1; i < length; i++)
    g_assert_cmpint (wsed_proxy_header_read (data, i, &length_again, &again, &port_again), ==, WSED_PROXY_MORE);
  return 0;
}
