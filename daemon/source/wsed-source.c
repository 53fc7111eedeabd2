/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interface of a source: hands each call on to the implementation. Keeps nothing. */
#include "wsed-source.h"

G_DEFINE_INTERFACE (WsedSource, wsed_source, G_TYPE_OBJECT)

static void
wsed_source_default_init (WsedSourceInterface *iface)
{
}

gboolean
wsed_source_start (WsedSource *self, GError **error)
{
  g_return_val_if_fail (WSED_IS_SOURCE (self), FALSE);

  return WSED_SOURCE_GET_IFACE (self)->start (self, error);
}

void
wsed_source_pause (WsedSource *self, gboolean paused)
{
  g_return_if_fail (WSED_IS_SOURCE (self));

  WSED_SOURCE_GET_IFACE (self)->pause (self, paused);
}

void
wsed_source_stop (WsedSource *self)
{
  g_return_if_fail (WSED_IS_SOURCE (self));

  WSED_SOURCE_GET_IFACE (self)->stop (self);
}

gboolean
wsed_source_is_stopped (WsedSource *self)
{
  g_return_val_if_fail (WSED_IS_SOURCE (self), TRUE);

  return WSED_SOURCE_GET_IFACE (self)->is_stopped (self);
}
