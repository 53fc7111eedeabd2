/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the claims of a token into a grant (RFC 7519 section 4, PROTOCOL section 5). It takes them as said by whom it trusts; whether that
 * is so was found out before. */

#include "auth/wsed-claims.h"

#include "auth/wsed-object.h"
#include "auth/wsed-permissions.h"
#include "wse-channel.h"
#include "wse-limits.h"

/* Bytes of `iss` and of one `aud`: they are addresses, mostly. */
#define MAX_NAME 1024

typedef struct
{
  WsedGrant *grant;
  char *issuer;
  GStrv audiences;
  gint64 not_before;
} Claims;

static void
claims_clear (Claims *claims)
{
  wsed_grant_unref (claims->grant);
  g_free (claims->issuer);
  g_strfreev (claims->audiences);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Claims, claims_clear)

static const char *
read_ids (const WseJsonValue *value,
          GStrv              *ids)
{
  g_auto (GStrv) read = wsed_object_dup_texts (value, WSE_MAX_ID_BYTES);

  if (read == NULL)
    return "roles and teams are lists of ids";
  for (guint i = 0; read[i] != NULL; i++)
    if (!wse_channel_id_is_valid (read[i], -1))
      return "roles and teams have an id that cannot be one";
  g_strfreev (*ids);
  *ids = g_steal_pointer (&read);
  return NULL;
}

static const char *
wse_member (const char         *name,
            const WseJsonValue *value,
            gpointer            user_data)
{
  gboolean known;
  const char *problem = wsed_permissions_read (name, value, user_data, &known);

  return known ? problem : "the claim wse has a member that is not known";
}

static const char *
read_audiences (const WseJsonValue *value,
                Claims             *claims)
{
  char *one = wsed_object_dup_text (value, MAX_NAME);

  if (one == NULL)
    {
      claims->audiences = wsed_object_dup_texts (value, MAX_NAME);
      return claims->audiences != NULL ? NULL : "aud is a name or a list of names";
    }
  claims->audiences = g_new0 (char *, 2);
  claims->audiences[0] = one;
  return NULL;
}

static const char *
claims_member (const char         *name,
               const WseJsonValue *value,
               gpointer            user_data)
{
  Claims *claims = user_data;
  WsedGrant *grant = claims->grant;

  if (g_str_equal (name, "sub"))
    return (grant->user = wsed_object_dup_id (value)) != NULL
             ? NULL : "sub is an id of 1 to 128 bytes without white space, control characters, ',', '@' or '*'";
  if (g_str_equal (name, "exp"))
    return wsed_object_read_time (value, &grant->expires) ? NULL : "exp is a number of seconds since 1970";
  if (g_str_equal (name, "nbf"))
    return wsed_object_read_time (value, &claims->not_before) ? NULL : "nbf is a number of seconds since 1970";
  if (g_str_equal (name, "iat"))
    return wsed_object_read_time (value, &grant->issued) ? NULL : "iat is a number of seconds since 1970";
  if (g_str_equal (name, "iss"))
    return (claims->issuer = wsed_object_dup_text (value, MAX_NAME)) != NULL ? NULL : "iss is a name";
  if (g_str_equal (name, "aud"))
    return read_audiences (value, claims);
  if (g_str_equal (name, "jti"))
    return (grant->jti = wsed_object_dup_text (value, WSED_MAX_JTI)) != NULL ? NULL : "jti is a text of at most 512 bytes";
  if (g_str_equal (name, "roles"))
    return read_ids (value, &grant->roles);
  if (g_str_equal (name, "teams"))
    return read_ids (value, &grant->teams);
  if (g_str_equal (name, "wse"))
    return wsed_object_read_value (value, wse_member, grant);
  return NULL;
}

static gboolean
has_one_of (GStrv have,
            GStrv wanted)
{
  for (guint i = 0; have != NULL && have[i] != NULL; i++)
    if (g_strv_contains ((const char * const *) wanted, have[i]))
      return TRUE;
  return FALSE;
}

/* NULL, or why they do not hold. Without leeway: what the signer says is what holds. */
static const char *
check (const Claims         *claims,
       const WsedTokenRules *rules,
       gint64                now,
       const char          **reason)
{
  *reason = "claims";
  if (claims->grant->user == NULL)
    return "the token has no sub";
  if (rules->issuers != NULL && (claims->issuer == NULL || !g_strv_contains ((const char * const *) rules->issuers, claims->issuer)))
    return "the token is not of an issuer (iss) that is trusted here";
  if (rules->audiences != NULL ? !has_one_of (claims->audiences, rules->audiences) : claims->audiences != NULL)
    return "the token is meant for others (aud)";
  *reason = "expired";
  if (claims->grant->expires <= now)
    return "the token has expired";
  *reason = "early";
  if (claims->not_before > now)
    return "the token is not valid yet (nbf)";
  return NULL;
}

WsedGrant *
wsed_claims_read (const char            *text,
                  gsize                  length,
                  const WsedTokenRules  *rules,
                  gint64                 now,
                  WsedCredentialProblem *problem)
{
  g_auto (Claims) claims = { .grant = wsed_grant_new (), .not_before = G_MININT64 };

  problem->reason = "claims";
  problem->text = wsed_object_read (text, length, claims_member, &claims);
  if (problem->text == NULL)
    problem->text = check (&claims, rules, now, &problem->reason);
  return problem->text == NULL ? g_steal_pointer (&claims.grant) : NULL;
}
