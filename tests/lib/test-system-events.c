/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The six kinds of system events: what their metadata must have, and the severity and message that follow from it. */

#include <wse.h>

#include "wse-event-private.h"

/* An event of @type with the metadata @payload and, behind it, the members @more. */
static WseEvent *
complete (const char  *type,
          const char  *payload,
          const char  *more,
          GError     **error)
{
  WseEventParse how = { WSE_DEFAULT_MAX_EVENT, WSE_MAX_DEPTH, 1699468800123456 };
  g_autofree char *json = g_strdup_printf ("{\"event_type\":\"%s\",\"payload\":%s%s}", type, payload, more);
  g_autoptr (GError) parse_error = NULL;
  g_autoptr (WseEvent) event = wse_event_parse (json, strlen (json), &how, &parse_error);

  g_assert_no_error (parse_error);
  return wse_system_event_complete (event, error);
}

typedef struct
{
  const char *type;
  const char *payload;
  WseSeverity severity;
  const char *message;
} Good;

#define ROUTE(score) "{\"query_id\":\"q\",\"complexity_score\":" score ",\"selected_tier\":\"Q4\",\"estimated_latency_ms\":900,\"routing_reason\":\"r\"}"
#define MODEL(state, more) "{\"model_id\":\"M\",\"previous_state\":\"idle\",\"current_state\":\"" state "\",\"reason\":\"r\"" more "}"
#define CGRAG(hit) "{\"query_id\":\"q\",\"chunks_retrieved\":5,\"relevance_threshold\":0.7,\"retrieval_time_ms\":45,\"total_tokens\":1500,\"cache_hit\":" hit "}"
#define PERFORMANCE(current, threshold, action) \
  "{\"metric_name\":\"m\",\"current_value\":" current ",\"threshold_value\":" threshold ",\"component\":\"c\",\"action_required\":" action "}"

static const Good good[] = {
  { "query_route", ROUTE ("8.5"), WSE_SEVERITY_INFO, "Query routed to Q4 tier (complexity: 8.5)" },
  { "query_route", ROUTE ("8.0"), WSE_SEVERITY_INFO, "Query routed to Q4 tier (complexity: 8.0)" },
  { "query_route", ROUTE ("-1E+2"), WSE_SEVERITY_INFO, "Query routed to Q4 tier (complexity: -1E+2)" },
  { "model_state", MODEL ("processing", ""), WSE_SEVERITY_INFO, "Model M state: idle → processing" },
  { "model_state", MODEL ("processing", ",\"port\":8080"), WSE_SEVERITY_INFO, "Model M state: idle → processing" },
  { "model_state", MODEL ("error", ",\"port\":null"), WSE_SEVERITY_ERROR, "Model M state: idle → error" },
  { "model_state", MODEL ("err\\u006fr", ""), WSE_SEVERITY_ERROR, "Model M state: idle → error" },
  { "model_state", MODEL ("Error", ""), WSE_SEVERITY_INFO, "Model M state: idle → Error" },
  { "cgrag", CGRAG ("true"), WSE_SEVERITY_INFO, "Retrieved 5 chunks (1500 tokens) in 45ms (cached)" },
  { "cgrag", CGRAG ("false"), WSE_SEVERITY_INFO, "Retrieved 5 chunks (1500 tokens) in 45ms" },
  { "cache", "{\"operation\":\"hit\",\"key\":\"key\",\"hit\":true,\"latency_ms\":2,\"size_bytes\":4096}", WSE_SEVERITY_INFO,
    "Cache HIT: key (HIT, 2ms, 4096 bytes)" },
  { "cache", "{\"operation\":\"get\",\"key\":\"key\",\"hit\":false}", WSE_SEVERITY_INFO, "Cache GET: key (MISS)" },
  { "cache", "{\"operation\":\"set\",\"key\":\"key\",\"hit\":null,\"size_bytes\":10}", WSE_SEVERITY_INFO, "Cache SET: key (10 bytes)" },
  { "cache", "{\"operation\":\"evict\",\"key\":\"key\",\"latency_ms\":0.5,\"size_bytes\":null}", WSE_SEVERITY_INFO, "Cache EVICT: key (0.5ms)" },
  { "cache", "{\"operation\":\"clear\",\"key\":\"a\\\"b\\u0000c\"}", WSE_SEVERITY_INFO, "Cache CLEAR: a\"b\xef\xbf\xbd" "c" },
  { "cache", "{\"operation\":\"pr\xc3\xbc" "fen\",\"key\":\"\"}", WSE_SEVERITY_INFO, "Cache PR\xc3\x9c" "FEN: " },
  { "error", "{\"error_type\":\"E\",\"error_message\":\"message\",\"component\":\"component\"}", WSE_SEVERITY_ERROR,
    "ERROR in component: message" },
  { "error", "{\"error_type\":\"E\",\"error_message\":\"\",\"component\":\"\",\"stack_trace\":\"s\",\"recovery_action\":null,\"x\":{}}",
    WSE_SEVERITY_ERROR, "ERROR in : " },
  { "performance", PERFORMANCE ("18000.0", "15000.0", "false"), WSE_SEVERITY_WARNING, "Performance alert: m = 18000.0 (threshold: 15000.0) in c" },
  { "performance", PERFORMANCE ("15000", "15000.0", "false"), WSE_SEVERITY_INFO, "Performance alert: m = 15000 (threshold: 15000.0) in c" },
  { "performance", PERFORMANCE ("1", "2", "true"), WSE_SEVERITY_ERROR, "Performance alert: m = 1 (threshold: 2) in c" },
  { "performance", PERFORMANCE ("1e400", "1e300", "false"), WSE_SEVERITY_WARNING, "Performance alert: m = 1e400 (threshold: 1e300) in c" },
  /* Of members of one name the last holds. */
  { "cache", "{\"operation\":1,\"key\":\"a\",\"operation\":\"get\",\"key\":\"b\"}", WSE_SEVERITY_INFO, "Cache GET: b" },
};

static void
test_good (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (WseEvent) event = complete (good[i].type, good[i].payload, "", &error);

      g_assert_no_error (error);
      g_assert_cmpstr (event->message, ==, good[i].message);
      g_assert_cmpint (event->severity, ==, good[i].severity);
      g_assert_cmpstr (event->payload, ==, good[i].payload);
    }
}

/* What the publisher says itself holds. */
static void
test_given (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WseEvent) info = complete ("performance", PERFORMANCE ("2", "1", "true"), ",\"severity\":\"info\"", &error);
  g_autoptr (WseEvent) warning = complete ("cache", "{\"operation\":\"get\",\"key\":\"k\"}", ",\"severity\":\"warning\"", &error);
  g_autoptr (WseEvent) message = complete ("error", "{\"error_type\":\"E\",\"error_message\":\"m\",\"component\":\"c\"}",
                                           ",\"message\":\"mine\"", &error);
  g_autoptr (WseEvent) both = NULL;

  g_assert_no_error (error);
  g_assert_cmpint (info->severity, ==, WSE_SEVERITY_INFO);
  g_assert_cmpint (warning->severity, ==, WSE_SEVERITY_WARNING);
  g_assert_cmpstr (warning->message, ==, "Cache GET: k");
  g_assert_cmpint (message->severity, ==, WSE_SEVERITY_ERROR);
  g_assert_cmpstr (message->message, ==, "mine");

  both = wse_system_event_complete (message, &error);
  g_assert_no_error (error);
  g_assert_true (both == message);
}

typedef struct
{
  const char *type;
  const char *payload;
  const char *says;
} Bad;

static const Bad bad[] = {
  { "cache", "[]", "object" },
  { "cache", "\"text\"", "object" },
  { "cache", "7", "object" },
  { "cache", "true", "object" },
  { "cache", "{}", "operation" },
  { "cache", "{\"operation\":\"get\"}", "key" },
  { "cache", "{\"operation\":null,\"key\":\"k\"}", "operation" },
  { "cache", "{\"operation\":\"get\",\"key\":7}", "key" },
  { "cache", "{\"operation\":\"get\",\"key\":\"k\",\"hit\":\"true\"}", "hit" },
  { "cache", "{\"operation\":\"get\",\"key\":\"k\",\"hit\":1}", "hit" },
  { "cache", "{\"operation\":\"get\",\"key\":\"k\",\"latency_ms\":\"2\"}", "latency_ms" },
  { "cache", "{\"operation\":\"get\",\"key\":\"k\",\"size_bytes\":true}", "size_bytes" },
  { "cgrag", CGRAG ("null"), "cache_hit" },
  { "cgrag", CGRAG ("0"), "cache_hit" },
  { "query_route", ROUTE ("null"), "complexity_score" },
  { "query_route", ROUTE ("\"8\""), "complexity_score" },
  { "model_state", "{\"model_id\":1,\"previous_state\":\"a\",\"current_state\":\"b\",\"reason\":\"r\"}", "model_id" },
  { "model_state", "{\"model_id\":\"1\",\"previous_state\":\"a\",\"current_state\":\"b\"}", "reason" },
  { "model_state", MODEL ("a", ",\"port\":\"80\""), "port" },
  { "error", "{\"error_type\":\"E\",\"error_message\":\"m\",\"component\":{}}", "component" },
  { "error", "{\"error_type\":\"E\",\"error_message\":\"m\",\"component\":\"c\",\"stack_trace\":[]}", "stack_trace" },
  { "performance", PERFORMANCE ("1", "2", "\"yes\""), "action_required" },
  { "performance", "{\"metric_name\":\"m\",\"current_value\":1,\"threshold_value\":1,\"component\":\"c\"}", "action_required" },
  { "order_update", "{}", "order_update" },
};

static void
test_bad (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (WseEvent) event = complete (bad[i].type, bad[i].payload, "", &error);

      g_assert_null (event);
      g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, bad[i].says));
    }
}

/* Every required member, one by one, is missed when it is not there. */
static void
test_each_required (void)
{
  static const char * const required[][2] = {
    { "query_route", "query_id" }, { "query_route", "complexity_score" }, { "query_route", "selected_tier" },
    { "query_route", "estimated_latency_ms" }, { "query_route", "routing_reason" },
    { "cgrag", "query_id" }, { "cgrag", "chunks_retrieved" }, { "cgrag", "relevance_threshold" },
    { "cgrag", "retrieval_time_ms" }, { "cgrag", "total_tokens" }, { "cgrag", "cache_hit" },
    { "performance", "metric_name" }, { "performance", "current_value" }, { "performance", "threshold_value" },
    { "performance", "component" }, { "performance", "action_required" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (required); i++)
    {
      const char *whole = *required[i][0] == 'q' ? ROUTE ("1") : *required[i][0] == 'c' ? CGRAG ("true") : PERFORMANCE ("1", "2", "true");
      g_autofree char *key = g_strdup_printf ("\"%s\"", required[i][1]);
      g_auto (GStrv) parts = g_strsplit (whole, key, 2);
      g_autofree char *without = g_strjoinv ("\"renamed\"", parts);
      g_autoptr (GError) error = NULL;
      g_autoptr (WseEvent) event = complete (required[i][0], without, "", &error);

      g_assert_cmpuint (g_strv_length (parts), ==, 2);
      g_assert_null (event);
      g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, required[i][1]));
    }
}

static void
test_kinds (void)
{
  static const char * const kinds[] = { "query_route", "model_state", "cgrag", "cache", "error", "performance" };

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    g_assert_true (wse_system_event_is_kind (kinds[i]));
  g_assert_false (wse_system_event_is_kind (""));
  g_assert_false (wse_system_event_is_kind ("Cache"));
  g_assert_false (wse_system_event_is_kind ("cache2"));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/system-events/kinds", test_kinds);
  g_test_add_func ("/system-events/good", test_good);
  g_test_add_func ("/system-events/given", test_given);
  g_test_add_func ("/system-events/bad", test_bad);
  g_test_add_func ("/system-events/each-required", test_each_required);
  return g_test_run ();
}
