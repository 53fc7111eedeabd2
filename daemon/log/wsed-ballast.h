/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Room held beside the log. When the disk is full even deleting and copying back need some: then this is given up. */
typedef struct
{
  char *path;
  gsize wanted, size;          /* bytes; size 0: there was no room for any yet */
  gboolean held;
} WsedBallast;

/* Twice the limit of the write-ahead log, less on a small disk. */
void     wsed_ballast_init  (WsedBallast *self, const char *log_path, gsize wanted);
/* The file stays. */
void     wsed_ballast_clear (WsedBallast *self);
/* TRUE where it is held then; new only where as much again is free. A file system that cannot set room aside only has it free. */
gboolean wsed_ballast_hold  (WsedBallast *self);
void     wsed_ballast_drop  (WsedBallast *self);

G_END_DECLS
