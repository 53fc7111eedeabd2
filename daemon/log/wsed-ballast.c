/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedBallast owns one file that holds nothing but room on the disk. */

#include "log/wsed-ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static guint64
free_bytes (const WsedBallast *self)
{
  g_autofree char *directory = g_path_get_dirname (self->path);
  struct statvfs disk;

  return statvfs (directory, &disk) == 0 ? (guint64) disk.f_bavail * disk.f_frsize : 0;
}

static gboolean
is_held (const WsedBallast *self)
{
  struct stat file;

  return stat (self->path, &file) == 0 && (gsize) file.st_size >= self->size && (gsize) file.st_blocks * 512 >= self->size;
}

gboolean
wsed_ballast_hold (WsedBallast *self)
{
  int fd;

  if (self->held || self->size == 0)
    return self->held;
  if (free_bytes (self) < 2 * self->size)
    return FALSE;
  fd = open (self->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0)
    return FALSE;
  self->held = fallocate (fd, 0, 0, self->size) == 0;
  close (fd);
  if (!self->held)
    unlink (self->path);
  return self->held;
}

void
wsed_ballast_drop (WsedBallast *self)
{
  unlink (self->path);
  self->held = FALSE;
}

void
wsed_ballast_init (WsedBallast *self,
                   const char  *log_path,
                   gsize        wanted)
{
  self->path = g_strconcat (log_path, ".ballast", NULL);
  self->size = wanted;
  self->held = is_held (self);
  if (self->held)
    return;
  self->size = MIN (wanted, free_bytes (self) / 8) & ~(gsize) 4095;
  wsed_ballast_hold (self);
}

void
wsed_ballast_clear (WsedBallast *self)
{
  g_clear_pointer (&self->path, g_free);
}
