/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include "wse-json-private.h"

G_BEGIN_DECLS

/* The member @name of the object that is all of @data; FALSE where it is not there, null, or @data is no object. */
gboolean wsectl_answer_find (const char *data, gsize length, const char *name, WseJsonValue *value);
/* The same within a value. */
gboolean wsectl_answer_member (const WseJsonValue *object, const char *name, WseJsonValue *value);
/* A member that is a text, or NULL. */
char    *wsectl_answer_text (const WseJsonValue *object, const char *name);
/* A member that is a number without a fraction, or @otherwise. */
guint64  wsectl_answer_number (const WseJsonValue *object, const char *name, guint64 otherwise);
/* Sets a WSE_ERROR_FAILED that says what the server said. */
void     wsectl_answer_set_refusal (guint status, GBytes *body, GError **error);
/* Appends bytes of JSON so that no terminal takes them for a command: DEL and U+0080 to U+009F are escaped. */
void     wsectl_answer_append_safe (GString *out, const char *data, gsize length);

G_END_DECLS
