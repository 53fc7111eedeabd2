/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Forwarded and X-Forwarded-For, from 10.0.0.1; 10.0.0.0/8 and fd00::/8 are trusted. */

#include "guard/wsed-forwarded.h"

#include <string.h>

typedef struct
{
  const char *forwarded, *x_forwarded_for;
  const char *client;          /* NULL: bad */
} Case;

static const Case cases[] = {
  { NULL, NULL, "10.0.0.1" },
  { NULL, "", "10.0.0.1" },
  { NULL, "192.0.2.1", "192.0.2.1" },
  { NULL, "192.0.2.1:4711", "192.0.2.1" },
  { NULL, "2001:db8::1", "2001:db8::1" },
  { NULL, "[2001:db8::1]:80", "2001:db8::1" },
  { NULL, "198.51.100.7, 192.0.2.1", "192.0.2.1" },
  { NULL, "198.51.100.7,192.0.2.1,10.0.0.2 ,fd00::1", "192.0.2.1" },
  { NULL, "10.0.0.3, 10.0.0.2", "10.0.0.3" },
  /* What stands left of the client is anybody's word. */
  { NULL, "127.0.0.1, 192.0.2.1", "192.0.2.1" },
  { NULL, "\"; drop, 192.0.2.1", "192.0.2.1" },
  { NULL, "unknown, 10.0.0.2", "10.0.0.2" },
  { NULL, "unknown", "10.0.0.1" },
  { NULL, "192.0.2.1, ", "10.0.0.1" },
  { NULL, "192.0.2.1 x", "10.0.0.1" },
  { "for=192.0.2.1", NULL, "192.0.2.1" },
  { "For=\"192.0.2.1:80\"", NULL, "192.0.2.1" },
  { "for=\"[2001:db8::1]\"", NULL, "2001:db8::1" },
  { "for=\"[2001:db8::1]:80\";proto=https; by=10.0.0.9", NULL, "2001:db8::1" },
  { "proto=https;for=192.0.2.1;host=\"a, b; for=x\"", NULL, "192.0.2.1" },
  { "for=198.51.100.7, for=192.0.2.1,for=10.0.0.2", NULL, "192.0.2.1" },
  { "for=\"\\1\\92.0.2.1\"", NULL, "192.0.2.1" },
  { "for=unknown", NULL, "10.0.0.1" },
  { "for=_hidden, for=10.0.0.2", NULL, "10.0.0.2" },
  { "for=192.0.2.1, proto=https", NULL, "10.0.0.1" },
  { "", NULL, "10.0.0.1" },
  /* Not an address where there is to be one. */
  { "for=\"2001:db8::1\"", NULL, "10.0.0.1" },
  { "for=\"[192.0.2.1]\"", NULL, "10.0.0.1" },
  { "for=\"[::1]x\"", NULL, "10.0.0.1" },
  /* Malformed. */
  { "for=\"192.0.2.1", NULL, NULL },
  { "for=\"x, for=192.0.2.1", NULL, NULL },
  { "for=192.0.2.1;for=198.51.100.7", NULL, NULL },
  { "for", NULL, NULL },
  { "for=", NULL, NULL },
  { "=192.0.2.1", NULL, NULL },
  { "for=192.0.2.1 for=1", NULL, NULL },
  { "for=[::1]", NULL, NULL },
  { "for=\"a\nb\"", NULL, NULL },
  { "for=\"a\\", NULL, NULL },
  /* Two headers. */
  { "for=192.0.2.1", "192.0.2.1", "192.0.2.1" },
  { "for=192.0.2.1", "198.51.100.7", NULL },
  { "for=unknown", "192.0.2.1", NULL },
  { "for=unknown", "unknown", "10.0.0.1" },
};

static void
test_cases (void)
{
  static const char * const trusted[] = { "10.0.0.0/8", "fd00::/8", NULL };
  g_autoptr (WsedNetworks) networks = wsed_networks_new (trusted);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      WsedAddress client;
      WsedForwardedVerdict verdict;
      g_autofree char *text = NULL;

      g_assert_true (wsed_address_parse ("10.0.0.1", 8, &client));
      verdict = wsed_forwarded_read (cases[i].forwarded, cases[i].x_forwarded_for, networks, &client);
      text = wsed_address_to_string (&client);
      if (cases[i].client == NULL ? verdict != WSED_FORWARDED_BAD || strcmp (text, "10.0.0.1") != 0
                                  : verdict == WSED_FORWARDED_BAD || strcmp (text, cases[i].client) != 0)
        g_error ("%s / %s: %d, %s", cases[i].forwarded, cases[i].x_forwarded_for, verdict, text);
    }
}

/* Many and long ones cost a bounded time, and the last count. */
static void
test_many (void)
{
  static const char * const trusted[] = { "10.0.0.0/8", NULL };
  g_autoptr (WsedNetworks) networks = wsed_networks_new (trusted);
  g_autoptr (GString) x = g_string_new (NULL);
  g_autoptr (GString) forwarded = g_string_new (NULL);
  WsedAddress client;
  g_autofree char *text = NULL;

  for (guint i = 0; i < 200; i++)
    {
      g_string_append (x, "10.0.0.9,");
      g_string_append (forwarded, "for=10.0.0.9,");
    }
  g_string_append (x, "192.0.2.1");
  g_string_append (forwarded, "for=192.0.2.1");
  g_assert_true (wsed_address_parse ("10.0.0.1", 8, &client));
  g_assert_cmpint (wsed_forwarded_read (forwarded->str, x->str, networks, &client), ==, WSED_FORWARDED_CLIENT);
  text = wsed_address_to_string (&client);
  g_assert_cmpstr (text, ==, "192.0.2.1");
  for (guint i = 0; i < 1000; i++)
    g_string_append (x, ",10.0.0.9");
  g_assert_cmpint (wsed_forwarded_read (NULL, x->str, networks, &client), ==, WSED_FORWARDED_BAD);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/forwarded/cases", test_cases);
  g_test_add_func ("/forwarded/many", test_many);
  return g_test_run ();
}
