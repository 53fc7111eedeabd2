/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Times: whole microseconds since 1970, UTC, from text and to text. Knows no time zones but offsets, and no leap seconds but that they
 * may be written. */

#include "wse-time-private.h"

#include <string.h>

#define SECOND G_GINT64_CONSTANT (1000000)

/* 9999-12-31T23:59:59.999999Z. */
#define LAST (G_GINT64_CONSTANT (253402300800) * SECOND - 1)

/* What is left to read of a text. */
typedef struct
{
  const char *at, *end;
} Reader;

gint64
wse_time_now (void)
{
  return g_get_real_time ();
}

static gboolean
take (Reader *reader, char c)
{
  if (reader->at == reader->end || *reader->at != c)
    return FALSE;
  reader->at++;
  return TRUE;
}

/* Exactly @digits digits, at most @max. */
static gboolean
take_number (Reader *reader, guint digits, int max, int *number)
{
  if (reader->end - reader->at < digits)
    return FALSE;
  *number = 0;
  for (guint i = 0; i < digits; i++)
    {
      if (!g_ascii_isdigit (*reader->at))
        return FALSE;
      *number = *number * 10 + (*reader->at++ - '0');
    }
  return *number <= max;
}

/* Microseconds of the digits after the point, or the comma; what is finer is cut off. */
static gboolean
take_fraction (Reader *reader, gint64 *micros)
{
  gint64 unit = SECOND / 10;
  const char *begin;

  *micros = 0;
  if (!take (reader, '.') && !take (reader, ','))
    return TRUE;
  begin = reader->at;
  while (reader->at < reader->end && g_ascii_isdigit (*reader->at))
    {
      *micros += (*reader->at++ - '0') * unit;
      unit /= 10;
    }
  return reader->at > begin;
}

/* Seconds east of UTC. */
static gboolean
take_zone (Reader *reader, gint64 *offset)
{
  int hours, minutes = 0, sign;

  *offset = 0;
  if (take (reader, 'Z') || take (reader, 'z'))
    return TRUE;
  if (take (reader, '+'))
    sign = 1;
  else if (take (reader, '-'))
    sign = -1;
  else
    return FALSE;
  if (!take_number (reader, 2, 23, &hours))
    return FALSE;
  if (reader->at < reader->end)
    {
      take (reader, ':');
      if (!take_number (reader, 2, 59, &minutes))
        return FALSE;
    }
  *offset = sign * (hours * 60 + minutes) * 60;
  return TRUE;
}

static gboolean
is_leap_year (int year)
{
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970-01-01, from 1969 on; each year begins in March so that the leap day is its last. */
static gint64
days_since_1970 (int year, int month, int day)
{
  int from_march = (month + 9) % 12;

  if (month <= 2)
    year--;
  return 365 * (gint64) year + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

static gboolean
take_date (Reader *reader, gboolean *extended, gint64 *days)
{
  static const guint8 lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  int year, month, day;

  if (!take_number (reader, 4, 9999, &year))
    return FALSE;
  *extended = take (reader, '-');
  if (!take_number (reader, 2, 12, &month) || month == 0 || (*extended && !take (reader, '-')))
    return FALSE;
  if (!take_number (reader, 2, lengths[month - 1] + (month == 2 && is_leap_year (year)), &day) || day == 0 || year < 1969)
    return FALSE;
  *days = days_since_1970 (year, month, day);
  return TRUE;
}

/* Seconds of a day; a leap second counts as the first one after it. */
static gboolean
take_clock (Reader *reader, gboolean extended, gint64 *seconds)
{
  int hour, minute, second = 0;

  if (!take_number (reader, 2, 23, &hour) || (extended && !take (reader, ':')) || !take_number (reader, 2, 59, &minute))
    return FALSE;
  if (extended ? take (reader, ':') : reader->at < reader->end && g_ascii_isdigit (*reader->at))
    if (!take_number (reader, 2, minute == 59 ? 60 : 59, &second))
      return FALSE;
  *seconds = (hour * 60 + minute) * 60 + second;
  return TRUE;
}

/* Calendar date, time and zone of ISO 8601, extended (2024-02-29T12:30:00.5+01:00) or basic (20240229T123000Z); seconds may be missing,
 * T and Z be small (RFC 3339 section 5.6). FALSE too where the time is not within 1970 to 9999 in UTC. */
gboolean
wse_time_parse_iso (const char *text, gsize length, gint64 *time)
{
  Reader reader = { text, text + length };
  gint64 days, seconds, micros, offset, result;
  gboolean extended;

  if (!take_date (&reader, &extended, &days) || (!take (&reader, 'T') && !take (&reader, 't')))
    return FALSE;
  if (!take_clock (&reader, extended, &seconds) || !take_fraction (&reader, &micros) || !take_zone (&reader, &offset))
    return FALSE;
  result = (days * 86400 + seconds - offset) * SECOND + micros;
  if (reader.at != reader.end || result < 0 || result > LAST)
    return FALSE;
  *time = result;
  return TRUE;
}

/* The exponent of ten, held within what no text can make up for by its digits. */
static gboolean
take_exponent (Reader *reader, gint64 *exponent)
{
  const gint64 bound = G_GINT64_CONSTANT (100000000000000000);
  gboolean negative;
  const char *begin;

  *exponent = 0;
  if (!take (reader, 'e') && !take (reader, 'E'))
    return TRUE;
  negative = take (reader, '-');
  if (!negative)
    take (reader, '+');
  begin = reader->at;
  for (; reader->at < reader->end && g_ascii_isdigit (*reader->at); reader->at++)
    *exponent = MIN (bound, *exponent * 10 + (*reader->at - '0'));
  if (negative)
    *exponent = -*exponent;
  return reader->at > begin;
}

/* Reads digits and one point; *point is the place of the point after the first digit that is not 0, *first that digit. */
static gboolean
take_mantissa (Reader *reader, const char **first, gint64 *point)
{
  const char *begin = reader->at, *dot = NULL;

  *first = NULL;
  for (; reader->at < reader->end && (g_ascii_isdigit (*reader->at) || (*reader->at == '.' && dot == NULL)); reader->at++)
    {
      if (*reader->at == '.')
        dot = reader->at;
      else if (*first == NULL && *reader->at != '0')
        *first = reader->at;
    }
  if (dot == NULL)
    dot = reader->at;
  *point = *first == NULL ? 0 : *first < dot ? dot - *first : dot + 1 - *first;
  return reader->at > begin;
}

/* A JSON number, already checked to be one; FALSE where it is not within 1970 to 9999. */
gboolean
wse_time_parse_number (const char *text, gsize length, gint64 *time)
{
  Reader reader = { text, text + length };
  gint64 point, exponent, digits, result = 0;
  const char *first, *end;
  gboolean negative = take (&reader, '-');

  if (!take_mantissa (&reader, &first, &point))
    return FALSE;
  end = reader.at;
  if (!take_exponent (&reader, &exponent) || reader.at != reader.end)
    return FALSE;
  if (first == NULL)
    {
      *time = 0;
      return TRUE;
    }
  /* Digits before the point once the seconds are microseconds: 18 are enough for year 9999 and fit. */
  digits = point + exponent + 6;
  if (negative || digits > 18)
    return FALSE;
  for (; digits > 0; digits--)
    {
      if (first < end && *first == '.')
        first++;
      result = result * 10 + (first < end ? *first++ - '0' : 0);
    }
  if (result > LAST)
    return FALSE;
  *time = result;
  return TRUE;
}

static char *
put_number (char *out, guint digits, guint number)
{
  for (guint i = digits; i > 0; i--, number /= 10)
    out[i - 1] = '0' + number % 10;
  return out + digits;
}

void
wse_time_append_iso (GString *out, gint64 time)
{
  gint64 seconds = time / SECOND, days = seconds / 86400 + 719468;
  guint clock = seconds % 86400;
  guint era = days / 146097, of_era = days % 146097;
  guint year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  guint of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  guint from_march = (5 * of_year + 2) / 153;
  guint month = from_march < 10 ? from_march + 3 : from_march - 9;
  char text[27], *p = text;

  g_assert (time >= 0 && time <= LAST);

  p = put_number (p, 4, era * 400 + year_of_era + (month <= 2));
  *p++ = '-';
  p = put_number (p, 2, month);
  *p++ = '-';
  p = put_number (p, 2, of_year - (153 * from_march + 2) / 5 + 1);
  *p++ = 'T';
  p = put_number (p, 2, clock / 3600);
  *p++ = ':';
  p = put_number (p, 2, clock / 60 % 60);
  *p++ = ':';
  p = put_number (p, 2, clock % 60);
  *p++ = '.';
  p = put_number (p, 6, time % SECOND);
  *p++ = 'Z';
  g_string_append_len (out, text, p - text);
}

void
wse_time_append_number (GString *out, gint64 time)
{
  char text[32];
  gsize length;

  g_assert (time >= 0 && time <= LAST);

  length = g_snprintf (text, sizeof text, "%" G_GINT64_FORMAT ".%06d", time / SECOND, (int) (time % SECOND));
  while (text[length - 1] == '0')
    length--;
  if (text[length - 1] == '.')
    length--;
  g_string_append_len (out, text, length);
}
