/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The PROXY protocol, version 2, byte by byte. */

#include "guard/wsed-proxy-header.h"

#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 SIGNATURE "\x21\x11\0\x0c" "\xc0\0\2\1" "\x0a\0\0\1" "\x12\x67" "\0\x50"
#define IPV6 SIGNATURE "\x21\x21\0\x24" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" "\x12\x67" "\0\x50"

static WsedProxyVerdict
read_all (const char  *bytes,
          gsize        length,
          gsize       *size,
          WsedAddress *client,
          guint16     *port)
{
  /* Of its own size, so that a sanitizer sees a byte too many. */
  g_autofree guint8 *copy = g_memdup2 (bytes, length);

  return wsed_proxy_header_read (copy, length, size, client, port);
}

static void
check_client (const char *bytes,
              gsize       length,
              const char *expected)
{
  WsedAddress client;
  guint16 port;
  gsize size;
  g_autofree char *text = NULL;
  g_autofree char *more = g_malloc (length + 3);

  for (gsize i = 1; i < length; i++)
    g_assert_cmpint (read_all (bytes, i, &size, &client, &port), ==, WSED_PROXY_MORE);
  memcpy (more, bytes, length);
  memcpy (more + length, "GET", 3);
  g_assert_cmpint (read_all (more, length + 3, &size, &client, &port), ==, WSED_PROXY_CLIENT);
  g_assert_cmpuint (size, ==, length);
  g_assert_cmpuint (port, ==, 4711);
  text = wsed_address_to_string (&client);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_clients (void)
{
  check_client (IPV4, sizeof IPV4 - 1, "192.0.2.1");
  check_client (IPV6, sizeof IPV6 - 1, "2001:db8::1");
}

static void
test_verdicts (void)
{
  static const struct
  {
    const char *bytes;
    gsize length;
    WsedProxyVerdict verdict;
  } cases[] = {
#define CASE(bytes, verdict) { bytes, sizeof bytes - 1, verdict }
    CASE ("GET / HTTP/1.1\r\n", WSED_PROXY_NONE),
    CASE ("\r\n\r\nGET", WSED_PROXY_NONE),
    CASE ("\x16\x03\x01", WSED_PROXY_NONE),
    CASE ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", WSED_PROXY_NONE),
    CASE (SIGNATURE "\x20\0\0\0", WSED_PROXY_SAME),                    /* LOCAL */
    CASE (SIGNATURE "\x20\x11\0\3" "abc", WSED_PROXY_SAME),
    CASE (SIGNATURE "\x21\0\0\0", WSED_PROXY_SAME),                    /* unspecified */
    CASE (SIGNATURE "\x11\x11\0\0", WSED_PROXY_BAD),                   /* version 1 */
    CASE (SIGNATURE "\x31\x11\0\0", WSED_PROXY_BAD),
    CASE (SIGNATURE "\x22\x11\0\0", WSED_PROXY_BAD),                   /* no such command */
    CASE (SIGNATURE "\x21\x12\0\x0c" "aaaabbbbccdd", WSED_PROXY_BAD),  /* a datagram */
    CASE (SIGNATURE "\x21\x41\0\0", WSED_PROXY_BAD),
    CASE (SIGNATURE "\x21\x11\0\x0b" "aaaabbbbccd", WSED_PROXY_BAD),   /* too short for what it names */
    CASE (SIGNATURE "\x21\x21\0\x0c" "aaaabbbbccdd", WSED_PROXY_BAD),
    CASE (SIGNATURE "\x21\x11\0\x0f" "aaaabbbbccdd\1\0\0", WSED_PROXY_CLIENT),
    CASE (SIGNATURE "\x21\x11\0\x10" "aaaabbbbccdd\1\0\1x", WSED_PROXY_CLIENT),
    CASE (SIGNATURE "\x21\x11\0\x0d" "aaaabbbbccdd\1", WSED_PROXY_BAD),
    CASE (SIGNATURE "\x21\x11\0\x0f" "aaaabbbbccdd\1\0\1", WSED_PROXY_BAD),
    CASE (SIGNATURE "\x21\x11\xff\xff", WSED_PROXY_BAD),               /* longer than is taken */
    CASE (SIGNATURE "\x20\0\x08\x00", WSED_PROXY_BAD),
#undef CASE
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      WsedAddress client;
      guint16 port;
      gsize size;
      WsedProxyVerdict verdict = read_all (cases[i].bytes, cases[i].length, &size, &client, &port);

      if (verdict != cases[i].verdict)
        g_error ("case %u: %d", i, verdict);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/proxy-header/clients", test_clients);
  g_test_add_func ("/proxy-header/verdicts", test_verdicts);
  return g_test_run ();
}
