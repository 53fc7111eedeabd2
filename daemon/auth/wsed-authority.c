/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedAuthority owns the keys and the deny list, and when they are read anew. It never sees a request, and never logs a credential or what
 * one says. */

#include "auth/wsed-authority.h"

#include <string.h>

#include "auth/wsed-api-keys.h"
#include "auth/wsed-key-set.h"

/* A kid that is not known has the file read again, but not more often than this (microseconds): anybody can name one. */
#define RELOAD_INTERVAL (10 * G_TIME_SPAN_SECOND)

struct _WsedAuthority
{
  char *jwt_key;               /* NULL: none */
  guint algorithms;
  WsedTokenRules rules;
  WsedKeySet *keys;
  gint64 reloaded_at;          /* monotonic; for a kid that was not known */
  char *api_keys_path;
  WsedApiKeys *api_keys;
  WsedRevocations *revocations;
  WsedWithdrawn withdrawn;
  gpointer user_data;
};

typedef struct
{
  WsedAuthority *authority;
  WsedRevoked done;
  gpointer user_data;
} Revoking;

static guint
read_algorithms (const char * const *names)
{
  guint algorithms = 0;

  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    algorithms |= wsed_algorithm_from_name (names[i]);
  return algorithms != 0 ? algorithms : ~0u;
}

WsedAuthority *
wsed_authority_new (const WsedAuthorityConfig  *config,
                    WsedInbox                  *main,
                    GError                    **error)
{
  g_autoptr (WsedAuthority) self = g_new0 (WsedAuthority, 1);

  self->jwt_key = g_strdup (config->jwt_key);
  self->algorithms = read_algorithms (config->algorithms);
  self->rules = config->rules;
  self->api_keys_path = g_strdup (config->api_keys);
  self->reloaded_at = G_MININT64 / 2;
  if (config->jwt_key != NULL && (self->keys = wsed_key_set_new (config->jwt_key, self->algorithms, error)) == NULL)
    return NULL;
  if (config->api_keys != NULL && (self->api_keys = wsed_api_keys_new (config->api_keys, error)) == NULL)
    return NULL;
  self->revocations = wsed_revocations_new (config->revocations, main, g_get_real_time (), error);
  return self->revocations != NULL ? g_steal_pointer (&self) : NULL;
}

void
wsed_authority_free (WsedAuthority *self)
{
  if (self == NULL)
    return;
  g_free (self->jwt_key);
  g_free (self->api_keys_path);
  wsed_key_set_free (self->keys);
  wsed_api_keys_unref (self->api_keys);
  wsed_revocations_free (self->revocations);
  g_free (self);
}

void
wsed_authority_set_withdrawn (WsedAuthority *self,
                              WsedWithdrawn  withdrawn,
                              gpointer       user_data)
{
  self->withdrawn = withdrawn;
  self->user_data = user_data;
}

static void
withdraw (WsedAuthority  *self,
          WsedWithdrawal *withdrawal)
{
  if (self->withdrawn != NULL)
    self->withdrawn (withdrawal, self->user_data);
  wsed_withdrawal_unref (withdrawal);
}

static void
reload_keys (WsedAuthority *self)
{
  g_autoptr (GError) error = NULL;
  WsedKeySet *keys = wsed_key_set_new (self->jwt_key, self->algorithms, &error);

  if (keys == NULL)
    {
      g_warning ("the keys of tokens stay as they were: %s", error->message);
      return;
    }
  wsed_key_set_free (self->keys);
  self->keys = keys;
}

static void
reload_api_keys (WsedAuthority *self)
{
  g_autoptr (GError) error = NULL;
  WsedApiKeys *keys = wsed_api_keys_new (self->api_keys_path, &error);

  if (keys == NULL)
    {
      g_warning ("the keys of services stay as they were: %s", error->message);
      return;
    }
  wsed_api_keys_unref (self->api_keys);
  self->api_keys = keys;
  withdraw (self, wsed_withdrawal_new_api_keys (keys));
}

static gboolean
keys_are_of_a_file (WsedAuthority *self)
{
  return self->jwt_key != NULL && g_str_has_prefix (self->jwt_key, "file:");
}

void
wsed_authority_reload (WsedAuthority *self)
{
  if (keys_are_of_a_file (self))
    reload_keys (self);
  if (self->api_keys_path != NULL)
    reload_api_keys (self);
  g_message ("the files of keys were read again");
}

static WsedGrant *
check_token (WsedAuthority         *self,
             const char            *token,
             gint64                 now,
             WsedCredentialProblem *problem)
{
  gboolean unknown_key;
  WsedGrant *grant = wsed_token_verify (token, self->keys, &self->rules, now, problem, &unknown_key);

  if (unknown_key && keys_are_of_a_file (self) && g_get_monotonic_time () - self->reloaded_at >= RELOAD_INTERVAL)
    {
      self->reloaded_at = g_get_monotonic_time ();
      reload_keys (self);
      grant = wsed_token_verify (token, self->keys, &self->rules, now, problem, &unknown_key);
    }
  if (grant == NULL || !wsed_revocations_cover (self->revocations, grant))
    return grant;
  wsed_grant_unref (grant);
  *problem = (WsedCredentialProblem) { "revoked", "the token is revoked" };
  return NULL;
}

WsedGrant *
wsed_authority_check (WsedAuthority         *self,
                      const char            *credential,
                      WsedCredentialProblem *problem)
{
  /* A token has two dots, the key of a service none. */
  gboolean is_token = strchr (credential, '.') != NULL;
  WsedGrant *grant;

  if (is_token && self->keys != NULL)
    return check_token (self, credential, g_get_real_time (), problem);
  grant = !is_token && self->api_keys != NULL && strlen (credential) <= WSED_MAX_TOKEN ? wsed_api_keys_find (self->api_keys, credential) : NULL;
  if (grant != NULL)
    return wsed_grant_ref (grant);
  *problem = (WsedCredentialProblem) { "unknown", is_token ? "tokens are not taken here" : "it is neither a token nor a key that is known here" };
  return NULL;
}

gboolean
wsed_authority_upholds (WsedAuthority   *self,
                        const WsedGrant *grant)
{
  if (grant == NULL)
    return TRUE;
  if (grant->service != NULL)
    return self->api_keys != NULL && wsed_api_keys_has (self->api_keys, grant);
  return grant->expires > g_get_real_time () && !wsed_revocations_cover (self->revocations, grant);
}

static void
on_revoked (WsedRevocation *revocation,
            const GError   *error,
            gpointer        user_data)
{
  Revoking *revoking = user_data;

  if (error == NULL)
    withdraw (revoking->authority, wsed_withdrawal_new_revocation (revocation));
  revoking->done (revocation, error, revoking->user_data);
  g_free (revoking);
}

void
wsed_authority_revoke (WsedAuthority  *self,
                       WsedRevocation *revocation,
                       WsedRevoked     done,
                       gpointer        user_data)
{
  Revoking *revoking = g_new (Revoking, 1);

  *revoking = (Revoking) { self, done, user_data };
  wsed_revocations_add (self->revocations, revocation, g_get_real_time (), on_revoked, revoking);
}

void
wsed_authority_stop (WsedAuthority *self)
{
  wsed_revocations_stop (self->revocations);
}
