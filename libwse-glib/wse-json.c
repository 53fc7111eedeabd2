/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The strict JSON scanner (RFC 8259): checks bytes it does not own in one pass and gives out where values begin and end. It never
 * builds a tree, never recurses and never allocates but for the nesting of what is deeper than 64 levels. */

#include "wse-json-private.h"

#include <string.h>

#include "wse-error.h"

/* Which bracket each open level has, one bit a level (1: an object), the innermost lowest. Full words lie in `spilled`. */
typedef struct
{
  guint64 word;
  guint64 *spilled;
  guint n_spilled;             /* words that `spilled` has room for */
  guint depth;
} Nesting;

typedef enum
{
  STATE_FIRST_KEY,             /* after `{` */
  STATE_KEY,                   /* after `,` in an object */
  STATE_FIRST_ELEMENT,         /* after `[` */
  STATE_VALUE,                 /* after `,` in an array, or after `:` */
  STATE_AFTER,                 /* after a value */
} State;

static inline gboolean
fail (WseJson *json, const char *at, const char *problem)
{
  json->at = at;
  json->problem = problem;
  return FALSE;
}

static void
nesting_spill (Nesting *nesting)
{
  guint index = nesting->depth / 64 - 1;

  if (index >= nesting->n_spilled)
    {
      nesting->n_spilled = MAX (16, nesting->n_spilled * 2);
      nesting->spilled = g_renew (guint64, nesting->spilled, nesting->n_spilled);
    }
  nesting->spilled[index] = nesting->word;
  nesting->word = 0;
}

static inline void
nesting_push (Nesting *nesting, guint64 object)
{
  if (G_UNLIKELY (nesting->depth >= 64 && nesting->depth % 64 == 0))
    nesting_spill (nesting);
  nesting->word = nesting->word << 1 | object;
  nesting->depth++;
}

static inline void
nesting_pop (Nesting *nesting)
{
  nesting->word >>= 1;
  nesting->depth--;
  if (G_UNLIKELY (nesting->depth >= 64 && nesting->depth % 64 == 0))
    nesting->word = nesting->spilled[nesting->depth / 64 - 1];
}

/* TRUE where there was some. */
static inline gboolean
skip_space (WseJson *json)
{
  const char *p = json->at;

  while (p < json->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    p++;
  if (p == json->at)
    return FALSE;
  json->at = p;
  return TRUE;
}

/* The first byte that is a quote, a backslash, a control character or not ASCII. Eight at a time: the subtractions set the high bit of
 * such a byte; a borrow can only spoil bytes above the first one found, and only the first one counts. */
static inline const char *
skip_plain (const char *p, const char *end)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);

  while (end - p >= 8)
    {
      guint64 word, special;

      memcpy (&word, p, 8);
      word = GUINT64_FROM_LE (word);
      special = (word | (word - ones * 0x20) | ((word ^ ones * '"') - ones) | ((word ^ ones * '\\') - ones)) & ones * 0x80;
      if (special != 0)
        return p + __builtin_ctzll (special) / 8;
      p += 8;
    }
  while (p < end && (guchar) *p >= 0x20 && (guchar) *p < 0x80 && *p != '"' && *p != '\\')
    p++;
  return p;
}

static inline gboolean
is_continuation (char byte)
{
  return ((guchar) byte & 0xc0) == 0x80;
}

/* Bytes of the character at @p, 0 where it is not UTF-8 (RFC 3629 section 4: no overlong forms, no surrogates, up to U+10FFFF). */
static inline guint
character_length (const char *p, const char *end)
{
  guchar lead = (guchar) p[0], second;

  if (lead < 0xc2 || lead > 0xf4 || end - p < 2)
    return 0;
  second = (guchar) p[1];
  if (lead < 0xe0)
    return is_continuation (p[1]) ? 2 : 0;
  if (lead < 0xf0)
    {
      if (second < (lead == 0xe0 ? 0xa0 : 0x80) || second > (lead == 0xed ? 0x9f : 0xbf))
        return 0;
      return end - p >= 3 && is_continuation (p[2]) ? 3 : 0;
    }
  if (second < (lead == 0xf0 ? 0x90 : 0x80) || second > (lead == 0xf4 ? 0x8f : 0xbf))
    return 0;
  return end - p >= 4 && is_continuation (p[2]) && is_continuation (p[3]) ? 4 : 0;
}

/* The code unit of the `\uXXXX` at @p, -1 where there is none. */
static int
escape_unit (const char *p, const char *end)
{
  int unit = 0;

  if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
    return -1;
  for (guint i = 2; i < 6; i++)
    {
      int digit = g_ascii_xdigit_value (p[i]);

      if (digit < 0)
        return -1;
      unit = unit << 4 | digit;
    }
  return unit;
}

/* Scans the escape at json->at; a surrogate must be one of a pair. */
static gboolean
scan_escape (WseJson *json)
{
  const char *p = json->at;
  int unit, second;

  if (json->end - p < 2)
    return fail (json, json->end, "unfinished string");
  if (p[1] != 'u')
    {
      if (memchr ("\"\\/bfnrt", p[1], 8) == NULL)
        return fail (json, p, "unknown escape");
      json->at = p + 2;
      return TRUE;
    }
  unit = escape_unit (p, json->end);
  if (unit < 0)
    return fail (json, p, "expected four hexadecimal digits after \\u");
  if (unit < 0xd800 || unit > 0xdfff)
    {
      json->at = p + 6;
      return TRUE;
    }
  second = escape_unit (p + 6, json->end);
  if (unit > 0xdbff || second < 0xdc00 || second > 0xdfff)
    return fail (json, p, "a surrogate escape without its other half");
  json->at = p + 12;
  return TRUE;
}

/* Scans the string whose opening quote is at json->at. */
static inline gboolean
scan_string (WseJson *json, gboolean *escaped)
{
  const char *p = json->at + 1, *end = json->end;

  *escaped = FALSE;
  for (;;)
    {
      p = skip_plain (p, end);
      if (p == end)
        return fail (json, p, "unfinished string");
      if (*p == '"')
        {
          json->at = p + 1;
          return TRUE;
        }
      if (*p == '\\')
        {
          json->at = p;
          if (!scan_escape (json))
            return FALSE;
          p = json->at;
          *escaped = TRUE;
          continue;
        }
      if ((guchar) *p < 0x20)
        return fail (json, p, "a control character in a string must be escaped");
      while (p < end && (guchar) *p >= 0x80)
        {
          guint length = character_length (p, end);

          if (length == 0)
            return fail (json, p, "not UTF-8");
          p += length;
        }
    }
}

static inline const char *
skip_digits (const char *p, const char *end)
{
  while (p < end && g_ascii_isdigit (*p))
    p++;
  return p;
}

static inline gboolean
scan_number (WseJson *json)
{
  const char *p = json->at, *end = json->end, *digits;

  if (*p == '-')
    p++;
  digits = p;
  p = p < end && *p == '0' ? p + 1 : skip_digits (p, end);
  if (p == digits)
    return fail (json, p, "expected a digit");
  if (p < end && *p == '.')
    {
      digits = p + 1;
      p = skip_digits (digits, end);
      if (p == digits)
        return fail (json, p, "expected a digit");
    }
  if (p < end && (*p == 'e' || *p == 'E'))
    {
      digits = p + 1;
      if (digits < end && (*digits == '+' || *digits == '-'))
        digits++;
      p = skip_digits (digits, end);
      if (p == digits)
        return fail (json, p, "expected a digit");
    }
  json->at = p;
  return TRUE;
}

static gboolean
scan_word (WseJson *json, const char *word, gsize length)
{
  if ((gsize) (json->end - json->at) < length || memcmp (json->at, word, length) != 0)
    return fail (json, json->at, "expected a value");
  json->at += length;
  return TRUE;
}

static inline gboolean
scan_scalar (WseJson *json, WseJsonType *type, gboolean *escaped)
{
  *escaped = FALSE;
  switch (*json->at)
    {
    case '"':
      *type = WSE_JSON_STRING;
      return scan_string (json, escaped);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
      *type = WSE_JSON_NUMBER;
      return scan_number (json);
    case 't':
      *type = WSE_JSON_TRUE;
      return scan_word (json, "true", 4);
    case 'f':
      *type = WSE_JSON_FALSE;
      return scan_word (json, "false", 5);
    case 'n':
      *type = WSE_JSON_NULL;
      return scan_word (json, "null", 4);
    default:
      return fail (json, json->at, "expected a value");
    }
}

/* Scans `"key" :` up to before the value. */
static inline gboolean
scan_key (WseJson *json, gboolean *escaped, gboolean *spaced)
{
  if (*json->at != '"')
    return fail (json, json->at, "expected a member name");
  if (!scan_string (json, escaped))
    return FALSE;
  *spaced |= skip_space (json);
  if (json->at == json->end || *json->at != ':')
    return fail (json, json->at, "expected a colon");
  json->at++;
  return TRUE;
}

/* One step within a container: json->at is at a byte that is not white space. */
static inline gboolean
scan_step (WseJson *json, Nesting *nesting, State *state, gboolean *spaced)
{
  char c = *json->at;
  gboolean object = nesting->word & 1, escaped;
  WseJsonType type;

  if ((*state == STATE_AFTER || *state == STATE_FIRST_KEY || *state == STATE_FIRST_ELEMENT) && c == (object ? '}' : ']'))
    {
      nesting_pop (nesting);
      *state = STATE_AFTER;
      json->at++;
      return TRUE;
    }
  if (*state == STATE_AFTER)
    {
      if (c != ',')
        return fail (json, json->at, object ? "expected a comma or }" : "expected a comma or ]");
      *state = object ? STATE_KEY : STATE_VALUE;
      json->at++;
      return TRUE;
    }
  if (*state == STATE_KEY || *state == STATE_FIRST_KEY)
    {
      *state = STATE_VALUE;
      return scan_key (json, &escaped, spaced);
    }
  if (c == '{' || c == '[')
    {
      nesting_push (nesting, c == '{');
      *state = c == '{' ? STATE_FIRST_KEY : STATE_FIRST_ELEMENT;
      json->at++;
      return TRUE;
    }
  *state = STATE_AFTER;
  return scan_scalar (json, &type, &escaped);
}

static gboolean
scan_container (WseJson *json, WseJsonValue *value)
{
  g_autofree guint64 *spilled = NULL;
  Nesting nesting = { 0 };
  State state = STATE_VALUE;
  gboolean spaced = FALSE, ok = TRUE;
  guint deepest = 0;

  do
    {
      spaced |= skip_space (json);
      if (json->at == json->end)
        ok = fail (json, json->at, "unfinished value");
      else
        ok = scan_step (json, &nesting, &state, &spaced);
      deepest = MAX (deepest, nesting.depth);
    }
  while (ok && nesting.depth > 0);

  spilled = nesting.spilled;
  value->depth = deepest;
  value->spaced = spaced;
  return ok;
}

void
wse_json_init (WseJson *json, const char *data, gsize length)
{
  json->start = json->at = data;
  json->end = length > 0 ? data + length : data;     /* an empty GBytes gives NULL */
  json->problem = NULL;
}

gboolean
wse_json_value (WseJson *json, WseJsonValue *value)
{
  gboolean escaped, ok;

  if (json->problem != NULL)
    return FALSE;
  skip_space (json);
  if (json->at == json->end)
    return fail (json, json->at, "expected a value");

  value->data = json->at;
  value->depth = 0;
  value->spaced = FALSE;
  value->escaped = FALSE;
  if (*json->at == '{' || *json->at == '[')
    {
      value->type = *json->at == '{' ? WSE_JSON_OBJECT : WSE_JSON_ARRAY;
      ok = scan_container (json, value);
    }
  else
    {
      ok = scan_scalar (json, &value->type, &escaped);
      value->escaped = escaped;
    }
  value->length = json->at - value->data;
  return ok;
}

gboolean
wse_json_end (WseJson *json)
{
  if (json->problem != NULL)
    return FALSE;
  skip_space (json);
  if (json->at != json->end)
    return fail (json, json->at, "unexpected text after the value");
  return TRUE;
}

static gboolean
enter (WseJson *json, char bracket, const char *problem)
{
  if (json->problem != NULL)
    return FALSE;
  skip_space (json);
  if (json->at == json->end || *json->at != bracket)
    return fail (json, json->at, problem);
  json->at++;
  return TRUE;
}

gboolean
wse_json_enter_object (WseJson *json)
{
  return enter (json, '{', "expected an object");
}

gboolean
wse_json_enter_array (WseJson *json)
{
  return enter (json, '[', "expected an array");
}

/* Goes to before the next item of an entered container; FALSE at its end and on a problem. No value ends in an opening bracket, so the
 * byte before tells whether this is the first item. */
static inline gboolean
next_item (WseJson *json, char opening, char closing, const char *problem)
{
  gboolean first = json->at[-1] == opening;

  if (json->problem != NULL)
    return FALSE;
  skip_space (json);
  if (json->at == json->end)
    return fail (json, json->at, "unfinished value");
  if (*json->at == closing)
    {
      json->at++;
      return FALSE;
    }
  if (first)
    return TRUE;
  if (*json->at != ',')
    return fail (json, json->at, problem);
  json->at++;
  skip_space (json);
  if (json->at == json->end)
    return fail (json, json->at, "unfinished value");
  return TRUE;
}

gboolean
wse_json_next_member (WseJson *json, WseJsonValue *key, WseJsonValue *value)
{
  gboolean escaped;

  if (!next_item (json, '{', '}', "expected a comma or }"))
    return FALSE;
  key->data = json->at;
  key->type = WSE_JSON_STRING;
  key->depth = 0;
  key->spaced = FALSE;
  if (*json->at != '"')
    return fail (json, json->at, "expected a member name");
  if (!scan_string (json, &escaped))
    return FALSE;
  key->length = json->at - key->data;
  key->escaped = escaped;
  skip_space (json);
  if (json->at == json->end || *json->at != ':')
    return fail (json, json->at, "expected a colon");
  json->at++;
  return wse_json_value (json, value);
}

gboolean
wse_json_next_element (WseJson *json, WseJsonValue *value)
{
  return next_item (json, '[', ']', "expected a comma or ]") && wse_json_value (json, value);
}

void
wse_json_set_error (const WseJson *json, GError **error)
{
  gsize line = 1, column = 1;

  g_assert (json->problem != NULL);

  /* All before `at` was checked: a column is a character. */
  for (const char *p = json->start; p < json->at; p++)
    {
      if (*p == '\n')
        {
          line++;
          column = 1;
        }
      else if (!is_continuation (*p))
        column++;
    }
  g_set_error (error, WSE_ERROR, WSE_ERROR_SYNTAX, "line %" G_GSIZE_FORMAT ", column %" G_GSIZE_FORMAT ": %s", line, column,
               json->problem);
}
