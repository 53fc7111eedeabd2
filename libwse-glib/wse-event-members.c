/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Intake, what all forms of an event share (PROTOCOL section 2): one pass over an object's members, no tree, what is not escaped is
 * copied once; no member twice; and the rules for ids, times and targets. What the members are called, and the rest, is the form's.
 * It neither maps types nor routes, and trusts nothing. */

#include "wse-event-members-private.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-time-private.h"

#define ID_RULE "a string of 1 to 128 bytes without white space, control characters, ',', '@' or '*'"

/* Bytes of an event that are worked on without an allocation. */
#define STACK_BYTES 4096

static const char * const target_prefixes[] = {
  [WSE_MEMBER_USER_ID] = "user:",
  [WSE_MEMBER_ROLE_ID] = "role:",
  [WSE_MEMBER_TEAM_ID] = "team:",
  [WSE_MEMBER_SESSION_ID] = "session:",
};

gboolean
wse_members_invalid (const WseMembers *self, WseMember member, const char *expected, GError **error)
{
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: expected %s", self->form->members[member].name, expected);
  return FALSE;
}

char *
wse_members_take_text (WseMembers *self, const WseJsonValue *value, gsize *length)
{
  char *text = self->scratch;

  *length = wse_json_string_unescape (value, text);
  self->scratch += *length + 1;
  return text;
}

static WseMember
find_member (const WseEventForm *form, const char *name, gsize length)
{
  for (WseMember member = 0; member < WSE_N_MEMBERS; member++)
    if (form->members[member].length == length && form->members[member].name != NULL
        && memcmp (form->members[member].name, name, length) == 0)
      return member;
  return WSE_N_MEMBERS;
}

static WseUnknown *
add_unknown (WseMembers *self)
{
  if (self->n_unknown == self->max_unknown)
    {
      WseUnknown *more = g_new (WseUnknown, self->max_unknown * 2);

      memcpy (more, self->unknown, self->n_unknown * sizeof *more);
      if (self->unknown != self->few)
        g_free (self->unknown);
      self->unknown = more;
      self->max_unknown *= 2;
    }
  return &self->unknown[self->n_unknown++];
}

static gboolean
same_name (const WseUnknown *a, const WseUnknown *b)
{
  return a->name_length == b->name_length && memcmp (a->name, b->name, a->name_length) == 0;
}

static void
note_duplicate (WseMembers *self, const WseJsonValue *key)
{
  if (self->duplicate.data == NULL)
    self->duplicate = *key;
}

static void
take_unknown (WseMembers *self, const WseJsonValue *key, const WseJsonValue *value, const char *name, gsize length)
{
  WseUnknown *unknown = add_unknown (self);

  *unknown = (WseUnknown) { *key, *value, name, length };
  if (length == 4 && memcmp (name, "type", 4) == 0 && self->type == G_MAXUINT)
    self->type = self->n_unknown - 1;
  if (self->n_unknown > WSE_FEW_MEMBERS)
    return;
  for (guint i = 0; i + 1 < self->n_unknown; i++)
    if (same_name (unknown, &self->unknown[i]))
      note_duplicate (self, key);
}

static void
take_member (WseMembers *self, const WseJsonValue *key, const WseJsonValue *value)
{
  const char *name = key->data + 1;
  gsize length = key->length - 2;
  WseMember member;

  if (key->escaped)
    name = wse_members_take_text (self, key, &length);
  self->depth = MAX (self->depth, value->depth + 1);
  member = find_member (self->form, name, length);
  if (member == WSE_N_MEMBERS)
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
  const WseUnknown *x = *(const WseUnknown * const *) a, *y = *(const WseUnknown * const *) b;

  if (x->name_length != y->name_length)
    return x->name_length < y->name_length ? -1 : 1;
  return memcmp (x->name, y->name, x->name_length);
}

/* Many members are sorted, not hashed: no choice of names makes that slow. */
static void
find_duplicate_among_many (WseMembers *self)
{
  g_autofree const WseUnknown **sorted = g_new (const WseUnknown *, self->n_unknown);

  for (guint i = 0; i < self->n_unknown; i++)
    sorted[i] = &self->unknown[i];
  qsort (sorted, self->n_unknown, sizeof *sorted, compare_names);
  for (guint i = 1; i < self->n_unknown; i++)
    if (same_name (sorted[i - 1], sorted[i]))
      note_duplicate (self, &sorted[i]->key);
}

/* Reads the whole object; it is strict JSON, not too deep and without duplicates after that. */
static gboolean
read_members (WseMembers *self, const char *data, gsize length, GError **error)
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
  if (self->n_unknown > WSE_FEW_MEMBERS)
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

gboolean
wse_members_take_event_type (WseMembers *self, GError **error)
{
  const WseJsonValue *value = &self->known[WSE_MEMBER_EVENT_TYPE];
  gsize length;

  if (wse_members_has (self, WSE_MEMBER_EVENT_TYPE) && value->type == WSE_JSON_STRING)
    {
      self->fields.event_type = wse_members_take_text (self, value, &length);
      if (wse_channel_id_is_valid (self->fields.event_type, length))
        return TRUE;
    }
  return wse_members_invalid (self, WSE_MEMBER_EVENT_TYPE, ID_RULE, error);
}

/* The text of a string or the digits of an integer; NULL where the value is neither. */
static const char *
take_id (WseMembers *self, const WseJsonValue *value, gsize *length)
{
  char *text;

  if (value->type == WSE_JSON_STRING)
    return wse_members_take_text (self, value, length);
  if (!wse_json_number_is_integer (value))
    return NULL;
  text = self->scratch;
  memcpy (text, value->data, value->length);
  text[value->length] = '\0';
  *length = value->length;
  self->scratch += value->length + 1;
  return text;
}

gboolean
wse_members_take_event_id (WseMembers *self, GError **error)
{
  gsize length;

  if (!wse_members_has (self, WSE_MEMBER_EVENT_ID))
    {
      if (self->rules->id == NULL)
        wse_uuid_make (self->id);
      self->fields.id = self->rules->id != NULL ? self->rules->id : self->id;
      return TRUE;
    }
  self->fields.id = take_id (self, &self->known[WSE_MEMBER_EVENT_ID], &length);
  if (self->fields.id == NULL || !wse_event_id_is_valid (self->fields.id, length))
    return wse_members_invalid (self, WSE_MEMBER_EVENT_ID, "a string of 1 to 128 bytes without control characters, or an integer",
                                error);
  return TRUE;
}

gboolean
wse_members_take_timestamp (WseMembers *self, GError **error)
{
  const WseJsonValue *value = &self->known[WSE_MEMBER_TIMESTAMP];
  gboolean ok = FALSE;
  gsize length;

  self->fields.timestamp = self->rules->now;
  self->fields.latency = -1;
  if (!wse_members_has (self, WSE_MEMBER_TIMESTAMP))
    return TRUE;
  if (value->type == WSE_JSON_NUMBER)
    ok = wse_time_parse_number (value->data, value->length, &self->fields.timestamp);
  else if (value->type == WSE_JSON_STRING && !value->escaped)
    ok = wse_time_parse_iso (value->data + 1, value->length - 2, &self->fields.timestamp);
  else if (value->type == WSE_JSON_STRING)
    {
      const char *text = wse_members_take_text (self, value, &length);

      ok = wse_time_parse_iso (text, length, &self->fields.timestamp);
    }
  if (!ok)
    return wse_members_invalid (self, WSE_MEMBER_TIMESTAMP,
                                "ISO 8601 with a zone, or seconds since 1970 as a number, in the years 1970 to 9999", error);
  self->fields.latency = MAX (0, (self->rules->now - self->fields.timestamp) / 1000);
  return TRUE;
}

gboolean
wse_members_take_targets (WseMembers *self, GError **error)
{
  const WseJsonValue *broadcast = &self->known[WSE_MEMBER_BROADCAST];
  gsize length;

  for (WseMember member = WSE_MEMBER_USER_ID; member <= WSE_MEMBER_SESSION_ID; member++)
    {
      char *channel = self->scratch;
      const char *id;

      if (!wse_members_has (self, member))
        continue;
      self->scratch = g_stpcpy (channel, target_prefixes[member]);
      id = take_id (self, &self->known[member], &length);
      if (id == NULL || !wse_channel_id_is_valid (id, length))
        return wse_members_invalid (self, member, ID_RULE ", or an integer", error);
      self->channels[self->fields.n_channels++] = channel;
    }
  if (wse_members_has (self, WSE_MEMBER_BROADCAST))
    {
      if (broadcast->type != WSE_JSON_TRUE && broadcast->type != WSE_JSON_FALSE)
        return wse_members_invalid (self, WSE_MEMBER_BROADCAST, "true or false", error);
      if (broadcast->type == WSE_JSON_TRUE)
        self->channels[self->fields.n_channels++] = "global";
    }
  self->fields.channels = self->channels;
  return TRUE;
}

void
wse_members_take_payload (WseMembers *self, const WseJsonValue *value)
{
  self->fields.payload = value->data;
  self->fields.payload_length = value->length;
  if (value->spaced)
    {
      self->fields.payload = self->scratch;
      self->fields.payload_length = wse_json_compact_to (value, self->scratch);
    }
}

WseEvent *
wse_members_parse (const char *json, gsize length, const WseEventParse *parse, const WseEventForm *form,
                   GError **error)
{
  /* Each byte is at most used twice: a key without its escapes to compare it, and as it came in for the payload. The rest is
   * prefixes. */
  gsize room = 2 * length + 128;
  char stack[STACK_BYTES];
  g_autofree char *heap = NULL;
  WseMembers self;
  WseEvent *event = NULL;

  if (length > MIN (parse->max_bytes, WSE_EVENT_MAX_PAYLOAD))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "an event may have at most %" G_GSIZE_FORMAT " bytes",
                   MIN (parse->max_bytes, WSE_EVENT_MAX_PAYLOAD));
      return NULL;
    }
  if (room > sizeof stack)
    heap = g_malloc (room);
  self.form = form;
  self.rules = parse;
  self.seen = self.given = 0;
  self.unknown = self.few;
  self.n_unknown = 0;
  self.max_unknown = WSE_FEW_MEMBERS;
  self.type = G_MAXUINT;
  self.type_used = FALSE;
  self.duplicate.data = NULL;
  self.scratch = heap != NULL ? heap : stack;
  self.fields = (WseEventFields) { 0 };
  if (read_members (&self, json, length, error) && form->take (&self, error))
    event = wse_event_new_from_fields (&self.fields);
  if (self.unknown != self.few)
    g_free (self.unknown);
  return event;
}
