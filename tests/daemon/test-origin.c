/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which pages may connect. */

#include "guard/wsed-origin.h"

static void
test_default (void)
{
  static const char * const yes[] = { "http://localhost",      "https://localhost:3000", "http://127.0.0.1:8000", "http://[::1]", "http://[::1]:1",
                                      "HTTP://LocalHost:65535", "app://localhost",      "http://[0:0:0:0:0:0:0:1]" };
  static const char * const no[] = { "null",
                                     "",
                                     "localhost",
                                     "http://",
                                     "http:localhost",
                                     "://localhost",
                                     "1http://localhost",
                                     "http://localhost/",
                                     "http://localhost:80/",
                                     "http://localhost:",
                                     "http://localhost:0",
                                     "http://localhost:65536",
                                     "http://localhost:80:80",
                                     "http://localhost.evil.example",
                                     "http://evil.example",
                                     "http://evil.example:80@localhost",
                                     "http://localhost@evil.example",
                                     "http://user@localhost",
                                     "http://localhost http://evil.example",
                                     "http://evil.example, http://localhost",
                                     "http://localhost?x",
                                     "http://localhost#x",
                                     " http://localhost",
                                     "http://localhost ",
                                     "http://127.0.0.1.evil.example",
                                     "http://127.0.0.2",
                                     "http://::1",
                                     "http://[::1",
                                     "http://[::1]x",
                                     "http://[::2]",
                                     "http://[]",
                                     "http://local%68ost",
                                     "http://localhost.",
                                     "http://localhost:080",
                                     "http://localhost:+80",
                                     "http://localhost\\evil.example",
                                     "http://[::1%25lo]",
                                     "http://[127.0.0.1]",
                                     "http://127.1",
                                     "http://[::ffff:127.0.0.1]" };

  for (guint i = 0; i < G_N_ELEMENTS (yes); i++)
    if (!wsed_origin_is_allowed (yes[i], NULL))
      g_error ("%s is not allowed", yes[i]);
  for (guint i = 0; i < G_N_ELEMENTS (no); i++)
    if (wsed_origin_is_allowed (no[i], NULL))
      g_error ("%s is allowed", no[i]);
}

static void
test_list (void)
{
  static const char * const list[] = { "app.example", "dev.example:8443", NULL };
  static const char * const none[] = { NULL };

  g_assert_true (wsed_origin_is_allowed ("https://app.example", list));
  g_assert_true (wsed_origin_is_allowed ("https://APP.example:9", list));
  g_assert_true (wsed_origin_is_allowed ("https://dev.example:8443", list));
  g_assert_false (wsed_origin_is_allowed ("https://dev.example", list));
  g_assert_false (wsed_origin_is_allowed ("https://dev.example:1", list));
  g_assert_false (wsed_origin_is_allowed ("https://x.app.example", list));
  g_assert_false (wsed_origin_is_allowed ("http://localhost", list));
  g_assert_false (wsed_origin_is_allowed ("http://localhost", none));
  g_assert_false (wsed_origin_is_allowed ("null", list));
}

/* RFC 6454, section 5: scheme, host and port. */
static void
test_whole (void)
{
  static const char * const list[] = { "https://app.example", "http://dev.example:3000", "443.example:443", "https://[2001:DB8::1]", NULL };
  static const char * const entries[] = { "https://", "app.example/", "*.example", "a b", "null", "http://x:0", "", "user@x", "http://a,b" };
  g_autofree char *far = g_strnfill (600, 'a');
  g_autofree char *long_origin = g_strconcat ("https://", far, NULL);

  g_assert_true (wsed_origin_is_allowed ("https://app.example", list));
  g_assert_true (wsed_origin_is_allowed ("https://app.example:443", list));
  g_assert_false (wsed_origin_is_allowed ("http://app.example", list));
  g_assert_false (wsed_origin_is_allowed ("https://app.example:8443", list));
  g_assert_false (wsed_origin_is_allowed ("http://app.example:443", list));
  g_assert_true (wsed_origin_is_allowed ("http://dev.example:3000", list));
  g_assert_false (wsed_origin_is_allowed ("https://dev.example:3000", list));
  g_assert_true (wsed_origin_is_allowed ("https://443.example", list));
  g_assert_false (wsed_origin_is_allowed ("http://443.example", list));
  g_assert_true (wsed_origin_is_allowed ("https://[2001:db8:0:0::1]", list));
  g_assert_false (wsed_origin_is_allowed (long_origin, list));
  for (guint i = 0; list[i] != NULL; i++)
    g_assert_true (wsed_origin_is_entry (list[i]));
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    if (wsed_origin_is_entry (entries[i]))
      g_error ("%s is taken for an entry", entries[i]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/origin/default", test_default);
  g_test_add_func ("/origin/list", test_list);
  g_test_add_func ("/origin/whole", test_whole);
  return g_test_run ();
}
