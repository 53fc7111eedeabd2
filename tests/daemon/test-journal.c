/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines that wsed writes of itself. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/wsed-journal.h"

#define NOON (G_GINT64_CONSTANT (1699444800) * G_USEC_PER_SEC + 42)

static char *
format (WsedJournalForm form, GLogLevelFlags level, const char *message)
{
  const GLogField fields[] = {
    { "PRIORITY", "4", -1 }, { "CODE_FILE", "x.c", -1 }, { "GLIB_DOMAIN", "wsed", -1 }, { "OPAQUE", &fields, 0 },
    { "MESSAGE", message, -1 }, { "WSE_CONNECTION", "c1xxx", 2 },
  };

  return wsed_journal_format (form, level, fields, G_N_ELEMENTS (fields), NOON);
}

static void
test_text (void)
{
  g_autofree char *line = format (WSED_JOURNAL_TEXT, G_LOG_LEVEL_WARNING, "the log is full");
  g_autofree char *hostile = format (WSED_JOURNAL_TEXT, G_LOG_LEVEL_INFO, "a\n<0>b\x1b[2Jé");

  g_assert_cmpstr (line, ==, "2023-11-08T12:00:00.000042Z warning the log is full\n");
  g_assert_cmpstr (hostile, ==, "2023-11-08T12:00:00.000042Z info    a\\x0a<0>b\\x1b[2Jé\n");
}

static void
test_prefixed (void)
{
  static const struct
  {
    GLogLevelFlags level;
    const char *line;
  } cases[] = {
    { G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL, "<3>m\n" }, { G_LOG_LEVEL_CRITICAL, "<4>m\n" }, { G_LOG_LEVEL_WARNING, "<4>m\n" },
    { G_LOG_LEVEL_MESSAGE, "<5>m\n" }, { G_LOG_LEVEL_INFO, "<6>m\n" }, { G_LOG_LEVEL_DEBUG, "<7>m\n" }, { 0, "<7>m\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = format (WSED_JOURNAL_PREFIXED, cases[i].level, "m");

      g_assert_cmpstr (line, ==, cases[i].line);
    }
}

static void
test_json (void)
{
  g_autofree char *line = format (WSED_JOURNAL_JSON, G_LOG_LEVEL_MESSAGE, "a \"b\" \\ \n\x7f \xff é");

  g_assert_cmpstr (line, ==, "{\"time\":\"2023-11-08T12:00:00.000042Z\",\"level\":\"message\",\"domain\":\"wsed\","
                             "\"message\":\"a \\\"b\\\" \\\\ \\u000a\\u007f \xef\xbf\xbd é\",\"wse_connection\":\"c1\"}\n");
}

static void
test_form (void)
{
  g_auto (GStrv) foreign = g_environ_setenv (NULL, "JOURNAL_STREAM", "1:1", TRUE);
  g_auto (GStrv) own = NULL;
  g_autofree char *stream = NULL;
  struct stat st;

  g_assert_cmpint (fstat (STDERR_FILENO, &st), ==, 0);
  stream = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64) st.st_dev, (guint64) st.st_ino);
  own = g_environ_setenv (NULL, "JOURNAL_STREAM", stream, TRUE);
  g_assert_cmpint (wsed_journal_find_form (NULL), ==, WSED_JOURNAL_TEXT);
  g_assert_cmpint (wsed_journal_find_form (foreign), ==, WSED_JOURNAL_TEXT);
  g_assert_cmpint (wsed_journal_find_form (own), ==, WSED_JOURNAL_PREFIXED);
}

static void
test_level (void)
{
  if (g_test_subprocess ())
    {
      wsed_journal_install (WSED_JOURNAL_TEXT, G_LOG_LEVEL_MESSAGE);
      g_message ("shown");
      g_info ("hidden");
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*Z message shown\n*");
  g_test_trap_assert_stderr_unmatched ("*hidden*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/journal/text", test_text);
  g_test_add_func ("/journal/prefixed", test_prefixed);
  g_test_add_func ("/journal/json", test_json);
  g_test_add_func ("/journal/form", test_form);
  g_test_add_func ("/journal/level", test_level);
  return g_test_run ();
}
