/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-revocations.h"
#include "auth/wsed-token.h"
#include "auth/wsed-withdrawal.h"

G_BEGIN_DECLS

/* Who decides what a credential is good for: keys, rules, the deny list. Main thread. */
typedef struct _WsedAuthority WsedAuthority;

typedef struct
{
  const char *jwt_key;         /* as WSE_JWT_KEY; NULL: no tokens are taken */
  const char * const *algorithms; /* names; NULL: all that there are */
  WsedTokenRules rules;        /* borrowed: must outlive the authority */
  const char *api_keys;        /* path; NULL: no keys of services are taken */
  const char *revocations;     /* path; NULL: they are not kept */
} WsedAuthorityConfig;

/* Grants that were given out hold no longer. */
typedef void (*WsedWithdrawn) (WsedWithdrawal *withdrawal, gpointer user_data);

/* @main: the inbox that the main loop runs. NULL with @error. */
WsedAuthority *wsed_authority_new    (const WsedAuthorityConfig *config, WsedInbox *main, GError **error);
void           wsed_authority_free   (WsedAuthority *self);
void           wsed_authority_set_withdrawn (WsedAuthority *self, WsedWithdrawn withdrawn, gpointer user_data);
/* What @credential, a token or the key of a service, grants now (transfer full); NULL with @problem. */
WsedGrant     *wsed_authority_check  (WsedAuthority *self, const char *credential, WsedCredentialProblem *problem);
/* Whether a grant of a while ago still holds. NULL is allowed, it does. */
gboolean       wsed_authority_upholds (WsedAuthority *self, const WsedGrant *grant);
/* Reads the files again; one that cannot be read leaves what was, and is told in the log. */
void           wsed_authority_reload (WsedAuthority *self);
/* Revokes tokens; @done when that is on disk, or is not. Takes @revocation. */
void           wsed_authority_revoke (WsedAuthority *self, WsedRevocation *revocation, WsedRevoked done, gpointer user_data);
/* What was revoked is on disk; the answers are in the inbox. */
void           wsed_authority_stop   (WsedAuthority *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedAuthority, wsed_authority_free)

G_END_DECLS
