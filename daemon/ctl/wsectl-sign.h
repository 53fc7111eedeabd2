/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Signs @claims, a JSON object, into a token. @where: as WSE_JWT_KEY has it, but where that is a public key, the private one in PEM: the
 * secret itself, or file:PATH of a private key or of a JWK with a secret. @algorithm and @kid may be NULL. NULL with @error. */
char *wsectl_sign (const char *where, const char *algorithm, const char *kid, const char *claims, GError **error);
/* Base64url without padding. */
char *wsectl_sign_encode (gconstpointer data, gsize length);

G_END_DECLS
