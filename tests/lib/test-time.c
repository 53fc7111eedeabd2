/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Times: what is one and which, and how it is written. */

#include <stdio.h>
#include <string.h>

#include "wse-time-private.h"

#define SECOND G_GINT64_CONSTANT (1000000)
#define LAST (G_GINT64_CONSTANT (253402300800) * SECOND - 1)

typedef struct
{
  const char *text;
  gint64 time;                 /* -1: no time */
} Case;

static void
check (gboolean (*parse) (const char *, gsize, gint64 *), const Case *cases, guint n_cases)
{
  for (guint i = 0; i < n_cases; i++)
    {
      gsize length = strlen (cases[i].text);
      /* Exactly these bytes: a sanitizer sees one read too far. */
      g_autofree char *copy = g_memdup2 (cases[i].text, length);
      gint64 time = -1;
      gboolean ok = parse (copy, length, &time);

      if (ok != (cases[i].time >= 0) || time != cases[i].time)
        {
          g_test_message ("%s: %s %" G_GINT64_FORMAT, cases[i].text, ok ? "read as" : "refused", time);
          g_test_fail ();
        }
    }
}

static void
test_iso (void)
{
  static const Case cases[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "1970-01-01T00:00:00.000001Z", 1 },
    { "1970-01-01T00:00:00.0000019999Z", 1 },
    { "1970-01-01T00:00:00,5Z", 500000 },
    { "2024-02-29T12:34:56.789012Z", G_GINT64_CONSTANT (1709210096789012) },
    { "2024-02-29T12:34:56.7Z", G_GINT64_CONSTANT (1709210096700000) },
    { "2024-02-29T13:34:56+01:00", 1709210096 * SECOND },
    { "2024-02-29T07:04:56-05:30", 1709210096 * SECOND },
    { "2024-02-29T13:34:56+0100", 1709210096 * SECOND },
    { "2024-02-29T13:34:56+01", 1709210096 * SECOND },
    { "2024-02-29T12:34:56-00:00", 1709210096 * SECOND },
    { "2024-02-29t12:34:56z", 1709210096 * SECOND },
    { "20240229T123456Z", 1709210096 * SECOND },
    { "20240229T123456.5+0000", 1709210096 * SECOND + 500000 },
    { "2024-02-29T12:34Z", 1709210040 * SECOND },
    { "20240229T1234Z", 1709210040 * SECOND },
    { "2016-12-31T23:59:60Z", 1483228800 * SECOND },
    { "2000-02-29T00:00:00Z", 951782400 * SECOND },
    { "1969-12-31T23:59:59-00:01", 59 * SECOND },
    { "1970-01-01T05:45:00+05:45", 0 },
    { "9999-12-31T23:59:59.999999Z", LAST },
    { "9999-12-31T23:59:59.9999999999Z", LAST },
  };

  check (wse_time_parse_iso, cases, G_N_ELEMENTS (cases));
}

static void
test_iso_refused (void)
{
  static const Case cases[] = {
    { "", -1 },
    { "2024", -1 },
    { "2024-02-29", -1 },
    { "2024-02-29T12:34:56", -1 },
    { "2024-02-29 12:34:56Z", -1 },
    { "2024-02-29T12:34:56 Z", -1 },
    { " 2024-02-29T12:34:56Z", -1 },
    { "2024-02-29T12:34:56Z ", -1 },
    { "2024-02-29T12:34:56ZZ", -1 },
    { "2024-02-29T12:34:56.Z", -1 },
    { "2024-02-29T12:34:56.5", -1 },
    { "2024-02-29T12:34:56+", -1 },
    { "2024-02-29T12:34:56+1", -1 },
    { "2024-02-29T12:34:56+01:", -1 },
    { "2024-02-29T12:34:56+01:0", -1 },
    { "2024-02-29T12:34:56+24:00", -1 },
    { "2024-02-29T12:34:56+01:60", -1 },
    { "2024-02-29T12:34:56+01:00x", -1 },
    { "2024-02-29T12:34:56 UTC", -1 },
    { "2024-02-29T24:00:00Z", -1 },
    { "2024-02-29T12:60:00Z", -1 },
    { "2024-02-29T12:34:60Z", -1 },
    { "2024-02-29T12:59:61Z", -1 },
    { "2024-02-30T00:00:00Z", -1 },
    { "2023-02-29T00:00:00Z", -1 },
    { "2100-02-29T00:00:00Z", -1 },
    { "2024-04-31T00:00:00Z", -1 },
    { "2024-00-10T00:00:00Z", -1 },
    { "2024-13-10T00:00:00Z", -1 },
    { "2024-01-00T00:00:00Z", -1 },
    { "2024-1-1T00:00:00Z", -1 },
    { "24-01-01T00:00:00Z", -1 },
    { "12024-01-01T00:00:00Z", -1 },
    { "+2024-01-01T00:00:00Z", -1 },
    { "-2024-01-01T00:00:00Z", -1 },
    { "2024-01-01T00-00-00Z", -1 },
    { "2024-01-01T000000Z", -1 },
    { "20240101T00:00:00Z", -1 },
    { "2024-0101T00:00:00Z", -1 },
    { "2024-W01-1T00:00:00Z", -1 },
    { "2024-01-01Z00:00:00", -1 },
    { "1969-12-31T23:59:59Z", -1 },
    { "1969-12-31T23:59:59.999999Z", -1 },
    { "1970-01-01T00:00:00+00:01", -1 },
    { "0000-01-01T00:00:00Z", -1 },
    { "9999-12-31T23:59:59-00:01", -1 },
    { "9999-12-31T23:59:60Z", -1 },
    { "１９７０-01-01T00:00:00Z", -1 },
    { "now", -1 },
  };

  check (wse_time_parse_iso, cases, G_N_ELEMENTS (cases));
}

static void
test_number (void)
{
  static const Case cases[] = {
    { "0", 0 },
    { "-0", 0 },
    { "-0.0e5", 0 },
    { "0.000001", 1 },
    { "0.0000019", 1 },
    { "0.00000099", 0 },
    { "1", SECOND },
    { "1699468800.123", G_GINT64_CONSTANT (1699468800123000) },
    /* A double would make .123456 of .123457 here. */
    { "1699468800.123457", G_GINT64_CONSTANT (1699468800123457) },
    { "253402300799.999999", LAST },
    { "253402300799.9999999", LAST },
    { "1.699468800123457e9", G_GINT64_CONSTANT (1699468800123457) },
    { "1699468800123457E-6", G_GINT64_CONSTANT (1699468800123457) },
    { "16994688001234579999e-10", G_GINT64_CONSTANT (1699468800123457) },
    { "0.00000016994688e+16", 1699468800 * SECOND },
    { "1e-7", 0 },
    { "1e-99999999999999999999999", 0 },
    { "0e99999999999999999999999", 0 },
    { "0.0", 0 },
    { "100000e0", 100000 * SECOND },
    { "10e-1", SECOND },
    { "253402300800", -1 },
    { "253402300799.999999e1", -1 },
    { "999999999999.999999", -1 },
    { "1000000000000", -1 },
    { "9999999999999", -1 },
    { "1e12", -1 },
    { "1e99999999999999999999999", -1 },
    { "-1", -1 },
    { "-0.000001", -1 },
    { "-1e-99", -1 },
    { "1699468800123", -1 },
    { "9223372036854775807", -1 },
    { "18446744073709551616", -1 },
    { "", -1 },
    { "-", -1 },
    { "1e", -1 },
    { "1x", -1 },
    { "1.2.3", -1 },
  };

  check (wse_time_parse_number, cases, G_N_ELEMENTS (cases));
}

/* As many digits as an event can have. */
static void
test_number_long (void)
{
  g_autoptr (GString) text = g_string_new ("0.");
  gint64 time;

  for (guint i = 0; i < 100000; i++)
    g_string_append_c (text, '0');
  g_string_append (text, "1e100001");
  g_assert_true (wse_time_parse_number (text->str, text->len, &time));
  g_assert_cmpint (time, ==, SECOND);
  g_string_append (text, "9");
  g_assert_false (wse_time_parse_number (text->str, text->len, &time));
}

static void
check_written (gint64 time, const char *iso, const char *number)
{
  g_autoptr (GString) out = g_string_new ("=");

  wse_time_append_iso (out, time);
  g_assert_cmpstr (out->str + 1, ==, iso);
  g_string_truncate (out, 1);
  wse_time_append_number (out, time);
  g_assert_cmpstr (out->str + 1, ==, number);
}

static void
test_write (void)
{
  check_written (0, "1970-01-01T00:00:00.000000Z", "0");
  check_written (1, "1970-01-01T00:00:00.000001Z", "0.000001");
  check_written (10 * SECOND, "1970-01-01T00:00:10.000000Z", "10");
  check_written (G_GINT64_CONSTANT (1699468800123000), "2023-11-08T18:40:00.123000Z", "1699468800.123");
  check_written (G_GINT64_CONSTANT (1709210096789012), "2024-02-29T12:34:56.789012Z", "1709210096.789012");
  check_written (LAST, "9999-12-31T23:59:59.999999Z", "253402300799.999999");
}

/* Every day for two centuries, then each 13th, against GLib's calendar, and back. */
static void
test_days (void)
{
  g_autoptr (GString) out = g_string_new (NULL);
  GDate date;

  g_date_clear (&date, 1);
  g_date_set_dmy (&date, 1, G_DATE_JANUARY, 1970);
  for (gint64 day = 0, step = 1; day <= LAST / SECOND / 86400; day += step)
    {
      gint64 time = day * 86400 * SECOND + day * 7919 % 86400 * SECOND + day % SECOND, back;
      int year, month, of_month;

      g_string_truncate (out, 0);
      wse_time_append_iso (out, time);
      g_assert_cmpuint (out->len, ==, 27);
      g_assert_cmpint (sscanf (out->str, "%4d-%2d-%2dT", &year, &month, &of_month), ==, 3);
      g_assert_cmpint (year, ==, g_date_get_year (&date));
      g_assert_cmpint (month, ==, (int) g_date_get_month (&date));
      g_assert_cmpint (of_month, ==, g_date_get_day (&date));
      g_assert_true (wse_time_parse_iso (out->str, out->len, &back));
      g_assert_cmpint (back, ==, time);
      g_string_truncate (out, 0);
      wse_time_append_number (out, time);
      g_assert_true (wse_time_parse_number (out->str, out->len, &back));
      g_assert_cmpint (back, ==, time);
      step = day < 200 * 366 ? 1 : 13;
      g_date_add_days (&date, step);
    }
  g_assert_cmpint (g_date_get_year (&date), ==, 10000);
}

static void
test_now (void)
{
  gint64 before = g_get_real_time ();
  gint64 now = wse_time_now ();

  g_assert_cmpint (now, >=, before);
  g_assert_cmpint (now, <=, g_get_real_time ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/time/iso", test_iso);
  g_test_add_func ("/time/iso-refused", test_iso_refused);
  g_test_add_func ("/time/number", test_number);
  g_test_add_func ("/time/number-long", test_number_long);
  g_test_add_func ("/time/write", test_write);
  g_test_add_func ("/time/days", test_days);
  g_test_add_func ("/time/now", test_now);
  return g_test_run ();
}
