/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for the scanner: what it takes is UTF-8, and compacted it is taken again and stays as it is. */

#include <string.h>

#include "wse-json-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static gboolean
scan (const char   *data,
      gsize         length,
      WseJsonValue *value)
{
  WseJson json;

  wse_json_init (&json, data, length);
  return wse_json_value (&json, value) && wse_json_end (&json);
}

static void
hold_compact (const WseJsonValue *value)
{
  g_autoptr (GString) once = g_string_new (NULL), twice = g_string_new (NULL);
  WseJsonValue again;

  wse_json_compact (value, once);
  g_assert_cmpuint (once->len, <=, value->length);
  g_assert_true (scan (once->str, once->len, &again));
  g_assert_cmpuint (again.depth, ==, value->depth);
  g_assert_false (again.spaced);
  wse_json_compact (&again, twice);
  g_assert_cmpmem (once->str, once->len, twice->str, twice->len);
}

static void
hold_string (const WseJsonValue *value)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_autofree char *text = NULL, *again = NULL;
  WseJsonValue written;
  gsize length, length_again;

  text = wse_json_string_dup (value, &length);
  g_assert_true (g_utf8_validate_len (text, length, NULL) || memchr (text, 0, length) != NULL);
  wse_json_append_string (out, text, length);
  g_assert_true (scan (out->str, out->len, &written));
  again = wse_json_string_dup (&written, &length_again);
  g_assert_cmpmem (text, length, again, length_again);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  /* A copy of the right size, so that a byte read too far is seen. */
  g_autofree char *copy = g_memdup2 (data, size);
  WseJsonValue value;

  if (!scan (copy, size, &value))
    return 0;
  hold_compact (&value);
  if (value.type == WSE_JSON_STRING)
    hold_string (&value);
  return 0;
}
