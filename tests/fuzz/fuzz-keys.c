/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for a file of keys, those of services (first byte A) or those of tokens (any other): taken, or refused in words, which never have
 * a secret in them; and what is taken can be asked. */

#include <string.h>

#include "auth/wsed-api-keys.h"
#include "auth/wsed-key-set.h"
#include "fuzz-file.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* Of the files that the seeds have. */
#define SECRET "0123456789abcdef0123456789abcdef"
#define ENCODED "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

static void
hold_error (gboolean      taken,
            const GError *error)
{
  g_assert_true (taken == (error == NULL));
  if (error != NULL)
    g_assert_true (g_utf8_validate (error->message, -1, NULL) && strstr (error->message, SECRET) == NULL && strstr (error->message, ENCODED) == NULL);
}

static void
read_services (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedApiKeys) keys = wsed_api_keys_new (path, &error), again = NULL;
  WsedGrant *grant;

  hold_error (keys != NULL, error);
  if (keys == NULL)
    return;
  grant = wsed_api_keys_find (keys, "key-of-shop");
  if (grant == NULL)
    return;
  g_assert_true (grant->service != NULL && grant->user == NULL);
  g_assert_false (wsed_grant_may_subscribe (grant, "user:nobody") && grant->subscribe[0] == NULL);
  again = wsed_api_keys_new (path, NULL);
  g_assert_true (wsed_api_keys_has (again, grant));
}

static void
read_tokens (const char *path)
{
  g_autofree char *where = g_strconcat ("file:", path, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedKeySet) keys = wsed_key_set_new (where, ~0u, &error);
  g_autoptr (GBytes) signature = g_bytes_new_static (SECRET SECRET, 64);
  const WsedKey *key;

  hold_error (keys != NULL, error);
  if (keys != NULL)
    {
      g_autoptr (WsedKeySet) again = wsed_key_set_new (where, ~0u, NULL);

      g_assert_true (wsed_key_set_covers (again, keys));
    }
  for (guint algorithm = WSED_ALGORITHM_HS256; keys != NULL && algorithm <= WSED_ALGORITHM_ES256; algorithm <<= 1)
    {
      g_assert_cmpint (wsed_key_set_verify (keys, NULL, algorithm, "text", 4, signature, &key), !=, WSED_VERIFIED);
      g_assert_cmpint (wsed_key_set_verify (keys, "one", algorithm, "text", 4, signature, &key), !=, WSED_VERIFIED);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  if (size == 0)
    return 0;
  if (data[0] == 'A')
    read_services (fuzz_file (data + 1, size - 1));
  else
    read_tokens (fuzz_file (data + 1, size - 1));
  return 0;
}
