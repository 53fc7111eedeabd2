/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* permessage-deflate without its frames: what is deflated inflates to the same in whatever pieces, and never to more than there is room
 * for. */

#include <string.h>

#include "wse-deflate-private.h"
#include "wse-frame-private.h"

/* @payload inflated in pieces of @step bytes of it and @room bytes out of it; NULL: it is not deflate data. */
static GByteArray *
inflate_in (const char *payload, gsize length, gsize step, gsize room)
{
  g_autoptr (WseInflater) inflater = wse_inflater_new ();
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree char *part = g_malloc (room);

  for (gsize at = 0; at < length; at += step)
    {
      const char *data = payload + at;
      gsize left = MIN (step, length - at);
      gssize n;

      while ((n = wse_inflater_read (inflater, &data, &left, part, room)) > 0)
        {
          g_assert_cmpuint (n, <=, room);
          g_byte_array_append (out, (guint8 *) part, n);
        }
      if (n < 0)
        return NULL;
      g_assert_cmpuint (left, ==, 0);
    }
  g_assert_cmpuint (wse_inflater_get_used (inflater), ==, length);
  return wse_inflater_finish (inflater) ? g_steal_pointer (&out) : NULL;
}

static void
assert_inflates (const char *payload, gsize length, const char *expected, gsize expected_length)
{
  static const gsize sizes[] = { 1, 2, 7, 100, 4096, 1 << 20 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint k = 0; k < G_N_ELEMENTS (sizes); k++)
      {
        g_autoptr (GByteArray) got = NULL;

        /* A byte to a byte takes too long where there are many. */
        if (length > 1000 && (sizes[i] < 7 || sizes[k] < 100))
          continue;
        got = inflate_in (payload, length, sizes[i], sizes[k]);
        if (expected == NULL)
          g_assert_null (got);
        else
          g_assert_cmpmem (got->data, got->len, expected, expected_length);
      }
}

static void
test_round_trip (void)
{
  static const gsize lengths[] = { WSE_DEFLATE_MIN, 1000, 4095, 4096, 4097, 70000, 300000 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *text = g_malloc (lengths[i]);
      const char *deflated;
      gsize length;

      for (gsize k = 0; k < lengths[i]; k++)
        text[k] = "{\"price\":0123456789}"[k % 7 == 0 ? g_test_rand_int_range (0, 20) : k % 20];
      deflated = wse_deflate (text, lengths[i], &length);
      g_assert_nonnull (deflated);
      g_assert_cmpuint (length, <, lengths[i]);
      assert_inflates (deflated, length, text, lengths[i]);
    }
}

/* What would not get shorter, or is short already, is sent as it is. */
static void
test_not_worth_it (void)
{
  g_autofree char *same = g_strnfill (WSE_DEFLATE_MIN, 'x');
  g_autofree char *noise = g_malloc (100000);
  gsize length;

  g_assert_null (wse_deflate (same, WSE_DEFLATE_MIN - 1, &length));
  g_assert_nonnull (wse_deflate (same, WSE_DEFLATE_MIN, &length));
  for (guint i = 0; i < 100000; i++)
    noise[i] = (char) g_test_rand_int_range (0, 256);
  g_assert_null (wse_deflate (noise, 100000, &length));
  g_assert_null (wse_deflate (noise, WSE_DEFLATE_MIN, &length));
  g_assert_nonnull (wse_deflate (same, WSE_DEFLATE_MIN, &length));
}

typedef struct
{
  const char *hex, *text;
} Case;

static void
test_payloads (void)
{
  static const Case cases[] = {
    /* RFC 7692 7.2.3.1 to 7.2.3.6 */
    { "f248cdc9c90700", "Hello" },
    { "f2480500 0000ffff cac9c90700", "Hello" },
    { "000500faff48656c6c6f00", "Hello" },
    { "f348cdc9c9070000", "Hello" },
    { "00", "" },
    /* Finished, or its tail left on; nothing at all; two that were finished. */
    { "f348cdc9c90700", "Hello" },
    { "f248cdc9c907000000ffff", "Hello" },
    { "", "" },
    { "f348cdc9c90700 f348cdc9c90700", "HelloHello" },
    /* A block type that does not exist, a length that its complement does not confirm, a distance before the beginning, an end within: of a
     * block, of stored bytes, of a table. */
    { "06", NULL },
    { "000500faf048656c6c6f00", NULL },
    { "f20007", NULL },
    { "f248cdc9", NULL },
    { "000500faff4865", NULL },
    { "04e001", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();

      for (const char *hex = cases[i].hex; *hex != '\0'; hex++)
        if (g_ascii_isxdigit (*hex))
          {
            guint8 byte = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));

            g_byte_array_append (bytes, &byte, 1);
            hex++;
          }
      g_test_message ("%s", cases[i].hex);
      assert_inflates ((char *) bytes->data, bytes->len, cases[i].text, cases[i].text != NULL ? strlen (cases[i].text) : 0);
    }
}

/* A megabyte of zeros for a decoder that may keep 5,000 bytes: it says so, and never has more. */
static void
test_bomb (void)
{
  g_autofree char *zeros = g_malloc0 (1 << 20);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (FALSE, 5000, TRUE);
  gsize length;
  const char *deflated = wse_deflate (zeros, 1 << 20, &length);
  char *data;
  WseFrame frame;

  wse_frame_decoder_set_deflate (decoder, TRUE);
  wse_frame_append (bytes, WSE_OPCODE_BINARY | WSE_FRAME_DEFLATED, deflated, length);
  for (gsize at = 0; at < bytes->len; at++)
    {
      gsize left = 1;

      data = (char *) bytes->data + at;
      if (wse_frame_decoder_feed (decoder, &data, &left, &frame) == WSE_FRAME_ERROR)
        break;
      g_assert_cmpuint (wse_frame_decoder_get_held (decoder), <=, 5000);
    }
  g_assert_cmpuint (wse_frame_decoder_get_close_code (decoder), ==, WSE_CLOSE_TOO_LARGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/deflate/round-trip", test_round_trip);
  g_test_add_func ("/deflate/not-worth-it", test_not_worth_it);
  g_test_add_func ("/deflate/payloads", test_payloads);
  g_test_add_func ("/deflate/bomb", test_bomb);
  return g_test_run ();
}
