/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-api-keys.h"
#include "auth/wsed-key-set.h"
#include "auth/wsed-revocation.h"

G_BEGIN_DECLS

/* That grants already given out hold no longer: what a revocation covers; all of services that are not in the file of API keys any more as
 * they were; all of tokens whose key is not in the set any more. Immutable, refcounted, any thread: the way from the main thread to the connections. */
typedef struct _WsedWithdrawal WsedWithdrawal;

WsedWithdrawal *wsed_withdrawal_new_revocation (WsedRevocation *revocation);
WsedWithdrawal *wsed_withdrawal_new_api_keys   (WsedApiKeys *left);
WsedWithdrawal *wsed_withdrawal_new_keys       (WsedKeySet *left);
WsedWithdrawal *wsed_withdrawal_ref    (WsedWithdrawal *self);
void            wsed_withdrawal_unref  (WsedWithdrawal *self);
gboolean        wsed_withdrawal_covers (const WsedWithdrawal *self, const WsedGrant *grant);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedWithdrawal, wsed_withdrawal_unref)

G_END_DECLS
