/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads a file of keys. It never waits for one that is a pipe or a device, and takes no more of it than keys can be. */

#include "auth/wsed-credential-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wse-error.h"

#define MAX_BYTES (1024 * 1024)

static gboolean
fail (GError     **error,
      const char  *reason)
{
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_FAILED, reason);
  return FALSE;
}

static gboolean
read_all (int          fd,
          GByteArray  *bytes,
          GError     **error)
{
  guint8 piece[16 * 1024];
  struct stat status;
  ssize_t n;

  if (fstat (fd, &status) != 0)
    return fail (error, g_strerror (errno));
  if (!S_ISREG (status.st_mode))
    return fail (error, "it is not a file");
  while ((n = read (fd, piece, sizeof piece)) > 0)
    {
      g_byte_array_append (bytes, piece, n);
      if (bytes->len > MAX_BYTES)
        return fail (error, "it is larger than 1 MiB");
    }
  return n == 0 || fail (error, g_strerror (errno));
}

static int
open_file (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status;

  /* Another program has a lease on it, which is called back now: that is waited for. */
  if (fd < 0 && errno == EWOULDBLOCK && stat (path, &status) == 0 && S_ISREG (status.st_mode))
    fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  return fd;
}

char *
wsed_credential_file_read (const char  *path,
                           gsize       *length,
                           GError     **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  int fd = open_file (path);
  gboolean whole;

  if (fd < 0)
    {
      fail (error, g_strerror (errno));
      return NULL;
    }
  whole = read_all (fd, bytes, error);
  close (fd);
  *length = bytes->len;
  g_byte_array_append (bytes, (const guint8 *) "", 1);
  return whole ? (char *) g_byte_array_free (g_steal_pointer (&bytes), FALSE) : NULL;
}
