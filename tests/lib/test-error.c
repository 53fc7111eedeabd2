/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of errors on the wire. */

#include <gio/gio.h>

#include "wse-error.h"

static void
test_codes (void)
{
  static const char * const expected[] = {
    "failed", "syntax", "invalid", "too_large", "too_deep", "no_route", "busy", "unavailable",
    "unsupported_media_type", "forbidden", "conflict",
  };

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, i, "x");

      g_assert_cmpstr (wse_error_get_code (error), ==, expected[i]);
    }
}

static void
test_others (void)
{
  g_autoptr (GError) foreign = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_EXISTS, "x");
  g_autoptr (GError) beyond = g_error_new_literal (WSE_ERROR, WSE_ERROR_CONFLICT + 1, "x");
  g_autoptr (GError) below = g_error_new_literal (WSE_ERROR, -1, "x");

  g_assert_cmpstr (wse_error_get_code (foreign), ==, "failed");
  g_assert_cmpstr (wse_error_get_code (beyond), ==, "failed");
  g_assert_cmpstr (wse_error_get_code (below), ==, "failed");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/error/codes", test_codes);
  g_test_add_func ("/error/others", test_others);
  return g_test_run ();
}
