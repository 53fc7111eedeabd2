/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Intake: one JSON object as a publisher sends it becomes an event (PROTOCOL section 2). One pass over the object's members, no tree;
 * what is not escaped is copied once. It neither maps types nor routes, and trusts nothing. */

#include "wse-event-private.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-json-private.h"
#include "wse-system-events.h"
#include "wse-time-private.h"
#include "wse-uuid-private.h"

/* Unknown members up to this many are compared each with each and need no allocation. */
#define FEW_MEMBERS 16

/* Bytes of an event that are worked on without an allocation. */
#define STACK_BYTES 4096

/* In the order in which they are looked at: the four targets like the channels they add, the three payloads like their precedence. */
typedef enum
{
  MEMBER_USER_ID,
  MEMBER_ROLE_ID,
  MEMBER_TEAM_ID,
  MEMBER_SESSION_ID,
  MEMBER_BROADCAST,
  MEMBER_PAYLOAD,
  MEMBER_DATA,
  MEMBER_METADATA,
  MEMBER_EVENT_TYPE,
  MEMBER_EVENT_ID,
  MEMBER_TIMESTAMP,
  MEMBER_SEVERITY,
  MEMBER_MESSAGE,
  N_MEMBERS,
} Member;

static const struct
{
  const char *name;
  guint8 length;
} members[N_MEMBERS] = {
  [MEMBER_USER_ID] = { "user_id", 7 },
  [MEMBER_ROLE_ID] = { "role_id", 7 },
  [MEMBER_TEAM_ID] = { "team_id", 7 },
  [MEMBER_SESSION_ID] = { "session_id", 10 },
  [MEMBER_BROADCAST] = { "broadcast", 9 },
  [MEMBER_PAYLOAD] = { "payload", 7 },
  [MEMBER_DATA] = { "data", 4 },
  [MEMBER_METADATA] = { "metadata", 8 },
  [MEMBER_EVENT_TYPE] = { "event_type", 10 },
  [MEMBER_EVENT_ID] = { "event_id", 8 },
  [MEMBER_TIMESTAMP] = { "timestamp", 9 },
  [MEMBER_SEVERITY] = { "severity", 8 },
  [MEMBER_MESSAGE] = { "message", 7 },
};

static const char * const target_prefixes[] = {
  [MEMBER_USER_ID] = "user:",
  [MEMBER_ROLE_ID] = "role:",
  [MEMBER_TEAM_ID] = "team:",
  [MEMBER_SESSION_ID] = "session:",
};

/* A member that no rule names, `type` among them. */
typedef struct
{
  WseJsonValue key;
  WseJsonValue value;
  const char *name;            /* the key without quotes and escapes */
  gsize name_length;
} Unknown;

/* An object while it is taken in. */
typedef struct
{
  const WseEventParse *rules;
  WseJsonValue known[N_MEMBERS];
  guint seen;                  /* a bit for each known member that was there, null ones too */
  guint given;                 /* those that are not null */
  Unknown few[FEW_MEMBERS];
  Unknown *unknown;            /* `few`, or an allocation */
  guint n_unknown, max_unknown;
  guint type;                  /* which of them is `type`, or G_MAXUINT */
  gboolean type_used;          /* it is the event's type */
  WseJsonValue duplicate;      /* the first key found to be a duplicate; data NULL: none */
  guint depth;
  char *scratch;               /* room for every text without escapes, and for the payload */
  WseEventFields fields;
  const char *channels[WSE_MAX_TARGETS];
} Intake;

static gboolean
invalid (GError **error, Member member, const char *expected)
{
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: expected %s", members[member].name, expected);
  return FALSE;
}

/* The text of a string, with a NUL. */
static char *
take_text (Intake *self, const WseJsonValue *value, gsize *length)
{
  char *text = self->scratch;

  *length = wse_json_string_unescape (value, text);
  self->scratch += *length + 1;
  return text;
}

static Member
find_member (const char *name, gsize length)
{
  Member member = 0;

  while (member < N_MEMBERS && (members[member].length != length || memcmp (members[member].name, name, length) != 0))
    member++;
  return member;
}

static Unknown *
add_unknown (Intake *self)
{
  if (self->n_unknown == self->max_unknown)
    {
      Unknown *more = g_new (Unknown, self->max_unknown * 2);

      memcpy (more, self->unknown, self->n_unknown * sizeof *more);
      if (self->unknown != self->few)
        g_free (self->unknown);
      self->unknown = more;
      self->max_unknown *= 2;
    }
  return &self->unknown[self->n_unknown++];
}

static gboolean
same_name (const Unknown *a, const Unknown *b)
{
  return a->name_length == b->name_length && memcmp (a->name, b->name, a->name_length) == 0;
}

static void
note_duplicate (Intake *self, const WseJsonValue *key)
{
  if (self->duplicate.data == NULL)
    self->duplicate = *key;
}

static void
take_unknown (Intake *self, const WseJsonValue *key, const WseJsonValue *value, const char *name, gsize length)
{
  Unknown *unknown = add_unknown (self);

  *unknown = (Unknown) { *key, *value, name, length };
  if (length == 4 && memcmp (name, "type", 4) == 0 && self->type == G_MAXUINT)
    self->type = self->n_unknown - 1;
  if (self->n_unknown > FEW_MEMBERS)
    return;
  for (guint i = 0; i + 1 < self->n_unknown; i++)
    if (same_name (unknown, &self->unknown[i]))
      note_duplicate (self, key);
}

static void
take_member (Intake *self, const WseJsonValue *key, const WseJsonValue *value)
{
  const char *name = key->data + 1;
  gsize length = key->length - 2;
  Member member;

  if (key->escaped)
    name = take_text (self, key, &length);
  self->depth = MAX (self->depth, value->depth + 1);
  member = find_member (name, length);
  if (member == N_MEMBERS)
    {
      take_unknown (self, key, value, name, length);
      return;
    }
  if (self->seen & 1u << member)
    note_duplicate (self, key);
  self->seen |= 1u << member;
  self->known[member] = *value;
  if (value->type != WSE_JSON_NULL)
    self->given |= 1u << member;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const Unknown *x = *(const Unknown * const *) a, *y = *(const Unknown * const *) b;

  if (x->name_length != y->name_length)
    return x->name_length < y->name_length ? -1 : 1;
  return memcmp (x->name, y->name, x->name_length);
}

/* Many members are sorted, not hashed: no choice of names makes that slow. */
static void
find_duplicate_among_many (Intake *self)
{
  g_autofree const Unknown **sorted = g_new (const Unknown *, self->n_unknown);

  for (guint i = 0; i < self->n_unknown; i++)
    sorted[i] = &self->unknown[i];
  qsort (sorted, self->n_unknown, sizeof *sorted, compare_names);
  for (guint i = 1; i < self->n_unknown; i++)
    if (same_name (sorted[i - 1], sorted[i]))
      note_duplicate (self, &sorted[i]->key);
}

/* Reads the whole object; it is strict JSON, not too deep and without duplicates after that. */
static gboolean
read_members (Intake *self, const char *data, gsize length, GError **error)
{
  WseJson json;
  WseJsonValue key, value;

  wse_json_init (&json, data, length);
  if (!wse_json_enter_object (&json))
    {
      wse_json_init (&json, data, length);
      if (wse_json_value (&json, &value) && wse_json_end (&json))
        g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "an event must be a JSON object");
      else
        wse_json_set_error (&json, error);
      return FALSE;
    }
  self->depth = 1;
  while (wse_json_next_member (&json, &key, &value))
    take_member (self, &key, &value);
  if (!wse_json_end (&json))
    {
      wse_json_set_error (&json, error);
      return FALSE;
    }
  if (self->depth > self->rules->max_depth)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_DEEP, "more than %u nested levels", self->rules->max_depth);
      return FALSE;
    }
  if (self->n_unknown > FEW_MEMBERS)
    find_duplicate_among_many (self);
  if (self->duplicate.data != NULL)
    {
      /* At most 40 characters of it, as they came in: without NULs, and still UTF-8. */
      const char *name = self->duplicate.data, *end = name + self->duplicate.length;
      guint characters = 0;

      while (name < end && characters++ < 40)
        name = g_utf8_next_char (name);
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "the member %.*s is there twice", (int) (name - self->duplicate.data),
                   self->duplicate.data);
      return FALSE;
    }
  return TRUE;
}

/* `event_type`, or `type` where that is a system kind. */
static gboolean
take_event_type (Intake *self, GError **error)
{
  const char *rule = "a string of 1 to 128 bytes without white space, control characters, ',', '@' or '*'";
  const WseJsonValue *value = &self->known[MEMBER_EVENT_TYPE];
  const char *text;
  gsize length;

  if (!(self->given & 1u << MEMBER_EVENT_TYPE))
    {
      if (self->type == G_MAXUINT || self->unknown[self->type].value.type != WSE_JSON_STRING)
        return invalid (error, MEMBER_EVENT_TYPE, rule);
      text = take_text (self, &self->unknown[self->type].value, &length);
      if (strlen (text) != length || !wse_system_event_is_kind (text))
        return invalid (error, MEMBER_EVENT_TYPE, rule);
      self->type_used = TRUE;
    }
  else
    {
      if (value->type != WSE_JSON_STRING)
        return invalid (error, MEMBER_EVENT_TYPE, rule);
      text = take_text (self, value, &length);
      if (!wse_channel_id_is_valid (text, length))
        return invalid (error, MEMBER_EVENT_TYPE, rule);
    }
  self->fields.event_type = text;
  return TRUE;
}

/* The text of a string or the digits of an integer; NULL where the value is neither. */
static const char *
take_id (Intake *self, const WseJsonValue *value, gsize *length)
{
  char *text;

  if (value->type == WSE_JSON_STRING)
    return take_text (self, value, length);
  if (!wse_json_number_is_integer (value))
    return NULL;
  text = self->scratch;
  memcpy (text, value->data, value->length);
  text[value->length] = '\0';
  *length = value->length;
  self->scratch += value->length + 1;
  return text;
}

/* @made has room for a UUID. */
static gboolean
take_event_id (Intake *self, char *made, GError **error)
{
  gsize length;

  if (!(self->given & 1u << MEMBER_EVENT_ID))
    {
      wse_uuid_make (made);
      self->fields.id = made;
      return TRUE;
    }
  self->fields.id = take_id (self, &self->known[MEMBER_EVENT_ID], &length);
  if (self->fields.id == NULL || !wse_event_id_is_valid (self->fields.id, length))
    return invalid (error, MEMBER_EVENT_ID, "a string of 1 to 128 bytes without control characters, or an integer");
  return TRUE;
}

static gboolean
take_timestamp (Intake *self, GError **error)
{
  const WseJsonValue *value = &self->known[MEMBER_TIMESTAMP];
  gboolean ok = FALSE;
  gsize length;

  self->fields.timestamp = self->rules->now;
  self->fields.latency = -1;
  if (!(self->given & 1u << MEMBER_TIMESTAMP))
    return TRUE;
  if (value->type == WSE_JSON_NUMBER)
    ok = wse_time_parse_number (value->data, value->length, &self->fields.timestamp);
  else if (value->type == WSE_JSON_STRING && !value->escaped)
    ok = wse_time_parse_iso (value->data + 1, value->length - 2, &self->fields.timestamp);
  else if (value->type == WSE_JSON_STRING)
    {
      const char *text = take_text (self, value, &length);

      ok = wse_time_parse_iso (text, length, &self->fields.timestamp);
    }
  if (!ok)
    return invalid (error, MEMBER_TIMESTAMP, "ISO 8601 with a zone, or seconds since 1970 as a number, in the years 1970 to 9999");
  self->fields.latency = MAX (0, (self->rules->now - self->fields.timestamp) / 1000);
  return TRUE;
}

static gboolean
take_targets (Intake *self, GError **error)
{
  const WseJsonValue *broadcast = &self->known[MEMBER_BROADCAST];
  gsize length;

  for (Member member = MEMBER_USER_ID; member <= MEMBER_SESSION_ID; member++)
    {
      char *channel = self->scratch;
      const char *id;

      if (!(self->given & 1u << member))
        continue;
      self->scratch = g_stpcpy (channel, target_prefixes[member]);
      id = take_id (self, &self->known[member], &length);
      if (id == NULL || !wse_channel_id_is_valid (id, length))
        return invalid (error, member, "a string of 1 to 128 bytes without white space, control characters, ',', '@' or '*', "
                        "or an integer");
      self->channels[self->fields.n_channels++] = channel;
    }
  if (self->given & 1u << MEMBER_BROADCAST)
    {
      if (broadcast->type != WSE_JSON_TRUE && broadcast->type != WSE_JSON_FALSE)
        return invalid (error, MEMBER_BROADCAST, "true or false");
      if (broadcast->type == WSE_JSON_TRUE)
        self->channels[self->fields.n_channels++] = "global";
    }
  self->fields.channels = self->channels;
  return TRUE;
}

static gboolean
take_severity (Intake *self, GError **error)
{
  const WseJsonValue *value = &self->known[MEMBER_SEVERITY];

  self->fields.severity = WSE_SEVERITY_INFO;
  self->fields.severity_given = (self->given & 1u << MEMBER_SEVERITY) != 0;
  if (!self->fields.severity_given)
    return TRUE;
  for (WseSeverity severity = WSE_SEVERITY_INFO; severity <= WSE_SEVERITY_ERROR; severity++)
    if (wse_json_string_equal (value, wse_severity_to_string (severity)))
      {
        self->fields.severity = severity;
        return TRUE;
      }
  return invalid (error, MEMBER_SEVERITY, "info, warning or error");
}

static gboolean
take_message (Intake *self, GError **error)
{
  const WseJsonValue *value = &self->known[MEMBER_MESSAGE];
  gsize length;

  if (!(self->given & 1u << MEMBER_MESSAGE))
    return TRUE;
  if (value->type != WSE_JSON_STRING)
    return invalid (error, MEMBER_MESSAGE, "a string");
  self->fields.message = take_text (self, value, &length);
  if (strlen (self->fields.message) != length)
    return invalid (error, MEMBER_MESSAGE, "a string without U+0000");
  return TRUE;
}

/* The unknown members that are not null, as an object. */
static void
gather_payload (Intake *self)
{
  char *begin = self->scratch, *out = begin;

  *out++ = '{';
  for (guint i = 0; i < self->n_unknown; i++)
    {
      const Unknown *unknown = &self->unknown[i];

      if (unknown->value.type == WSE_JSON_NULL || (self->type_used && i == self->type))
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
take_payload (Intake *self)
{
  for (Member member = MEMBER_PAYLOAD; member <= MEMBER_METADATA; member++)
    {
      const WseJsonValue *value = &self->known[member];

      if (!(self->given & 1u << member))
        continue;
      self->fields.payload = value->data;
      self->fields.payload_length = value->length;
      if (value->spaced)
        {
          self->fields.payload = self->scratch;
          self->fields.payload_length = wse_json_compact_to (value, self->scratch);
        }
      return;
    }
  gather_payload (self);
}

static WseEvent *
take_in (Intake *self, const char *data, gsize length, GError **error)
{
  char id[WSE_UUID_LENGTH + 1];

  if (!read_members (self, data, length, error))
    return NULL;
  if (!take_event_type (self, error) || !take_event_id (self, id, error) || !take_timestamp (self, error)
      || !take_targets (self, error) || !take_severity (self, error) || !take_message (self, error))
    return NULL;
  take_payload (self);
  return wse_event_new_from_fields (&self->fields);
}

WseEvent *
wse_event_parse (const char *json, gsize length, const WseEventParse *parse, GError **error)
{
  /* Each byte is at most used twice: a key without its escapes to compare it, and as it came in for the payload. The rest is prefixes. */
  gsize room = 2 * length + 128;
  char stack[STACK_BYTES];
  g_autofree char *heap = NULL;
  Intake self;
  WseEvent *event;

  if (length > MIN (parse->max_bytes, WSE_EVENT_MAX_PAYLOAD))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "an event may have at most %" G_GSIZE_FORMAT " bytes",
                   MIN (parse->max_bytes, WSE_EVENT_MAX_PAYLOAD));
      return NULL;
    }
  if (room > sizeof stack)
    heap = g_malloc (room);
  self.rules = parse;
  self.seen = self.given = 0;
  self.unknown = self.few;
  self.n_unknown = 0;
  self.max_unknown = FEW_MEMBERS;
  self.type = G_MAXUINT;
  self.type_used = FALSE;
  self.duplicate.data = NULL;
  self.scratch = heap != NULL ? heap : stack;
  self.fields = (WseEventFields) { 0 };
  event = take_in (&self, json, length, error);
  if (self.unknown != self.few)
    g_free (self.unknown);
  return event;
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
