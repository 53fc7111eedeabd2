/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events and batches as they are said over Redis: written, and read as what anybody may have sent. Everything read is checked like what
 * comes over HTTP, in one pass, without a tree; what breaks a rule is refused as a whole. It sends nothing and keeps nothing. */

#include "relay/wsed-redis-wire.h"

#include <string.h>

#include "log/wsed-log.h"
#include "wse-json-private.h"
#include "wse-time-private.h"

/* Bytes that a daemon may add to an event that was as large as it may be. */
#define OWN_BYTES (16 * 1024)
/* Bytes and events of one batch's end. */
#define BATCH_BYTES (64 * 1024)
#define MAX_MENTIONS 100000

/* What is in an object, by name. */
typedef struct
{
  const char *name;
  WseJsonType type;            /* WSE_JSON_NULL: any */
  WseJsonValue value;          /* data NULL: not there */
} Member;

static gboolean
refuse (GError **error, const char *reason)
{
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, reason);
  return FALSE;
}

/* Finds @members in an object; others are passed over. FALSE where it is no object, or one of them is of another type. */
static gboolean
find_members (const char *json, gsize length, Member *members, guint n_members, GError **error)
{
  WseJson scanner;
  WseJsonValue key, value;

  wse_json_init (&scanner, json, length);
  if (!wse_json_enter_object (&scanner))
    return refuse (error, "a JSON object is expected");
  while (wse_json_next_member (&scanner, &key, &value))
    for (guint i = 0; i < n_members; i++)
      {
        if (!wse_json_string_equal (&key, members[i].name) || (value.type == WSE_JSON_NULL && members[i].type != WSE_JSON_NULL))
          continue;
        if (members[i].type != WSE_JSON_NULL && value.type != members[i].type)
          {
            g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s is of another type than it should be", members[i].name);
            return FALSE;
          }
        members[i].value = value;
      }
  if (wse_json_end (&scanner))
    return TRUE;
  wse_json_set_error (&scanner, error);
  return FALSE;
}

/* The text of a member that has to be there, at most @max bytes; NULL where it is not. */
static char *
take_text (const Member *member, gsize max, GError **error)
{
  g_autofree char *text = NULL;
  gsize length;

  if (member->value.data != NULL)
    text = wse_json_string_dup (&member->value, &length);
  if (text != NULL && length > 0 && length <= max && strlen (text) == length)
    return g_steal_pointer (&text);
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s is missing, or not what it should be", member->name);
  return NULL;
}

static gboolean
take_number (const Member *member, guint64 *number, GError **error)
{
  if (member->value.data != NULL && wse_json_number_to_uint64 (&member->value, number) && *number > 0)
    return TRUE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s is missing, or not a positive integer", member->name);
  return FALSE;
}

/* Events */

void
wsed_redis_event_clear (WsedRedisEvent *event)
{
  g_clear_pointer (&event->event, wse_event_unref);
  g_clear_pointer (&event->entry, wsed_entry_unref);
  g_clear_pointer (&event->log, g_free);
  g_clear_pointer (&event->from, g_free);
}

/* The channels of a daemon's event; at most as many as one can have. */
static gboolean
take_channels (const Member *member, GPtrArray *channels, GError **error)
{
  WseJson scanner;
  WseJsonValue element;

  wse_json_init (&scanner, member->value.data != NULL ? member->value.data : "", member->value.length);
  if (wse_json_enter_array (&scanner))
    while (channels->len <= WSE_MAX_TARGETS && wse_json_next_element (&scanner, &element))
      {
        gsize length;
        char *name = element.type == WSE_JSON_STRING ? wse_json_string_dup (&element, &length) : NULL;

        if (name == NULL || strlen (name) != length || !wse_channel_is_valid (name))
          {
            g_free (name);
            return refuse (error, "channels has something else than names of channels");
          }
        g_ptr_array_add (channels, name);
      }
  return (channels->len > 0 && channels->len <= WSE_MAX_TARGETS) || refuse (error, "channels has no channel, or too many");
}

static gboolean
take_seqs (const Member *member, guint n, guint64 *seqs, GError **error)
{
  WseJson scanner;
  WseJsonValue element;
  guint found = 0;

  wse_json_init (&scanner, member->value.data != NULL ? member->value.data : "", member->value.length);
  if (wse_json_enter_array (&scanner))
    while (found < n && wse_json_next_element (&scanner, &element) && wse_json_number_to_uint64 (&element, &seqs[found]) && seqs[found] > 0)
      found++;
  return (found == n && !wse_json_next_element (&scanner, &element)) || refuse (error, "seqs does not fit to channels");
}

/* @event: as it was parsed; its places are in @wse. Where a stranger leaves out the payload with a null, a daemon's is that. */
static gboolean
make_entry (WsedRedisEvent *self, WseEvent *event, const char *original, gboolean is_null, const WseJsonValue *wse, GError **error)
{
  enum { N, CHANNELS, SEQS, LATENCY, N_MEMBERS };
  Member members[N_MEMBERS] = {
    [N] = { "n", WSE_JSON_NUMBER }, [CHANNELS] = { "channels", WSE_JSON_ARRAY }, [SEQS] = { "seqs", WSE_JSON_ARRAY },
    [LATENCY] = { "latency_ms", WSE_JSON_NUMBER },
  };
  g_autoptr(GPtrArray) channels = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(WseEvent) made = NULL;
  guint64 seqs[WSE_MAX_TARGETS], n, latency;
  WseEventFields fields;

  if (!find_members (wse->data, wse->length, members, N_MEMBERS, error) || !take_number (&members[N], &n, error)
      || !take_channels (&members[CHANNELS], channels, error) || !take_seqs (&members[SEQS], channels->len, seqs, error))
    return FALSE;
  wse_event_get_fields (event, &fields);
  fields.original_type = original != NULL && strcmp (original, fields.event_type) != 0 ? original : NULL;
  fields.channels = (const char * const *) channels->pdata;
  fields.n_channels = channels->len;
  if (is_null)
    {
      fields.payload = "null";
      fields.payload_length = 4;
    }
  fields.latency = members[LATENCY].value.data != NULL && wse_json_number_to_uint64 (&members[LATENCY].value, &latency) && latency <= G_MAXINT64
                     ? (gint64) latency : -1;
  made = wse_event_new_from_fields (&fields);
  self->entry = wsed_entry_new (made, n, seqs);
  return TRUE;
}

/* The channel is the one that it came on, whatever else it names. */
static gboolean
make_foreign (WsedRedisEvent *self, WseEvent *event, const char *original, const char *channel, const WsedRedisRules *rules, GError **error)
{
  g_autoptr(WseEvent) mapped = NULL;
  g_autoptr(WseEvent) placed = NULL;
  WseEventFields fields;

  if (wse_transformer_transform (rules->mapper, event, &mapped, error) != WSE_VERDICT_DELIVER)
    return FALSE;
  wse_event_get_fields (mapped, &fields);
  if (original != NULL)
    fields.original_type = strcmp (original, fields.event_type) != 0 ? original : NULL;
  fields.channels = &channel;
  fields.n_channels = 1;
  placed = wse_event_new_from_fields (&fields);
  if (strcmp (channel, "system") == 0 && wse_system_event_is_kind (placed->event_type))
    self->event = wse_system_event_complete (placed, error);
  else
    self->event = g_steal_pointer (&placed);
  return self->event != NULL;
}

gboolean
wsed_redis_event_read (WsedRedisEvent *self, const char *channel, const char *json, gsize length, const WsedRedisRules *rules, GError **error)
{
  enum { WSE, ORIGINAL, DATA, N_MEMBERS };
  enum { LOG, FROM, N_OF_WSE };
  Member members[N_MEMBERS] = { [WSE] = { "wse", WSE_JSON_OBJECT }, [ORIGINAL] = { "original_event_type", WSE_JSON_STRING },
                                [DATA] = { "data", WSE_JSON_NULL } };
  Member of_wse[N_OF_WSE] = { [LOG] = { "log", WSE_JSON_STRING }, [FROM] = { "from", WSE_JSON_STRING } };
  const WseEventParse parse = { rules->max_event + OWN_BYTES, WSE_MAX_DEPTH + 1, wse_time_now () };
  const WseEventParse foreign = { rules->max_event, WSE_MAX_DEPTH, parse.now };
  g_autoptr(WseEvent) event = NULL;
  g_autofree char *original = NULL;
  gboolean own;

  *self = (WsedRedisEvent) { 0 };
  if (length > parse.max_bytes)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "an event may have at most %" G_GSIZE_FORMAT " bytes", rules->max_event);
      return FALSE;
    }
  if (!find_members (json, length, members, N_MEMBERS, error))
    return FALSE;
  own = members[WSE].value.data != NULL;
  if (own)
    {
      if (!find_members (members[WSE].value.data, members[WSE].value.length, of_wse, N_OF_WSE, error)
          || (self->log = take_text (&of_wse[LOG], WSE_MAX_EPOCH_BYTES, error)) == NULL
          || (self->from = take_text (&of_wse[FROM], WSED_RELAY_NAME_BYTES, error)) == NULL)
        return FALSE;
      if (rules->self == NULL || strcmp (self->from, rules->self) == 0)
        return TRUE;
    }
  if (members[ORIGINAL].value.data != NULL)
    {
      original = take_text (&members[ORIGINAL], WSE_MAX_ID_BYTES, error);
      if (original == NULL)
        return FALSE;
      if (!wse_channel_id_is_valid (original, -1))
        return refuse (error, "original_event_type is no name of a type");
    }
  event = wse_event_parse (json, length, own ? &parse : &foreign, error);
  if (event == NULL)
    return FALSE;
  return own ? make_entry (self, event, original, members[DATA].value.data != NULL && members[DATA].value.type == WSE_JSON_NULL, &members[WSE].value, error)
             : make_foreign (self, event, original, channel, rules, error);
}

static void
append_member (GString *out, const char *name, const char *value)
{
  g_string_append_printf (out, "\"%s\":", name);
  wse_json_append_string (out, value, -1);
  g_string_append_c (out, ',');
}

/* Whether one of the channels before @index begins with the same @kind, its colon included. */
static gboolean
has_before (const WseEvent *event, guint index, gsize kind)
{
  for (guint i = 0; i < index; i++)
    if (strncmp (event->channels[i], event->channels[index], kind) == 0)
      return TRUE;
  return FALSE;
}

/* The members that name where it goes, as those who publish write them: one of each kind, the first; a transformer may have given more. */
static void
append_targets (GString *out, const WseEvent *event)
{
  for (guint i = 0; i < event->n_channels; i++)
    {
      const char *channel = event->channels[i], *colon = strchr (channel, ':');

      if (colon != NULL && has_before (event, i, colon + 1 - channel))
        continue;
      if (colon != NULL)
        {
          g_autofree char *name = g_strdup_printf ("%.*s_id", (int) (colon - channel), channel);

          append_member (out, name, colon + 1);
        }
      else if (strcmp (channel, "global") == 0)
        g_string_append (out, "\"broadcast\":true,");
    }
}

void
wsed_redis_event_write (GString *out, const WsedEntry *entry, const char *log, const char *from)
{
  const WseEvent *event = entry->event;

  g_string_append_c (out, '{');
  append_member (out, "event_type", event->event_type);
  append_member (out, "original_event_type", event->original_type != NULL ? event->original_type : event->event_type);
  append_targets (out, event);
  g_string_append (out, "\"data\":");
  g_string_append_len (out, event->payload, event->payload_length);
  g_string_append (out, ",\"timestamp\":\"");
  wse_time_append_iso (out, event->timestamp);
  g_string_append (out, "\",");
  append_member (out, "event_id", event->id);
  if (event->severity != WSE_SEVERITY_INFO || event->severity_given)
    append_member (out, "severity", wse_severity_to_string (event->severity));
  if (event->message != NULL)
    append_member (out, "message", event->message);
  g_string_append (out, "\"wse\":{");
  append_member (out, "log", log);
  append_member (out, "from", from);
  g_string_append_printf (out, "\"n\":%" G_GUINT64_FORMAT ",\"channels\":[", entry->n);
  for (guint i = 0; i < event->n_channels; i++)
    {
      g_string_append (out, i > 0 ? "," : "");
      wse_json_append_string (out, event->channels[i], -1);
    }
  g_string_append (out, "],\"seqs\":[");
  for (guint i = 0; i < event->n_channels; i++)
    g_string_append_printf (out, "%s%" G_GUINT64_FORMAT, i > 0 ? "," : "", entry->seqs[i]);
  g_string_append_c (out, ']');
  if (event->latency >= 0)
    g_string_append_printf (out, ",\"latency_ms\":%" G_GINT64_FORMAT, event->latency);
  g_string_append (out, "}}");
}

/* Batches */

void
wsed_redis_batch_clear (WsedRedisBatch *batch)
{
  g_clear_pointer (&batch->log, g_free);
  g_clear_pointer (&batch->from, g_free);
  g_clear_pointer (&batch->mentions, g_array_unref);
  g_clear_pointer (&batch->memory, g_ptr_array_unref);
}

/* One place: a channel and a seq. */
static gboolean
take_place (WsedRedisBatch *self, const WseJsonValue *pair, const char **channel, guint64 *seq)
{
  WseJson scanner;
  WseJsonValue element;
  char *name;
  gsize length;

  wse_json_init (&scanner, pair->data, pair->length);
  if (pair->type != WSE_JSON_ARRAY || !wse_json_enter_array (&scanner) || !wse_json_next_element (&scanner, &element)
      || element.type != WSE_JSON_STRING)
    return FALSE;
  name = wse_json_string_dup (&element, &length);
  g_ptr_array_add (self->memory, name);
  *channel = name;
  return strlen (name) == length && wse_channel_is_valid (name) && wse_json_next_element (&scanner, &element)
         && wse_json_number_to_uint64 (&element, seq) && *seq > 0 && !wse_json_next_element (&scanner, &element);
}

static gboolean
take_mention (WsedRedisBatch *self, const WseJsonValue *places, guint64 n)
{
  const char **channels = g_new0 (const char *, WSE_MAX_TARGETS + 1);
  guint64 *seqs = g_new0 (guint64, WSE_MAX_TARGETS);
  WsedMention mention = { .n = n, .channels = channels, .seqs = seqs };
  WseJson scanner;
  WseJsonValue place;

  g_ptr_array_add (self->memory, channels);
  g_ptr_array_add (self->memory, seqs);
  wse_json_init (&scanner, places->data, places->length);
  if (places->type != WSE_JSON_ARRAY || !wse_json_enter_array (&scanner))
    return FALSE;
  while (wse_json_next_element (&scanner, &place))
    {
      if (mention.n_channels == WSE_MAX_TARGETS || !take_place (self, &place, &channels[mention.n_channels], &seqs[mention.n_channels]))
        return FALSE;
      mention.n_channels++;
    }
  g_array_append_val (self->mentions, mention);
  return mention.n_channels > 0;
}

gboolean
wsed_redis_batch_read (WsedRedisBatch *self, const char *json, gsize length, GError **error)
{
  enum { LOG, FROM, FIRST, EVENTS, END, N_MEMBERS };
  Member members[N_MEMBERS] = {
    [LOG] = { "log", WSE_JSON_STRING }, [FROM] = { "from", WSE_JSON_STRING }, [FIRST] = { "first", WSE_JSON_NUMBER },
    [EVENTS] = { "events", WSE_JSON_ARRAY }, [END] = { "end", WSE_JSON_NUMBER },
  };
  WseJson scanner;
  WseJsonValue places;
  guint64 n;

  *self = (WsedRedisBatch) { .mentions = g_array_new (FALSE, FALSE, sizeof (WsedMention)), .memory = g_ptr_array_new_with_free_func (g_free) };
  if (!find_members (json, length, members, N_MEMBERS, error) || (self->log = take_text (&members[LOG], WSE_MAX_EPOCH_BYTES, error)) == NULL
      || (self->from = take_text (&members[FROM], WSED_RELAY_NAME_BYTES, error)) == NULL)
    return FALSE;
  if (members[EVENTS].value.data == NULL)
    return take_number (&members[END], &self->end, error);
  if (!take_number (&members[FIRST], &n, error))
    return FALSE;
  if (n > G_MAXUINT64 / 2)
    return refuse (error, "first is too great");
  wse_json_init (&scanner, members[EVENTS].value.data, members[EVENTS].value.length);
  wse_json_enter_array (&scanner);
  while (wse_json_next_element (&scanner, &places))
    if (self->mentions->len == MAX_MENTIONS || !take_mention (self, &places, n++))
      return refuse (error, "events is not what it should be");
  self->end = n - 1;
  return self->mentions->len > 0 || refuse (error, "events has none");
}

guint
wsed_redis_batch_write (GString *out, WsedEntry * const *entries, guint n_entries, const char *log, const char *from)
{
  guint i;

  g_string_append_c (out, '{');
  append_member (out, "log", log);
  append_member (out, "from", from);
  g_string_append_printf (out, "\"first\":%" G_GUINT64_FORMAT ",\"events\":[", entries[0]->n);
  for (i = 0; i < n_entries && out->len < BATCH_BYTES && entries[i]->n == entries[0]->n + i; i++)
    {
      const WseEvent *event = entries[i]->event;

      g_string_append (out, i > 0 ? ",[" : "[");
      for (guint j = 0; j < event->n_channels; j++)
        {
          g_string_append (out, j > 0 ? ",[" : "[");
          wse_json_append_string (out, event->channels[j], -1);
          g_string_append_printf (out, ",%" G_GUINT64_FORMAT "]", entries[i]->seqs[j]);
        }
      g_string_append_c (out, ']');
    }
  g_string_append (out, "]}");
  return i;
}

void
wsed_redis_end_write (GString *out, guint64 end, const char *log, const char *from)
{
  g_string_append_c (out, '{');
  append_member (out, "log", log);
  append_member (out, "from", from);
  g_string_append_printf (out, "\"end\":%" G_GUINT64_FORMAT "}", end);
}
