/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Gives an input to what reads files by their names, without a disk. */

#include "fuzz-file.h"

#include <sys/mman.h>
#include <unistd.h>

const char *
fuzz_file (const void *data,
           gsize       size)
{
  static char path[64];
  static int fd = -1;

  if (fd < 0)
    {
      fd = memfd_create ("input", MFD_CLOEXEC);
      g_assert_cmpint (fd, >=, 0);
      g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    }
  g_assert_cmpint (ftruncate (fd, 0), ==, 0);
  g_assert_cmpint (pwrite (fd, data, size, 0), ==, (gssize) size);
  return path;
}
