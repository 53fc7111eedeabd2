/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one list of the six kinds of system events: their metadata, the severity and the message that follow from it (PROTOCOL section 2).
 * It looks at no other event and never changes a payload. */

#include "wse-system-events.h"

#include <string.h>

#include "wse-error.h"
#include "wse-event-private.h"
#include "wse-json-private.h"

typedef enum
{
  FIELD_STRING,
  FIELD_NUMBER,
  FIELD_BOOLEAN,
} FieldType;

typedef struct
{
  const char *name;            /* NULL ends a list */
  FieldType type;
  gboolean optional;           /* may be absent or null */
} Field;

#define MAX_FIELDS 6

/* The values of a kind's fields, in the order of its list; data is NULL where absent or null. */
typedef struct
{
  WseJsonValue values[MAX_FIELDS];
} Metadata;

typedef struct
{
  const char *name;
  Field fields[MAX_FIELDS + 1];
  WseSeverity (*severity) (const Metadata *metadata);
  void (*describe) (const Metadata *metadata, GString *message);
} Kind;

static gboolean
is_given (const Metadata *metadata,
          guint           field)
{
  return metadata->values[field].data != NULL;
}

static gboolean
is_true (const Metadata *metadata,
         guint           field)
{
  return is_given (metadata, field) && metadata->values[field].type == WSE_JSON_TRUE;
}

/* A number stands in the message as in the metadata: 18000.0 does not become 18000. */
static void
append_number (GString        *message,
               const Metadata *metadata,
               guint           field)
{
  g_string_append_len (message, metadata->values[field].data, metadata->values[field].length);
}

/* The unescaped text; a message is a C string, so that U+0000 becomes U+FFFD. */
static void
append_text (GString        *message,
             const Metadata *metadata,
             guint           field)
{
  gsize length;
  g_autofree char *text = wse_json_string_dup (&metadata->values[field], &length);
  const char *at = text, *end = text + length;

  for (;;)
    {
      const char *nul = memchr (at, '\0', end - at);

      g_string_append_len (message, at, (nul != NULL ? nul : end) - at);
      if (nul == NULL)
        return;
      g_string_append (message, "\xef\xbf\xbd");
      at = nul + 1;
    }
}

static WseSeverity
severity_info (const Metadata *metadata)
{
  return WSE_SEVERITY_INFO;
}

static WseSeverity
severity_error (const Metadata *metadata)
{
  return WSE_SEVERITY_ERROR;
}

enum
{
  ROUTE_QUERY_ID,
  ROUTE_COMPLEXITY_SCORE,
  ROUTE_SELECTED_TIER,
  ROUTE_ESTIMATED_LATENCY_MS,
  ROUTE_ROUTING_REASON,
};

static void
describe_query_route (const Metadata *metadata,
                      GString        *message)
{
  g_string_append (message, "Query routed to ");
  append_text (message, metadata, ROUTE_SELECTED_TIER);
  g_string_append (message, " tier (complexity: ");
  append_number (message, metadata, ROUTE_COMPLEXITY_SCORE);
  g_string_append_c (message, ')');
}

enum
{
  MODEL_ID,
  MODEL_PREVIOUS_STATE,
  MODEL_CURRENT_STATE,
  MODEL_REASON,
  MODEL_PORT,
};

static WseSeverity
severity_model_state (const Metadata *metadata)
{
  return wse_json_string_equal (&metadata->values[MODEL_CURRENT_STATE], "error") ? WSE_SEVERITY_ERROR : WSE_SEVERITY_INFO;
}

static void
describe_model_state (const Metadata *metadata,
                      GString        *message)
{
  g_string_append (message, "Model ");
  append_text (message, metadata, MODEL_ID);
  g_string_append (message, " state: ");
  append_text (message, metadata, MODEL_PREVIOUS_STATE);
  g_string_append (message, " \xe2\x86\x92 ");
  append_text (message, metadata, MODEL_CURRENT_STATE);
}

enum
{
  CGRAG_QUERY_ID,
  CGRAG_CHUNKS_RETRIEVED,
  CGRAG_RELEVANCE_THRESHOLD,
  CGRAG_RETRIEVAL_TIME_MS,
  CGRAG_TOTAL_TOKENS,
  CGRAG_CACHE_HIT,
};

static void
describe_cgrag (const Metadata *metadata,
                GString        *message)
{
  g_string_append (message, "Retrieved ");
  append_number (message, metadata, CGRAG_CHUNKS_RETRIEVED);
  g_string_append (message, " chunks (");
  append_number (message, metadata, CGRAG_TOTAL_TOKENS);
  g_string_append (message, " tokens) in ");
  append_number (message, metadata, CGRAG_RETRIEVAL_TIME_MS);
  g_string_append (message, "ms");
  if (is_true (metadata, CGRAG_CACHE_HIT))
    g_string_append (message, " (cached)");
}

enum
{
  CACHE_OPERATION,
  CACHE_KEY,
  CACHE_HIT,
  CACHE_LATENCY_MS,
  CACHE_SIZE_BYTES,
};

static void
append_upper_case (GString        *message,
                   const Metadata *metadata,
                   guint           field)
{
  g_autoptr (GString) text = g_string_new (NULL);

  append_text (text, metadata, field);
  if (g_str_is_ascii (text->str))
    {
      /* Not by the locale: in a Turkish one i would become İ. */
      g_string_ascii_up (text);
      g_string_append_len (message, text->str, text->len);
    }
  else
    {
      g_autofree char *upper = g_utf8_strup (text->str, text->len);

      g_string_append (message, upper);
    }
}

static void
describe_cache (const Metadata *metadata,
                GString        *message)
{
  const char *separator = " (";

  g_string_append (message, "Cache ");
  append_upper_case (message, metadata, CACHE_OPERATION);
  g_string_append (message, ": ");
  append_text (message, metadata, CACHE_KEY);
  if (is_given (metadata, CACHE_HIT))
    {
      g_string_append (message, separator);
      g_string_append (message, is_true (metadata, CACHE_HIT) ? "HIT" : "MISS");
      separator = ", ";
    }
  if (is_given (metadata, CACHE_LATENCY_MS))
    {
      g_string_append (message, separator);
      append_number (message, metadata, CACHE_LATENCY_MS);
      g_string_append (message, "ms");
      separator = ", ";
    }
  if (is_given (metadata, CACHE_SIZE_BYTES))
    {
      g_string_append (message, separator);
      append_number (message, metadata, CACHE_SIZE_BYTES);
      g_string_append (message, " bytes");
      separator = ", ";
    }
  if (*separator == ',')
    g_string_append_c (message, ')');
}

enum
{
  ERROR_TYPE,
  ERROR_MESSAGE,
  ERROR_COMPONENT,
  ERROR_STACK_TRACE,
  ERROR_RECOVERY_ACTION,
};

static void
describe_error (const Metadata *metadata,
                GString        *message)
{
  g_string_append (message, "ERROR in ");
  append_text (message, metadata, ERROR_COMPONENT);
  g_string_append (message, ": ");
  append_text (message, metadata, ERROR_MESSAGE);
}

enum
{
  PERFORMANCE_METRIC_NAME,
  PERFORMANCE_CURRENT_VALUE,
  PERFORMANCE_THRESHOLD_VALUE,
  PERFORMANCE_COMPONENT,
  PERFORMANCE_ACTION_REQUIRED,
};

static WseSeverity
severity_performance (const Metadata *metadata)
{
  double current = wse_json_number_to_double (&metadata->values[PERFORMANCE_CURRENT_VALUE]);
  double threshold = wse_json_number_to_double (&metadata->values[PERFORMANCE_THRESHOLD_VALUE]);

  if (is_true (metadata, PERFORMANCE_ACTION_REQUIRED))
    return WSE_SEVERITY_ERROR;
  return current > threshold ? WSE_SEVERITY_WARNING : WSE_SEVERITY_INFO;
}

static void
describe_performance (const Metadata *metadata,
                      GString        *message)
{
  g_string_append (message, "Performance alert: ");
  append_text (message, metadata, PERFORMANCE_METRIC_NAME);
  g_string_append (message, " = ");
  append_number (message, metadata, PERFORMANCE_CURRENT_VALUE);
  g_string_append (message, " (threshold: ");
  append_number (message, metadata, PERFORMANCE_THRESHOLD_VALUE);
  g_string_append (message, ") in ");
  append_text (message, metadata, PERFORMANCE_COMPONENT);
}

static const Kind kinds[] = {
  { "query_route",
    { { "query_id", FIELD_STRING },
      { "complexity_score", FIELD_NUMBER },
      { "selected_tier", FIELD_STRING },
      { "estimated_latency_ms", FIELD_NUMBER },
      { "routing_reason", FIELD_STRING } },
    severity_info, describe_query_route },
  { "model_state",
    { { "model_id", FIELD_STRING },
      { "previous_state", FIELD_STRING },
      { "current_state", FIELD_STRING },
      { "reason", FIELD_STRING },
      { "port", FIELD_NUMBER, TRUE } },
    severity_model_state, describe_model_state },
  { "cgrag",
    { { "query_id", FIELD_STRING },
      { "chunks_retrieved", FIELD_NUMBER },
      { "relevance_threshold", FIELD_NUMBER },
      { "retrieval_time_ms", FIELD_NUMBER },
      { "total_tokens", FIELD_NUMBER },
      { "cache_hit", FIELD_BOOLEAN } },
    severity_info, describe_cgrag },
  { "cache",
    { { "operation", FIELD_STRING },
      { "key", FIELD_STRING },
      { "hit", FIELD_BOOLEAN, TRUE },
      { "latency_ms", FIELD_NUMBER, TRUE },
      { "size_bytes", FIELD_NUMBER, TRUE } },
    severity_info, describe_cache },
  { "error",
    { { "error_type", FIELD_STRING },
      { "error_message", FIELD_STRING },
      { "component", FIELD_STRING },
      { "stack_trace", FIELD_STRING, TRUE },
      { "recovery_action", FIELD_STRING, TRUE } },
    severity_error, describe_error },
  { "performance",
    { { "metric_name", FIELD_STRING },
      { "current_value", FIELD_NUMBER },
      { "threshold_value", FIELD_NUMBER },
      { "component", FIELD_STRING },
      { "action_required", FIELD_BOOLEAN } },
    severity_performance, describe_performance },
};

static const Kind *
find_kind (const char *event_type)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (kinds[i].name, event_type) == 0)
      return &kinds[i];
  return NULL;
}

static gboolean
has_type (const WseJsonValue *value,
          FieldType           type)
{
  switch (type)
    {
    case FIELD_STRING:
      return value->type == WSE_JSON_STRING;
    case FIELD_NUMBER:
      return value->type == WSE_JSON_NUMBER;
    case FIELD_BOOLEAN:
      return value->type == WSE_JSON_TRUE || value->type == WSE_JSON_FALSE;
    default:
      g_assert_not_reached ();
    }
}

/* Of members of one name the last holds, as most parsers have it. */
static gboolean
collect (const Kind *kind,
         WseEvent   *event,
         Metadata   *metadata,
         GError    **error)
{
  WseJson json;
  WseJsonValue key, value;

  wse_json_init (&json, event->payload, event->payload_length);
  if (*event->payload != '{' || !wse_json_enter_object (&json))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: the metadata of a system event is an object", kind->name);
      return FALSE;
    }
  while (wse_json_next_member (&json, &key, &value))
    for (guint i = 0; kind->fields[i].name != NULL; i++)
      if (wse_json_string_equal (&key, kind->fields[i].name))
        {
          metadata->values[i] = value;
          break;
        }
  return TRUE;
}

static gboolean
check (const Kind *kind,
       Metadata   *metadata,
       GError    **error)
{
  static const char * const names[] = {
    [FIELD_STRING] = "a string", [FIELD_NUMBER] = "a number", [FIELD_BOOLEAN] = "true or false",
  };

  for (guint i = 0; kind->fields[i].name != NULL; i++)
    {
      const Field *field = &kind->fields[i];
      WseJsonValue *value = &metadata->values[i];

      if (field->optional && value->data != NULL && value->type == WSE_JSON_NULL)
        value->data = NULL;
      if (value->data == NULL && field->optional)
        continue;
      if (value->data == NULL || !has_type (value, field->type))
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: metadata needs “%s”, %s", kind->name, field->name,
                       names[field->type]);
          return FALSE;
        }
    }
  return TRUE;
}

/**
 * wse_system_event_is_kind:
 * @event_type: an event type
 *
 * Whether @event_type is one of the six kinds of system events: `query_route`, `model_state`, `cgrag`, `cache`, `error`,
 * `performance` (PROTOCOL section 2).
 *
 * Returns: TRUE for one of the six
 *
 * Since: 0.1
 */
gboolean
wse_system_event_is_kind (const char *event_type)
{
  g_return_val_if_fail (event_type != NULL, FALSE);

  return find_kind (event_type) != NULL;
}

/**
 * wse_system_event_complete:
 * @event: an event of one of the six kinds
 * @error: return location for an error
 *
 * Checks the payload of @event, its metadata, against its kind, and completes the event: with the severity that follows from the
 * metadata, where the publisher gave none, and with a message made from the metadata, where there is none (PROTOCOL section 2, system
 * events). The payload itself stays as it is.
 *
 * Returns: (transfer full): the complete event, which is @event itself where nothing had to be added; NULL with `WSE_ERROR_INVALID`
 *   where the type is none of the six kinds, or the metadata lacks a member or has one of the wrong type
 *
 * Since: 0.1
 */
WseEvent *
wse_system_event_complete (WseEvent *event,
                           GError  **error)
{
  g_autoptr (GString) message = NULL;
  Metadata metadata = { 0 };
  WseEventFields fields;
  const Kind *kind;
  WseSeverity severity;

  g_return_val_if_fail (event != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  kind = find_kind (event->event_type);
  if (kind == NULL)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "“%s” is not a kind of system event", event->event_type);
      return NULL;
    }
  if (!collect (kind, event, &metadata, error) || !check (kind, &metadata, error))
    return NULL;

  severity = event->severity_given ? event->severity : kind->severity (&metadata);
  if (severity == event->severity && event->message != NULL)
    return wse_event_ref (event);

  wse_event_get_fields (event, &fields);
  fields.severity = severity;
  if (fields.message == NULL)
    {
      message = g_string_new (NULL);
      kind->describe (&metadata, message);
      fields.message = message->str;
    }
  return wse_event_new_from_fields (&fields);
}
