/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is inside of a value that the scanner has checked: text without its escapes, numbers, compact bytes; and writing text as a
 * JSON string. It checks nothing again: what did not come from the scanner must not come here. */

#include "wse-json-private.h"

#include <string.h>

static guint
read_unit (const char *p)
{
  return g_ascii_xdigit_value (p[0]) << 12 | g_ascii_xdigit_value (p[1]) << 8 | g_ascii_xdigit_value (p[2]) << 4
         | g_ascii_xdigit_value (p[3]);
}

/* Decodes the escape at @p to @out; moves both. */
static void
read_escape (const char **p, char **out)
{
  static const char plain[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
  gunichar character;

  if ((*p)[1] != 'u')
    {
      const char *pair = plain;

      while (pair[0] != (*p)[1])
        pair += 2;
      *(*out)++ = pair[1];
      *p += 2;
      return;
    }
  character = read_unit (*p + 2);
  *p += 6;
  if (character >= 0xd800 && character <= 0xdbff)
    {
      character = 0x10000 + ((character - 0xd800) << 10) + (read_unit (*p + 2) - 0xdc00);
      *p += 6;
    }
  *out += g_unichar_to_utf8 (character, *out);
}

/* Writes the text of a string, without quotes and escapes, to @out, which has room for value->length bytes, and a NUL after it. Gives
 * its length; text from `\u0000` contains NUL itself. */
gsize
wse_json_string_unescape (const WseJsonValue *value, char *out)
{
  const char *p = value->data + 1, *end = value->data + value->length - 1;
  char *begin = out;

  g_assert (value->type == WSE_JSON_STRING);

  if (!value->escaped)
    {
      memcpy (out, p, end - p);
      out[end - p] = '\0';
      return end - p;
    }
  while (p < end)
    {
      const char *escape = memchr (p, '\\', end - p);
      gsize run = (escape != NULL ? escape : end) - p;

      memcpy (out, p, run);
      out += run;
      p += run;
      if (p < end)
        read_escape (&p, &out);
    }
  *out = '\0';
  return out - begin;
}

char *
wse_json_string_dup (const WseJsonValue *value, gsize *length)
{
  char *text = g_malloc (value->length);
  gsize bytes = wse_json_string_unescape (value, text);

  if (length != NULL)
    *length = bytes;
  return text;
}

gboolean
wse_json_string_equal (const WseJsonValue *value, const char *text)
{
  gsize length = strlen (text), bytes;
  g_autofree char *plain = NULL;

  if (value->type != WSE_JSON_STRING)
    return FALSE;
  if (!value->escaped)
    return value->length == length + 2 && memcmp (value->data + 1, text, length) == 0;
  /* An escape makes a character at most six times as long: what is longer cannot be equal and is not decoded. */
  if (value->length - 2 > length * 6)
    return FALSE;
  plain = wse_json_string_dup (value, &bytes);
  return bytes == length && memcmp (plain, text, length) == 0;
}

gboolean
wse_json_number_is_integer (const WseJsonValue *value)
{
  if (value->type != WSE_JSON_NUMBER)
    return FALSE;
  for (gsize i = 0; i < value->length; i++)
    if (value->data[i] == '.' || value->data[i] == 'e' || value->data[i] == 'E')
      return FALSE;
  return TRUE;
}

/* As near as a double comes; ±HUGE_VAL where it is out of range. */
double
wse_json_number_to_double (const WseJsonValue *value)
{
  char small[64];
  g_autofree char *large = NULL;
  char *text = small;

  g_assert (value->type == WSE_JSON_NUMBER);

  if (value->length >= sizeof small)
    text = large = g_malloc (value->length + 1);
  memcpy (text, value->data, value->length);
  text[value->length] = '\0';
  return g_ascii_strtod (text, NULL);
}

gboolean
wse_json_number_to_uint64 (const WseJsonValue *value, guint64 *number)
{
  guint64 result = 0;

  if (value->type != WSE_JSON_NUMBER)
    return FALSE;
  for (gsize i = 0; i < value->length; i++)
    {
      if (!g_ascii_isdigit (value->data[i]))
        return FALSE;
      if (__builtin_mul_overflow (result, 10, &result) || __builtin_add_overflow (result, value->data[i] - '0', &result))
        return FALSE;
    }
  *number = result;
  return TRUE;
}

/* Writes the value without the white space between its tokens to @out, which has room for value->length bytes. Gives its length. */
gsize
wse_json_compact_to (const WseJsonValue *value, char *out)
{
  const char *p = value->data, *end = p + value->length;
  char *begin = out;

  if (!value->spaced)
    {
      memcpy (out, p, value->length);
      return value->length;
    }
  while (p < end)
    {
      if (*p == '"')
        {
          const char *close = p + 1;

          while (*close != '"')
            close += *close == '\\' ? 2 : 1;
          memcpy (out, p, close + 1 - p);
          out += close + 1 - p;
          p = close + 1;
        }
      else if (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
        p++;
      else
        *out++ = *p++;
    }
  return out - begin;
}

void
wse_json_compact (const WseJsonValue *value, GString *out)
{
  gsize before = out->len;

  g_string_set_size (out, before + value->length);
  g_string_truncate (out, before + wse_json_compact_to (value, out->str + before));
}

static void
append_escaped (GString *out, guchar c)
{
  static const char digits[] = "0123456789abcdef";
  static const char letters[32] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
  char text[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };

  if (c >= 0x20 || letters[c] != 0)
    {
      text[1] = c >= 0x20 ? c : letters[c];
      g_string_append_len (out, text, 2);
    }
  else
    g_string_append_len (out, text, 6);
}

/* @text is UTF-8; @length -1: it ends in NUL. */
void
wse_json_append_string (GString *out, const char *text, gssize length)
{
  const char *end = text + (length < 0 ? strlen (text) : (gsize) length);

  g_string_append_c (out, '"');
  while (text < end)
    {
      const char *run = text;

      while (text < end && (guchar) *text >= 0x20 && *text != '"' && *text != '\\')
        text++;
      g_string_append_len (out, run, text - run);
      if (text < end)
        append_escaped (out, (guchar) *text++);
    }
  g_string_append_c (out, '"');
}
