/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The RFC 6455 codec against hand-made frames. What is fed whole, byte by byte and in random pieces must come out the same. */

#include <string.h>

#include "wse-frame-private.h"

#define LIMIT (128 * 1024)

/* A client's frame as bytes; @first with its FIN and reserved bits. */
static void
append_masked (GByteArray *out, guint8 first, const char *data, gsize length)
{
  static const guint8 mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
  guint8 header[WSE_FRAME_HEADER_MAX];
  gsize n = wse_frame_header (header, WSE_OPCODE_TEXT, length);

  header[0] = first;
  header[1] |= 0x80;
  g_byte_array_append (out, header, n);
  g_byte_array_append (out, mask, sizeof mask);
  for (gsize i = 0; i < length; i++)
    {
      guint8 byte = (guint8) data[i] ^ mask[i & 3];

      g_byte_array_append (out, &byte, 1);
    }
}

static void
append_hex (GByteArray *out, const char *hex)
{
  for (; *hex != '\0'; hex++)
    if (g_ascii_isxdigit (*hex))
      {
        guint8 byte = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));

        g_byte_array_append (out, &byte, 1);
        hex++;
      }
}

/* Everything that @bytes decode to, written down: `T"abc"`, `B"…"`, `P"…"` (ping), `O"…"`, `C1000"…"`, `!1002` for an error. */
static char *
transcribe (WseFrameDecoder *decoder, GByteArray *bytes, gsize (*piece) (gsize left), gsize *used)
{
  static const char names[16] = { [1] = 'T', [2] = 'B', [8] = 'C', [9] = 'P', [10] = 'O' };
  GString *out = g_string_new (NULL);
  gsize at = 0;

  while (at < bytes->len)
    {
      gsize length = piece (bytes->len - at);
      /* A copy of exactly this length: a sanitizer sees a byte read too far. */
      char *copy = g_memdup2 (bytes->data + at, length);
      char *data = copy;
      gsize left = length;
      WseFrame frame;
      WseFrameStatus status;

      while ((status = wse_frame_decoder_feed (decoder, &data, &left, &frame)) == WSE_FRAME_MESSAGE)
        {
          g_autofree char *text = g_base64_encode ((const guchar *) frame.data, frame.length);

          g_string_append_c (out, names[frame.opcode]);
          if (frame.opcode == WSE_OPCODE_CLOSE)
            g_string_append_printf (out, "%u", frame.close_code);
          if (frame.length < 64 && g_utf8_validate (frame.data, (gssize) frame.length, NULL))
            g_string_append_printf (out, "\"%.*s\"", (int) frame.length, frame.data);
          else
            g_string_append_printf (out, "(%" G_GSIZE_FORMAT " %08x)", frame.length, g_str_hash (text));
        }
      at += length - left;
      g_free (copy);
      if (status == WSE_FRAME_ERROR)
        {
          g_string_append_printf (out, "!%u", wse_frame_decoder_get_close_code (decoder));
          g_assert_nonnull (wse_frame_decoder_get_problem (decoder));
          g_assert_cmpuint (wse_frame_decoder_get_held (decoder), ==, 0);
          break;
        }
      g_assert_cmpuint (left, ==, 0);
    }
  if (used != NULL)
    *used = at;
  return g_string_free (out, FALSE);
}

static gsize
whole (gsize left)
{
  return left;
}

static gsize
one_byte (gsize left)
{
  return 1;
}

static gsize
random_piece (gsize left)
{
  return (gsize) g_test_rand_int_range (1, (gint32) MIN (left, 200) + 1);
}

static void
assert_decodes_with (GByteArray *bytes, gboolean masked, gsize limit, gboolean binary, const char *expected)
{
  gsize (* const pieces[]) (gsize) = { whole, one_byte, random_piece, random_piece, random_piece };

  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (masked, limit, binary);
      g_autofree char *got = transcribe (decoder, bytes, pieces[i], NULL);

      g_assert_cmpstr (got, ==, expected);
    }
}

static void
assert_decodes (GByteArray *bytes, const char *expected)
{
  assert_decodes_with (bytes, TRUE, LIMIT, TRUE, expected);
}

static void
assert_hex_decodes (const char *hex, const char *expected)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  append_hex (bytes, hex);
  assert_decodes (bytes, expected);
}

/* The frames of RFC 6455 5.7. */
static void
test_rfc_examples (void)
{
  g_autoptr (GByteArray) server = g_byte_array_new ();

  assert_hex_decodes ("818537fa213d7f9f4d5158", "T\"Hello\"");
  assert_hex_decodes ("8a8537fa213d7f9f4d5158", "O\"Hello\"");

  append_hex (server, "810548656c6c6f 010348656c 80026c6f 890548656c6c6f");
  assert_decodes_with (server, FALSE, LIMIT, TRUE, "T\"Hello\"T\"Hello\"P\"Hello\"");
}

static void
test_lengths (void)
{
  static const gsize lengths[] = { 0, 1, 7, 8, 9, 124, 125, 126, 127, 128, 255, 256, 65535, 65536, LIMIT - 1, LIMIT };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (guint opcode = WSE_OPCODE_TEXT; opcode <= WSE_OPCODE_BINARY; opcode++)
      {
        g_autoptr (GByteArray) bytes = g_byte_array_new ();
        g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (TRUE, LIMIT, TRUE);
        g_autofree char *payload = g_malloc (lengths[i] + 1);
        char *data;
        gsize left;
        WseFrame frame;

        for (gsize k = 0; k < lengths[i]; k++)
          payload[k] = (char) (opcode == WSE_OPCODE_TEXT ? k * 7 % 128 : k * 7 % 256);
        append_masked (bytes, 0x80 | opcode, payload, lengths[i]);
        data = (char *) bytes->data;
        left = bytes->len;
        g_assert_cmpint (wse_frame_decoder_feed (decoder, &data, &left, &frame), ==, WSE_FRAME_MESSAGE);
        g_assert_cmpint (frame.opcode, ==, opcode);
        g_assert_cmpmem (frame.data, frame.length, payload, lengths[i]);
        g_assert_cmpint (wse_frame_decoder_feed (decoder, &data, &left, &frame), ==, WSE_FRAME_MORE);
      }
}

/* A message wholly within the input is given out of it. */
static void
test_no_copy (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (TRUE, LIMIT, TRUE);
  char *data;
  gsize left;
  WseFrame frame;

  append_masked (bytes, 0x81, "hello", 5);
  data = (char *) bytes->data;
  left = bytes->len;
  g_assert_cmpint (wse_frame_decoder_feed (decoder, &data, &left, &frame), ==, WSE_FRAME_MESSAGE);
  g_assert_true (frame.data == (char *) bytes->data + 6);
  g_assert_cmpuint (wse_frame_decoder_get_held (decoder), ==, 0);
}

static void
test_masking (void)
{
  g_autoptr (GByteArray) masked = g_byte_array_new ();

  assert_hex_decodes ("81054865", "!1002");
  append_masked (masked, 0x81, "hello", 5);
  assert_decodes_with (masked, FALSE, LIMIT, TRUE, "!1002");
}

static void
test_reserved (void)
{
  for (guint bits = 1; bits < 8; bits++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();

      append_masked (bytes, 0x81 | bits << 4, "x", 1);
      assert_decodes (bytes, "!1002");
    }
  for (guint opcode = 0; opcode < 16; opcode++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();

      if ((opcode >= 3 && opcode <= 7) || opcode >= 11)
        {
          append_masked (bytes, 0x81, "before", 6);
          append_masked (bytes, 0x80 | opcode, "x", 1);
          assert_decodes (bytes, "T\"before\"!1002");
        }
    }
}

/* An error is found at the first byte that makes the frame wrong, and nothing behind it is used. */
static void
test_errors_come_early (void)
{
  static const struct { const char *hex; gsize used; } cases[] = {
    { "c18000000000", 1 }, { "83", 1 }, { "8b80", 1 }, { "0980", 1 }, { "0880", 1 }, { "8080", 1 }, { "8105", 2 },
    { "89fe", 2 }, { "88810000", 2 }, { "8afe", 2 }, { "0a80", 1 }, { "81fe007d0000", 4 }, { "81ff000000000000ffff", 10 },
    { "81ff8000000000000000", 10 },
    { "81ff0000000000020001 00000000", 10 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (TRUE, LIMIT, TRUE);
      g_autofree char *got = NULL;
      gsize used;

      append_hex (bytes, cases[i].hex);
      got = transcribe (decoder, bytes, one_byte, &used);
      g_assert_true (g_str_has_prefix (got, "!"));
      g_assert_cmpuint (used, ==, cases[i].used);
    }
}

static void
test_length_encoding (void)
{
  assert_hex_decodes ("81fe0000 00000000", "!1002");
  assert_hex_decodes ("81fe007d 00000000", "!1002");
  assert_hex_decodes ("81ff000000000000007e 00000000", "!1002");
  assert_hex_decodes ("81ff000000000000ffff 00000000", "!1002");
  assert_hex_decodes ("81ff8000000000000001 00000000", "!1002");
  assert_hex_decodes ("81ffffffffffffffffff 00000000", "!1002");
  assert_hex_decodes ("81ff7fffffffffffffff 00000000", "!1009");
}

static void
test_control (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *long_ping = g_strnfill (125, 'p');
  g_autofree char *big = g_base64_encode ((const guchar *) long_ping, 125);
  g_autofree char *raw = g_base64_encode ((const guchar *) "\xff\xfe", 2);
  g_autofree char *expected = g_strdup_printf ("P(125 %08x)O\"\"P(2 %08x)O\"unasked\"", g_str_hash (big), g_str_hash (raw));

  append_masked (bytes, 0x89, long_ping, 125);
  append_masked (bytes, 0x8a, "", 0);
  append_masked (bytes, 0x89, "\xff\xfe", 2);
  append_masked (bytes, 0x8a, "unasked", 7);
  assert_decodes (bytes, expected);
}

static void
test_fragments (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  append_masked (bytes, 0x01, "one ", 4);
  append_masked (bytes, 0x89, "mid", 3);
  append_masked (bytes, 0x00, "", 0);
  append_masked (bytes, 0x00, "two ", 4);
  append_masked (bytes, 0x8a, "", 0);
  append_masked (bytes, 0x80, "three", 5);
  append_masked (bytes, 0x02, "", 0);
  append_masked (bytes, 0x80, "", 0);
  append_masked (bytes, 0x81, "after", 5);
  assert_decodes (bytes, "P\"mid\"O\"\"T\"one two three\"B\"\"T\"after\"");
}

static void
test_fragments_wrong (void)
{
  assert_hex_decodes ("808000000000", "!1002");
  assert_hex_decodes ("008000000000", "!1002");
  assert_hex_decodes ("018000000000 818000000000", "!1002");
  assert_hex_decodes ("018000000000 018000000000", "!1002");
  assert_hex_decodes ("018000000000 828000000000", "!1002");
  assert_hex_decodes ("018000000000 808000000000 808000000000", "T\"\"!1002");
}

static void
test_utf8 (void)
{
  static const struct { const char *text, *expected; } cases[] = {
    { "\xce\xba\xf0\x9f\x98\x80", "T\"\xce\xba\xf0\x9f\x98\x80\"" },
    { "\xce\xba\xed\xa0\x80", "!1007" }, { "\xce\xba\xe1\xbd", "!1007" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize cut = 0; cut <= strlen (cases[i].text); cut++)
      {
        g_autoptr (GByteArray) bytes = g_byte_array_new ();

        append_masked (bytes, 0x01, cases[i].text, cut);
        append_masked (bytes, 0x80, cases[i].text + cut, strlen (cases[i].text) - cut);
        assert_decodes (bytes, cases[i].expected);
      }
}

/* Within a frame, at the byte that cannot be UTF-8, long before the frame's end. */
static void
test_utf8_fails_fast (void)
{
  static const struct { const char *text; gsize bad_at; } cases[] = {
    { "\xce\xba\xe1\xbd\xb9\xf4\x90\x80\x80zzzz", 6 },
    { "ab\xed\xa0\x80", 3 }, { "abc\xff", 3 }, { "\xc0\x80", 0 }, { "\xe0\x9f\xbf", 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (TRUE, LIMIT, TRUE);
      char *data;
      gsize left = 1;
      gsize at;
      WseFrame frame;

      append_masked (bytes, 0x01, cases[i].text, strlen (cases[i].text));
      for (at = 0; at < bytes->len; at++, left = 1)
        {
          data = (char *) bytes->data + at;
          if (wse_frame_decoder_feed (decoder, &data, &left, &frame) == WSE_FRAME_ERROR)
            break;
        }
      g_assert_cmpuint (at, ==, 6 + cases[i].bad_at);
      g_assert_cmpuint (wse_frame_decoder_get_close_code (decoder), ==, 1007);
    }
}

static void
test_close (void)
{
  static const guint good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999 };
  static const guint bad[] = { 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 };

  assert_hex_decodes ("888000000000", "C1005\"\"");
  assert_hex_decodes ("88810000000003", "!1002");
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      const char payload[] = { (char) (good[i] >> 8), (char) good[i], 'w', 'h', 'y' };
      g_autofree char *expected = g_strdup_printf ("C%u\"why\"", good[i]);

      append_masked (bytes, 0x88, payload, sizeof payload);
      /* What follows a close frame is not looked at. */
      append_hex (bytes, "ffffffffff");
      append_masked (bytes, 0x81, "late", 4);
      assert_decodes (bytes, expected);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      const char payload[] = { (char) (bad[i] >> 8), (char) bad[i] };

      append_masked (bytes, 0x88, payload, sizeof payload);
      assert_decodes (bytes, "!1002");
    }
}

static void
test_close_reason (void)
{
  g_autoptr (GByteArray) bad = g_byte_array_new ();
  g_autoptr (GByteArray) cut = g_byte_array_new ();
  g_autoptr (GByteArray) within = g_byte_array_new ();

  append_masked (bad, 0x88, "\x03\xe8\xce\xba\xed\xa0\x80", 7);
  assert_decodes (bad, "!1007");
  append_masked (cut, 0x88, "\x03\xe8\xce", 3);
  assert_decodes (cut, "!1007");
  append_masked (within, 0x01, "half", 4);
  append_masked (within, 0x88, "\x03\xe8", 2);
  append_masked (within, 0x80, "other half", 10);
  assert_decodes (within, "C1000\"\"");
}

static void
test_limit (void)
{
  g_autoptr (GByteArray) fits = g_byte_array_new ();
  g_autoptr (GByteArray) over = g_byte_array_new ();
  g_autoptr (GByteArray) declared = g_byte_array_new ();
  g_autoptr (GByteArray) control = g_byte_array_new ();

  append_masked (fits, 0x01, "12345", 5);
  append_masked (fits, 0x00, "678", 3);
  append_masked (fits, 0x80, "90", 2);
  append_masked (fits, 0x81, "1234567890", 10);
  assert_decodes_with (fits, TRUE, 10, TRUE, "T\"1234567890\"T\"1234567890\"");

  append_masked (over, 0x01, "12345", 5);
  append_masked (over, 0x80, "678901", 6);
  assert_decodes_with (over, TRUE, 10, TRUE, "!1009");

  append_hex (declared, "818b");
  assert_decodes_with (declared, TRUE, 10, TRUE, "!1009");

  /* A control frame has its own limit and does not count. */
  append_masked (control, 0x01, "1234567890", 10);
  append_masked (control, 0x89, "a ping of more than ten", 23);
  append_masked (control, 0x80, "", 0);
  assert_decodes_with (control, TRUE, 10, TRUE, "P\"a ping of more than ten\"T\"1234567890\"");
}

/* Fragments without end are held up to the limit and no further; a declared length takes no memory. */
static void
test_memory (void)
{
  g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (TRUE, LIMIT, TRUE);
  g_autoptr (GByteArray) fragment = g_byte_array_new ();
  g_autofree char *payload = g_strnfill (1000, 'x');
  WseFrameStatus status = WSE_FRAME_MORE;
  gsize sent = 0;
  WseFrame frame;

  for (guint i = 0; status == WSE_FRAME_MORE; i++)
    {
      char *data;
      gsize left;

      g_byte_array_set_size (fragment, 0);
      append_masked (fragment, i == 0 ? 0x02 : 0x00, payload, 1000);
      data = (char *) fragment->data;
      left = fragment->len;
      status = wse_frame_decoder_feed (decoder, &data, &left, &frame);
      if (status == WSE_FRAME_MORE)
        {
          sent += 1000;
          g_assert_cmpuint (wse_frame_decoder_get_held (decoder), ==, sent);
        }
    }
  g_assert_cmpuint (sent, ==, LIMIT / 1000 * 1000);
  g_assert_cmpuint (wse_frame_decoder_get_close_code (decoder), ==, 1009);
  g_assert_cmpuint (wse_frame_decoder_get_held (decoder), ==, 0);
}

static void
test_binary_refused (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  append_masked (bytes, 0x81, "text", 4);
  append_hex (bytes, "02");
  assert_decodes_with (bytes, TRUE, LIMIT, FALSE, "T\"text\"!1003");
}

static void
test_error_stays (void)
{
  g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (TRUE, LIMIT, TRUE);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  char *data;
  gsize left;
  WseFrame frame;

  append_hex (bytes, "83");
  append_masked (bytes, 0x81, "good", 4);
  data = (char *) bytes->data;
  left = bytes->len;
  g_assert_cmpint (wse_frame_decoder_feed (decoder, &data, &left, &frame), ==, WSE_FRAME_ERROR);
  g_assert_cmpint (wse_frame_decoder_feed (decoder, &data, &left, &frame), ==, WSE_FRAME_ERROR);
  g_assert_cmpuint (wse_frame_decoder_get_close_code (decoder), ==, 1002);
}

static void
test_encode (void)
{
  static const gsize lengths[] = { 0, 1, 125, 126, 65535, 65536, 100000 };
  g_autoptr (GByteArray) all = g_byte_array_new ();
  g_autoptr (GString) expected = g_string_new (NULL);
  guint8 header[WSE_FRAME_HEADER_MAX];

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *payload = g_strnfill (lengths[i], 'a' + i);
      g_autofree char *text = g_base64_encode ((const guchar *) payload, lengths[i]);

      wse_frame_append (all, WSE_OPCODE_TEXT, payload, lengths[i]);
      if (lengths[i] < 64)
        g_string_append_printf (expected, "T\"%s\"", payload);
      else
        g_string_append_printf (expected, "T(%" G_GSIZE_FORMAT " %08x)", lengths[i], g_str_hash (text));
    }
  wse_frame_append (all, WSE_OPCODE_PING, NULL, 0);
  wse_frame_append_close (all, WSE_CLOSE_TOO_SLOW, "too slow");
  g_string_append (expected, "P\"\"C4408\"too slow\"");
  assert_decodes_with (all, FALSE, 100000, TRUE, expected->str);

  g_assert_cmpuint (wse_frame_header (header, WSE_OPCODE_TEXT, 126), ==, 4);
  g_assert_cmpuint (wse_frame_header (header, WSE_OPCODE_TEXT, 65536), ==, 10);
  g_assert_cmpmem (header, 10, "\x81\x7f\0\0\0\0\0\1\0\0", 10);
}

static void
test_encode_close (void)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree char *ascii = g_strnfill (200, 'r');
  g_autofree char *wide = g_strconcat (ascii + 200 - 122, "\xe2\x82\xac", NULL);

  wse_frame_append_close (out, 0, "unsent");
  wse_frame_append_close (out, WSE_CLOSE_NO_STATUS, NULL);
  g_assert_cmpmem (out->data, out->len, "\x88\0\x88\0", 4);

  g_byte_array_set_size (out, 0);
  wse_frame_append_close (out, WSE_CLOSE_NORMAL, NULL);
  g_assert_cmpmem (out->data, out->len, "\x88\2\x03\xe8", 4);

  g_byte_array_set_size (out, 0);
  wse_frame_append_close (out, WSE_CLOSE_NORMAL, ascii);
  g_assert_cmpuint (out->len, ==, 2 + 125);
  g_assert_cmpuint (out->data[1], ==, 125);

  /* A character that would be cut in two is left out whole. */
  g_byte_array_set_size (out, 0);
  wse_frame_append_close (out, WSE_CLOSE_NORMAL, wide);
  g_assert_cmpuint (out->len, ==, 2 + 2 + 122);
}

/* Random sequences of good and broken frames: the pieces in which they come make no difference. */
static void
test_random (void)
{
  for (guint round = 0; round < 3000; round++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (WseFrameDecoder) decoder = wse_frame_decoder_new (TRUE, 400, TRUE);
      g_autofree char *expected = NULL;
      gint n = g_test_rand_int_range (1, 8);

      for (gint i = 0; i < n; i++)
        {
          static const guint8 firsts[] = { 0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88, 0x81, 0x00, 0x80 };
          char payload[300];
          gsize length = (gsize) g_test_rand_int_range (0, g_test_rand_bit () ? 140 : 300);

          for (gsize k = 0; k < length; k++)
            payload[k] = (char) (g_test_rand_int_range (0, 200) == 0 ? g_test_rand_int () : 'a' + (gint) k % 26);
          append_masked (bytes, firsts[g_test_rand_int_range (0, G_N_ELEMENTS (firsts))], payload, length);
        }
      expected = transcribe (decoder, bytes, whole, NULL);
      assert_decodes_with (bytes, TRUE, 400, TRUE, expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/frame/rfc-examples", test_rfc_examples);
  g_test_add_func ("/frame/lengths", test_lengths);
  g_test_add_func ("/frame/no-copy", test_no_copy);
  g_test_add_func ("/frame/masking", test_masking);
  g_test_add_func ("/frame/reserved", test_reserved);
  g_test_add_func ("/frame/errors-come-early", test_errors_come_early);
  g_test_add_func ("/frame/length-encoding", test_length_encoding);
  g_test_add_func ("/frame/control", test_control);
  g_test_add_func ("/frame/fragments", test_fragments);
  g_test_add_func ("/frame/fragments-wrong", test_fragments_wrong);
  g_test_add_func ("/frame/utf8", test_utf8);
  g_test_add_func ("/frame/utf8-fails-fast", test_utf8_fails_fast);
  g_test_add_func ("/frame/close", test_close);
  g_test_add_func ("/frame/close-reason", test_close_reason);
  g_test_add_func ("/frame/limit", test_limit);
  g_test_add_func ("/frame/memory", test_memory);
  g_test_add_func ("/frame/binary-refused", test_binary_refused);
  g_test_add_func ("/frame/error-stays", test_error_stays);
  g_test_add_func ("/frame/encode", test_encode);
  g_test_add_func ("/frame/encode-close", test_encode_close);
  g_test_add_func ("/frame/random", test_random);
  return g_test_run ();
}
