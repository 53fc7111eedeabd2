/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4). Start with 0; the result of one piece is the start of the next. */
guint32 wsed_crc32c (guint32 crc, const void *data, gsize length);
/* The same by table, for processors without the instruction, and for the test that compares both. */
guint32 wsed_crc32c_portable (guint32 crc, const void *data, gsize length);

G_END_DECLS
