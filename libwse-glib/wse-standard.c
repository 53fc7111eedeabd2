/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The three streams that a program is started with, or without. What is written to them is not its matter. */

#include "wse-standard-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

void
wse_standard_keep (void)
{
  /* The lowest that is free is what open() gives. */
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl (fd, F_GETFD) < 0 && errno == EBADF && open ("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
      return;
}

gboolean
wse_standard_flush (const char *program)
{
  if (fflush (stdout) == 0 && !ferror (stdout))
    return TRUE;
  fprintf (stderr, "%s: writing to standard output: %s\n", program, g_strerror (errno));
  return FALSE;
}
