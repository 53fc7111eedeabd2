/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for the frame decoder: it says the same of them whether they come at once or one by one, and never holds more than it may. */

#include <string.h>

#include "wse-frame-private.h"

#define MAX_MESSAGE 200
#define MAX_CONTROL 125

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* All that the decoder gives out, as text. */
static char *
decode (const guint8 *data,
        gsize         size,
        gsize         step,
        gboolean      masked,
        gboolean      deflate)
{
  g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (masked, MAX_MESSAGE, TRUE);
  g_autofree char *copy = g_memdup2 (data, size);
  GString *said = g_string_new (NULL);

  wse_frame_decoder_set_deflate (decoder, deflate);

  for (gsize at = 0; at < size; at += step)
    {
      char *bytes = copy + at;
      gsize length = MIN (step, size - at);
      WseFrameStatus status;
      WseFrame frame;

      while ((status = wse_frame_decoder_feed (decoder, &bytes, &length, &frame)) == WSE_FRAME_MESSAGE)
        {
          g_assert_cmpuint (frame.length, <=, MAX_MESSAGE);
          g_assert_true (frame.opcode != WSE_OPCODE_TEXT || frame.length == 0 || g_utf8_validate_len (frame.data, frame.length, NULL) ||
                         memchr (frame.data, 0, frame.length) != NULL);
          g_string_append_printf (said, "%d %u ", frame.opcode, frame.opcode == WSE_OPCODE_CLOSE ? frame.close_code : 0);
          g_string_append_len (said, frame.data, frame.length);
        }
      g_assert_cmpuint (wse_frame_decoder_get_held (decoder), <=, MAX_MESSAGE + MAX_CONTROL);
      if (status == WSE_FRAME_ERROR)
        {
          g_string_append_printf (said, "error %u", wse_frame_decoder_get_close_code (decoder));
          g_assert_nonnull (wse_frame_decoder_get_problem (decoder));
          break;
        }
      g_assert_cmpuint (length, ==, 0);
    }
  return g_string_free (said, FALSE);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  for (guint i = 0; i < 4; i++)
    {
      gboolean masked = (i & 1) != 0, deflate = (i & 2) != 0;
      g_autofree char *at_once = decode (data, size, MAX (size, 1), masked, deflate), *by_one = decode (data, size, 1, masked, deflate);

      g_assert_cmpstr (at_once, ==, by_one);
    }
  return 0;
}
