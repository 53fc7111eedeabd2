/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-json-private.h"

G_BEGIN_DECLS

/* JSON objects that decide about access: read whole, or refused. */

/* One member, its value never null (that counts as absent). NULL where it is understood, else a static text that says what is wrong and
 * repeats nothing of it. */
typedef const char *(*WsedMember) (const char *name, const WseJsonValue *value, gpointer user_data);

/* @text: one object, at most 32 levels deep. Calls @member for each member, a name that comes twice is refused. NULL, or what is wrong. */
const char *wsed_object_read      (const char *text, gsize length, WsedMember member, gpointer user_data);
/* The same within an object that was scanned already. */
const char *wsed_object_read_value (const WseJsonValue *value, WsedMember member, gpointer user_data);
/* A string of at most @max bytes without U+0000; NULL where it is none. */
char       *wsed_object_dup_text  (const WseJsonValue *value, gsize max);
/* The same for an id (PROTOCOL section 1: 1 to 128 bytes without white space, control characters, ',', '@' or '*'). */
char       *wsed_object_dup_id    (const WseJsonValue *value);
/* A NumericDate (RFC 7519 section 2: seconds since 1970, perhaps with a fraction) in microseconds, at most the year 9999. */
gboolean    wsed_object_read_time (const WseJsonValue *value, gint64 *time);
/* An array of such strings; NULL where it is none, or one of them is not. */
GStrv       wsed_object_dup_texts (const WseJsonValue *value, gsize max);

G_END_DECLS
