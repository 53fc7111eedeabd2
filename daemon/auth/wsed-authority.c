/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedAuthority owns the keys and the deny list, and when they are read anew: in a thread of its own, since nobody knows what the files lie on;
 * what was read before holds until the new is there. It never sees a request, and never logs a credential or what one says. */

#include "auth/wsed-authority.h"

#include <string.h>

#include "auth/wsed-api-keys.h"
#include "auth/wsed-key-set.h"
#include "thread/wsed-errand.h"

/* A kid that is not known has the file read again, but not more often than this (microseconds): anybody can name one. */
#define RELOAD_INTERVAL (10 * G_TIME_SPAN_SECOND)
/* For so long (microseconds) after a reading began those wait whose key may be in what is read; WSE_TEST_DEADLINE_MS is for tests. */
#define PATIENCE (2 * G_TIME_SPAN_SECOND)

/* So many at a time: each holds a connection, and anybody can name a key that nobody knows. */
#define MAX_WAITING 256

/* Where keys are, for the thread that reads them. */
typedef struct
{
  char *where;                 /* as WSE_JWT_KEY, or a path */
  guint algorithms;
} Place;

/* Somebody who waits for keys. */
typedef struct
{
  WsedSettled settled;
  gpointer user_data;
} Waiting;

struct _WsedAuthority
{
  WsedTokenRules rules;
  WsedKeySet *keys;            /* NULL: no tokens are taken */
  WsedErrand *reading_keys;    /* NULL: there is no file to read */
  gint64 reloaded_at;          /* monotonic; for a kid that was not known */
  gboolean asked;              /* the operator wants to know: anybody can have it read */
  WsedApiKeys *api_keys;
  WsedErrand *reading_api_keys; /* NULL: as above */
  gint64 patience;             /* µs */
  GQueue waiting;              /* of Waiting */
  guint timer;                 /* until their patience is over; 0: nobody waits */
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

static Place *
place_new (const char *where,
           guint       algorithms)
{
  Place *place = g_new (Place, 1);

  *place = (Place) { g_strdup (where), algorithms };
  return place;
}

static void
place_free (gpointer data)
{
  Place *place = data;

  g_free (place->where);
  g_free (place);
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
settle_all (WsedAuthority *self)
{
  GQueue waiting = self->waiting;

  /* Each may wait anew. */
  g_queue_init (&self->waiting);
  g_clear_handle_id (&self->timer, g_source_remove);
  while (waiting.length > 0)
    {
      g_autofree Waiting *each = g_queue_pop_head (&waiting);

      each->settled (each->user_data);
    }
}

static gpointer
read_keys (gpointer   place,
           GError   **error)
{
  return wsed_key_set_new (((Place *) place)->where, ((Place *) place)->algorithms, error);
}

static void
on_keys (gpointer      result,
         const GError *error,
         gpointer      user_data)
{
  WsedAuthority *self = user_data;
  g_autoptr (WsedKeySet) before = NULL;

  if (result != NULL)
    {
      before = self->keys;
      self->keys = result;
      if (self->asked)
        g_message ("the keys of tokens were read again");
      self->asked = FALSE;
      if (!wsed_key_set_covers (self->keys, before))
        withdraw (self, wsed_withdrawal_new_keys (self->keys));
    }
  else
    g_warning ("the keys of tokens stay as they were: %s", error->message);
  settle_all (self);
}

static gpointer
read_api_keys (gpointer   place,
               GError   **error)
{
  return wsed_api_keys_new (((Place *) place)->where, error);
}

static void
on_api_keys (gpointer      result,
             const GError *error,
             gpointer      user_data)
{
  WsedAuthority *self = user_data;

  if (result == NULL)
    {
      g_warning ("the keys of services stay as they were: %s", error->message);
      return;
    }
  wsed_api_keys_unref (self->api_keys);
  self->api_keys = result;
  g_message ("the keys of services were read again");
  withdraw (self, wsed_withdrawal_new_api_keys (self->api_keys));
}

static const WsedErrandClass reading_keys = {
  read_keys, on_keys, (GDestroyNotify) wsed_key_set_unref, place_free, "reading the keys of tokens",
};
static const WsedErrandClass reading_api_keys = {
  read_api_keys, on_api_keys, (GDestroyNotify) wsed_api_keys_unref, place_free, "reading the keys of services",
};

WsedAuthority *
wsed_authority_new (const WsedAuthorityConfig  *config,
                    WsedInbox                  *main,
                    GError                    **error)
{
  g_autoptr (WsedAuthority) self = g_new0 (WsedAuthority, 1);
  guint algorithms = read_algorithms (config->algorithms);
  const char *test = g_getenv ("WSE_TEST_DEADLINE_MS");

  self->patience = test != NULL ? MAX (1, g_ascii_strtoll (test, NULL, 10)) * 1000 : PATIENCE;
  self->rules = config->rules;
  self->reloaded_at = G_MININT64 / 2;
  g_queue_init (&self->waiting);
  if (config->jwt_key != NULL && (self->keys = wsed_key_set_new (config->jwt_key, algorithms, error)) == NULL)
    return NULL;
  if (config->api_keys != NULL && (self->api_keys = wsed_api_keys_new (config->api_keys, error)) == NULL)
    return NULL;
  if (config->jwt_key != NULL && g_str_has_prefix (config->jwt_key, "file:"))
    self->reading_keys = wsed_errand_new (main, &reading_keys, place_new (config->jwt_key, algorithms), self);
  if (config->api_keys != NULL)
    self->reading_api_keys = wsed_errand_new (main, &reading_api_keys, place_new (config->api_keys, 0), self);
  self->revocations = wsed_revocations_new (config->revocations, main, g_get_real_time (), error);
  return self->revocations != NULL ? g_steal_pointer (&self) : NULL;
}

void
wsed_authority_free (WsedAuthority *self)
{
  if (self == NULL)
    return;
  wsed_errand_free (self->reading_keys);
  wsed_errand_free (self->reading_api_keys);
  g_clear_handle_id (&self->timer, g_source_remove);
  g_queue_clear_full (&self->waiting, g_free);
  wsed_key_set_unref (self->keys);
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

void
wsed_authority_reload (WsedAuthority *self)
{
  self->asked = TRUE;
  if (self->reading_keys != NULL)
    wsed_errand_start (self->reading_keys);
  if (self->reading_api_keys != NULL)
    wsed_errand_start (self->reading_api_keys);
}

/* Whether the key that a token names may be in what is being read. */
static gboolean
may_come (WsedAuthority *self)
{
  gint64 now = g_get_monotonic_time (), age;

  if (self->reading_keys == NULL)
    return FALSE;
  if (wsed_errand_get_age (self->reading_keys) < 0 && now - self->reloaded_at >= RELOAD_INTERVAL)
    {
      self->reloaded_at = now;
      wsed_errand_start (self->reading_keys);
    }
  age = wsed_errand_get_age (self->reading_keys);
  return age >= 0 && age < self->patience && self->waiting.length < MAX_WAITING;
}

static gboolean
on_patience_over (gpointer user_data)
{
  WsedAuthority *self = user_data;

  self->timer = 0;
  settle_all (self);
  return G_SOURCE_REMOVE;
}

void
wsed_authority_await (WsedAuthority *self,
                      WsedSettled    settled,
                      gpointer       user_data)
{
  gint64 age = self->reading_keys != NULL ? wsed_errand_get_age (self->reading_keys) : -1;
  Waiting *waiting;

  if (age < 0 || age >= self->patience)
    {
      settled (user_data);
      return;
    }
  waiting = g_new (Waiting, 1);
  *waiting = (Waiting) { settled, user_data };
  g_queue_push_tail (&self->waiting, waiting);
  if (self->timer == 0)
    self->timer = g_timeout_add ((self->patience - age) / 1000 + 1, on_patience_over, self);
}

static WsedGrant *
check_token (WsedAuthority         *self,
             const char            *token,
             gint64                 now,
             WsedCredentialProblem *problem)
{
  gboolean unknown_key;
  WsedGrant *grant = wsed_token_verify (token, self->keys, &self->rules, now, problem, &unknown_key);

  problem->undecided = unknown_key && may_come (self);
  if (grant == NULL || !wsed_revocations_cover (self->revocations, grant))
    return grant;
  wsed_grant_unref (grant);
  *problem = (WsedCredentialProblem) { "revoked", "the token is revoked", FALSE };
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

  *problem = (WsedCredentialProblem) { 0 };
  if (is_token && self->keys != NULL)
    return check_token (self, credential, g_get_real_time (), problem);
  grant = !is_token && self->api_keys != NULL && strlen (credential) <= WSED_MAX_TOKEN ? wsed_api_keys_find (self->api_keys, credential) : NULL;
  if (grant != NULL)
    return wsed_grant_ref (grant);
  *problem = (WsedCredentialProblem) { "unknown", is_token ? "tokens are not taken here" : "it is neither a token nor a key that is known here", FALSE };
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
  return grant->expires > g_get_real_time () && self->keys != NULL && wsed_key_set_has (self->keys, grant)
         && !wsed_revocations_cover (self->revocations, grant);
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
  g_clear_pointer (&self->reading_keys, wsed_errand_free);
  g_clear_pointer (&self->reading_api_keys, wsed_errand_free);
  settle_all (self);
  wsed_revocations_stop (self->revocations);
}
