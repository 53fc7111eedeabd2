/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The UTF-8 validator: whole, cut in two at every place, and refused at the first byte that makes it impossible, as GLib does. */

#include <string.h>

#include "wse-utf8-private.h"

static const char *const good[] = {
  "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
  "\xef\xbf\xbf",  "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbb\xbf", "abcdefgh\xc3\xa4ijklmnop",
};
static const char *const bad[] = {
  "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
  "\xf4\x90\x80\x80",
  "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3\x28", "abcdefgh\xc3",
  "12345678\xc3-",
};

static gboolean
is_taken (const char *text,
          gsize       length,
          gsize       cut)
{
  WseUtf8 utf8 = { 0 };

  return wse_utf8_feed (&utf8, text, cut) && wse_utf8_feed (&utf8, text + cut, length - cut) && wse_utf8_is_whole (&utf8);
}

static void
test_good (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    for (gsize cut = 0; cut <= strlen (good[i]); cut++)
      g_assert_true (is_taken (good[i], strlen (good[i]), cut));
}

static void
test_bad (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    for (gsize cut = 0; cut <= strlen (bad[i]); cut++)
      g_assert_false (is_taken (bad[i], strlen (bad[i]), cut));
}

/* Every lead with every second byte and the ends of the ranges behind them, as GLib judges it. */
static void
test_as_glib (void)
{
  static const guint8 ends[] = { 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff };

  for (guint first = 1; first < 256; first++)
    for (guint second = 1; second < 256; second++)
      for (guint n = 0; n < G_N_ELEMENTS (ends) * G_N_ELEMENTS (ends); n++)
        {
          const char text[] = { (char) first, (char) second,
                                (char) ends[n / G_N_ELEMENTS (ends)], (char) ends[n % G_N_ELEMENTS (ends)] };

          for (gsize length = 1; length <= sizeof text; length++)
            g_assert_cmpint (is_taken (text, length, n % length), ==, g_utf8_validate (text, (gssize) length, NULL));
        }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/utf8/good", test_good);
  g_test_add_func ("/utf8/bad", test_bad);
  g_test_add_func ("/utf8/as-glib", test_as_glib);
  return g_test_run ();
}
