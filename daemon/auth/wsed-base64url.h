/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* RFC 4648 section 5 without padding, as RFC 7515 wants it: any other character, a length that cannot be, and bits left over in the last
 * one are refused, so that there is one text for each value. NULL where it is refused. */
GBytes *wsed_base64url_decode (const char *text, gsize length);

G_END_DECLS
