/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads one setting's text by its kind, and says what would have been allowed. Owns no table and keeps no value. */
#include "wsed-option.h"

#include <string.h>

#include "wse.h"

char *
wsed_option_variable (const WsedOption *option)
{
  char *variable = g_strconcat ("WSE_", option->name, NULL);

  for (char *c = variable; *c != '\0'; c++)
    *c = *c == '-' ? '_' : g_ascii_toupper (*c);
  return variable;
}

static char *
format_bytes (guint64 bytes)
{
  static const char *const units[] = { "", " KiB", " MiB", " GiB", " TiB" };
  guint unit = 0;

  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < G_N_ELEMENTS (units))
    {
      bytes /= 1024;
      unit++;
    }
  return g_strdup_printf ("%" G_GUINT64_FORMAT "%s", bytes, units[unit]);
}

char *
wsed_option_allowed (const WsedOption *option)
{
  if (option->form != NULL)
    return g_strdup (option->form);
  switch (option->kind)
    {
    case WSED_OPTION_TEXT:
      return g_strdup ("text, not empty");
    case WSED_OPTION_PATH:
      return g_strdup ("a path");
    case WSED_OPTION_LIST:
      return g_strdup ("a list, separated by commas");
    case WSED_OPTION_NUMBER:
      return g_strdup_printf ("a whole number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, option->min, option->max);
    case WSED_OPTION_BYTES:
      {
        g_autofree char *min = format_bytes (option->min);
        g_autofree char *max = format_bytes (option->max);

        return g_strdup_printf ("bytes, or a number with KiB, MiB, GiB or TiB, from %s to %s%s", min, max,
                                option->unbounded ? "; - is without a bound" : "");
      }
    case WSED_OPTION_FLAG:
      return g_strdup ("on or off");
    case WSED_OPTION_CHOICE:
      {
        g_autofree char *choices = g_strjoinv (", ", (char **) option->choices);

        return g_strconcat ("one of ", choices, NULL);
      }
    case WSED_OPTION_CHOICES:
      {
        g_autofree char *choices = g_strjoinv (", ", (char **) option->choices);

        return g_strconcat ("a list of ", choices, NULL);
      }
    case WSED_OPTION_RETENTION:
      return g_strdup ("EVENTS,AGE: a whole number from 1, and a time with s, m, h or d; - is unbounded");
    default:
      g_assert_not_reached ();
    }
}

/* Digits at the start of @text, at most G_MAXINT64; @end: what follows them. */
static gboolean
read_digits (const char *text, guint64 *number, const char **end)
{
  guint64 sum = 0;
  const char *c;

  for (c = text; g_ascii_isdigit (*c); c++)
    {
      sum = sum * 10 + (guint64) (*c - '0');
      if (sum > G_MAXINT64 / 16)
        return FALSE;
    }
  *number = sum;
  *end = c;
  return c != text;
}

static gboolean
read_scaled (const char *text, const char *const *units, const guint64 *factors, guint64 *number)
{
  const char *unit;

  if (!read_digits (text, number, &unit))
    return FALSE;
  while (*unit == ' ')
    unit++;
  for (guint i = 0; units[i] != NULL; i++)
    {
      if (g_ascii_strcasecmp (unit, units[i]) != 0)
        continue;
      if (*number > G_MAXINT64 / factors[i])
        return FALSE;
      *number *= factors[i];
      return TRUE;
    }
  return FALSE;
}

static gboolean
read_bytes (const WsedOption *option, const char *text, WsedValue *value)
{
  static const char *const units[] = { "", "B", "K", "KiB", "M", "MiB", "G", "GiB", "T", "TiB", NULL };
  static const guint64 factors[] = { 1, 1, 1 << 10, 1 << 10, 1 << 20, 1 << 20, 1 << 30, 1 << 30, 1ULL << 40, 1ULL << 40 };

  if (option->unbounded && strcmp (text, "-") == 0)
    return TRUE;
  return read_scaled (text, units, factors, &value->number) && value->number >= option->min && value->number <= option->max;
}

static gboolean
read_age (const char *text, gint64 *age)
{
  static const char *const units[] = { "s", "m", "h", "d", NULL };
  static const guint64 factors[] = { 1, 60, 60 * 60, 24 * 60 * 60 };
  guint64 seconds;

  if (strcmp (text, "-") == 0)
    return TRUE;
  if (!read_scaled (text, units, factors, &seconds) || seconds < 1 || seconds > G_MAXINT64 / G_USEC_PER_SEC)
    return FALSE;
  *age = (gint64) seconds * G_USEC_PER_SEC;
  return TRUE;
}

static gboolean
read_retention (const char *text, WsedValue *value)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  const char *end;

  if (g_strv_length (parts) != 2)
    return FALSE;
  g_strstrip (parts[0]);
  g_strstrip (parts[1]);
  if (strcmp (parts[0], "-") != 0 && (!read_digits (parts[0], &value->number, &end) || *end != '\0' || value->number < 1))
    return FALSE;
  return read_age (parts[1], &value->age);
}

static gboolean
read_flag (const char *text, guint64 *flag)
{
  static const char *const words[] = { "off", "on", "0", "1", "no", "yes", "false", "true" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      if (g_ascii_strcasecmp (text, words[i]) != 0)
        continue;
      *flag = i % 2;
      return TRUE;
    }
  return FALSE;
}

static gboolean
read_choice (const WsedOption *option, const char *text, guint64 *place)
{
  for (guint i = 0; option->choices[i] != NULL; i++)
    {
      if (strcmp (text, option->choices[i]) != 0)
        continue;
      *place = i;
      return TRUE;
    }
  return FALSE;
}

static gboolean
read_list (const WsedOption *option, const char *text, WsedValue *value, GError **error)
{
  guint64 place;

  value->list = g_strsplit (text, ",", -1);
  for (guint i = 0; value->list[i] != NULL; i++)
    {
      const char *item = g_strstrip (value->list[i]);

      if (item[0] == '\0')
        return FALSE;
      if (option->kind == WSED_OPTION_CHOICES && !read_choice (option, item, &place))
        return FALSE;
      if (option->check != NULL && !option->check (item, error))
        return FALSE;
    }
  return value->list[0] != NULL;
}

static gboolean
read_value (const WsedOption *option, const char *text, WsedValue *value, GError **error)
{
  const char *end;

  switch (option->kind)
    {
    case WSED_OPTION_TEXT:
    case WSED_OPTION_PATH:
      value->text = g_strdup (text);
      return text[0] != '\0' && (option->check == NULL || option->check (text, error));
    case WSED_OPTION_LIST:
    case WSED_OPTION_CHOICES:
      return read_list (option, text, value, error);
    case WSED_OPTION_NUMBER:
      return read_digits (text, &value->number, &end) && *end == '\0'
             && value->number >= option->min && value->number <= option->max;
    case WSED_OPTION_BYTES:
      return read_bytes (option, text, value);
    case WSED_OPTION_FLAG:
      return read_flag (text, &value->number);
    case WSED_OPTION_CHOICE:
      return read_choice (option, text, &value->number);
    case WSED_OPTION_RETENTION:
      return read_retention (text, value);
    default:
      g_assert_not_reached ();
    }
}

gboolean
wsed_option_parse (const WsedOption *option, const char *who, const char *text, WsedValue *value, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autofree char *allowed = NULL;
  g_autofree char *shown = NULL;

  memset (value, 0, sizeof *value);
  if (read_value (option, text, value, &reason))
    return TRUE;
  allowed = wsed_option_allowed (option);
  /* An address may carry a password. */
  shown = option->secret || strstr (text, "://") != NULL ? g_strdup ("its value") : g_strdup_printf ("“%s”", text);
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: %s is not allowed%s%s; allowed is %s", who, shown,
               reason != NULL ? ": " : "", reason != NULL ? reason->message : "", allowed);
  return FALSE;
}

void
wsed_value_clear (WsedValue *value)
{
  g_clear_pointer (&value->text, g_free);
  g_clear_pointer (&value->list, g_strfreev);
}
