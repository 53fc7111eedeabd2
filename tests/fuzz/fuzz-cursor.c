/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any text for a cursor: what is taken is written as the same cursor. */

#include "wse-cursor.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autofree char *text = g_strndup ((const char *) data, size), *written = NULL, *again = NULL;
  g_autoptr (WseCursor) cursor = wse_cursor_new (text, NULL);
  g_autoptr (WseCursor) other = NULL;

  if (cursor == NULL)
    return 0;
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpuint (wse_cursor_get_length (cursor), >=, 1);
  written = wse_cursor_to_string (cursor);
  other = wse_cursor_new (written, NULL);
  g_assert_nonnull (other);
  again = wse_cursor_to_string (other);
  g_assert_cmpstr (written, ==, again);
  return 0;
}
