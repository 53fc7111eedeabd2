/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signs tokens, for tests and for operators who have no identity provider. It never keeps or shows a key. */

#include "wsectl-sign.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "wse-error.h"
#include "wse-json-private.h"
#include "wsectl-answer.h"

#define ES256_BYTES 64

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ECDSA_SIG, ECDSA_SIG_free)

typedef struct
{
  EVP_PKEY *pkey;              /* NULL: a secret */
  guchar *secret;
  gsize length;
} Key;

static void
key_clear (Key *key)
{
  EVP_PKEY_free (key->pkey);
  g_free (key->secret);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Key, key_clear)

char *
wsectl_sign_encode (gconstpointer data,
                    gsize         length)
{
  char *text = g_base64_encode (data, length);

  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  text[strcspn (text, "=")] = '\0';
  return text;
}

static gboolean
fail (GError     **error,
      const char  *reason)
{
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--key: %s", reason);
  return FALSE;
}

static gboolean
read_jwk (Key         *key,
          const char  *text,
          gsize        length,
          GError     **error)
{
  WseJsonValue value;
  g_autofree char *coded = NULL;

  if (!wsectl_answer_find (text, length, "k", &value) || value.type != WSE_JSON_STRING)
    return fail (error, "the file is neither a private key in PEM nor a JWK with a secret");
  coded = wse_json_string_dup (&value, NULL);
  g_strdelimit (coded, "-", '+');
  g_strdelimit (coded, "_", '/');
  while (strlen (coded) % 4 != 0)
    {
      char *padded = g_strconcat (coded, "=", NULL);

      g_free (coded);
      coded = padded;
    }
  key->secret = g_base64_decode (coded, &key->length);
  return TRUE;
}

static gboolean
read_key (Key         *key,
          const char  *where,
          GError     **error)
{
  g_autofree char *text = NULL;
  g_autoptr (BIO) bio = NULL;
  gsize length;

  if (!g_str_has_prefix (where, "file:"))
    {
      key->secret = (guchar *) g_strdup (where);
      key->length = strlen (where);
    }
  else if (!g_file_get_contents (where + strlen ("file:"), &text, &length, error))
    {
      g_prefix_error (error, "--key: ");
      return FALSE;
    }
  else if (strstr (text, "PRIVATE KEY-----") == NULL)
    {
      if (!read_jwk (key, text, length, error))
        return FALSE;
    }
  else
    {
      bio = BIO_new_mem_buf (text, (int) length);
      /* An empty passphrase, so that nobody is asked for one. */
      key->pkey = PEM_read_bio_PrivateKey (bio, NULL, NULL, (void *) "");
      if (key->pkey == NULL || (!EVP_PKEY_is_a (key->pkey, "RSA") && !EVP_PKEY_is_a (key->pkey, "EC")))
        return fail (error, "the private key cannot be read, or is neither RSA nor EC");
    }
  return key->pkey != NULL || key->length >= 32 || fail (error, "a secret has at least 32 bytes");
}

static const char *
choose_algorithm (const Key   *key,
                  const char  *asked,
                  GError     **error)
{
  static const char * const hmacs[] = { "HS256", "HS384", "HS512", NULL };
  const char *only = key->pkey == NULL ? NULL : EVP_PKEY_is_a (key->pkey, "RSA") ? "RS256" : "ES256";

  if (asked == NULL)
    return only != NULL ? only : hmacs[0];
  if (only != NULL ? g_str_equal (asked, only) : g_strv_contains (hmacs, asked))
    return asked;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--alg: the key is for %s", only != NULL ? only : "HS256, HS384 or HS512");
  return NULL;
}

static char *
sign_secret (const Key  *key,
             const char *algorithm,
             const char *text)
{
  GChecksumType type = g_str_equal (algorithm, "HS256") ? G_CHECKSUM_SHA256 : g_str_equal (algorithm, "HS384") ? G_CHECKSUM_SHA384 : G_CHECKSUM_SHA512;
  g_autoptr (GHmac) hmac = g_hmac_new (type, key->secret, key->length);
  guint8 digest[64];
  gsize length = sizeof digest;

  g_hmac_update (hmac, (const guchar *) text, -1);
  g_hmac_get_digest (hmac, digest, &length);
  return wsectl_sign_encode (digest, length);
}

/* A token has the two numbers of the signature side by side; OpenSSL gives them in DER. */
static char *
encode_pair (const guint8 *der,
             gsize         length)
{
  g_autoptr (ECDSA_SIG) pair = d2i_ECDSA_SIG (NULL, &der, (long) length);
  guint8 bytes[ES256_BYTES];

  if (pair == NULL || BN_bn2binpad (ECDSA_SIG_get0_r (pair), bytes, ES256_BYTES / 2) < 0
      || BN_bn2binpad (ECDSA_SIG_get0_s (pair), bytes + ES256_BYTES / 2, ES256_BYTES / 2) < 0)
    return NULL;
  return wsectl_sign_encode (bytes, sizeof bytes);
}

static char *
sign_private (const Key   *key,
              const char  *text,
              GError     **error)
{
  g_autoptr (EVP_MD_CTX) context = EVP_MD_CTX_new ();
  guint8 signature[2048];
  gsize length = sizeof signature;
  char *encoded = NULL;

  if (EVP_DigestSignInit (context, NULL, EVP_sha256 (), NULL, key->pkey) == 1
      && EVP_DigestSign (context, signature, &length, (const guint8 *) text, strlen (text)) == 1)
    encoded = EVP_PKEY_is_a (key->pkey, "EC") ? encode_pair (signature, length) : wsectl_sign_encode (signature, length);
  if (encoded == NULL)
    fail (error, "the private key cannot sign this");
  return encoded;
}

char *
wsectl_sign (const char  *where,
             const char  *asked,
             const char  *kid,
             const char  *claims,
             GError     **error)
{
  g_auto (Key) key = { 0 };
  g_autoptr (GString) header = g_string_new ("{\"alg\":\"");
  g_autofree char *first = NULL, *second = NULL, *both = NULL, *last = NULL;
  const char *algorithm;

  if (!read_key (&key, where, error) || (algorithm = choose_algorithm (&key, asked, error)) == NULL)
    return NULL;
  g_string_append_printf (header, "%s\",\"typ\":\"JWT\"", algorithm);
  if (kid != NULL)
    {
      g_string_append (header, ",\"kid\":");
      wse_json_append_string (header, kid, -1);
    }
  g_string_append_c (header, '}');
  first = wsectl_sign_encode (header->str, header->len);
  second = wsectl_sign_encode (claims, strlen (claims));
  both = g_strconcat (first, ".", second, NULL);
  last = key.pkey != NULL ? sign_private (&key, both, error) : sign_secret (&key, algorithm, both);
  return last != NULL ? g_strconcat (both, ".", last, NULL) : NULL;
}
