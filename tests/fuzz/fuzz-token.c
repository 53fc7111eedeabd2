/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any text for a token, and any texts for what is signed in one: nothing is let in that names nobody, and every refusal says why in words
 * that are fixed. The input is header and claims with a line's end between, signed as they are; without one it is the token itself. */

#include <string.h>

#include "auth/wsed-revocation.h"
#include "auth/wsed-token.h"
#include "../daemon/token-fixture.h"
#include "wse-channel.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_grant (const WsedGrant *grant)
{
  g_autofree char *own = g_strconcat ("user:", grant->user, NULL);

  g_assert_true (wse_channel_is_valid (own));
  g_assert_true (wsed_grant_may_subscribe (grant, own));
  g_assert_cmpint (grant->expires, >, NOW);
  for (guint i = 0; grant->roles[i] != NULL; i++)
    g_assert_true (wse_channel_id_is_valid (grant->roles[i], -1));
  for (guint i = 0; grant->publish[i] != NULL; i++)
    g_assert_true (wsed_grant_pattern_is_valid (grant->publish[i]));
}

static void
verify (const char *token)
{
  static WsedKeySet *keys;
  static const WsedTokenRules rules;
  WsedCredentialProblem problem = { NULL, NULL, FALSE };
  gboolean unknown_key;
  g_autoptr (WsedGrant) grant = NULL;

  if (keys == NULL)
    keys = wsed_key_set_new (SECRET, ~0u, NULL);
  grant = wsed_token_verify (token, keys, &rules, NOW, &problem, &unknown_key);
  if (grant != NULL)
    {
      check_grant (grant);
      g_assert_true (wsed_key_set_has (keys, grant));
    }
  else
    /* It stands between quotes in a header. */
    g_assert_true (problem.reason != NULL && problem.text != NULL && strpbrk (problem.text, "\"\\\r\n") == NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  const char *text = (const char *) data;
  const char *end = memchr (text, '\n', size);
  const char *problem;
  WsedRevocation *revocation = wsed_revocation_new (text, size, NOW, &problem);

  if (end != NULL)
    {
      g_autofree char *token = sign_token (G_CHECKSUM_SHA256, SECRET, text, end - text, end + 1, size - (end + 1 - text));

      verify (token);
    }
  else
    {
      g_autofree char *token = g_strndup (text, size);

      verify (token);
    }
  /* What is kept of a revocation is read again as the same. */
  if (revocation != NULL)
    {
      g_autoptr (GString) once = g_string_new (NULL), twice = g_string_new (NULL);
      WsedRevocation *again;

      wsed_revocation_append (revocation, once);
      again = wsed_revocation_new (once->str, once->len, 0, &problem);
      g_assert_nonnull (again);
      wsed_revocation_append (again, twice);
      g_assert_cmpstr (once->str, ==, twice->str);
      wsed_revocation_unref (again);
      wsed_revocation_unref (revocation);
    }
  return 0;
}
