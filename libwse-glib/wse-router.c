/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WseRouter decides where an event without a target goes (PROTOCOL section 2). It never changes where an event with one goes. */

#include "wse-router.h"

#include "wse-error.h"
#include "wse-event-private.h"
#include "wse-system-events.h"

/**
 * WseRouter:
 *
 * A [iface@Wse.Transformer], the last of a chain, after which every event has a channel.
 *
 * An event that names its channels keeps them, whatever its type: it is no system event then and its metadata is not looked at. One
 * without goes to `system` if its type is one of the six kinds, and is checked and completed by
 * [func@Wse.system_event_complete]. Any other fails with `WSE_ERROR_NO_ROUTE` (PROTOCOL section 2).
 *
 * Since: 0.1
 */
struct _WseRouter
{
  GObject parent_instance;
};

static WseVerdict
wse_router_transform (WseTransformer *transformer,
                      WseEvent       *event,
                      WseEvent      **out,
                      GError        **error)
{
  static const char * const system_channel[] = { "system", NULL };
  g_autoptr (WseEvent) routed = NULL;
  WseEventFields fields;

  if (event->n_channels > 0)
    {
      *out = wse_event_ref (event);
      return WSE_VERDICT_DELIVER;
    }
  if (!wse_system_event_is_kind (event->event_type))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_NO_ROUTE,
                   "an event of type “%s” needs user_id, role_id, team_id, session_id or broadcast", event->event_type);
      return WSE_VERDICT_FAIL;
    }

  wse_event_get_fields (event, &fields);
  fields.channels = system_channel;
  fields.n_channels = 1;
  routed = wse_event_new_from_fields (&fields);
  *out = wse_system_event_complete (routed, error);
  return *out != NULL ? WSE_VERDICT_DELIVER : WSE_VERDICT_FAIL;
}

static void
transformer_iface_init (WseTransformerInterface *iface)
{
  iface->transform = wse_router_transform;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (WseRouter, wse_router, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSE_TYPE_TRANSFORMER, transformer_iface_init))

static void
wse_router_class_init (WseRouterClass *klass)
{
}

static void
wse_router_init (WseRouter *self)
{
}

/**
 * wse_router_new:
 *
 * Makes a router.
 *
 * Returns: (transfer full): a new router
 *
 * Since: 0.1
 */
WseRouter *
wse_router_new (void)
{
  return g_object_new (WSE_TYPE_ROUTER, NULL);
}
