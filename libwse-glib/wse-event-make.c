/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events made by an application or a transformer: everything is checked against the rules of PROTOCOL section 2, so that no WseEvent
 * exists that could not have come in over the wire. */

#include "wse-event-private.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-json-private.h"
#include "wse-time-private.h"
#include "wse-uuid-private.h"

static gboolean
check_type (const char *event_type, GError **error)
{
  if (wse_channel_id_is_valid (event_type, -1))
    return TRUE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
               "event_type: expected 1 to %d bytes of UTF-8 without white space, control characters, ',', '@' or '*'", WSE_MAX_ID_BYTES);
  return FALSE;
}

/* At most WSE_MAX_TARGETS, each valid and once; *n_channels is how many. */
static gboolean
check_channels (const char * const *channels, guint *n_channels, GError **error)
{
  *n_channels = 0;
  for (guint i = 0; channels != NULL && channels[i] != NULL; i++)
    {
      if (i == WSE_MAX_TARGETS)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "channels: more than %d", WSE_MAX_TARGETS);
          return FALSE;
        }
      if (!wse_channel_is_valid (channels[i]))
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "channels: number %u is not the name of a channel", i + 1);
          return FALSE;
        }
      for (guint j = 0; j < i; j++)
        if (strcmp (channels[i], channels[j]) == 0)
          {
            g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "channels: %s is named twice", channels[i]);
            return FALSE;
          }
      *n_channels = i + 1;
    }
  return TRUE;
}

/* Checks @payload and makes it compact; *owned is set where that took a copy. */
static gboolean
check_payload (GBytes *payload, WseEventFields *fields, char **owned, GError **error)
{
  gsize length;
  const char *data = g_bytes_get_data (payload, &length);
  WseJson json;
  WseJsonValue value;

  if (length > WSE_EVENT_MAX_PAYLOAD)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "payload: more than %d bytes", WSE_EVENT_MAX_PAYLOAD);
      return FALSE;
    }
  wse_json_init (&json, data, length);
  if (!wse_json_value (&json, &value) || !wse_json_end (&json))
    {
      wse_json_set_error (&json, error);
      g_prefix_error (error, "payload: ");
      return FALSE;
    }
  if (value.depth > WSE_MAX_DEPTH)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_DEEP, "payload: more than %d nested levels", WSE_MAX_DEPTH);
      return FALSE;
    }
  fields->payload = value.data;
  fields->payload_length = value.length;
  if (value.spaced)
    {
      fields->payload = *owned = g_malloc (value.length);
      fields->payload_length = wse_json_compact_to (&value, *owned);
    }
  return TRUE;
}

/**
 * wse_event_new:
 * @event_type: the type; the rule of [func@Wse.channel_id_is_valid]
 * @channels: (nullable) (array zero-terminated=1): the channels it goes to, 1 to 5, each once; %NULL or none: a router will say
 * @payload: (nullable): one JSON value (RFC 8259), at most 64 levels deep; %NULL: `{}`
 * @error: return location for an error, or %NULL
 *
 * Makes an event that happens now, with a new random id and of severity `info`. The payload is kept byte for byte but for the white
 * space between its tokens.
 *
 * ```c
 * g_autoptr (GBytes) payload = g_bytes_new_static ("{\"order\":7}", 11);
 * const char *channels[] = { "user:123", NULL };
 * g_autoptr (WseEvent) event = wse_event_new ("order_filled", channels, payload, &error);
 * ```
 *
 * Returns: (transfer full) (nullable): the event; %NULL with %WSE_ERROR_INVALID where the type or a channel cannot be one, with
 *   %WSE_ERROR_SYNTAX, %WSE_ERROR_TOO_DEEP or %WSE_ERROR_TOO_LARGE where the payload cannot
 *
 * Since: 0.1
 */
WseEvent *
wse_event_new (const char *event_type, const char * const *channels, GBytes *payload, GError **error)
{
  WseEventFields fields = { .payload = "{}", .payload_length = 2, .latency = -1, .severity = WSE_SEVERITY_INFO };
  g_autofree char *owned = NULL;
  char id[WSE_UUID_LENGTH + 1];

  g_return_val_if_fail (event_type != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!check_type (event_type, error) || !check_channels (channels, &fields.n_channels, error))
    return NULL;
  if (payload != NULL && !check_payload (payload, &fields, &owned, error))
    return NULL;
  wse_uuid_make (id);
  fields.event_type = event_type;
  fields.channels = channels;
  fields.id = id;
  fields.timestamp = wse_time_now ();
  return wse_event_new_from_fields (&fields);
}

/**
 * wse_event_with_type:
 * @event: an event
 * @event_type: the type it is to have on the wire
 * @error: return location for an error, or %NULL
 *
 * The same event with another type; what its producer called it stays its original type.
 *
 * Returns: (transfer full) (nullable): a new event; %NULL with %WSE_ERROR_INVALID where @event_type cannot be a type
 *
 * Since: 0.1
 */
WseEvent *
wse_event_with_type (WseEvent *event, const char *event_type, GError **error)
{
  WseEventFields fields;

  g_return_val_if_fail (event != NULL, NULL);
  g_return_val_if_fail (event_type != NULL, NULL);

  if (!check_type (event_type, error))
    return NULL;
  wse_event_get_fields (event, &fields);
  if (fields.original_type == NULL)
    fields.original_type = fields.event_type;
  if (strcmp (fields.original_type, event_type) == 0)
    fields.original_type = NULL;
  fields.event_type = event_type;
  return wse_event_new_from_fields (&fields);
}

/**
 * wse_event_with_channels:
 * @event: an event
 * @channels: (nullable) (array zero-terminated=1): the channels it is to go to, at most 5, each once; %NULL or none: not routed
 * @error: return location for an error, or %NULL
 *
 * The same event for other channels.
 *
 * Returns: (transfer full) (nullable): a new event; %NULL with %WSE_ERROR_INVALID where @channels cannot be
 *
 * Since: 0.1
 */
WseEvent *
wse_event_with_channels (WseEvent *event, const char * const *channels, GError **error)
{
  WseEventFields fields;

  g_return_val_if_fail (event != NULL, NULL);

  wse_event_get_fields (event, &fields);
  if (!check_channels (channels, &fields.n_channels, error))
    return NULL;
  fields.channels = channels;
  return wse_event_new_from_fields (&fields);
}

/**
 * wse_event_with_severity:
 * @event: an event
 * @severity: the severity it is to have
 *
 * The same event with another severity. It counts as given: the rules for system events do not change it any more.
 *
 * Returns: (transfer full): a new event
 *
 * Since: 0.1
 */
WseEvent *
wse_event_with_severity (WseEvent *event, WseSeverity severity)
{
  WseEventFields fields;

  g_return_val_if_fail (event != NULL, NULL);
  g_return_val_if_fail (severity <= WSE_SEVERITY_ERROR, NULL);

  wse_event_get_fields (event, &fields);
  fields.severity = severity;
  fields.severity_given = TRUE;
  return wse_event_new_from_fields (&fields);
}

/**
 * wse_event_with_message:
 * @event: an event
 * @message: (nullable): the text for people it is to have; %NULL: none
 * @error: return location for an error, or %NULL
 *
 * The same event with another message.
 *
 * Returns: (transfer full) (nullable): a new event; %NULL with %WSE_ERROR_INVALID where @message is not UTF-8
 *
 * Since: 0.1
 */
WseEvent *
wse_event_with_message (WseEvent *event, const char *message, GError **error)
{
  WseEventFields fields;

  g_return_val_if_fail (event != NULL, NULL);

  if (message != NULL && !g_utf8_validate (message, -1, NULL))
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "message: not UTF-8");
      return NULL;
    }
  wse_event_get_fields (event, &fields);
  fields.message = message;
  return wse_event_new_from_fields (&fields);
}

/**
 * wse_event_with_payload:
 * @event: an event
 * @payload: the JSON value it is to have, at most 64 levels deep
 * @error: return location for an error, or %NULL
 *
 * The same event with another payload.
 *
 * Returns: (transfer full) (nullable): a new event; %NULL with %WSE_ERROR_SYNTAX, %WSE_ERROR_TOO_DEEP or %WSE_ERROR_TOO_LARGE where
 *   @payload cannot be one
 *
 * Since: 0.1
 */
WseEvent *
wse_event_with_payload (WseEvent *event, GBytes *payload, GError **error)
{
  WseEventFields fields;
  g_autofree char *owned = NULL;

  g_return_val_if_fail (event != NULL, NULL);
  g_return_val_if_fail (payload != NULL, NULL);

  wse_event_get_fields (event, &fields);
  if (!check_payload (payload, &fields, &owned, error))
    return NULL;
  return wse_event_new_from_fields (&fields);
}
