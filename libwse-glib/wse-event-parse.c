/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Intake: one JSON object as a publisher sends it becomes an event (PROTOCOL section 2): the plain form, and what is only in it. It
 * neither maps types nor routes, and trusts nothing. */

#include "wse-event-private.h"

#include <string.h>

#include "wse-error.h"
#include "wse-event-members-private.h"
#include "wse-system-events.h"
#include "wse-time-private.h"

/* `event_type`, or `type` where that is a system kind. */
static gboolean
take_event_type (WseMembers *self, GError **error)
{
  if (!wse_members_has (self, WSE_MEMBER_EVENT_TYPE) && self->type != G_MAXUINT)
    {
      const WseJsonValue *value = &self->unknown[self->type].value;
      const char *text;
      gsize length;

      text = value->type == WSE_JSON_STRING ? wse_members_take_text (self, value, &length) : NULL;
      if (text != NULL && strlen (text) == length && wse_system_event_is_kind (text))
        {
          self->type_used = TRUE;
          self->fields.event_type = text;
          return TRUE;
        }
    }
  return wse_members_take_event_type (self, error);
}

static gboolean
take_severity (WseMembers *self, GError **error)
{
  const WseJsonValue *value = &self->known[WSE_MEMBER_SEVERITY];

  self->fields.severity = WSE_SEVERITY_INFO;
  self->fields.severity_given = wse_members_has (self, WSE_MEMBER_SEVERITY);
  if (!self->fields.severity_given)
    return TRUE;
  for (WseSeverity severity = WSE_SEVERITY_INFO; severity <= WSE_SEVERITY_ERROR; severity++)
    if (wse_json_string_equal (value, wse_severity_to_string (severity)))
      {
        self->fields.severity = severity;
        return TRUE;
      }
  return wse_members_invalid (self, WSE_MEMBER_SEVERITY, "info, warning or error", error);
}

static gboolean
take_message (WseMembers *self, GError **error)
{
  const WseJsonValue *value = &self->known[WSE_MEMBER_MESSAGE];
  gsize length;

  if (!wse_members_has (self, WSE_MEMBER_MESSAGE))
    return TRUE;
  if (value->type != WSE_JSON_STRING)
    return wse_members_invalid (self, WSE_MEMBER_MESSAGE, "a string", error);
  self->fields.message = wse_members_take_text (self, value, &length);
  if (strlen (self->fields.message) != length)
    return wse_members_invalid (self, WSE_MEMBER_MESSAGE, "a string without U+0000", error);
  return TRUE;
}

/* The unknown members, also those that are null, as an object: that a member is null is the publisher's to say. Only `type`, which the
 * table has, counts as absent then. */
static void
gather_payload (WseMembers *self)
{
  char *begin = self->scratch, *out = begin;

  *out++ = '{';
  for (guint i = 0; i < self->n_unknown; i++)
    {
      const WseUnknown *unknown = &self->unknown[i];

      if (i == self->type && (self->type_used || unknown->value.type == WSE_JSON_NULL))
        continue;
      if (out > begin + 1)
        *out++ = ',';
      out = (char *) memcpy (out, unknown->key.data, unknown->key.length) + unknown->key.length;
      *out++ = ':';
      out += wse_json_compact_to (&unknown->value, out);
    }
  *out++ = '}';
  self->fields.payload = begin;
  self->fields.payload_length = out - begin;
}

static void
take_payload (WseMembers *self)
{
  for (WseMember member = WSE_MEMBER_PAYLOAD; member <= WSE_MEMBER_METADATA; member++)
    if (wse_members_has (self, member))
      {
        wse_members_take_payload (self, &self->known[member]);
        return;
      }
  gather_payload (self);
}

static gboolean
take_plain (WseMembers *self, GError **error)
{
  if (!take_event_type (self, error) || !wse_members_take_event_id (self, error) || !wse_members_take_timestamp (self, error)
      || !wse_members_take_targets (self, error) || !take_severity (self, error) || !take_message (self, error))
    return FALSE;
  take_payload (self);
  return TRUE;
}

static const WseEventForm plain = {
  .members = {
    [WSE_MEMBER_USER_ID] = { "user_id", 7 },
    [WSE_MEMBER_ROLE_ID] = { "role_id", 7 },
    [WSE_MEMBER_TEAM_ID] = { "team_id", 7 },
    [WSE_MEMBER_SESSION_ID] = { "session_id", 10 },
    [WSE_MEMBER_BROADCAST] = { "broadcast", 9 },
    [WSE_MEMBER_PAYLOAD] = { "payload", 7 },
    [WSE_MEMBER_DATA] = { "data", 4 },
    [WSE_MEMBER_METADATA] = { "metadata", 8 },
    [WSE_MEMBER_EVENT_TYPE] = { "event_type", 10 },
    [WSE_MEMBER_EVENT_ID] = { "event_id", 8 },
    [WSE_MEMBER_TIMESTAMP] = { "timestamp", 9 },
    [WSE_MEMBER_SEVERITY] = { "severity", 8 },
    [WSE_MEMBER_MESSAGE] = { "message", 7 },
  },
  .take = take_plain,
};

WseEvent *
wse_event_parse (const char *json, gsize length, const WseEventParse *parse, GError **error)
{
  return wse_members_parse (json, length, parse, &plain, error);
}

/**
 * wse_event_new_from_json:
 * @json: one JSON object in the form in which publishers send events (PROTOCOL section 2)
 * @error: return location for an error, or %NULL
 *
 * Reads an event as a publisher writes it: at most 256 KiB and 64 nested levels, strict JSON (RFC 8259), no member twice. The type is not
 * mapped and an event without a target is not routed: see [iface@Wse.Transformer].
 *
 * Returns: (transfer full) (nullable): the event; %NULL with %WSE_ERROR_SYNTAX where @json is not JSON, %WSE_ERROR_TOO_LARGE or
 *   %WSE_ERROR_TOO_DEEP over a limit, and %WSE_ERROR_INVALID where it breaks a rule, the member named
 *
 * Since: 0.1
 */
WseEvent *
wse_event_new_from_json (GBytes *json, GError **error)
{
  const WseEventParse rules = { WSE_DEFAULT_MAX_EVENT, WSE_MAX_DEPTH, wse_time_now () };
  gconstpointer data;
  gsize length;

  g_return_val_if_fail (json != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  data = g_bytes_get_data (json, &length);
  return wse_event_parse (data, length, &rules, error);
}
