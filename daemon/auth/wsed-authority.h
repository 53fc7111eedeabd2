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

typedef void (*WsedSettled) (gpointer user_data);

/* @main: the inbox that the main loop runs. Reads the files before it returns. NULL with @error. */
WsedAuthority *wsed_authority_new    (const WsedAuthorityConfig *config, WsedInbox *main, GError **error);
void           wsed_authority_free   (WsedAuthority *self);
void           wsed_authority_set_withdrawn (WsedAuthority *self, WsedWithdrawn withdrawn, gpointer user_data);
/* What @credential, a token or the key of a service, grants now (transfer full); NULL with @problem. A key that a token names and nobody
 * knows here has the file read, at most every ten seconds. */
WsedGrant     *wsed_authority_check  (WsedAuthority *self, const char *credential, WsedCredentialProblem *problem);
/* Whether a grant of a while ago still holds. NULL is allowed, it does. */
gboolean       wsed_authority_upholds (WsedAuthority *self, const WsedGrant *grant);
/* Has the files read again, beside the main thread; one that cannot be read leaves what was, and is told in the log. Grants by keys that
 * are gone are withdrawn. */
void           wsed_authority_reload (WsedAuthority *self);
/* After a problem that is undecided: @settled once the keys have been read, at the latest two seconds after that began, at once where nothing
 * is being read. What is still undecided then is refused. */
void           wsed_authority_await  (WsedAuthority *self, WsedSettled settled, gpointer user_data);
/* Revokes tokens; @done when that is on disk, or is not. Takes @revocation. */
void           wsed_authority_revoke (WsedAuthority *self, WsedRevocation *revocation, WsedRevoked done, gpointer user_data);
/* What was revoked is on disk; the answers are in the inbox. Who awaits something is told now, nothing is read any more. */
void           wsed_authority_stop   (WsedAuthority *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedAuthority, wsed_authority_free)

G_END_DECLS
