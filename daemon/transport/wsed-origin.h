/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a browser's page of @origin (RFC 6454 section 7, one serialized origin) may connect. @allowed: hosts, in any case, each with or
 * without a port; NULL: localhost, 127.0.0.1 and [::1]. Without a port in the list any will do. `null` never. */
gboolean wsed_origin_is_allowed (const char *origin, const char * const *allowed);

G_END_DECLS
