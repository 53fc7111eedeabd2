/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-grant.h"
#include "auth/wsed-key.h"

G_BEGIN_DECLS

/* The keys that tokens are verified with: of one secret, or one file (PEM, JWK or JWKS). Immutable, refcounted; one thread verifies, any
 * may ask wsed_key_set_has(). */
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
/* @kid: NULL where the token names none; then every key of the algorithm is tried. *@key: the one that it was, borrowed. */
WsedVerdict  wsed_key_set_verify (WsedKeySet *self, const char *kid, WsedAlgorithm algorithm, const char *text, gsize length,
                                  GBytes *signature, const WsedKey **key);
/* Whether the token of @grant, of an earlier reading of the file, would be verified with the same key now. */
gboolean     wsed_key_set_has    (WsedKeySet *self, const WsedGrant *grant);
/* Whether all keys of @before are in @self as they were: nothing that they verified is refused now. */
gboolean     wsed_key_set_covers (WsedKeySet *self, WsedKeySet *before);
WsedKeySet  *wsed_key_set_ref    (WsedKeySet *self);
/* NULL is allowed. */
void         wsed_key_set_unref  (WsedKeySet *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedKeySet, wsed_key_set_unref)

G_END_DECLS
