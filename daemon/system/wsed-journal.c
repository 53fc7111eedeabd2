/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes GLib's structured log to standard error, a line a message and one write(2) a line, so that threads do not mix. Never keeps a
 * message, never blocks on anything but standard error itself. */
#include "wsed-journal.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Set once, before there are threads. */
static WsedJournalForm journal_form;
static GLogLevelFlags journal_least = G_LOG_LEVEL_DEBUG;

static const struct
{
  GLogLevelFlags level;
  const char *name;
  int priority;                /* of syslog(3) */
} levels[] = {
  { G_LOG_LEVEL_ERROR, "error", 3 },     { G_LOG_LEVEL_CRITICAL, "critical", 4 }, { G_LOG_LEVEL_WARNING, "warning", 4 },
  { G_LOG_LEVEL_MESSAGE, "message", 5 }, { G_LOG_LEVEL_INFO, "info", 6 },         { G_LOG_LEVEL_DEBUG, "debug", 7 },
};

static guint
find_level (GLogLevelFlags level)
{
  guint i = 0;

  while (i + 1 < G_N_ELEMENTS (levels) && !(level & levels[i].level))
    i++;
  return i;
}

static void
append_time (GString *line, gint64 time)
{
  g_autoptr (GDateTime) when = g_date_time_new_from_unix_utc (time / G_USEC_PER_SEC);
  g_autofree char *seconds = g_date_time_format (when, "%Y-%m-%dT%H:%M:%S");

  g_string_append_printf (line, "%s.%06dZ", seconds, (int) (time % G_USEC_PER_SEC));
}

static void
append_json (GString *line, const char *text, gsize length)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) length);

  g_string_append_c (line, '"');
  for (const char *c = valid; *c != '\0'; c++)
    {
      if (*c == '"' || *c == '\\')
        g_string_append_printf (line, "\\%c", *c);
      else if ((guchar) *c < 0x20 || *c == 0x7f)
        g_string_append_printf (line, "\\u%04x", (guint) (guchar) *c);
      else
        g_string_append_c (line, *c);
    }
  g_string_append_c (line, '"');
}

/* A message may quote what a client sent: its line ends and escape codes must not look like ours. */
static void
append_plain (GString *line, const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    {
      if ((guchar) text[i] < 0x20 || text[i] == 0x7f)
        g_string_append_printf (line, "\\x%02x", (guint) (guchar) text[i]);
      else
        g_string_append_c (line, text[i]);
    }
}

/* Where in the sources a message was made, and what says nothing more; a length of 0 marks a pointer that is not text. */
static gboolean
is_noise (const GLogField *field)
{
  return field->length == 0 || field->value == NULL || strcmp (field->key, "PRIORITY") == 0 || g_str_has_prefix (field->key, "CODE_")
         || strcmp (field->key, "GLIB_OLD_LOG_API") == 0;
}

static gsize
get_length (const GLogField *field)
{
  return field->length < 0 ? strlen (field->value) : (gsize) field->length;
}

static void
append_members (GString *line, const GLogField *fields, gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    {
      g_autofree char *key = g_ascii_strdown (fields[i].key, -1);
      const char *name = strcmp (key, "glib_domain") == 0 ? "domain" : key;

      if (is_noise (&fields[i]))
        continue;
      g_string_append_c (line, ',');
      append_json (line, name, strlen (name));
      g_string_append_c (line, ':');
      append_json (line, fields[i].value, get_length (&fields[i]));
    }
}

static void
append_message (GString *line, const GLogField *fields, gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    {
      if (strcmp (fields[i].key, "MESSAGE") == 0)
        append_plain (line, fields[i].value, get_length (&fields[i]));
    }
}

char *
wsed_journal_format (WsedJournalForm form, GLogLevelFlags level, const GLogField *fields, gsize n_fields, gint64 time)
{
  GString *line = g_string_sized_new (256);
  guint i = find_level (level);

  switch (form)
    {
    case WSED_JOURNAL_JSON:
      g_string_append (line, "{\"time\":\"");
      append_time (line, time);
      g_string_append_printf (line, "\",\"level\":\"%s\"", levels[i].name);
      append_members (line, fields, n_fields);
      g_string_append_c (line, '}');
      break;
    case WSED_JOURNAL_PREFIXED:
      g_string_append_printf (line, "<%d>", levels[i].priority);
      append_message (line, fields, n_fields);
      break;
    case WSED_JOURNAL_TEXT:
    default:
      append_time (line, time);
      g_string_append_printf (line, " %-7s ", levels[i].name);
      append_message (line, fields, n_fields);
      break;
    }
  g_string_append_c (line, '\n');
  return g_string_free (line, FALSE);
}

/* JOURNAL_STREAM is inherited by whatever is started from a unit: only the device and inode tell whose stream it is. */
WsedJournalForm
wsed_journal_find_form (GStrv environment)
{
  const char *stream = g_environ_getenv (environment, "JOURNAL_STREAM");
  g_autofree char *own = NULL;
  struct stat st;

  if (stream == NULL || fstat (STDERR_FILENO, &st) != 0)
    return WSED_JOURNAL_TEXT;
  own = g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64) st.st_dev, (guint64) st.st_ino);
  return strcmp (stream, own) == 0 ? WSED_JOURNAL_PREFIXED : WSED_JOURNAL_TEXT;
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  g_autofree char *line = NULL;
  gsize length;

  /* The lower the bit the graver. */
  if ((level & G_LOG_LEVEL_MASK) > journal_least)
    return G_LOG_WRITER_HANDLED;
  line = wsed_journal_format (journal_form, level, fields, n_fields, g_get_real_time ());
  length = strlen (line);
  /* Whoever cannot be told, by a full disk or a closed pipe, is not told: wsed goes on. */
  return write (STDERR_FILENO, line, length) == (gssize) length ? G_LOG_WRITER_HANDLED : G_LOG_WRITER_UNHANDLED;
}

void
wsed_journal_install (WsedJournalForm form, GLogLevelFlags least)
{
  journal_form = form;
  journal_least = least;
  g_log_set_writer_func (write_log, NULL, NULL);
}
