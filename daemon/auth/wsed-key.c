/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedKey verifies one signature with one key, by OpenSSL's EVP interface: the key's kind alone decides which algorithms there are, so
 * that a public key is never taken for a secret (RFC 8725 section 3.1). It never sees what was signed but as bytes. */

#include "auth/wsed-key.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

#include "wse-error.h"

/* Two numbers of 32 bytes (RFC 7518 section 3.4). */
#define ES256_BYTES 64
/* bits; RFC 7518 section 3.3 */
#define MIN_RSA_BITS 2048
#define MAX_RSA_BITS 8192

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ECDSA_SIG, ECDSA_SIG_free)

WsedAlgorithm
wsed_algorithm_from_name (const char *name)
{
  static const struct
  {
    const char *name;
    WsedAlgorithm algorithm;
  } names[] = {
    { "HS256", WSED_ALGORITHM_HS256 }, { "HS384", WSED_ALGORITHM_HS384 }, { "HS512", WSED_ALGORITHM_HS512 },
    { "RS256", WSED_ALGORITHM_RS256 }, { "ES256", WSED_ALGORITHM_ES256 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i].name, name) == 0)
      return names[i].algorithm;
  return 0;
}

void
wsed_key_free (WsedKey *key)
{
  if (key == NULL)
    return;
  g_free (key->kid);
  EVP_PKEY_free (key->pkey);
  g_clear_pointer (&key->secret, g_bytes_unref);
  g_free (key);
}

WsedKey *
wsed_key_new_secret (GBytes *secret)
{
  WsedKey *key;

  if (g_bytes_get_size (secret) < WSED_MIN_SECRET)
    return NULL;
  key = g_new0 (WsedKey, 1);
  key->algorithms = WSED_ALGORITHMS_HMAC;
  key->secret = g_bytes_ref (secret);
  return key;
}

/* The one algorithm that a public key is for; 0: none that is taken. */
static WsedAlgorithm
algorithm_of (EVP_PKEY *pkey)
{
  char group[32];

  if (EVP_PKEY_is_a (pkey, "RSA"))
    return EVP_PKEY_get_bits (pkey) >= MIN_RSA_BITS && EVP_PKEY_get_bits (pkey) <= MAX_RSA_BITS ? WSED_ALGORITHM_RS256 : 0;
  if (EVP_PKEY_is_a (pkey, "EC") && EVP_PKEY_get_group_name (pkey, group, sizeof group, NULL) == 1 && strcmp (group, "prime256v1") == 0)
    return WSED_ALGORITHM_ES256;
  return 0;
}

WsedKey *
wsed_key_new_pem (const char  *pem,
                  gsize        length,
                  GError     **error)
{
  g_autoptr (BIO) bio = BIO_new_mem_buf (pem, (int) length);
  g_autoptr (EVP_PKEY) pkey = NULL;
  WsedKey *key;

  if (g_strstr_len (pem, (gssize) length, "PRIVATE KEY-----") != NULL)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "it holds a private key; to verify tokens the public one is enough, and "
                           "the private one belongs to who signs them");
      return NULL;
    }
  if (g_strstr_len (pem, (gssize) length, "BEGIN CERTIFICATE-----") != NULL)
    {
      g_autoptr (X509) certificate = PEM_read_bio_X509 (bio, NULL, NULL, NULL);

      pkey = certificate != NULL ? X509_get_pubkey (certificate) : NULL;
    }
  else
    pkey = PEM_read_bio_PUBKEY (bio, NULL, NULL, NULL);
  if (pkey == NULL || algorithm_of (pkey) == 0)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "it is no public key that tokens can be verified with: RSA with 2048 to "
                           "8192 bits, or EC on P-256, as PUBLIC KEY or CERTIFICATE");
      return NULL;
    }
  key = g_new0 (WsedKey, 1);
  key->algorithms = algorithm_of (pkey);
  key->pkey = g_steal_pointer (&pkey);
  return key;
}

gboolean
wsed_key_measure (WsedKey *key)
{
  guint8 *der = NULL;
  int length;

  G_STATIC_ASSERT (sizeof key->digest == SHA256_DIGEST_LENGTH);
  if (key->secret != NULL)
    {
      SHA256 (g_bytes_get_data (key->secret, NULL), g_bytes_get_size (key->secret), key->digest);
      return TRUE;
    }
  length = i2d_PUBKEY (key->pkey, &der);
  if (length <= 0)
    return FALSE;
  SHA256 (der, length, key->digest);
  OPENSSL_free (der);
  return TRUE;
}

static gboolean
verify_hmac (const WsedKey *key,
             WsedAlgorithm  algorithm,
             const char    *text,
             gsize          length,
             GBytes        *signature)
{
  const EVP_MD *md = algorithm == WSED_ALGORITHM_HS256 ? EVP_sha256 () : algorithm == WSED_ALGORITHM_HS384 ? EVP_sha384 () : EVP_sha512 ();
  guint8 expected[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  gsize secret_length;
  const void *secret = g_bytes_get_data (key->secret, &secret_length);

  if (HMAC (md, secret, (int) secret_length, (const guint8 *) text, length, expected, &n) == NULL)
    return FALSE;
  return g_bytes_get_size (signature) == n && CRYPTO_memcmp (expected, g_bytes_get_data (signature, NULL), n) == 0;
}

/* A token has the two numbers side by side, OpenSSL wants them in DER. NULL where they are not that. */
static GBytes *
signature_to_der (GBytes *signature)
{
  g_autoptr (ECDSA_SIG) pair = ECDSA_SIG_new ();
  gsize length;
  const guint8 *bytes = g_bytes_get_data (signature, &length);
  guint8 *der = NULL;
  GBytes *written;
  int n;

  if (length != ES256_BYTES
      || ECDSA_SIG_set0 (pair, BN_bin2bn (bytes, ES256_BYTES / 2, NULL), BN_bin2bn (bytes + ES256_BYTES / 2, ES256_BYTES / 2, NULL)) != 1)
    return NULL;
  n = i2d_ECDSA_SIG (pair, &der);
  if (n <= 0)
    return NULL;
  written = g_bytes_new (der, n);
  OPENSSL_free (der);
  return written;
}

static gboolean
verify_public (const WsedKey *key,
               const char    *text,
               gsize          length,
               GBytes        *signature)
{
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();
  gsize n;
  const guint8 *bytes = g_bytes_get_data (signature, &n);

  return context != NULL && EVP_DigestVerifyInit (context, NULL, EVP_sha256 (), NULL, key->pkey) == 1
         && EVP_DigestVerify (context, bytes, n, (const guint8 *) text, length) == 1;
}

gboolean
wsed_key_verify (const WsedKey *key,
                 WsedAlgorithm  algorithm,
                 const char    *text,
                 gsize          length,
                 GBytes        *signature)
{
  g_autoptr (GBytes) der = NULL;

  if ((key->algorithms & algorithm) == 0)
    return FALSE;
  if (key->secret != NULL)
    return verify_hmac (key, algorithm, text, length, signature);
  if (algorithm == WSED_ALGORITHM_RS256)
    return verify_public (key, text, length, signature);
  der = signature_to_der (signature);
  return der != NULL && verify_public (key, text, length, der);
}
