/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The path of a file that has these bytes, until the next call; it is in memory only. */
const char *fuzz_file (const void *data, gsize size);

G_END_DECLS
