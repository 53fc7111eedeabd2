/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-grant.h"
#include "auth/wsed-key-set.h"

G_BEGIN_DECLS

/* JSON Web Tokens (RFC 7519, 7515, 8725) as PROTOCOL section 5 has them. */

/* Bytes of a token: more than what any client sends in a header, less than what is work to refuse. */
#define WSED_MAX_TOKEN 8192
/* Bytes of the claim `jti`, which a revocation names. */
#define WSED_MAX_JTI 512

/* Why a credential is not taken; both static, neither repeats anything of it. */
typedef struct
{
  const char *reason;          /* for a metric: one word */
  const char *text;            /* for who sent it */
  gboolean undecided;          /* the file of keys is being read: it may be taken after that */
} WsedCredentialProblem;

typedef struct
{
  GStrv issuers;               /* `iss` must be one of them; NULL: it may be anything, or absent */
  GStrv audiences;             /* `aud` must have one of them; NULL: a token with `aud` is for somebody else (RFC 7519 section 4.1.3) */
} WsedTokenRules;

/* What the token grants at @now (microseconds since 1970); NULL with @problem. *@unknown_key: it names a key that is not in the set. */
WsedGrant *wsed_token_verify (const char *token, WsedKeySet *keys, const WsedTokenRules *rules, gint64 now, WsedCredentialProblem *problem,
                              gboolean *unknown_key);

G_END_DECLS
