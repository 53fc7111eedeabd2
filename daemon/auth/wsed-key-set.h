/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-key.h"

G_BEGIN_DECLS

/* The keys that tokens are verified with: of one secret, or one file (PEM, JWK or JWKS). */
typedef struct _WsedKeySet WsedKeySet;

typedef enum
{
  WSED_VERIFIED,
  WSED_NO_SUCH_KEY,            /* the token names a kid that is not in the set */
  WSED_NO_SUCH_ALGORITHM,      /* no key in question is for this algorithm */
  WSED_BAD_SIGNATURE,
} WsedVerdict;

/* @where: as WSE_JWT_KEY: `file:PATH`, else the secret itself. @algorithms: what of theirs the keys may be used for. NULL with @error, which
 * names the file but nothing of what is in it. Reads the file, at most 1 MiB. */
WsedKeySet  *wsed_key_set_new    (const char *where, guint algorithms, GError **error);
/* @kid: NULL where the token names none; then every key of the algorithm is tried. */
WsedVerdict  wsed_key_set_verify (WsedKeySet *self, const char *kid, WsedAlgorithm algorithm, const char *text, gsize length,
                                  GBytes *signature);
void         wsed_key_set_free   (WsedKeySet *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedKeySet, wsed_key_set_free)

G_END_DECLS
