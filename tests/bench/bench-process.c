/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns the reading of /proc for the server under test. schedstat counts in nanoseconds, stat only in ticks of 10 ms; a thread that
 * ended takes its time with it, so measure servers whose threads live as long as they do. */
#include "bench-process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
read_first (const char *path, char *buffer, unsigned size)
{
  FILE *file = fopen (path, "r");
  size_t n;

  buffer[0] = '\0';
  if (file == NULL)
    return 0;
  n = fread (buffer, 1, size - 1, file);
  buffer[n] = '\0';
  fclose (file);
  return n > 0;
}

static int
read_comm (int pid, const char *task, char *comm, unsigned size)
{
  char path[320];

  snprintf (path, sizeof path, "/proc/%d/task/%s/comm", pid, task);
  if (!read_first (path, comm, size))
    return 0;
  comm[strcspn (comm, "\n")] = '\0';
  return 1;
}

uint64_t
bench_process_cpu (int pid, const char *comm)
{
  char path[320], text[128];
  uint64_t sum = 0;
  struct dirent *entry;
  DIR *dir;

  snprintf (path, sizeof path, "/proc/%d/task", pid);
  dir = opendir (path);
  while (dir != NULL && (entry = readdir (dir)) != NULL)
    {
      if (entry->d_name[0] == '.')
        continue;
      if (comm != NULL && (!read_comm (pid, entry->d_name, text, sizeof text) || strcmp (text, comm) != 0))
        continue;
      snprintf (path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
      if (read_first (path, text, sizeof text))
        sum += strtoull (text, NULL, 10);
    }
  if (dir != NULL)
    closedir (dir);
  return sum;
}

uint64_t
bench_process_rss (int pid)
{
  char path[64], text[2048];
  const char *rss;

  snprintf (path, sizeof path, "/proc/%d/smaps_rollup", pid);
  if (!read_first (path, text, sizeof text))
    return 0;
  rss = strstr (text, "\nRss:");
  return rss != NULL ? strtoull (rss + 5, NULL, 10) * 1024 : 0;
}

void
bench_process_threads (int pid, char *out, unsigned size)
{
  char path[320], comm[64], listed[1024] = ",", needle[80];
  struct dirent *entry;
  DIR *dir;

  snprintf (path, sizeof path, "/proc/%d/task", pid);
  dir = opendir (path);
  while (dir != NULL && (entry = readdir (dir)) != NULL)
    {
      if (entry->d_name[0] == '.' || !read_comm (pid, entry->d_name, comm, sizeof comm))
        continue;
      snprintf (needle, sizeof needle, ",%s,", comm);
      if (strstr (listed, needle) == NULL && strlen (listed) + strlen (needle) < sizeof listed)
        strcat (listed, needle + 1);
    }
  if (dir != NULL)
    closedir (dir);
  listed[strlen (listed) > 1 ? strlen (listed) - 1 : 0] = '\0';
  snprintf (out, size, "%s", listed[0] ? listed + 1 : "");
}
