/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An incremental UTF-8 validator: three bytes of state, so that text can be refused within a fragment, at the very byte that makes it
 * impossible, and not only when the message is whole. It never keeps or changes the bytes. */

#include "wse-utf8-private.h"

#include <string.h>

/* Skips whole words without a byte above 0x7f: most of what is sent is ASCII. */
static const guint8 *
skip_ascii (const guint8 *at, const guint8 *end)
{
  while (end - at >= 8)
    {
      guint64 word;

      memcpy (&word, at, sizeof word);
      if ((word & G_GUINT64_CONSTANT (0x8080808080808080)) != 0)
        break;
      at += sizeof word;
    }
  while (at < end && *at < 0x80)
    at++;
  return at;
}

/* RFC 3629 section 4: the second byte's range is narrower after E0 and F0 (overlong), ED (surrogates) and F4 (above U+10FFFF). */
static gboolean
begin_character (WseUtf8 *utf8, guint8 byte)
{
  if (byte < 0xc2 || byte > 0xf4)
    return FALSE;

  utf8->missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  utf8->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
  utf8->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
  return TRUE;
}

gboolean
wse_utf8_feed (WseUtf8 *utf8, const char *data, gsize length)
{
  const guint8 *at = (const guint8 *) data;
  const guint8 *end = at + length;

  while (at < end)
    {
      if (utf8->missing > 0)
        {
          if (*at < utf8->low || *at > utf8->high)
            return FALSE;
          utf8->missing--;
          utf8->low = 0x80;
          utf8->high = 0xbf;
          at++;
          continue;
        }
      at = skip_ascii (at, end);
      if (at < end && !begin_character (utf8, *at++))
        return FALSE;
    }
  return TRUE;
}

gboolean
wse_utf8_is_whole (const WseUtf8 *utf8)
{
  return utf8->missing == 0;
}
