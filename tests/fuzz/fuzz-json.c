/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for the scanner: what it takes whole it takes step by step, and nothing else; it is UTF-8, and
 * compacted it is taken again and stays as it is. */

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

static gboolean
next (WseJson      *json,
      WseJsonType   type,
      WseJsonValue *key,
      WseJsonValue *value)
{
  return type == WSE_JSON_OBJECT ? wse_json_next_member (json, key, value) : wse_json_next_element (json, value);
}

/* The same values in the same order, to the byte but for white space, as deep as the stack of a test may go. */
static void
hold_same (const WseJsonValue *a,
           const WseJsonValue *b,
           guint               levels)
{
  WseJsonValue key_a = { 0 }, key_b = { 0 }, value_a, value_b;
  WseJson json_a, json_b;

  g_assert_cmpint (a->type, ==, b->type);
  if (a->type != WSE_JSON_OBJECT && a->type != WSE_JSON_ARRAY)
    g_assert_cmpmem (a->data, a->length, b->data, b->length);
  else if (levels > 0)
    {
      wse_json_init (&json_a, a->data, a->length);
      wse_json_init (&json_b, b->data, b->length);
      g_assert_true (a->type == WSE_JSON_OBJECT ? wse_json_enter_object (&json_a) : wse_json_enter_array (&json_a));
      g_assert_true (a->type == WSE_JSON_OBJECT ? wse_json_enter_object (&json_b) : wse_json_enter_array (&json_b));
      while (next (&json_a, a->type, &key_a, &value_a))
        {
          g_assert_true (next (&json_b, a->type, &key_b, &value_b));
          g_assert_cmpmem (key_a.data, key_a.length, key_b.data, key_b.length);
          hold_same (&value_a, &value_b, levels - 1);
        }
      g_assert_false (next (&json_b, a->type, &key_b, &value_b));
    }
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
  hold_same (value, &again, 20);
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

/* Steps through @data as what its first bracket says; whether it came to the end without a problem. */
static gboolean
step (const char *data,
      gsize       length,
      char        bracket)
{
  WseJson json;
  WseJsonValue key, value;
  gsize bytes = 0;

  wse_json_init (&json, data, length);
  if (bracket == '{' && wse_json_enter_object (&json))
    while (wse_json_next_member (&json, &key, &value))
      bytes += key.length + value.length;
  else if (bracket == '[' && wse_json_enter_array (&json))
    while (wse_json_next_element (&json, &value))
      bytes += value.length;
  g_assert_cmpuint (bytes, <=, length);
  return wse_json_end (&json);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  /* A copy of the right size, so that a byte read too far is seen. */
  g_autofree char *copy = g_memdup2 (data, size);
  WseJsonValue value;
  gboolean ok = scan (copy, size, &value);
  gsize spaces = 0;

  while (spaces < size && memchr (" \t\r\n", copy[spaces], 4) != NULL)
    spaces++;
  if (spaces < size && (copy[spaces] == '{' || copy[spaces] == '['))
    g_assert_true (step (copy, size, copy[spaces]) == ok);
  if (!ok)
    return 0;
  hold_compact (&value);
  if (value.type == WSE_JSON_STRING)
    hold_string (&value);
  return 0;
}
