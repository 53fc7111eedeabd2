/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The whole of a small regular file that the operator named: at most 1 MiB, with a NUL behind. NULL with @error, which does not name it. Blocks for as
 * long as what it lies on does: at the start, or in the thread of an errand. */
char *wsed_credential_file_read (const char *path, gsize *length, GError **error);

G_END_DECLS
