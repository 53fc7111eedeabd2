/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* Where domain events come from without anybody who waits for an answer. Main thread. */
#define WSED_TYPE_SOURCE (wsed_source_get_type ())
G_DECLARE_INTERFACE (WsedSource, wsed_source, WSED, SOURCE, GObject)

/**
 * WsedSourceInterface:
 * @start: begins to submit events to the pipeline it was made with
 * @pause: holds still until called with FALSE; what it was to bring in the meantime waits at its origin
 * @stop: ends for good; nothing is submitted after it, what was is still answered
 * @is_stopped: after stop, asked again and again until it says TRUE, or nobody waits any longer
 */
struct _WsedSourceInterface
{
  GTypeInterface parent;

  gboolean (*start) (WsedSource *self, GError **error);
  void (*pause) (WsedSource *self, gboolean paused);
  void (*stop) (WsedSource *self);
  gboolean (*is_stopped) (WsedSource *self);
};

gboolean wsed_source_start (WsedSource *self, GError **error);
void     wsed_source_pause (WsedSource *self, gboolean paused);
void     wsed_source_stop  (WsedSource *self);
gboolean wsed_source_is_stopped (WsedSource *self);

G_END_DECLS
