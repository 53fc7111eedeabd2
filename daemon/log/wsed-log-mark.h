/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "wse-limits.h"

G_BEGIN_DECLS

/* How far a log once was, kept beside it in the file that locks it. Written after a commit and before its answers, it is never
 * ahead of a log that lost nothing. */
void     wsed_log_mark_write    (int fd, const char *epoch, guint64 n);
/* TRUE where the log of this @epoch had got beyond @n: it was restored from a copy, or its end is lost. */
gboolean wsed_log_mark_is_ahead (int fd, const char *epoch, guint64 n);

G_END_DECLS
