/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interface of a relay: hands each call on to the implementation. Keeps nothing. */

#include "relay/wsed-relay.h"

#include <string.h>

G_DEFINE_INTERFACE (WsedRelay, wsed_relay, G_TYPE_OBJECT)

static void
wsed_relay_default_init (WsedRelayInterface *iface)
{
}

void
wsed_relay_start (WsedRelay               *self,
                  const char              *name,
                  const WsedRelayListener *listener,
                  gpointer                 user_data)
{
  g_return_if_fail (WSED_IS_RELAY (self));

  WSED_RELAY_GET_IFACE (self)->start (self, name, listener, user_data);
}

void
wsed_relay_publish (WsedRelay         *self,
                    const char        *epoch,
                    WsedEntry * const *entries,
                    guint              n_entries)
{
  g_return_if_fail (WSED_IS_RELAY (self));

  WSED_RELAY_GET_IFACE (self)->publish (self, epoch, entries, n_entries);
}

void
wsed_relay_watch (WsedRelay  *self,
                  const char *channel)
{
  g_return_if_fail (WSED_IS_RELAY (self));

  WSED_RELAY_GET_IFACE (self)->watch (self, channel);
}

void
wsed_relay_unwatch (WsedRelay  *self,
                    const char *channel)
{
  g_return_if_fail (WSED_IS_RELAY (self));

  WSED_RELAY_GET_IFACE (self)->unwatch (self, channel);
}

void
wsed_relay_say (WsedRelay  *self,
                const char *to,
                const char *text,
                gsize       length)
{
  g_return_if_fail (WSED_IS_RELAY (self));
  g_return_if_fail (length <= WSED_RELAY_MAX_SAID);

  WSED_RELAY_GET_IFACE (self)->say (self, to, text, length);
}

void
wsed_relay_get_stats (WsedRelay      *self,
                      WsedRelayStats *stats)
{
  g_return_if_fail (WSED_IS_RELAY (self));

  memset (stats, 0, sizeof *stats);
  WSED_RELAY_GET_IFACE (self)->get_stats (self, stats);
}

void
wsed_relay_stop (WsedRelay *self)
{
  g_return_if_fail (WSED_IS_RELAY (self));

  WSED_RELAY_GET_IFACE (self)->stop (self);
}
