/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedLogMark owns one line of text. SQLite opens a file whose write-ahead log is damaged in the middle as if what follows had
 * never been, and a copy put back looks like the log it was; numbers would be given out a second time then. This line tells. */

#include "log/wsed-log-mark.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 64

void
wsed_log_mark_write (int         fd,
                     const char *epoch,
                     guint64     n)
{
  char line[LINE_BYTES + 1];

  g_snprintf (line, sizeof line, "%-40s %22" G_GUINT64_FORMAT "\n", epoch, n);
  /* A mark that is behind only tells less. */
  if (pwrite (fd, line, LINE_BYTES, 0) != LINE_BYTES)
    g_debug ("the mark beside the log was not written");
}

gboolean
wsed_log_mark_is_ahead (int         fd,
                        const char *epoch,
                        guint64     n)
{
  char line[LINE_BYTES + 1] = "", *end;
  gsize length = strlen (epoch);

  if (pread (fd, line, LINE_BYTES, 0) != LINE_BYTES || line[LINE_BYTES - 1] != '\n')
    return FALSE;
  return strncmp (line, epoch, length) == 0 && line[length] == ' ' && g_ascii_strtoull (line + 40, &end, 10) > n && *end == '\n';
}
