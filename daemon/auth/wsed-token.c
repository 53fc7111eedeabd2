/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes a token apart, has its signature verified, and only then looks at what it says. */

#include "auth/wsed-token.h"

#include <string.h>

#include "auth/wsed-base64url.h"
#include "auth/wsed-claims.h"
#include "auth/wsed-object.h"

/* Bytes of a header's alg and kid. */
#define MAX_NAME 256

typedef struct
{
  char *alg;
  char *kid;
} Header;

static void
header_clear (Header *header)
{
  g_free (header->alg);
  g_free (header->kid);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Header, header_clear)

static WsedGrant *
fail (WsedCredentialProblem *problem,
      const char            *reason,
      const char            *text)
{
  problem->reason = reason;
  problem->text = text;
  return NULL;
}

/* Keys that a token brings along (jwk, jku, x5u, x5c) are not looked at. */
static const char *
header_member (const char         *name,
               const WseJsonValue *value,
               gpointer            user_data)
{
  Header *header = user_data;

  if (g_str_equal (name, "alg"))
    return (header->alg = wsed_object_dup_text (value, MAX_NAME)) != NULL ? NULL : "alg of the token is not a name";
  if (g_str_equal (name, "kid"))
    return (header->kid = wsed_object_dup_text (value, MAX_NAME)) != NULL ? NULL : "kid of the token is not a name";
  if (g_str_equal (name, "crit"))
    return "the token wants something understood (crit) that is not known here";
  return NULL;
}

/* Its three parts, decoded; the last byte of what is signed is before the second dot. FALSE where it is no token. */
static gboolean
split (const char *token,
       GBytes     *parts[3],
       gsize      *signed_length)
{
  for (guint i = 0; i < 3; i++)
    {
      gsize length = strcspn (token, ".");

      if ((token[length] == '.') != (i < 2))
        return FALSE;
      parts[i] = wsed_base64url_decode (token, length);
      if (parts[i] == NULL)
        return FALSE;
      if (i < 2)
        *signed_length += length + i;
      token += length + 1;
    }
  return TRUE;
}

static WsedGrant *
verify (const char            *token,
        GBytes *const          parts[3],
        gsize                  signed_length,
        WsedKeySet            *keys,
        const WsedTokenRules  *rules,
        gint64                 now,
        WsedCredentialProblem *problem,
        gboolean              *unknown_key)
{
  g_auto (Header) header = { 0 };
  gsize length;
  const char *text = g_bytes_get_data (parts[0], &length);
  const char *wrong = wsed_object_read (text, length, header_member, &header);
  const WsedKey *key;
  WsedAlgorithm algorithm;
  WsedGrant *grant;

  if (wrong != NULL)
    return fail (problem, "malformed", wrong);
  algorithm = header.alg != NULL ? wsed_algorithm_from_name (header.alg) : 0;
  if (algorithm == 0)
    return fail (problem, "algorithm", "the token is not signed in a way that is taken: HS256, HS384, HS512, RS256 or ES256");
  switch (wsed_key_set_verify (keys, header.kid, algorithm, token, signed_length, parts[2], &key))
    {
    case WSED_VERIFIED:
      text = g_bytes_get_data (parts[1], &length);
      grant = wsed_claims_read (text, length, rules, now, problem);
      if (grant == NULL)
        return NULL;
      memcpy (grant->digest, key->digest, sizeof grant->digest);
      grant->algorithm = algorithm;
      grant->kid = g_steal_pointer (&header.kid);
      return grant;
    case WSED_NO_SUCH_KEY:
      *unknown_key = TRUE;
      return fail (problem, "key", "the token is signed with a key (kid) that is not known here");
    case WSED_NO_SUCH_ALGORITHM:
      return fail (problem, "algorithm", "the token's alg does not fit the key");
    case WSED_BAD_SIGNATURE:
    default:
      return fail (problem, "signature", "the token's signature is not that of the key");
    }
}

WsedGrant *
wsed_token_verify (const char            *token,
                   WsedKeySet            *keys,
                   const WsedTokenRules  *rules,
                   gint64                 now,
                   WsedCredentialProblem *problem,
                   gboolean              *unknown_key)
{
  GBytes *parts[3] = { NULL, NULL, NULL };
  gsize signed_length = 0;
  WsedGrant *grant;

  *unknown_key = FALSE;
  if (strlen (token) > WSED_MAX_TOKEN)
    return fail (problem, "malformed", "the token is longer than 8 KiB");
  if (split (token, parts, &signed_length))
    grant = verify (token, parts, signed_length, keys, rules, now, problem, unknown_key);
  else
    grant = fail (problem, "malformed", "it is not a token: three parts in base64url, with a dot between");
  for (guint i = 0; i < 3; i++)
    g_clear_pointer (&parts[i], g_bytes_unref);
  return grant;
}
