/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any text for Forwarded, X-Forwarded-For or both, split at a line feed: nobody is believed who is not to be, and who is left of the
 * client does not change who that is. */

#include <string.h>

#include "guard/wsed-forwarded.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  static const char * const items[] = { "10.0.0.0/8", NULL };
  g_autofree char *text = g_strndup ((const char *) data, size), *preceded = g_strconcat ("203.0.113.9,", text, NULL);
  g_autoptr (WsedNetworks) trusted = wsed_networks_new (items);
  char *second = strchr (text, '\n');
  WsedAddress known, client, other;
  WsedForwardedVerdict verdict;

  g_assert_true (wsed_address_parse ("10.0.0.1", 8, &known));
  client = other = known;
  if (second != NULL)
    *second++ = '\0';
  verdict = wsed_forwarded_read (text, second, trusted, &client);
  g_assert_true (verdict == WSED_FORWARDED_CLIENT || memcmp (&client, &known, sizeof known) == 0);
  client = known;
  verdict = wsed_forwarded_read (NULL, text, trusted, &client);
  if (second == NULL && verdict == WSED_FORWARDED_CLIENT && !wsed_networks_contain (trusted, &client) &&
      wsed_forwarded_read (NULL, preceded, trusted, &other) != WSED_FORWARDED_BAD)
    g_assert_cmpmem (&client, sizeof client, &other, sizeof other);
  return 0;
}
