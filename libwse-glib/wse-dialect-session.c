/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialect `session`: the payload's members, then the session's id and the time, which a payload cannot forge (PROTOCOL section 3). */

#include "wse-channel.h"
#include "wse-dialect-private.h"
#include "wse-time-private.h"

/* The members of the payload but for the two that are the session's own, each with a comma behind it. */
static void
append_members (WseEvent *event,
                GString  *out)
{
  WseJson json;
  WseJsonValue key, value;

  wse_json_init (&json, event->payload, event->payload_length);
  if (!wse_json_enter_object (&json))
    g_assert_not_reached ();
  while (wse_json_next_member (&json, &key, &value))
    {
      if (wse_json_string_equal (&key, "session_id") || wse_json_string_equal (&key, "timestamp"))
        continue;
      g_string_append_len (out, key.data, key.length);
      g_string_append_c (out, ':');
      g_string_append_len (out, value.data, value.length);
      g_string_append_c (out, ',');
    }
}

void
wse_dialect_session_write (WseEvent   *event,
                           const char *channel,
                           GString    *out)
{
  const char *id;

  wse_dialect_append_literal (out, "{\"event_type\":");
  wse_json_append_string (out, event->event_type, -1);
  wse_dialect_append_literal (out, ",\"data\":{");
  if (*event->payload == '{')
    append_members (event, out);
  else
    {
      wse_dialect_append_literal (out, "\"payload\":");
      g_string_append_len (out, event->payload, event->payload_length);
      g_string_append_c (out, ',');
    }
  if (wse_channel_parse (channel, &id) == WSE_CHANNEL_SESSION)
    {
      wse_dialect_append_literal (out, "\"session_id\":");
      wse_json_append_string (out, id, -1);
      g_string_append_c (out, ',');
    }
  wse_dialect_append_literal (out, "\"timestamp\":\"");
  wse_time_append_iso (out, event->timestamp);
  wse_dialect_append_literal (out, "\"}}");
}
