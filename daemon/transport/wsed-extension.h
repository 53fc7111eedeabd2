/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a client offers in Sec-WebSocket-Extensions; the one extension that is spoken is permessage-deflate (RFC 7692). */

/* @offers: the header's value, that of several lines joined by commas; NULL: none. *@answer: what to answer with, static: to the first offer
 * that can be kept as it is; NULL: to none. FALSE: the header is not what RFC 6455 section 9.1 allows, and the handshake has failed. */
gboolean wsed_extension_choose (const char *offers, const char **answer);

G_END_DECLS
