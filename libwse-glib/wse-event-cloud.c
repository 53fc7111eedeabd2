/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Intake of a CloudEvent 1.0 in its JSON format (PROTOCOL section 2; CloudEvents 1.0.2, JSON Event Format 3): what its attributes are to
 * an event. Attributes that the contract does not name are dropped, `severity` and `message` among them; the four that CloudEvents
 * requires must be there and be strings; `time` may be what `timestamp` may. Data that is not JSON is not taken. */

#include "wse-event-private.h"

#include <string.h>

#include "wse-error.h"
#include "wse-event-members-private.h"

static gboolean
unsupported (GError **error, const char *reason)
{
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_UNSUPPORTED, reason);
  return FALSE;
}

static gboolean
check_required (WseMembers *self, GError **error)
{
  static const WseMember texts[] = { WSE_MEMBER_EVENT_ID, WSE_MEMBER_SOURCE, WSE_MEMBER_EVENT_TYPE };

  if (!wse_members_has (self, WSE_MEMBER_SPEC_VERSION) || !wse_json_string_equal (&self->known[WSE_MEMBER_SPEC_VERSION], "1.0"))
    return wse_members_invalid (self, WSE_MEMBER_SPEC_VERSION, "\"1.0\"", error);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      const WseJsonValue *value = &self->known[texts[i]];

      if (!wse_members_has (self, texts[i]) || value->type != WSE_JSON_STRING || wse_json_string_equal (value, ""))
        return wse_members_invalid (self, texts[i], "a string that is not empty", error);
    }
  return TRUE;
}

/* Whether the subtype of a media type is json, or ends in +json. */
static gboolean
is_json (const char *type, gsize length)
{
  const char *end = memchr (type, ';', length), *slash;

  if (end == NULL)
    end = type + length;
  while (end > type && g_ascii_isspace (end[-1]))
    end--;
  slash = memchr (type, '/', end - type);
  if (slash == NULL || slash == type)
    return FALSE;
  if (end - slash == 5)
    return g_ascii_strncasecmp (slash, "/json", 5) == 0;
  return end - slash > 6 && g_ascii_strncasecmp (end - 5, "+json", 5) == 0;
}

/* Of what kind the data is matters only where there is some. */
static gboolean
take_data (WseMembers *self, GError **error)
{
  const WseJsonValue *type = &self->known[WSE_MEMBER_DATA_TYPE];

  if (!wse_members_has (self, WSE_MEMBER_DATA))
    {
      self->fields.payload = "{}";
      self->fields.payload_length = 2;
      return TRUE;
    }
  if (wse_members_has (self, WSE_MEMBER_DATA_TYPE))
    {
      const char *text;
      gsize length;

      if (type->type != WSE_JSON_STRING)
        return wse_members_invalid (self, WSE_MEMBER_DATA_TYPE, "a media type, as a string", error);
      text = wse_members_take_text (self, type, &length);
      if (!is_json (text, length))
        return unsupported (error, "datacontenttype: only JSON is taken: application/json, or a type that ends in +json");
    }
  wse_members_take_payload (self, &self->known[WSE_MEMBER_DATA]);
  return TRUE;
}

static gboolean
take_cloud (WseMembers *self, GError **error)
{
  WseJsonValue *broadcast = &self->known[WSE_MEMBER_BROADCAST];

  if (wse_members_has (self, WSE_MEMBER_DATA_BASE64))
    return unsupported (error, "data_base64: binary data is not taken: send JSON in data");
  if (!check_required (self, error))
    return FALSE;
  /* A sender may have an extension attribute, a boolean too, only as the text that all protocols can carry. */
  if (wse_members_has (self, WSE_MEMBER_BROADCAST) && wse_json_string_equal (broadcast, "true"))
    broadcast->type = WSE_JSON_TRUE;
  else if (wse_members_has (self, WSE_MEMBER_BROADCAST) && wse_json_string_equal (broadcast, "false"))
    broadcast->type = WSE_JSON_FALSE;
  self->fields.severity = WSE_SEVERITY_INFO;
  return wse_members_take_event_type (self, error) && wse_members_take_event_id (self, error)
         && wse_members_take_timestamp (self, error) && wse_members_take_targets (self, error) && take_data (self, error);
}

static const WseEventForm cloud = {
  .members = {
    [WSE_MEMBER_USER_ID] = { "userid", 6 },
    [WSE_MEMBER_ROLE_ID] = { "roleid", 6 },
    [WSE_MEMBER_TEAM_ID] = { "teamid", 6 },
    [WSE_MEMBER_SESSION_ID] = { "sessionid", 9 },
    [WSE_MEMBER_BROADCAST] = { "broadcast", 9 },
    [WSE_MEMBER_DATA] = { "data", 4 },
    [WSE_MEMBER_EVENT_TYPE] = { "type", 4 },
    [WSE_MEMBER_EVENT_ID] = { "id", 2 },
    [WSE_MEMBER_TIMESTAMP] = { "time", 4 },
    [WSE_MEMBER_SPEC_VERSION] = { "specversion", 11 },
    [WSE_MEMBER_SOURCE] = { "source", 6 },
    [WSE_MEMBER_DATA_TYPE] = { "datacontenttype", 15 },
    [WSE_MEMBER_DATA_BASE64] = { "data_base64", 11 },
  },
  .take = take_cloud,
};

WseEvent *
wse_event_parse_cloud (const char *json, gsize length, const WseEventParse *parse, GError **error)
{
  return wse_members_parse (json, length, parse, &cloud, error);
}
