/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The relay of a daemon that is alone: what is published is delivered in this process, at once, in the order of publishing. It keeps
 * nothing and loses nothing. */

#include "relay/wsed-relay.h"

struct _WsedRelay
{
  WsedRelayDeliver deliver;
  gpointer user_data;
};

WsedRelay *
wsed_relay_new_local (WsedRelayDeliver deliver,
                      gpointer         user_data)
{
  WsedRelay *self;

  g_return_val_if_fail (deliver != NULL, NULL);

  self = g_new0 (WsedRelay, 1);
  self->deliver = deliver;
  self->user_data = user_data;
  return self;
}

void
wsed_relay_publish (WsedRelay         *self,
                    WsedEntry * const *entries,
                    guint              n_entries)
{
  if (n_entries > 0)
    self->deliver (entries, n_entries, self->user_data);
}

void
wsed_relay_free (WsedRelay *self)
{
  g_free (self);
}
