/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The event: an immutable value in one allocation. It checks nothing: an application makes one by wse-event-make, it comes in as JSON by
 * wse-event-parse and goes out by wse-dialect. */

#include "wse-event-private.h"

#include <string.h>

static const char * const severities[] = { "info", "warning", "error" };

G_DEFINE_BOXED_TYPE (WseEvent, wse_event, wse_event_ref, wse_event_unref)

/**
 * wse_severity_to_string:
 * @severity: a severity
 *
 * The name of a severity on the wire.
 *
 * Returns: (transfer none): `info`, `warning` or `error`
 *
 * Since: 0.1
 */
const char *
wse_severity_to_string (WseSeverity severity)
{
  g_return_val_if_fail (severity < G_N_ELEMENTS (severities), "info");

  return severities[severity];
}

/**
 * wse_severity_from_string:
 * @text: any text
 * @severity: (out): the severity; untouched where there is none
 *
 * Reads the name of a severity, exactly as [func@Wse.severity_to_string] writes it.
 *
 * Returns: %TRUE where @text is one
 *
 * Since: 0.1
 */
gboolean
wse_severity_from_string (const char *text, WseSeverity *severity)
{
  g_return_val_if_fail (text != NULL, FALSE);
  g_return_val_if_fail (severity != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (severities); i++)
    if (strcmp (text, severities[i]) == 0)
      {
        *severity = i;
        return TRUE;
      }
  return FALSE;
}

/* The rule for ids of events: 1 to 128 bytes of UTF-8 without control characters; white space is allowed. */
gboolean
wse_event_id_is_valid (const char *id, gsize length)
{
  if (length < 1 || length > WSE_MAX_ID_BYTES)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      guchar c = (guchar) id[i];

      /* C1 is U+0080 to U+009F: C2 80 to C2 9F. */
      if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < length && (guchar) id[i + 1] < 0xa0))
        return FALSE;
    }
  return g_utf8_validate (id, length, NULL);
}

/* Copies @text with its NUL behind the others. */
static const char *
keep (char **at, const char *text)
{
  gsize bytes;
  const char *kept = *at;

  if (text == NULL)
    return NULL;
  bytes = strlen (text) + 1;
  memcpy (*at, text, bytes);
  *at += bytes;
  return kept;
}

static gsize
bytes_of (const char *text)
{
  return text != NULL ? strlen (text) + 1 : 0;
}

WseEvent *
wse_event_new_from_fields (const WseEventFields *fields)
{
  gsize pointers = (fields->n_channels + 1) * sizeof (char *);
  gsize bytes = bytes_of (fields->event_type) + bytes_of (fields->original_type) + bytes_of (fields->id) + bytes_of (fields->message)
                + fields->payload_length + 1;
  WseEvent *self;
  char *at;

  g_assert (fields->payload_length <= WSE_EVENT_MAX_PAYLOAD);

  for (guint i = 0; i < fields->n_channels; i++)
    bytes += bytes_of (fields->channels[i]);
  self = g_malloc (sizeof *self + pointers + bytes);
  g_atomic_ref_count_init (&self->refs);
  self->timestamp = fields->timestamp;
  self->latency = fields->latency;
  self->severity = fields->severity;
  self->severity_given = fields->severity_given != FALSE;
  self->payload_length = fields->payload_length;
  self->n_channels = fields->n_channels;
  self->channels = (const char **) (self + 1);
  at = (char *) self->channels + pointers;
  for (guint i = 0; i < fields->n_channels; i++)
    self->channels[i] = keep (&at, fields->channels[i]);
  self->channels[fields->n_channels] = NULL;
  self->event_type = keep (&at, fields->event_type);
  self->original_type = keep (&at, fields->original_type);
  self->id = keep (&at, fields->id);
  self->message = keep (&at, fields->message);
  self->payload = memcpy (at, fields->payload, fields->payload_length);
  at[fields->payload_length] = '\0';
  return self;
}

void
wse_event_get_fields (WseEvent *event, WseEventFields *fields)
{
  *fields = (WseEventFields) {
    .event_type = event->event_type,
    .original_type = event->original_type,
    .id = event->id,
    .message = event->message,
    .payload = event->payload,
    .payload_length = event->payload_length,
    .channels = event->channels,
    .n_channels = event->n_channels,
    .timestamp = event->timestamp,
    .latency = event->latency,
    .severity = event->severity,
    .severity_given = event->severity_given,
  };
}

/**
 * wse_event_ref:
 * @event: an event
 *
 * Any thread.
 *
 * Returns: (transfer full): @event
 *
 * Since: 0.1
 */
WseEvent *
wse_event_ref (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, NULL);

  g_atomic_ref_count_inc (&event->refs);
  return event;
}

/**
 * wse_event_unref:
 * @event: (transfer full): an event
 *
 * Any thread; the last one frees it.
 *
 * Since: 0.1
 */
void
wse_event_unref (WseEvent *event)
{
  g_return_if_fail (event != NULL);

  if (g_atomic_ref_count_dec (&event->refs))
    g_free (event);
}

/**
 * wse_event_get_event_type:
 * @event: an event
 *
 * Its type on the wire.
 *
 * Returns: (transfer none): the type
 *
 * Since: 0.1
 */
const char *
wse_event_get_event_type (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, NULL);

  return event->event_type;
}

/**
 * wse_event_get_original_type:
 * @event: an event
 *
 * The type that its producer gave it, where a transformer has changed it.
 *
 * Returns: (transfer none) (nullable): the type; %NULL where it is the event's type
 *
 * Since: 0.1
 */
const char *
wse_event_get_original_type (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, NULL);

  return event->original_type;
}

/**
 * wse_event_get_id:
 * @event: an event
 *
 * Its id, by which a log knows a duplicate.
 *
 * Returns: (transfer none): the id
 *
 * Since: 0.1
 */
const char *
wse_event_get_id (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, NULL);

  return event->id;
}

/**
 * wse_event_get_timestamp:
 * @event: an event
 *
 * When it happened.
 *
 * Returns: microseconds since 1970, UTC; up to year 9999
 *
 * Since: 0.1
 */
gint64
wse_event_get_timestamp (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, 0);

  return event->timestamp;
}

/**
 * wse_event_get_latency:
 * @event: an event
 *
 * How long it took from its producer's time to its taking in.
 *
 * Returns: whole milliseconds, at least 0; -1 where the producer gave no time
 *
 * Since: 0.1
 */
gint64
wse_event_get_latency (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, -1);

  return event->latency;
}

/**
 * wse_event_get_severity:
 * @event: an event
 *
 * How grave it is.
 *
 * Returns: the severity
 *
 * Since: 0.1
 */
WseSeverity
wse_event_get_severity (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, WSE_SEVERITY_INFO);

  return event->severity;
}

/**
 * wse_event_get_message:
 * @event: an event
 *
 * Text for people.
 *
 * Returns: (transfer none) (nullable): the text; %NULL where there is none
 *
 * Since: 0.1
 */
const char *
wse_event_get_message (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, NULL);

  return event->message;
}

/**
 * wse_event_get_payload:
 * @event: an event
 *
 * Its payload: one compact JSON value. The bytes are the event's own, which they keep alive; nothing is copied.
 *
 * Returns: (transfer full): the payload
 *
 * Since: 0.1
 */
GBytes *
wse_event_get_payload (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, NULL);

  return g_bytes_new_with_free_func (event->payload, event->payload_length, (GDestroyNotify) wse_event_unref, wse_event_ref (event));
}

/**
 * wse_event_get_channels:
 * @event: an event
 *
 * The channels it goes to, in the order user, role, team, session, global where it came as JSON (PROTOCOL section 2).
 *
 * Returns: (transfer none) (array zero-terminated=1): the channels' names; none where it has not been routed
 *
 * Since: 0.1
 */
const char * const *
wse_event_get_channels (WseEvent *event)
{
  g_return_val_if_fail (event != NULL, NULL);

  return event->channels;
}
