/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A strict RFC 8259 scanner: one pass over bytes it does not own, no tree, no recursion, bounded depth. UTF-8 is checked, surrogate
 * escapes must pair, raw control characters, leading zeros, trailing commas, a BOM and anything after the value are refused. */

typedef enum
{
  WSE_JSON_NULL,
  WSE_JSON_FALSE,
  WSE_JSON_TRUE,
  WSE_JSON_NUMBER,
  WSE_JSON_STRING,
  WSE_JSON_ARRAY,
  WSE_JSON_OBJECT,
} WseJsonType;

/* A value's bytes within the input, quotes and brackets included. */
typedef struct
{
  const char *data;
  gsize length;
  WseJsonType type;
  guint depth;                 /* nested levels within: 0 for a scalar, 1 for [] */
  guint8 spaced : 1;           /* has white space between tokens somewhere within */
  guint8 escaped : 1;          /* a string with escapes */
} WseJsonValue;

typedef struct
{
  const char *start, *at, *end;
  const char *problem;         /* NULL: none so far; else what is wrong at `at`, static */
} WseJson;

void     wse_json_init (WseJson *json, const char *data, gsize length);
/* Scans one whole value of any depth; FALSE sets problem. Iterative: depth costs one bit. */
gboolean wse_json_value (WseJson *json, WseJsonValue *value);
/* TRUE where only white space is left; else problem. */
gboolean wse_json_end (WseJson *json);
/* Steps through an object: enter at `{`, then next until FALSE; at the closing bracket problem stays NULL. */
gboolean wse_json_enter_object (WseJson *json);
gboolean wse_json_next_member (WseJson *json, WseJsonValue *key, WseJsonValue *value);
gboolean wse_json_enter_array (WseJson *json);
gboolean wse_json_next_element (WseJson *json, WseJsonValue *value);
/* "line 1, column 7: expected a value" into a WSE_ERROR_SYNTAX. */
void     wse_json_set_error (const WseJson *json, GError **error);

/* Values. */
gboolean wse_json_string_equal (const WseJsonValue *value, const char *text);      /* unescaped value equals @text */
char    *wse_json_string_dup (const WseJsonValue *value, gsize *length);           /* unescaped; may contain NUL if `\u0000` did: compare @length */
/* The same into @out, which has room for value->length bytes; ends in NUL; gives the length. */
gsize    wse_json_string_unescape (const WseJsonValue *value, char *out);
gboolean wse_json_number_is_integer (const WseJsonValue *value);                   /* only digits and a sign */
double   wse_json_number_to_double (const WseJsonValue *value);
gboolean wse_json_number_to_uint64 (const WseJsonValue *value, guint64 *number);
/* Copies without the white space between tokens. */
gsize    wse_json_compact_to (const WseJsonValue *value, char *out);               /* @out has room for value->length bytes; gives the length */
void     wse_json_compact (const WseJsonValue *value, GString *out);

/* Writing. */
void     wse_json_append_string (GString *out, const char *text, gssize length);   /* with quotes, escaped; U+2028 and the like untouched */

G_END_DECLS
