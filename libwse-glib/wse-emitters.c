/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One function for each kind of system event: its metadata as typed parameters, written as JSON and published. What a kind must have,
 * its severity and its message are decided by wse-system-events. A failure is logged and never ends anything. */

#include "wse-emitters.h"

#include <math.h>
#include <string.h>

#include "wse-json-private.h"

static void
add_name (GString    *json,
          const char *name)
{
  g_string_append_c (json, json->len == 0 ? '{' : ',');
  wse_json_append_string (json, name, -1);
  g_string_append_c (json, ':');
}

static void
add_text (GString    *json,
          const char *name,
          const char *text)
{
  if (text == NULL)
    return;
  add_name (json, name);
  wse_json_append_string (json, text, -1);
}

static void
add_boolean (GString    *json,
             const char *name,
             gboolean    value)
{
  add_name (json, name);
  g_string_append (json, value ? "true" : "false");
}

static void
add_integer (GString    *json,
             const char *name,
             gint64      value)
{
  add_name (json, name);
  g_string_append_printf (json, "%" G_GINT64_FORMAT, value);
}

/* The shortest text that reads back as @value. JSON has no infinity: what is not finite is as good as absent. */
static void
add_number (GString    *json,
            const char *name,
            double      value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value))
    return;
  for (int digits = 15; digits <= 17; digits++)
    {
      char format[] = { '%', '.', '1', '0' + digits - 10, 'g', '\0' };

      g_ascii_formatd (text, sizeof text, format, value);
      if (g_ascii_strtod (text, NULL) == value)
        break;
    }
  add_name (json, name);
  g_string_append (json, text);
}

/* The same, but one sees that it is measured and not counted: 18000 is 18000.0, as in the messages of the seeds. */
static void
add_measure (GString    *json,
             const char *name,
             double      value)
{
  gsize before = json->len;

  add_number (json, name, value);
  if (json->len > before && strpbrk (strrchr (json->str + before, ':'), ".e") == NULL)
    g_string_append (json, ".0");
}

/* Takes @json, to which only the closing bracket is missing. */
static gboolean
emit (WseBus     *bus,
      const char *kind,
      GString    *json)
{
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (WseEvent) event = NULL;
  g_autoptr (GError) error = NULL;

  if (json->len == 0)
    g_string_append_c (json, '{');
  g_string_append_c (json, '}');
  payload = g_string_free_to_bytes (json);
  event = wse_event_new (kind, NULL, payload, &error);
  if (event != NULL && wse_bus_publish (bus, event, &error))
    return TRUE;
  g_warning ("emitting an event of kind %s: %s", kind, error->message);
  return FALSE;
}

/**
 * wse_emit_query_route:
 * @bus: a bus
 * @query_id: which query
 * @complexity_score: how complex it was found
 * @selected_tier: where it was sent
 * @estimated_latency_ms: how long that is thought to take, milliseconds
 * @routing_reason: why it was sent there
 *
 * Publishes a `query_route` event to `system` (PROTOCOL section 2, system events): `Query routed to Q4 tier (complexity: 8.5)`.
 *
 * This function, as each of the emitters, never fails its caller: what goes wrong, such as a stopped bus, a text that is not UTF-8 or
 * a number that is not finite, is logged as a warning. As with [method@Wse.Bus.publish] it is no failure where a transformer drops the
 * event.
 *
 * Returns: %TRUE where it was published
 *
 * Since: 0.1
 */
gboolean
wse_emit_query_route (WseBus     *bus,
                      const char *query_id,
                      double      complexity_score,
                      const char *selected_tier,
                      double      estimated_latency_ms,
                      const char *routing_reason)
{
  GString *json;

  g_return_val_if_fail (WSE_IS_BUS (bus), FALSE);

  json = g_string_new (NULL);
  add_text (json, "query_id", query_id);
  add_measure (json, "complexity_score", complexity_score);
  add_text (json, "selected_tier", selected_tier);
  add_number (json, "estimated_latency_ms", estimated_latency_ms);
  add_text (json, "routing_reason", routing_reason);
  return emit (bus, "query_route", json);
}

/**
 * wse_emit_model_state:
 * @bus: a bus
 * @model_id: which model
 * @previous_state: the state it was in
 * @current_state: the state it is in; `error` makes the event's severity `error`
 * @reason: why it changed
 * @port: where it listens; a negative number: not given
 *
 * Publishes a `model_state` event to `system`: `Model M state: idle → processing`. A failure is logged, see
 * [func@Wse.emit_query_route].
 *
 * Returns: %TRUE where it was published
 *
 * Since: 0.1
 */
gboolean
wse_emit_model_state (WseBus     *bus,
                      const char *model_id,
                      const char *previous_state,
                      const char *current_state,
                      const char *reason,
                      int         port)
{
  GString *json;

  g_return_val_if_fail (WSE_IS_BUS (bus), FALSE);

  json = g_string_new (NULL);
  add_text (json, "model_id", model_id);
  add_text (json, "previous_state", previous_state);
  add_text (json, "current_state", current_state);
  add_text (json, "reason", reason);
  if (port >= 0)
    add_integer (json, "port", port);
  return emit (bus, "model_state", json);
}

/**
 * wse_emit_cgrag:
 * @bus: a bus
 * @query_id: which query
 * @chunks_retrieved: how many chunks were found for it
 * @relevance_threshold: the least relevance that was asked for
 * @retrieval_time_ms: how long it took, milliseconds
 * @total_tokens: tokens of all the chunks
 * @cache_hit: whether they came from a cache
 *
 * Publishes a `cgrag` event to `system`: `Retrieved 5 chunks (1500 tokens) in 45ms (cached)`. A failure is logged, see
 * [func@Wse.emit_query_route].
 *
 * Returns: %TRUE where it was published
 *
 * Since: 0.1
 */
gboolean
wse_emit_cgrag (WseBus     *bus,
                const char *query_id,
                guint       chunks_retrieved,
                double      relevance_threshold,
                double      retrieval_time_ms,
                guint64     total_tokens,
                gboolean    cache_hit)
{
  GString *json;

  g_return_val_if_fail (WSE_IS_BUS (bus), FALSE);

  json = g_string_new (NULL);
  add_text (json, "query_id", query_id);
  add_integer (json, "chunks_retrieved", chunks_retrieved);
  add_measure (json, "relevance_threshold", relevance_threshold);
  add_number (json, "retrieval_time_ms", retrieval_time_ms);
  add_integer (json, "total_tokens", MIN (total_tokens, G_MAXINT64));
  add_boolean (json, "cache_hit", cache_hit);
  return emit (bus, "cgrag", json);
}

/**
 * wse_emit_cache:
 * @bus: a bus
 * @operation: what was done, such as `get`
 * @key: with which key
 * @hit: 0: it was not there; greater: it was; a negative number: not given
 * @latency_ms: how long it took, milliseconds; a negative number: not given
 * @size_bytes: how large the value is; a negative number: not given
 *
 * Publishes a `cache` event to `system`: `Cache GET: key (HIT, 2ms, 4096 bytes)`. A failure is logged, see
 * [func@Wse.emit_query_route].
 *
 * Returns: %TRUE where it was published
 *
 * Since: 0.1
 */
gboolean
wse_emit_cache (WseBus     *bus,
                const char *operation,
                const char *key,
                int         hit,
                double      latency_ms,
                gint64      size_bytes)
{
  GString *json;

  g_return_val_if_fail (WSE_IS_BUS (bus), FALSE);

  json = g_string_new (NULL);
  add_text (json, "operation", operation);
  add_text (json, "key", key);
  if (hit >= 0)
    add_boolean (json, "hit", hit > 0);
  if (latency_ms >= 0)
    add_number (json, "latency_ms", latency_ms);
  if (size_bytes >= 0)
    add_integer (json, "size_bytes", size_bytes);
  return emit (bus, "cache", json);
}

/**
 * wse_emit_error:
 * @bus: a bus
 * @error_type: the kind of error
 * @error_message: what happened
 * @component: where
 * @stack_trace: (nullable): how it came to that; %NULL: not given
 * @recovery_action: (nullable): what is done about it; %NULL: not given
 *
 * Publishes an `error` event of severity `error` to `system`: `ERROR in component: message`. A failure is logged, see
 * [func@Wse.emit_query_route].
 *
 * Returns: %TRUE where it was published
 *
 * Since: 0.1
 */
gboolean
wse_emit_error (WseBus     *bus,
                const char *error_type,
                const char *error_message,
                const char *component,
                const char *stack_trace,
                const char *recovery_action)
{
  GString *json;

  g_return_val_if_fail (WSE_IS_BUS (bus), FALSE);

  json = g_string_new (NULL);
  add_text (json, "error_type", error_type);
  add_text (json, "error_message", error_message);
  add_text (json, "component", component);
  add_text (json, "stack_trace", stack_trace);
  add_text (json, "recovery_action", recovery_action);
  return emit (bus, "error", json);
}

/**
 * wse_emit_performance:
 * @bus: a bus
 * @metric_name: what is measured
 * @current_value: what it is
 * @threshold_value: what it should not exceed; beyond it the event's severity is `warning`
 * @component: where it is measured
 * @action_required: whether somebody has to do something; the event's severity is `error` then
 *
 * Publishes a `performance` event to `system`: `Performance alert: m = 18000.0 (threshold: 15000.0) in c`. A failure is logged, see
 * [func@Wse.emit_query_route].
 *
 * Returns: %TRUE where it was published
 *
 * Since: 0.1
 */
gboolean
wse_emit_performance (WseBus     *bus,
                      const char *metric_name,
                      double      current_value,
                      double      threshold_value,
                      const char *component,
                      gboolean    action_required)
{
  GString *json;

  g_return_val_if_fail (WSE_IS_BUS (bus), FALSE);

  json = g_string_new (NULL);
  add_text (json, "metric_name", metric_name);
  add_measure (json, "current_value", current_value);
  add_measure (json, "threshold_value", threshold_value);
  add_text (json, "component", component);
  add_boolean (json, "action_required", action_required);
  return emit (bus, "performance", json);
}
