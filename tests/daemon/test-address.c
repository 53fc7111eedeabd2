/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Addresses and lists of networks. */

#include "guard/wsed-address.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

static void
test_parse (void)
{
  static const char * const same[] = { "192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "::1", "fe80::1" };
  static const char * const no[] = { "", "192.0.2", "192.0.2.1.1", "192.0.2.256", "192.0.2.01", "0300.0.0.1", "1", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1:80",
                                     "[::1]", "::1%lo", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "localhost", "-1.0.0.0", "192.0.2.1/32",
                                     "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111" };
  WsedAddress address, other;

  for (guint i = 0; i < G_N_ELEMENTS (same); i++)
    {
      g_autofree char *text = NULL;

      g_assert_true (wsed_address_parse (same[i], strlen (same[i]), &address));
      text = wsed_address_to_string (&address);
      g_assert_cmpstr (text, ==, same[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (no); i++)
    if (wsed_address_parse (no[i], strlen (no[i]), &address))
      g_error ("“%s” is taken for an address", no[i]);
  g_assert_false (wsed_address_parse ("192.0.2.1\0x", 11, &address));
  /* The same host by two names. */
  g_assert_true (wsed_address_parse ("::ffff:192.0.2.1", 16, &address));
  g_assert_true (wsed_address_parse ("192.0.2.1", 9, &other));
  g_assert_cmpmem (&address, sizeof address, &other, sizeof other);
}

static void
test_socket (void)
{
  g_autoptr (GSocketAddress) ipv4 = g_inet_socket_address_new_from_string ("127.0.0.5", 1);
  g_autoptr (GSocketAddress) ipv6 = g_inet_socket_address_new_from_string ("::1", 1);
  g_autoptr (GSocketAddress) far = g_inet_socket_address_new_from_string ("2001:db8::1", 1);
  g_autoptr (GSocketAddress) none = g_unix_socket_address_new ("/tmp/x");
  WsedAddress address;

  g_assert_true (wsed_address_from_socket (ipv4, &address) && wsed_address_is_loopback (&address) && wsed_address_is_ipv4 (&address));
  g_assert_true (wsed_address_from_socket (ipv6, &address) && wsed_address_is_loopback (&address) && !wsed_address_is_ipv4 (&address));
  g_assert_true (wsed_address_from_socket (far, &address) && !wsed_address_is_loopback (&address));
  g_assert_false (wsed_address_from_socket (none, &address));
}

static void
check_networks (const char * const *items,
                const char         *text,
                gboolean            expected)
{
  g_autoptr (WsedNetworks) networks = wsed_networks_new (items);
  WsedAddress address;

  g_assert_true (wsed_address_parse (text, strlen (text), &address));
  if (wsed_networks_contain (networks, &address) != expected)
    g_error ("%s: %s", text, expected ? "is not in the list" : "is in the list");
}

static void
test_networks (void)
{
  static const char * const items[] = { "192.0.2.1", "198.51.100.0/23", "2001:db8::/33", "10.0.0.0/8", "unix", "::1", NULL };
  static const char * const all[] = { "0.0.0.0/0", NULL };
  static const char * const in[] = { "192.0.2.1", "198.51.100.0", "198.51.101.255", "2001:db8:7fff::1", "10.255.255.255", "::1", "::ffff:10.0.0.1" };
  static const char * const out[] = { "192.0.2.2", "198.51.99.255", "198.51.102.0", "2001:db8:8000::", "11.0.0.0", "::2", "::" };
  static const char * const good[] = { "192.0.2.1", "192.0.2.0/24", "::/0", "2001:db8::1/128", "192.0.2.1/32" };
  static const char * const bad[] = { "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.1/8", "2001:db8::1/32", "::/129", "example",
                                      "192.0.2.1:80", "10.0.0.0/ 8" };

  for (guint i = 0; i < G_N_ELEMENTS (in); i++)
    check_networks (items, in[i], TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (out); i++)
    check_networks (items, out[i], FALSE);
  check_networks (all, "203.0.113.9", TRUE);
  check_networks (all, "2001:db8::1", FALSE);
  check_networks (NULL, "127.0.0.1", FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (wsed_networks_is_item (good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    if (wsed_networks_is_item (bad[i]))
      g_error ("“%s” is taken for a network", bad[i]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/address/parse", test_parse);
  g_test_add_func ("/address/socket", test_socket);
  g_test_add_func ("/address/networks", test_networks);
  return g_test_run ();
}
