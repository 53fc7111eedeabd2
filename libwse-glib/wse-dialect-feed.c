/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialect `feed`: always the same five members (PROTOCOL section 3). */

#include "wse-dialect-private.h"
#include "wse-time-private.h"

void
wse_dialect_feed_write (WseEvent *event,
                        GString  *out)
{
  wse_dialect_append_literal (out, "{\"timestamp\":");
  wse_time_append_number (out, event->timestamp);
  wse_dialect_append_literal (out, ",\"type\":");
  wse_json_append_string (out, event->event_type, -1);
  wse_dialect_append_literal (out, ",\"message\":");
  wse_json_append_string (out, event->message != NULL ? event->message : "", -1);
  wse_dialect_append_literal (out, ",\"severity\":\"");
  g_string_append (out, wse_severity_to_string (event->severity));
  wse_dialect_append_literal (out, "\",\"metadata\":");
  g_string_append_len (out, event->payload, event->payload_length);
  g_string_append_c (out, '}');
}
