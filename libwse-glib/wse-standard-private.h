/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Keeps the places of the standard streams that the program was started without: else the next file or socket would get what is meant
 * for them. Reading and writing there fails as if they were closed. Before anything else is opened. */
void     wse_standard_keep  (void);
/* FALSE where not all could be written to standard output, with a message on standard error that begins with @program. */
gboolean wse_standard_flush (const char *program);

G_END_DECLS
