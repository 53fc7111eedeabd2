/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <openssl/evp.h>

#include "wse-json-private.h"

G_BEGIN_DECLS

/* How a token may be signed (RFC 7518). A key fixes which of them it is for; what a token says of itself can only choose among these. */
typedef enum
{
  WSED_ALGORITHM_HS256 = 1 << 0,
  WSED_ALGORITHM_HS384 = 1 << 1,
  WSED_ALGORITHM_HS512 = 1 << 2,
  WSED_ALGORITHM_RS256 = 1 << 3,
  WSED_ALGORITHM_ES256 = 1 << 4,
} WsedAlgorithm;

#define WSED_ALGORITHMS_HMAC (WSED_ALGORITHM_HS256 | WSED_ALGORITHM_HS384 | WSED_ALGORITHM_HS512)
/* A secret shorter than this (bytes) can be guessed from one token. */
#define WSED_MIN_SECRET 32

/* A key to verify with. One thread. */
typedef struct
{
  char *kid;                   /* NULL: it has none */
  guint algorithms;            /* WsedAlgorithm, several */
  EVP_PKEY *pkey;              /* NULL: a secret */
  GBytes *secret;
  guint8 digest[32];           /* what tells it from any other, whatever it is called: SHA-256 of what it is made of */
} WsedKey;

/* 0 where it is none of them. */
WsedAlgorithm wsed_algorithm_from_name (const char *name);

/* @secret: at least WSED_MIN_SECRET bytes, else NULL. */
WsedKey  *wsed_key_new_secret (GBytes *secret);
/* A public key or a certificate. NULL with @error, also where it is of a kind that is not taken, or a private key. */
WsedKey  *wsed_key_new_pem    (const char *pem, gsize length, GError **error);
/* A JSON Web Key (RFC 7517). NULL with *@problem, a static text; *@foreign: it is well formed, but for something else. */
WsedKey  *wsed_key_new_jwk    (const WseJsonValue *jwk, const char **problem, gboolean *foreign);
/* Works out its digest. FALSE: there is no memory for it. */
gboolean  wsed_key_measure    (WsedKey *key);
/* Whether @signature is this key's of @text. @algorithm must be one of the key's. */
gboolean  wsed_key_verify     (const WsedKey *key, WsedAlgorithm algorithm, const char *text, gsize length, GBytes *signature);
void      wsed_key_free       (WsedKey *key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedKey, wsed_key_free)

G_END_DECLS
