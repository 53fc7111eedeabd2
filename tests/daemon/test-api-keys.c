/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The keys of services: the file, and who is found by it. */

#include <string.h>
#include <unistd.h>

#include "auth/wsed-api-keys.h"

/* SHA-256 of "key-of-shop" and of "key-of-watch". */
#define SHOP "\"sha256\":\"%s\""

static char *
line (const char *name,
      const char *key,
      const char *more)
{
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, key, -1);

  return g_strdup_printf ("{\"name\":\"%s\"," SHOP "%s}\n", name, digest, more);
}

static WsedApiKeys *
read_text (const char  *text,
           GError     **error)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("wse-keys-XXXXXX", &path, NULL);
  WsedApiKeys *keys;

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  keys = wsed_api_keys_new (path, error);
  g_assert_true (keys != NULL || strstr ((*error)->message, path) != NULL);
  unlink (path);
  return keys;
}

static void
test_find (void)
{
  g_autofree char *shop = line ("shop", "key-of-shop", ",\"publish\":[\"user:*\"]"), *watch = line ("watch", "key-of-watch", ",\"monitor\":true");
  g_autofree char *text = g_strconcat ("# services\n\n", shop, "  \n", watch, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedApiKeys) keys = read_text (text, &error);
  WsedGrant *grant;

  g_assert_no_error (error);
  g_assert_cmpuint (wsed_api_keys_get_length (keys), ==, 2);
  grant = wsed_api_keys_find (keys, "key-of-shop");
  g_assert_cmpstr (grant->service, ==, "shop");
  g_assert_null (grant->user);
  g_assert_true (wsed_grant_may_publish (grant, "user:x"));
  g_assert_false (wsed_grant_may_monitor (grant));
  g_assert_true (wsed_grant_may_monitor (wsed_api_keys_find (keys, "key-of-watch")));
  g_assert_null (wsed_api_keys_find (keys, "key-of-nobody"));
  g_assert_null (wsed_api_keys_find (keys, ""));
}

/* A line that was changed or taken out no longer grants what it did. */
static void
test_has (void)
{
  g_autofree char *shop = line ("shop", "key-of-shop", ""), *watch = line ("watch", "key-of-watch", ""), *more = line ("watch", "key-of-watch", ",\"monitor\":true");
  g_autofree char *before = g_strconcat (shop, watch, NULL), *after = g_strconcat (more, shop, NULL);
  g_autoptr (WsedApiKeys) old = read_text (before, NULL), changed = read_text (after, NULL), none = read_text ("", NULL);

  g_assert_true (wsed_api_keys_has (changed, wsed_api_keys_find (old, "key-of-shop")));
  g_assert_false (wsed_api_keys_has (changed, wsed_api_keys_find (old, "key-of-watch")));
  g_assert_false (wsed_api_keys_has (none, wsed_api_keys_find (old, "key-of-shop")));
}

static void
test_refused (void)
{
  g_autofree char *shop = line ("shop", "a", ""), *twice = g_strconcat (shop, shop, NULL), *unknown = line ("shop", "a", ",\"publishes\":[]");
  g_autofree char *pattern = line ("shop", "a", ",\"publish\":[\"nowhere\"]"), *name = line ("a b", "a", "");
  const char *bad[] = { twice, unknown, pattern, name, "{}", "{\"name\":\"a\"}", "x", "[]", "{\"name\":\"a\",\"sha256\":\"00\"}",
                        "{\"name\":\"a\",\"sha256\":\"zz23456789012345678901234567890123456789012345678901234567890123\"}" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      if (read_text (bad[i], &error) != NULL)
        g_error ("%s is taken", bad[i]);
      g_assert_nonnull (strstr (error->message, "line "));
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/api-keys/find", test_find);
  g_test_add_func ("/api-keys/has", test_has);
  g_test_add_func ("/api-keys/refused", test_refused);
  return g_test_run ();
}
