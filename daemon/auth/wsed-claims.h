/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-token.h"

G_BEGIN_DECLS

/* The claims of a token whose signature was found good. NULL with @problem where they are not well formed, or do not hold at @now. */
WsedGrant *wsed_claims_read (const char *text, gsize length, const WsedTokenRules *rules, gint64 now, WsedCredentialProblem *problem);

G_END_DECLS
