/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialect `v2`: short names, and the optional members only where they say something (PROTOCOL section 3). */

#include "wse-dialect-private.h"
#include "wse-time-private.h"

static void
append_severity (GString     *out,
                 WseSeverity  severity)
{
  switch (severity)
    {
    case WSE_SEVERITY_INFO:
      break;
    case WSE_SEVERITY_WARNING:
      wse_dialect_append_literal (out, ",\"severity\":\"warning\"");
      break;
    case WSE_SEVERITY_ERROR:
      wse_dialect_append_literal (out, ",\"severity\":\"error\"");
      break;
    default:
      g_assert_not_reached ();
    }
}

void
wse_dialect_v2_write (WseEvent   *event,
                      const char *channel,
                      guint64     seq,
                      GString    *out)
{
  wse_dialect_append_literal (out, "{\"v\":2,\"id\":");
  wse_json_append_string (out, event->id, -1);
  wse_dialect_append_literal (out, ",\"t\":");
  wse_json_append_string (out, event->event_type, -1);
  wse_dialect_append_literal (out, ",\"ts\":\"");
  wse_time_append_iso (out, event->timestamp);
  wse_dialect_append_literal (out, "\",\"seq\":");
  wse_dialect_append_uint (out, seq);
  wse_dialect_append_literal (out, ",\"p\":");
  g_string_append_len (out, event->payload, event->payload_length);
  wse_dialect_append_literal (out, ",\"ch\":");
  wse_json_append_string (out, channel, -1);
  wse_dialect_append_original (out, event);
  append_severity (out, event->severity);
  if (event->message != NULL)
    {
      wse_dialect_append_literal (out, ",\"message\":");
      wse_json_append_string (out, event->message, -1);
    }
  wse_dialect_append_latency (out, event);
  g_string_append_c (out, '}');
}
