/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads how busy this machine is from the text files in /proc. What is missing there (a container may hide it) is unknown, never an error. */
#include "wsed-proc-readings.h"

#include <string.h>

static GStrv
read_lines (const char *root, const char *name)
{
  g_autofree char *path = g_build_filename (root, name, NULL);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return g_new0 (char *, 1);
  return g_strsplit (text, "\n", -1);
}

/* The whole numbers in @text, at most @max of them; what is not one ends them. */
static guint
read_numbers (const char *text, guint64 *numbers, guint max)
{
  guint n = 0;

  while (n < max)
    {
      char *end;

      while (*text == ' ' || *text == '\t')
        text++;
      if (!g_ascii_isdigit (*text))
        break;
      numbers[n++] = g_ascii_strtoull (text, &end, 10);
      text = end;
    }
  return n;
}

/* cpu  user nice system idle iowait irq softirq steal …; guest time is in user already. */
static void
count_processor (const char *root, WsedProcCounts *counts)
{
  g_auto (GStrv) lines = read_lines (root, "stat");
  guint64 n[8];

  if (lines[0] == NULL || !g_str_has_prefix (lines[0], "cpu ") || read_numbers (lines[0] + 4, n, G_N_ELEMENTS (n)) < G_N_ELEMENTS (n))
    return;
  for (guint i = 0; i < G_N_ELEMENTS (n); i++)
    counts->ticks += n[i];
  counts->busy = counts->ticks - n[3] - n[4];
}

static void
count_memory (const char *root, WsedProcCounts *counts)
{
  g_auto (GStrv) lines = read_lines (root, "meminfo");

  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (g_str_has_prefix (lines[i], "MemTotal:"))
        read_numbers (lines[i] + strlen ("MemTotal:"), &counts->total, 1);
      else if (g_str_has_prefix (lines[i], "MemAvailable:"))
        read_numbers (lines[i] + strlen ("MemAvailable:"), &counts->available, 1);
    }
}

/* major minor name, then eleven and more numbers of which the tenth is the time with work. A partition never has more of it than its disk. */
static void
count_disk (const char *root, WsedProcCounts *counts)
{
  g_auto (GStrv) lines = read_lines (root, "diskstats");

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *name = lines[i] + strspn (lines[i], " 0123456789");
      guint64 n[10];

      if (g_str_has_prefix (name, "loop") || g_str_has_prefix (name, "ram") || g_str_has_prefix (name, "zram"))
        continue;
      if (read_numbers (name + strcspn (name, " "), n, G_N_ELEMENTS (n)) == G_N_ELEMENTS (n))
        counts->disk = MAX (counts->disk, n[9]);
    }
}

/* name: bytes packets … (eight received), bytes … (sent) */
static void
count_network (const char *root, WsedProcCounts *counts)
{
  g_auto (GStrv) lines = read_lines (root, "net/dev");

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *name = lines[i] + strspn (lines[i], " ");
      const char *colon = strchr (name, ':');
      guint64 n[9];

      if (colon == NULL || g_str_has_prefix (name, "lo:") || read_numbers (colon + 1, n, G_N_ELEMENTS (n)) < G_N_ELEMENTS (n))
        continue;
      counts->network += n[0] + n[8];
    }
}

void
wsed_proc_count (const char *root, WsedProcCounts *counts)
{
  memset (counts, 0, sizeof *counts);
  counts->time = g_get_monotonic_time ();
  count_processor (root, counts);
  count_memory (root, counts);
  count_disk (root, counts);
  count_network (root, counts);
}

void
wsed_proc_compare (const WsedProcCounts *before, const WsedProcCounts *after, WsedProcReadings *readings)
{
  double seconds = (double) (after->time - before->time) / G_USEC_PER_SEC;

  *readings = (WsedProcReadings) { -1, -1, -1, -1 };
  if (after->ticks > before->ticks && after->busy >= before->busy)
    readings->processor = 100.0 * (double) (after->busy - before->busy) / (double) (after->ticks - before->ticks);
  if (after->total > 0 && after->available <= after->total)
    readings->memory = 100.0 * (double) (after->total - after->available) / (double) after->total;
  if (seconds <= 0)
    return;
  /* A disk or an interface that went away takes its count with it. */
  if (after->disk > 0 && after->disk >= before->disk)
    readings->disk = MIN (100.0, (double) (after->disk - before->disk) / seconds / 10.0);
  if (after->network > 0 && after->network >= before->network)
    readings->network = (double) (after->network - before->network) / seconds;
}
