/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* UTF-8 (RFC 3629) checked as it comes, in pieces of any size. All zero is the beginning. */
typedef struct
{
  guint8 missing;              /* continuation bytes that the character under way still needs */
  guint8 low, high;            /* what the next one of them must lie between */
} WseUtf8;

/* FALSE as soon as a byte cannot continue valid UTF-8; feed nothing more then. */
gboolean wse_utf8_feed (WseUtf8 *utf8, const char *data, gsize length);
/* TRUE between two characters: the text may end here. */
gboolean wse_utf8_is_whole (const WseUtf8 *utf8);

G_END_DECLS
