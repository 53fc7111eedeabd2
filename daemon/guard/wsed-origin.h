/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a browser's page of @origin, one serialized origin (RFC 6454, sections 4 and 6.2), may connect. @allowed: HOST, HOST:PORT,
 * SCHEME://HOST or SCHEME://HOST:PORT; NULL: localhost, 127.0.0.1 and [::1]. Schemes and hosts are compared whole and in any case; without a
 * scheme in the list any will do, without scheme and port any port, and with a scheme alone its own port is meant. `null` never. */
gboolean wsed_origin_is_allowed (const char *origin, const char * const *allowed);
/* Whether @entry may stand in such a list. */
gboolean wsed_origin_is_entry   (const char *entry);

G_END_DECLS
