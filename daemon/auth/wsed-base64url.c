/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads base64url, strictly. It bounds nothing: who calls it knows how long a text may be. */

#include "auth/wsed-base64url.h"

static int
value_of (char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '-' ? 62 : c == '_' ? 63 : -1;
}

GBytes *
wsed_base64url_decode (const char *text,
                       gsize       length)
{
  g_autofree guint8 *bytes = g_malloc (length / 4 * 3 + 3);
  gsize n = 0;
  guint32 bits = 0;

  if (length % 4 == 1)
    return NULL;
  for (gsize i = 0; i < length; i++)
    {
      int value = value_of (text[i]);

      if (value < 0)
        return NULL;
      bits = bits << 6 | (guint) value;
      if (i % 4 > 0)
        bytes[n++] = bits >> (6 - i % 4 * 2);
    }
  /* Two or three characters at the end carry four or two bits too many. */
  if ((length % 4 == 2 && (bits & 15) != 0) || (length % 4 == 3 && (bits & 3) != 0))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&bytes), n);
}
