/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Says of a grant whether it was taken back. Whose connections that ends is not its business. */

#include "auth/wsed-withdrawal.h"

struct _WsedWithdrawal
{
  guint refs;                  /* atomic */
  WsedRevocation *revocation;  /* one of the three */
  WsedApiKeys *services;
  WsedKeySet *keys;
};

static WsedWithdrawal *
withdrawal_new (void)
{
  WsedWithdrawal *self = g_new0 (WsedWithdrawal, 1);

  self->refs = 1;
  return self;
}

WsedWithdrawal *
wsed_withdrawal_new_revocation (WsedRevocation *revocation)
{
  WsedWithdrawal *self = withdrawal_new ();

  self->revocation = wsed_revocation_ref (revocation);
  return self;
}

WsedWithdrawal *
wsed_withdrawal_new_api_keys (WsedApiKeys *left)
{
  WsedWithdrawal *self = withdrawal_new ();

  self->services = wsed_api_keys_ref (left);
  return self;
}

WsedWithdrawal *
wsed_withdrawal_new_keys (WsedKeySet *left)
{
  WsedWithdrawal *self = withdrawal_new ();

  self->keys = wsed_key_set_ref (left);
  return self;
}

WsedWithdrawal *
wsed_withdrawal_ref (WsedWithdrawal *self)
{
  __atomic_fetch_add (&self->refs, 1, __ATOMIC_RELAXED);
  return self;
}

void
wsed_withdrawal_unref (WsedWithdrawal *self)
{
  if (__atomic_sub_fetch (&self->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  g_clear_pointer (&self->revocation, wsed_revocation_unref);
  g_clear_pointer (&self->services, wsed_api_keys_unref);
  g_clear_pointer (&self->keys, wsed_key_set_unref);
  g_free (self);
}

gboolean
wsed_withdrawal_covers (const WsedWithdrawal *self,
                        const WsedGrant      *grant)
{
  if (self->revocation != NULL)
    return grant->service == NULL && wsed_revocation_covers (self->revocation, grant);
  if (self->keys != NULL)
    return grant->service == NULL && !wsed_key_set_has (self->keys, grant);
  return grant->service != NULL && !wsed_api_keys_has (self->services, grant);
}
