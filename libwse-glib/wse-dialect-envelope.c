/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialect `envelope`, and its data alone, as pages of history over HTTP list it (PROTOCOL sections 3 and 5). */

#include "wse-dialect-private.h"
#include "wse-time-private.h"

/**
 * wse_dialect_write_envelope_data:
 * @event: an event
 * @channel: the channel in which it is told
 * @seq: its place in that channel; 0 where it is not kept
 * @out: where to append
 *
 * Appends the data of the envelope alone, without the envelope around it, as `GET /api/events` lists events (PROTOCOL section 5).
 *
 * Since: 0.1
 */
void
wse_dialect_write_envelope_data (WseEvent   *event,
                                 const char *channel,
                                 guint64     seq,
                                 GString    *out)
{
  g_return_if_fail (event != NULL);
  g_return_if_fail (channel != NULL);
  g_return_if_fail (out != NULL);

  wse_dialect_append_literal (out, "{\"event_id\":");
  wse_json_append_string (out, event->id, -1);
  wse_dialect_append_literal (out, ",\"timestamp\":\"");
  wse_time_append_iso (out, event->timestamp);
  wse_dialect_append_literal (out, "\",\"type\":");
  wse_json_append_string (out, event->event_type, -1);
  wse_dialect_append_literal (out, ",\"message\":");
  wse_json_append_string (out, event->message != NULL ? event->message : "", -1);
  wse_dialect_append_literal (out, ",\"severity\":\"");
  g_string_append (out, wse_severity_to_string (event->severity));
  wse_dialect_append_literal (out, "\",\"metadata\":");
  g_string_append_len (out, event->payload, event->payload_length);
  wse_dialect_append_literal (out, ",\"channel\":");
  wse_json_append_string (out, channel, -1);
  wse_dialect_append_literal (out, ",\"seq\":");
  wse_dialect_append_uint (out, seq);
  wse_dialect_append_original (out, event);
  wse_dialect_append_latency (out, event);
  g_string_append_c (out, '}');
}

void
wse_dialect_envelope_write (WseEvent   *event,
                            const char *channel,
                            guint64     seq,
                            GString    *out)
{
  wse_dialect_append_literal (out, "{\"type\":\"event\",\"data\":");
  wse_dialect_write_envelope_data (event, channel, seq, out);
  g_string_append_c (out, '}');
}
