/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Times are whole microseconds since 1970, UTC; what is finer is cut off; years 1970 to 9999 (PROTOCOL section 1). */

gint64   wse_time_now (void);
/* ISO 8601 with zone. */
gboolean wse_time_parse_iso (const char *text, gsize length, gint64 *time);
/* A JSON number of seconds, read as decimal text: no binary rounding. */
gboolean wse_time_parse_number (const char *text, gsize length, gint64 *time);
/* YYYY-MM-DDTHH:MM:SS.ffffffZ, 27 characters. */
void     wse_time_append_iso (GString *out, gint64 time);
/* Seconds as the shortest exact decimal: 1699468800.123 */
void     wse_time_append_number (GString *out, gint64 time);

G_END_DECLS
