/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedApiKeys owns what is known of the keys of services: their digests. A key has 256 random bits, so a plain SHA-256 of it gives nothing
 * away. It never sees who presents one. */

#include "auth/wsed-api-keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#include "auth/wsed-credential-file.h"
#include "auth/wsed-object.h"
#include "auth/wsed-permissions.h"
#include "wse-error.h"

/* A key is compared with each of them. */
#define MAX_KEYS 1000

G_STATIC_ASSERT (sizeof ((WsedGrant *) NULL)->digest == SHA256_DIGEST_LENGTH);

struct _WsedApiKeys
{
  guint refs;                  /* atomic */
  GPtrArray *grants;           /* (element-type WsedGrant) */
  GHashTable *names;           /* name → WsedGrant */
};

typedef struct
{
  WsedGrant *grant;
  gboolean has_digest;
} Line;

static gboolean
read_digest (const WseJsonValue *value,
             guint8             *digest)
{
  g_autofree char *text = wsed_object_dup_text (value, 2 * SHA256_DIGEST_LENGTH);

  if (text == NULL || strlen (text) != 2 * SHA256_DIGEST_LENGTH)
    return FALSE;
  for (guint i = 0; i < SHA256_DIGEST_LENGTH; i++)
    {
      int high = g_ascii_xdigit_value (text[2 * i]), low = g_ascii_xdigit_value (text[2 * i + 1]);

      if (high < 0 || low < 0)
        return FALSE;
      digest[i] = high << 4 | low;
    }
  return TRUE;
}

static const char *
line_member (const char         *name,
             const WseJsonValue *value,
             gpointer            user_data)
{
  Line *line = user_data;
  gboolean known;
  const char *problem;

  if (g_str_equal (name, "name"))
    return (line->grant->service = wsed_object_dup_id (value)) != NULL ? NULL : "name is an id of 1 to 128 bytes";
  if (g_str_equal (name, "sha256"))
    {
      line->has_digest = read_digest (value, line->grant->digest);
      return line->has_digest ? NULL : "sha256 is 64 hexadecimal digits";
    }
  problem = wsed_permissions_read (name, value, line->grant, &known);
  return known ? problem : "it has a member that is not known";
}

/* NULL, or what is wrong. */
static const char *
add_line (WsedApiKeys *self,
          const char  *text)
{
  g_autoptr (WsedGrant) grant = wsed_grant_new ();
  Line line = { grant, FALSE };
  const char *problem = wsed_object_read (text, strlen (text), line_member, &line);

  if (problem != NULL)
    return problem;
  if (grant->service == NULL || !line.has_digest)
    return "name and sha256 are needed";
  if (self->grants->len == MAX_KEYS)
    return "there are more than 1000 keys";
  grant->line = g_strdup (text);
  if (!g_hash_table_insert (self->names, grant->service, grant))
    return "another line has the same name";
  g_ptr_array_add (self->grants, g_steal_pointer (&grant));
  return NULL;
}

WsedApiKeys *
wsed_api_keys_new (const char  *path,
                   GError     **error)
{
  g_autoptr (WsedApiKeys) self = g_new0 (WsedApiKeys, 1);
  gsize length;
  g_autofree char *text = wsed_credential_file_read (path, &length, error);
  g_auto (GStrv) lines = NULL;

  self->refs = 1;
  self->grants = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_grant_unref);
  self->names = g_hash_table_new (g_str_hash, g_str_equal);
  if (text == NULL)
    {
      g_prefix_error (error, "reading the keys of services from %s: ", path);
      return NULL;
    }
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *problem;

      g_strstrip (lines[i]);
      if (lines[i][0] == '\0' || lines[i][0] == '#')
        continue;
      problem = add_line (self, lines[i]);
      if (problem != NULL)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "reading the keys of services from %s: line %u: %s", path, i + 1, problem);
          return NULL;
        }
    }
  return g_steal_pointer (&self);
}

WsedApiKeys *
wsed_api_keys_ref (WsedApiKeys *self)
{
  __atomic_fetch_add (&self->refs, 1, __ATOMIC_RELAXED);
  return self;
}

void
wsed_api_keys_unref (WsedApiKeys *self)
{
  if (self == NULL || __atomic_sub_fetch (&self->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  g_clear_pointer (&self->names, g_hash_table_unref);
  g_clear_pointer (&self->grants, g_ptr_array_unref);
  g_free (self);
}

guint
wsed_api_keys_get_length (WsedApiKeys *self)
{
  return self->grants->len;
}

WsedGrant *
wsed_api_keys_find (WsedApiKeys *self,
                    const char  *key)
{
  guint8 digest[SHA256_DIGEST_LENGTH];
  WsedGrant *found = NULL;

  SHA256 ((const guint8 *) key, strlen (key), digest);
  /* All of them, whichever it is. */
  for (guint i = 0; i < self->grants->len; i++)
    {
      WsedGrant *grant = self->grants->pdata[i];

      if (CRYPTO_memcmp (digest, grant->digest, sizeof digest) == 0)
        found = grant;
    }
  return found;
}

/* What a line says of permissions is compared as a text: a change of any kind has the service come back. */
gboolean
wsed_api_keys_has (WsedApiKeys     *self,
                   const WsedGrant *grant)
{
  const WsedGrant *now = g_hash_table_lookup (self->names, grant->service);

  return now != NULL && strcmp (now->line, grant->line) == 0;
}
