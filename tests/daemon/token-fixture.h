/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Signs tokens with GLib's HMAC, not with what verifies them. */

#define SECRET "0123456789abcdef0123456789abcdef"
/* When they are looked at: microseconds since 1970. */
#define NOW (G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC)

/* A token signed by HMAC with @type, whatever its header says. Lengths may be -1. */
char *sign_token (GChecksumType type, const char *secret, const char *header, gssize header_length, const char *claims, gssize claims_length);

G_END_DECLS
