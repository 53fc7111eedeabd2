/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include "wse-bus.h"

G_BEGIN_DECLS

WSE_AVAILABLE_IN_0_1
gboolean wse_emit_query_route (WseBus *bus, const char *query_id, double complexity_score, const char *selected_tier,
                               double estimated_latency_ms, const char *routing_reason);
WSE_AVAILABLE_IN_0_1
gboolean wse_emit_model_state (WseBus *bus, const char *model_id, const char *previous_state, const char *current_state,
                               const char *reason, int port);
WSE_AVAILABLE_IN_0_1
gboolean wse_emit_cgrag (WseBus *bus, const char *query_id, guint chunks_retrieved, double relevance_threshold,
                         double retrieval_time_ms, guint64 total_tokens, gboolean cache_hit);
WSE_AVAILABLE_IN_0_1
gboolean wse_emit_cache (WseBus *bus, const char *operation, const char *key, int hit, double latency_ms, gint64 size_bytes);
WSE_AVAILABLE_IN_0_1
gboolean wse_emit_error (WseBus *bus, const char *error_type, const char *error_message, const char *component,
                         const char *stack_trace, const char *recovery_action);
WSE_AVAILABLE_IN_0_1
gboolean wse_emit_performance (WseBus *bus, const char *metric_name, double current_value, double threshold_value,
                               const char *component, gboolean action_required);

G_END_DECLS
