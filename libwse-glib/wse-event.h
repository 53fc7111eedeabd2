/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib-object.h>

#include "wse-version.h"

G_BEGIN_DECLS

/**
 * WseSeverity:
 * @WSE_SEVERITY_INFO: the default
 * @WSE_SEVERITY_WARNING: somebody should look
 * @WSE_SEVERITY_ERROR: something failed
 *
 * How grave an event is; the values compare in that order (PROTOCOL section 2).
 *
 * Since: 0.1
 */
typedef enum
{
  WSE_SEVERITY_INFO,
  WSE_SEVERITY_WARNING,
  WSE_SEVERITY_ERROR,
} WseSeverity;

WSE_AVAILABLE_IN_0_1
const char *wse_severity_to_string (WseSeverity severity);
WSE_AVAILABLE_IN_0_1
gboolean    wse_severity_from_string (const char *text, WseSeverity *severity);

#define WSE_TYPE_EVENT (wse_event_get_type ())

/**
 * WseEvent:
 *
 * One immutable fact: type, id, time, severity, payload, and the channels it goes to (PROTOCOL sections 1 and 2).
 *
 * Since: 0.1
 */
typedef struct _WseEvent WseEvent;

WSE_AVAILABLE_IN_0_1
GType               wse_event_get_type (void);

WSE_AVAILABLE_IN_0_1
WseEvent           *wse_event_new (const char *event_type, const char * const *channels, GBytes *payload, GError **error);
WSE_AVAILABLE_IN_0_1
WseEvent           *wse_event_new_from_json (GBytes *json, GError **error);
WSE_AVAILABLE_IN_0_1
WseEvent           *wse_event_ref (WseEvent *event);
WSE_AVAILABLE_IN_0_1
void                wse_event_unref (WseEvent *event);

WSE_AVAILABLE_IN_0_1
const char         *wse_event_get_event_type (WseEvent *event);
WSE_AVAILABLE_IN_0_1
const char         *wse_event_get_original_type (WseEvent *event);
WSE_AVAILABLE_IN_0_1
const char         *wse_event_get_id (WseEvent *event);
WSE_AVAILABLE_IN_0_1
gint64              wse_event_get_timestamp (WseEvent *event);
WSE_AVAILABLE_IN_0_1
gint64              wse_event_get_latency (WseEvent *event);
WSE_AVAILABLE_IN_0_1
WseSeverity         wse_event_get_severity (WseEvent *event);
WSE_AVAILABLE_IN_0_1
const char         *wse_event_get_message (WseEvent *event);
WSE_AVAILABLE_IN_0_1
GBytes             *wse_event_get_payload (WseEvent *event);
WSE_AVAILABLE_IN_0_1
const char * const *wse_event_get_channels (WseEvent *event);

WSE_AVAILABLE_IN_0_1
WseEvent           *wse_event_with_type (WseEvent *event, const char *event_type, GError **error);
WSE_AVAILABLE_IN_0_1
WseEvent           *wse_event_with_channels (WseEvent *event, const char * const *channels, GError **error);
WSE_AVAILABLE_IN_0_1
WseEvent           *wse_event_with_severity (WseEvent *event, WseSeverity severity);
WSE_AVAILABLE_IN_0_1
WseEvent           *wse_event_with_message (WseEvent *event, const char *message, GError **error);
WSE_AVAILABLE_IN_0_1
WseEvent           *wse_event_with_payload (WseEvent *event, GBytes *payload, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WseEvent, wse_event_unref)

G_END_DECLS
