/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedBallast owns one file that holds nothing but room on the disk. */

#include "log/wsed-ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Less would not carry a checkpoint. */
#define SMALLEST (512 * 1024)

static guint64
free_bytes (const WsedBallast *self)
{
  g_autofree char *directory = g_path_get_dirname (self->path);
  struct statvfs disk;

  return statvfs (directory, &disk) == 0 ? (guint64) disk.f_bavail * disk.f_frsize : 0;
}

/* What is held from an earlier run; on a small disk that is less than wanted. */
static gsize
held_bytes (const WsedBallast *self)
{
  struct stat file;

  return stat (self->path, &file) == 0 ? MIN ((gsize) file.st_size, (gsize) file.st_blocks * 512) : 0;
}

void
wsed_ballast_drop (WsedBallast *self)
{
  unlink (self->path);
  self->held = FALSE;
}

gboolean
wsed_ballast_hold (WsedBallast *self)
{
  guint64 room = free_bytes (self);
  int fd;

  if (self->held)
    return TRUE;
  if (self->size == 0)
    self->size = MIN (self->wanted, room / 8) & ~(gsize) 4095;
  if (self->size < SMALLEST)
    self->size = 0;
  if (self->size == 0 || room < 2 * self->size)
    return FALSE;
  fd = open (self->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0)
    return FALSE;
  self->held = fallocate (fd, 0, 0, self->size) == 0 || errno == EOPNOTSUPP;
  close (fd);
  if (!self->held)
    wsed_ballast_drop (self);
  return self->held;
}

void
wsed_ballast_init (WsedBallast *self,
                   const char  *log_path,
                   gsize        wanted)
{
  self->path = g_strconcat (log_path, ".ballast", NULL);
  self->wanted = wanted;
  self->size = held_bytes (self);
  self->held = self->size >= SMALLEST;
  if (self->held)
    return;
  self->size = 0;
  wsed_ballast_hold (self);
}

void
wsed_ballast_clear (WsedBallast *self)
{
  g_clear_pointer (&self->path, g_free);
}
