/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedKeySet owns the keys and finds the one for a token. It is made whole or not at all, and never changes: who wants what is in the
 * file now makes another. */

#include "auth/wsed-key-set.h"

#include <string.h>

#include "auth/wsed-credential-file.h"
#include "auth/wsed-object.h"
#include "wse-error.h"

/* A token without kid is tried with each of them: about 1 ms. */
#define MAX_KEYS 32

struct _WsedKeySet
{
  guint refs;                  /* atomic */
  GPtrArray *keys;             /* (element-type WsedKey) */
};

typedef struct
{
  GPtrArray *keys;
  gboolean is_set;
  const char *foreign;         /* why one was passed over; NULL: none was */
} Reading;

static const char *
set_member (const char         *name,
            const WseJsonValue *value,
            gpointer            user_data)
{
  Reading *reading = user_data;
  WseJsonValue element;
  WseJson json;

  if (!g_str_equal (name, "keys"))
    return NULL;
  reading->is_set = TRUE;
  wse_json_init (&json, value->data, value->length);
  if (value->type != WSE_JSON_ARRAY || !wse_json_enter_array (&json))
    return "keys is not a list";
  while (wse_json_next_element (&json, &element))
    {
      const char *problem;
      gboolean foreign;
      WsedKey *key = wsed_key_new_jwk (&element, &problem, &foreign);

      if (key == NULL && !foreign)
        return problem;
      if (key == NULL)
        reading->foreign = problem;
      else if (reading->keys->len == MAX_KEYS)
        {
          wsed_key_free (key);
          return "it has more than 32 keys";
        }
      else
        g_ptr_array_add (reading->keys, key);
    }
  return NULL;
}

static gboolean
read_json (GPtrArray   *keys,
           const char  *text,
           gsize        length,
           GError     **error)
{
  Reading reading = { keys, FALSE, NULL };
  const char *problem = wsed_object_read (text, length, set_member, &reading);

  if (problem == NULL && !reading.is_set)
    {
      WseJsonValue whole;
      WseJson json;
      gboolean foreign;
      WsedKey *key;

      wse_json_init (&json, text, length);
      wse_json_value (&json, &whole);
      key = wsed_key_new_jwk (&whole, &problem, &foreign);
      if (key != NULL)
        {
          problem = NULL;
          g_ptr_array_add (keys, key);
        }
    }
  if (problem == NULL && keys->len == 0)
    problem = reading.foreign != NULL ? "it has no key of a kind that is taken: oct, RSA, or EC with P-256" : "it has no keys";
  if (problem != NULL)
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, problem);
  return problem == NULL;
}

static gboolean
read_file (GPtrArray   *keys,
           const char  *path,
           GError     **error)
{
  gsize length;
  g_autofree char *text = wsed_credential_file_read (path, &length, error);

  if (text == NULL)
    return FALSE;
  if (g_strstr_len (text, (gssize) length, "-----BEGIN ") != NULL)
    {
      WsedKey *key = wsed_key_new_pem (text, length, error);

      if (key != NULL)
        g_ptr_array_add (keys, key);
      return key != NULL;
    }
  return read_json (keys, text, length, error);
}

static gboolean
read_secret (GPtrArray   *keys,
             const char  *secret,
             GError     **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new (secret, strlen (secret));
  WsedKey *key = wsed_key_new_secret (bytes);

  if (key != NULL)
    g_ptr_array_add (keys, key);
  else
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "jwt-key: a secret has at least 32 bytes");
  return key != NULL;
}

WsedKeySet *
wsed_key_set_new (const char  *where,
                  guint        algorithms,
                  GError     **error)
{
  g_autoptr (WsedKeySet) self = g_new0 (WsedKeySet, 1);
  gboolean is_file = g_str_has_prefix (where, "file:"), usable = FALSE;

  self->refs = 1;
  self->keys = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_key_free);
  if (!(is_file ? read_file (self->keys, where + strlen ("file:"), error) : read_secret (self->keys, where, error)))
    {
      if (is_file)
        g_prefix_error (error, "reading the keys of tokens from %s: ", where + strlen ("file:"));
      return NULL;
    }
  for (guint i = 0; i < self->keys->len; i++)
    {
      WsedKey *key = self->keys->pdata[i];

      key->algorithms &= algorithms;
      usable |= key->algorithms != 0;
      if (!wsed_key_measure (key))
        {
          g_set_error_literal (error, WSE_ERROR, WSE_ERROR_FAILED, "jwt-key holds a key that cannot be written out");
          return NULL;
        }
    }
  if (usable)
    return g_steal_pointer (&self);
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "jwt-key holds no key for any of the algorithms that jwt-alg allows");
  return NULL;
}

/* A key without a kid, of a PEM file or a secret, is meant whatever the token says. */
static gboolean
is_meant (const WsedKey *key,
          const char    *kid)
{
  return kid == NULL || key->kid == NULL || strcmp (kid, key->kid) == 0;
}

WsedVerdict
wsed_key_set_verify (WsedKeySet     *self,
                     const char     *kid,
                     WsedAlgorithm   algorithm,
                     const char     *text,
                     gsize           length,
                     GBytes         *signature,
                     const WsedKey **found)
{
  WsedVerdict verdict = WSED_NO_SUCH_KEY;

  for (guint i = 0; i < self->keys->len; i++)
    {
      const WsedKey *key = self->keys->pdata[i];

      if (!is_meant (key, kid))
        continue;
      if ((key->algorithms & algorithm) == 0)
        verdict = MAX (verdict, WSED_NO_SUCH_ALGORITHM);
      else if (wsed_key_verify (key, algorithm, text, length, signature))
        {
          *found = key;
          return WSED_VERIFIED;
        }
      else
        verdict = WSED_BAD_SIGNATURE;
    }
  return verdict;
}

gboolean
wsed_key_set_has (WsedKeySet      *self,
                  const WsedGrant *grant)
{
  for (guint i = 0; i < self->keys->len; i++)
    {
      const WsedKey *key = self->keys->pdata[i];

      if ((key->algorithms & grant->algorithm) != 0 && is_meant (key, grant->kid)
          && memcmp (key->digest, grant->digest, sizeof key->digest) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
wsed_key_set_covers (WsedKeySet *self,
                     WsedKeySet *before)
{
  for (guint i = 0; i < before->keys->len; i++)
    {
      const WsedKey *old = before->keys->pdata[i];
      gboolean there = FALSE;

      for (guint j = 0; j < self->keys->len && !there; j++)
        {
          const WsedKey *key = self->keys->pdata[j];

          there = (old->algorithms & ~key->algorithms) == 0 && (key->kid == NULL || g_strcmp0 (key->kid, old->kid) == 0)
                  && memcmp (key->digest, old->digest, sizeof key->digest) == 0;
        }
      if (!there)
        return FALSE;
    }
  return TRUE;
}

WsedKeySet *
wsed_key_set_ref (WsedKeySet *self)
{
  __atomic_fetch_add (&self->refs, 1, __ATOMIC_RELAXED);
  return self;
}

void
wsed_key_set_unref (WsedKeySet *self)
{
  if (self == NULL || __atomic_sub_fetch (&self->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  g_ptr_array_unref (self->keys);
  g_free (self);
}
