/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedVisitor is who comes, as far as that is known: its connection's other end, or whom the proxies name whose word is taken. It hangs on
 * the connection's address and on the message; it refuses nobody. */

#include "transport/wsed-visitor.h"

#include <string.h>

#include "guard/wsed-forwarded.h"

#define VISITOR "wsed-visitor"

struct _WsedTrust
{
  WsedNetworks *proxies;
  gboolean local;
};

/* What hangs on a connection's address. */
typedef struct
{
  WsedVisitor visitor;
  WsedAddress address;
  gboolean trusted;
  WsedLimits *counted;         /* NULL: it is not */
} Arrival;

WsedTrust *
wsed_trust_new (const char * const *proxies)
{
  WsedTrust *self = g_new0 (WsedTrust, 1);

  self->proxies = wsed_networks_new (proxies);
  self->local = proxies != NULL && g_strv_contains (proxies, "unix");
  return self;
}

void
wsed_trust_free (WsedTrust *self)
{
  if (self == NULL)
    return;
  wsed_networks_free (self->proxies);
  g_free (self);
}

static GQuark
arrival_quark (void)
{
  return g_quark_from_static_string ("wsed-arrival");
}

static Arrival *
arrival_of (GSocketAddress *remote)
{
  return g_object_get_qdata (G_OBJECT (remote), arrival_quark ());
}

static void
arrival_free (gpointer data)
{
  Arrival *self = data;

  if (self->counted != NULL)
    wsed_limits_leave (self->counted, self->visitor.place);
  wsed_limits_unref (self->counted);
  g_free (self->visitor.text);
  g_free (self->visitor.place);
  g_free (self);
}

void
wsed_visitor_attach (GSocketAddress  *remote,
                     gboolean         local,
                     gboolean         named,
                     const WsedTrust *trust)
{
  Arrival *self = g_new0 (Arrival, 1);

  self->visitor.named = named;
  if (!wsed_address_from_socket (remote, &self->address))
    g_assert_not_reached ();
  self->trusted = local ? trust->local : wsed_networks_contain (trust->proxies, &self->address);
  self->visitor.text = local ? g_strdup ("unix") : g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (remote));
  self->visitor.place = local ? NULL : wsed_limits_place (&self->address);
  g_object_set_qdata_full (G_OBJECT (remote), arrival_quark (), self, arrival_free);
}

gboolean
wsed_visitor_is_trusted (GSocketAddress *remote)
{
  return arrival_of (remote)->trusted;
}

gboolean
wsed_visitor_enter (GSocketAddress *remote,
                    WsedLimits     *limits)
{
  Arrival *self = arrival_of (remote);

  if (self->trusted || self->visitor.place == NULL)
    return TRUE;
  if (!wsed_limits_connect (limits, self->visitor.place) || !wsed_limits_enter (limits, self->visitor.place))
    return FALSE;
  self->counted = wsed_limits_ref (limits);
  return TRUE;
}

static void
visitor_free (gpointer data)
{
  WsedVisitor *self = data;

  g_free (self->text);
  g_free (self->place);
  g_free (self);
}

gboolean
wsed_visitor_read (SoupServerMessage *message,
                   const WsedTrust   *trust)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const Arrival *arrival = arrival_of (soup_server_message_get_remote_address (message));
  WsedAddress client = arrival->address;
  WsedForwardedVerdict verdict;
  WsedVisitor *visitor;

  if (!arrival->trusted)
    return TRUE;
  verdict = wsed_forwarded_read (soup_message_headers_get_list (headers, "Forwarded"), soup_message_headers_get_list (headers, "X-Forwarded-For"),
                                 trust->proxies, &client);
  if (verdict != WSED_FORWARDED_CLIENT)
    return verdict == WSED_FORWARDED_SAME;
  visitor = g_new0 (WsedVisitor, 1);
  visitor->text = wsed_address_to_string (&client);
  visitor->named = TRUE;
  visitor->place = wsed_limits_place (&client);
  g_object_set_data_full (G_OBJECT (message), VISITOR, visitor, visitor_free);
  return TRUE;
}

const WsedVisitor *
wsed_visitor_get (SoupServerMessage *message)
{
  const WsedVisitor *named = g_object_get_data (G_OBJECT (message), VISITOR);

  return named != NULL ? named : &arrival_of (soup_server_message_get_remote_address (message))->visitor;
}

gboolean
wsed_visitor_stay (SoupServerMessage  *message,
                   WsedLimits         *limits,
                   char              **place)
{
  Arrival *arrival = arrival_of (soup_server_message_get_remote_address (message));
  const WsedVisitor *visitor = wsed_visitor_get (message);

  if (visitor != &arrival->visitor || arrival->counted == NULL)
    {
      if (!wsed_limits_enter (limits, visitor->place))
        return FALSE;
    }
  else
    /* It is the same connection: what was counted goes over. */
    g_clear_pointer (&arrival->counted, wsed_limits_unref);
  *place = g_strdup (visitor->place);
  return TRUE;
}
