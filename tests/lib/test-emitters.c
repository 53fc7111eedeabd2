/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One emitter for each kind of system event: what comes out of the bus, and that nothing that goes wrong is fatal. */

#include <math.h>

#include "bus-fixture.h"
#include "wse-event-private.h"

static void
keep_event (WseSubscription *subscription,
            WseEvent        *event,
            const char      *channel,
            guint64          seq,
            WseEvent       **kept)
{
  g_assert_cmpstr (channel, ==, "system");
  g_assert_null (*kept);
  *kept = wse_event_ref (event);
}

typedef struct
{
  WseBus *bus;
  WseSubscription *subscription;
  WseEvent *event;
} Fixture;

static void
set_up (Fixture      *self,
        gconstpointer data)
{
  self->bus = running_bus (1000);
  self->subscription = subscribe (self->bus, "system", NULL, 0);
  g_signal_connect (self->subscription, "event", G_CALLBACK (keep_event), &self->event);
}

static void
tear_down (Fixture      *self,
           gconstpointer data)
{
  g_object_unref (self->subscription);
  g_object_unref (self->bus);
}

static void
check (Fixture    *self,
       gboolean    emitted,
       const char *kind,
       WseSeverity severity,
       const char *message,
       const char *payload)
{
  g_assert_true (emitted);
  run_out ();
  g_assert_nonnull (self->event);
  g_assert_cmpstr (self->event->event_type, ==, kind);
  g_assert_cmpint (self->event->severity, ==, severity);
  g_assert_cmpstr (self->event->message, ==, message);
  g_assert_cmpstr (self->event->payload, ==, payload);
  g_clear_pointer (&self->event, wse_event_unref);
}

static void
test_query_route (Fixture      *self,
                  gconstpointer data)
{
  check (self, wse_emit_query_route (self->bus, "q", 8.5, "Q4", 12, "r"), "query_route", WSE_SEVERITY_INFO,
         "Query routed to Q4 tier (complexity: 8.5)",
         "{\"query_id\":\"q\",\"complexity_score\":8.5,\"selected_tier\":\"Q4\",\"estimated_latency_ms\":12,\"routing_reason\":\"r\"}");
  check (self, wse_emit_query_route (self->bus, "q", 3, "Q2", 0.25, ""), "query_route", WSE_SEVERITY_INFO,
         "Query routed to Q2 tier (complexity: 3.0)",
         "{\"query_id\":\"q\",\"complexity_score\":3.0,\"selected_tier\":\"Q2\",\"estimated_latency_ms\":0.25,\"routing_reason\":\"\"}");
}

static void
test_model_state (Fixture      *self,
                  gconstpointer data)
{
  check (self, wse_emit_model_state (self->bus, "M", "idle", "processing", "r", -1), "model_state", WSE_SEVERITY_INFO,
         "Model M state: idle → processing",
         "{\"model_id\":\"M\",\"previous_state\":\"idle\",\"current_state\":\"processing\",\"reason\":\"r\"}");
  check (self, wse_emit_model_state (self->bus, "M", "idle", "error", "r\n\"", 8080), "model_state", WSE_SEVERITY_ERROR,
         "Model M state: idle → error",
         "{\"model_id\":\"M\",\"previous_state\":\"idle\",\"current_state\":\"error\",\"reason\":\"r\\n\\\"\",\"port\":8080}");
}

static void
test_cgrag (Fixture      *self,
            gconstpointer data)
{
  check (self, wse_emit_cgrag (self->bus, "q", 5, 0.7, 45, 1500, TRUE), "cgrag", WSE_SEVERITY_INFO,
         "Retrieved 5 chunks (1500 tokens) in 45ms (cached)",
         "{\"query_id\":\"q\",\"chunks_retrieved\":5,\"relevance_threshold\":0.7,\"retrieval_time_ms\":45,\"total_tokens\":1500,"
         "\"cache_hit\":true}");
}

static void
test_cache (Fixture      *self,
            gconstpointer data)
{
  check (self, wse_emit_cache (self->bus, "get", "key", 1, 2, 4096), "cache", WSE_SEVERITY_INFO, "Cache GET: key (HIT, 2ms, 4096 bytes)",
         "{\"operation\":\"get\",\"key\":\"key\",\"hit\":true,\"latency_ms\":2,\"size_bytes\":4096}");
  check (self, wse_emit_cache (self->bus, "get", "key", 0, -1, -1), "cache", WSE_SEVERITY_INFO, "Cache GET: key (MISS)",
         "{\"operation\":\"get\",\"key\":\"key\",\"hit\":false}");
  check (self, wse_emit_cache (self->bus, "clear", "", -1, NAN, -1), "cache", WSE_SEVERITY_INFO, "Cache CLEAR: ",
         "{\"operation\":\"clear\",\"key\":\"\"}");
}

static void
test_error (Fixture      *self,
            gconstpointer data)
{
  check (self, wse_emit_error (self->bus, "E", "message", "component", NULL, NULL), "error", WSE_SEVERITY_ERROR,
         "ERROR in component: message", "{\"error_type\":\"E\",\"error_message\":\"message\",\"component\":\"component\"}");
  check (self, wse_emit_error (self->bus, "E", "m", "c", "s", "a"), "error", WSE_SEVERITY_ERROR, "ERROR in c: m",
         "{\"error_type\":\"E\",\"error_message\":\"m\",\"component\":\"c\",\"stack_trace\":\"s\",\"recovery_action\":\"a\"}");
}

static void
test_performance (Fixture      *self,
                  gconstpointer data)
{
  check (self, wse_emit_performance (self->bus, "m", 18000, 15000, "c", FALSE), "performance", WSE_SEVERITY_WARNING,
         "Performance alert: m = 18000.0 (threshold: 15000.0) in c",
         "{\"metric_name\":\"m\",\"current_value\":18000.0,\"threshold_value\":15000.0,\"component\":\"c\",\"action_required\":false}");
  check (self, wse_emit_performance (self->bus, "m", 0.1 + 0.2, 1e300, "c", FALSE), "performance", WSE_SEVERITY_INFO,
         "Performance alert: m = 0.30000000000000004 (threshold: 1e+300) in c",
         "{\"metric_name\":\"m\",\"current_value\":0.30000000000000004,\"threshold_value\":1e+300,\"component\":\"c\","
         "\"action_required\":false}");
  check (self, wse_emit_performance (self->bus, "m", -1, 0, "c", TRUE), "performance", WSE_SEVERITY_ERROR,
         "Performance alert: m = -1.0 (threshold: 0.0) in c",
         "{\"metric_name\":\"m\",\"current_value\":-1.0,\"threshold_value\":0.0,\"component\":\"c\",\"action_required\":true}");
}

/* Logged, told, and not fatal. */
static void
test_failures (Fixture      *self,
               gconstpointer data)
{
  WseBusStats stats;

  g_assert_false (wse_emit_query_route (self->bus, "q", NAN, "Q4", 1, "r"));
  check_warning ("*query_route*complexity_score*");
  g_assert_false (wse_emit_query_route (self->bus, "q", INFINITY, "Q4", 1, "r"));
  check_warning ("*query_route*complexity_score*");
  g_assert_false (wse_emit_model_state (self->bus, NULL, "a", "b", "r", -1));
  check_warning ("*model_state*model_id*");
  g_assert_false (wse_emit_cache (self->bus, NULL, NULL, -1, -1, -1));
  check_warning ("*cache*operation*");
  g_assert_false (wse_emit_error (self->bus, "E", "\xff", "c", NULL, NULL));
  check_warning ("*error*UTF-8*");
  wse_bus_stop (self->bus);
  g_assert_false (wse_emit_cgrag (self->bus, "q", 5, 0.7, 45, 1500, TRUE));
  check_warning ("*cgrag*stopped*");
  run_out ();
  g_assert_null (self->event);
  wse_bus_get_stats (self->bus, &stats);
  g_assert_cmpuint (stats.events_published, ==, 0);
}

#define ADD(name) g_test_add ("/emitters/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  take_warnings ();
  ADD (query_route);
  ADD (model_state);
  ADD (cgrag);
  ADD (cache);
  ADD (error);
  ADD (performance);
  ADD (failures);
  return g_test_run ();
}
