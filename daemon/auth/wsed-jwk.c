/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A key out of a JSON Web Key (RFC 7517, RFC 7518 section 6). What it says of its use narrows what it is taken for, never widens it. */

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

#include "auth/wsed-base64url.h"
#include "auth/wsed-key.h"
#include "auth/wsed-object.h"

/* Bytes of one member: the modulus of the longest RSA key, in base64url. */
#define MAX_MEMBER 1400
#define P256_BYTES 32

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OSSL_PARAM, OSSL_PARAM_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIGNUM, BN_free)

typedef struct
{
  char *kty, *kid, *alg, *use, *crv;
  GBytes *k, *n, *e, *x, *y;
  gboolean private, signs_only;
} Jwk;

static void
jwk_clear (Jwk *jwk)
{
  g_free (jwk->kty);
  g_free (jwk->kid);
  g_free (jwk->alg);
  g_free (jwk->use);
  g_free (jwk->crv);
  g_clear_pointer (&jwk->k, g_bytes_unref);
  g_clear_pointer (&jwk->n, g_bytes_unref);
  g_clear_pointer (&jwk->e, g_bytes_unref);
  g_clear_pointer (&jwk->x, g_bytes_unref);
  g_clear_pointer (&jwk->y, g_bytes_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Jwk, jwk_clear)

static const char *
jwk_member (const char         *name,
            const WseJsonValue *value,
            gpointer            user_data)
{
  Jwk *jwk = user_data;
  const struct
  {
    const char *name;
    char **text;
  } texts[] = { { "kty", &jwk->kty }, { "kid", &jwk->kid }, { "alg", &jwk->alg }, { "use", &jwk->use }, { "crv", &jwk->crv } };
  const struct
  {
    const char *name;
    GBytes **bytes;
  } numbers[] = { { "k", &jwk->k }, { "n", &jwk->n }, { "e", &jwk->e }, { "x", &jwk->x }, { "y", &jwk->y } };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (g_str_equal (name, texts[i].name))
      return (*texts[i].text = wsed_object_dup_text (value, MAX_MEMBER)) != NULL ? NULL : "kty, kid, alg, use and crv of a key are texts";
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (g_str_equal (name, numbers[i].name))
      {
        g_autofree char *text = wsed_object_dup_text (value, MAX_MEMBER);

        *numbers[i].bytes = text != NULL ? wsed_base64url_decode (text, strlen (text)) : NULL;
        return *numbers[i].bytes != NULL ? NULL : "a number of a key is not base64url";
      }
  if (g_str_equal (name, "key_ops"))
    {
      g_auto (GStrv) operations = wsed_object_dup_texts (value, MAX_MEMBER);

      if (operations == NULL)
        return "key_ops of a key is a list";
      jwk->signs_only = !g_strv_contains ((const char * const *) operations, "verify");
    }
  jwk->private |= g_str_equal (name, "d");
  return NULL;
}

static EVP_PKEY *
make_public (const char     *kind,
             OSSL_PARAM_BLD *builder)
{
  g_autoptr (OSSL_PARAM) params = OSSL_PARAM_BLD_to_param (builder);
  g_autoptr (EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_name (NULL, kind, NULL);
  g_autoptr (EVP_PKEY_CTX) checking = NULL;
  g_autoptr (EVP_PKEY) pkey = NULL;

  if (params == NULL || context == NULL || EVP_PKEY_fromdata_init (context) != 1
      || EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    return NULL;
  checking = EVP_PKEY_CTX_new_from_pkey (NULL, pkey, NULL);
  return checking != NULL && EVP_PKEY_public_check (checking) == 1 ? g_steal_pointer (&pkey) : NULL;
}

static EVP_PKEY *
make_rsa (const Jwk *jwk)
{
  g_autoptr (OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new ();
  g_autoptr (BIGNUM) n = NULL, e = NULL;

  if (jwk->n == NULL || jwk->e == NULL)
    return NULL;
  n = BN_bin2bn (g_bytes_get_data (jwk->n, NULL), (int) g_bytes_get_size (jwk->n), NULL);
  e = BN_bin2bn (g_bytes_get_data (jwk->e, NULL), (int) g_bytes_get_size (jwk->e), NULL);
  if (OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 || OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
    return NULL;
  return make_public ("RSA", builder);
}

static EVP_PKEY *
make_ec (const Jwk *jwk)
{
  g_autoptr (OSSL_PARAM_BLD) builder = OSSL_PARAM_BLD_new ();
  guint8 point[1 + 2 * P256_BYTES] = { 4 };

  if (jwk->x == NULL || jwk->y == NULL || g_bytes_get_size (jwk->x) != P256_BYTES || g_bytes_get_size (jwk->y) != P256_BYTES)
    return NULL;
  memcpy (point + 1, g_bytes_get_data (jwk->x, NULL), P256_BYTES);
  memcpy (point + 1 + P256_BYTES, g_bytes_get_data (jwk->y, NULL), P256_BYTES);
  if (OSSL_PARAM_BLD_push_utf8_string (builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1
      || OSSL_PARAM_BLD_push_octet_string (builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) != 1)
    return NULL;
  return make_public ("EC", builder);
}

/* NULL with *@problem. */
static WsedKey *
make_key (const Jwk   *jwk,
          const char **problem)
{
  g_autoptr (WsedKey) key = g_new0 (WsedKey, 1);

  if (g_str_equal (jwk->kty, "oct"))
    {
      *problem = "a secret has at least 32 bytes";
      g_clear_pointer (&key, wsed_key_free);
      return jwk->k != NULL ? wsed_key_new_secret (jwk->k) : NULL;
    }
  if (jwk->private)
    {
      *problem = "it holds a private key; to verify tokens the public one is enough, and the private one belongs to who signs them";
      return NULL;
    }
  *problem = "a key's numbers are missing, too short or no key";
  key->pkey = g_str_equal (jwk->kty, "RSA") ? make_rsa (jwk) : make_ec (jwk);
  if (key->pkey == NULL)
    return NULL;
  if (g_str_equal (jwk->kty, "EC"))
    key->algorithms = WSED_ALGORITHM_ES256;
  else if (EVP_PKEY_get_bits (key->pkey) >= 2048)
    key->algorithms = WSED_ALGORITHM_RS256;
  return key->algorithms != 0 ? g_steal_pointer (&key) : NULL;
}

WsedKey *
wsed_key_new_jwk (const WseJsonValue  *value,
                  const char         **problem,
                  gboolean            *foreign)
{
  g_auto (Jwk) jwk = { 0 };
  WsedKey *key;

  *foreign = FALSE;
  *problem = wsed_object_read_value (value, jwk_member, &jwk);
  if (*problem != NULL)
    return NULL;
  *problem = "it is no key: kty is missing";
  if (jwk.kty == NULL)
    return NULL;
  *problem = "it is a key of a kind, curve or use that is not taken";
  *foreign = (!g_str_equal (jwk.kty, "oct") && !g_str_equal (jwk.kty, "RSA") && !g_str_equal (jwk.kty, "EC"))
             || (g_str_equal (jwk.kty, "EC") && g_strcmp0 (jwk.crv, "P-256") != 0) || (jwk.use != NULL && !g_str_equal (jwk.use, "sig"))
             || jwk.signs_only || (jwk.alg != NULL && wsed_algorithm_from_name (jwk.alg) == 0);
  if (*foreign)
    return NULL;
  key = make_key (&jwk, problem);
  if (key == NULL)
    return NULL;
  key->kid = g_steal_pointer (&jwk.kid);
  if (jwk.alg != NULL)
    key->algorithms &= wsed_algorithm_from_name (jwk.alg);
  if (key->algorithms != 0)
    return key;
  *problem = "alg of a key does not fit its kty";
  wsed_key_free (key);
  return NULL;
}
