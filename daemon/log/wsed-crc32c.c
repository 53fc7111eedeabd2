/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedCrc32c owns a table and the choice between it and the processor's own instruction. */

#include "log/wsed-crc32c.h"

#include <pthread.h>
#include <string.h>

/* The polynomial 0x1EDC6F41, bits reversed. */
#define POLYNOMIAL 0x82f63b78u

static guint32 table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void
make_table (void)
{
  for (guint i = 0; i < 256; i++)
    {
      guint32 crc = i;

      for (guint bit = 0; bit < 8; bit++)
        crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
      table[0][i] = crc;
    }
  for (guint i = 0; i < 256; i++)
    for (guint k = 1; k < 8; k++)
      table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
}

guint32
wsed_crc32c_portable (guint32     crc,
                      const void *data,
                      gsize       length)
{
  const guint8 *p = data;

  pthread_once (&table_once, make_table);
  crc = ~crc;
  for (; length >= 8; p += 8, length -= 8)
    {
      guint64 word;

      memcpy (&word, p, 8);
      word = GUINT64_FROM_LE (word) ^ crc;
      crc = table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^ table[5][word >> 16 & 0xff] ^ table[4][word >> 24 & 0xff] ^
            table[3][word >> 32 & 0xff] ^ table[2][word >> 40 & 0xff] ^ table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
    }
  for (; length > 0; p++, length--)
    crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
  return ~crc;
}

#if defined(__x86_64__)
__attribute__ ((target ("sse4.2"))) static guint32
crc32c_instruction (guint32     crc,
                    const void *data,
                    gsize       length)
{
  const guint8 *p = data;
  guint64 state = (guint32) ~crc;

  for (; length >= 8; p += 8, length -= 8)
    {
      guint64 word;

      memcpy (&word, p, 8);
      state = __builtin_ia32_crc32di (state, word);
    }
  for (; length > 0; p++, length--)
    state = __builtin_ia32_crc32qi ((guint32) state, *p);
  return ~(guint32) state;
}
#endif

guint32
wsed_crc32c (guint32     crc,
             const void *data,
             gsize       length)
{
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("sse4.2"))
    return crc32c_instruction (crc, data, length);
#endif
  return wsed_crc32c_portable (crc, data, length);
}
