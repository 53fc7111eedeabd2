/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an operator asks: health, statistics, metrics, and the page at /. It only reads numbers that others keep. */

#include "transport/wsed-api.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "metrics/wsed-health.h"
#include "metrics/wsed-metrics.h"
#include "transport/wsed-answer.h"
#include "transport/wsed-query.h"
#include "wse-error.h"
#include "wse-json-private.h"

gboolean
wsed_api_check_query (WsedApi           *api,
                      SoupServerMessage *message)
{
  g_autoptr (GError) error = NULL;
  const char *query = g_uri_get_query (soup_server_message_get_uri (message));
  g_autoptr (WsedQuery) read = wsed_query_new (query, WSED_IDENTITY_PARAMETERS, "", &error);

  if (read != NULL && wsed_endpoint_check_identity (read, api->authority != NULL, &error))
    return TRUE;
  wsed_answer_error (message, 400, "bad_request", error->message);
  return FALSE;
}

char *
wsed_api_get_name (SoupServerMessage *message)
{
  const char *name = g_uri_get_path (soup_server_message_get_uri (message)) + strlen ("/api/");
  char *decoded = g_uri_unescape_string (strchr (name, '/') + 1, NULL);

  if (decoded != NULL && g_utf8_validate (decoded, -1, NULL))
    return decoded;
  g_free (decoded);
  wsed_answer_error (message, 400, "bad_request", "the name in the path is not UTF-8, or not well escaped");
  return NULL;
}

void
wsed_api_stats (WsedApi           *api,
                SoupServerMessage *message)
{
  WsedLogStats stats;
  GString *out;

  if (!wsed_api_check_query (api, message))
    return;
  wsed_log_get_stats (api->log, &stats);
  out = g_string_new (NULL);
  g_string_append_printf (out, "{\"active_subscribers\":%u,\"queue_size\":%u,\"history_size\":%" G_GUINT64_FORMAT ",\"running\":true",
                          wsed_hub_get_connections (api->hub), wsed_pipeline_get_pending (api->pipeline), stats.events);
  g_string_append_printf (out, ",\"queued_bytes\":%" G_GSIZE_FORMAT ",\"undelivered_bytes\":%" G_GSIZE_FORMAT,
                          wsed_pipeline_get_queued_bytes (api->pipeline), wsed_hub_get_pending (api->hub));
  g_string_append_printf (out, ",\"log\":{\"bytes\":%" G_GUINT64_FORMAT ",\"appended\":%" G_GUINT64_FORMAT ",\"duplicates\":%" G_GUINT64_FORMAT,
                          stats.bytes, stats.appended, stats.duplicates);
  g_string_append_printf (out, ",\"commits\":%" G_GUINT64_FORMAT ",\"removed\":%" G_GUINT64_FORMAT "}}", stats.commits, stats.removed);
  wsed_answer_json (message, 200, out);
}

static void
append_reason (GString    *out,
               gboolean   *any,
               const char *text)
{
  if (text[0] == '\0' || *any)
    return;
  *any = TRUE;
  g_string_append (out, ",\"reason\":");
  wse_json_append_string (out, text, -1);
}

/* Without the log nothing is served; what another part does not do is done later. */
void
wsed_api_health (WsedApi           *api,
                 SoupServerMessage *message)
{
  static const char * const states[] = { [WSED_LOG_OK] = "ok", [WSED_LOG_DEGRADED] = "degraded", [WSED_LOG_DOWN] = "down" };
  g_autoptr (GString) parts = g_string_new (NULL), reason = g_string_new (NULL);
  WsedRelayStats relay = { .state = WSED_RELAY_OK };
  gboolean any = FALSE;
  WsedLogStats stats;
  WsedLogState worst;
  GString *out;

  if (!wsed_api_check_query (api, message))
    return;
  wsed_log_get_stats (api->log, &stats);
  worst = stats.state;
  append_reason (reason, &any, stats.reason);
  if (wsed_following_get_stats (api->following, &relay) && relay.state != WSED_RELAY_OK)
    worst = MAX (worst, WSED_LOG_DEGRADED);
  append_reason (reason, &any, relay.reason);
  for (guint i = 0; i < WSED_N_HEALTH_PARTS; i++)
    {
      const char *text;
      WsedHealthState state = wsed_health_get (i, &text);

      /* The contract names the others. */
      if (i == WSED_HEALTH_OUTBOX && state == WSED_HEALTH_DISABLED)
        continue;
      g_string_append_printf (parts, ",\"%s\":\"%s\"", wsed_health_get_name (i), wsed_health_get_word (state));
      append_reason (reason, &any, text);
      if (state >= WSED_HEALTH_DEGRADED)
        worst = MAX (worst, WSED_LOG_DEGRADED);
    }
  out = g_string_new (NULL);
  g_string_append_printf (out, "{\"status\":\"%s\",\"components\":{\"log\":\"%s\",\"relay\":\"%s\"%s}%s}", states[worst], states[stats.state],
                          relay.state == WSED_RELAY_OK ? "ok" : "degraded", parts->str, reason->str);
  wsed_answer_json (message, worst == WSED_LOG_DOWN ? 503 : 200, out);
}

/* Processor time of the process, user and system (seconds). */
static double
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Bytes of memory in use (resident); 0 where the system does not say. */
static guint64
memory_bytes (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    return 0;
  fields = g_strsplit (text, " ", 3);
  return g_strv_length (fields) < 2 ? 0 : g_ascii_strtoull (fields[1], NULL, 10) * sysconf (_SC_PAGESIZE);
}

static void
append_seconds (GString *out)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (out, g_ascii_formatd (text, sizeof text, "%.6f", cpu_seconds ()));
}

void
wsed_api_metrics_text (WsedApi           *api,
                       SoupServerMessage *message)
{
  GString *out;

  if (!wsed_api_check_query (api, message))
    return;
  out = g_string_new (NULL);
  wsed_metrics_write_text (out);
  g_string_append (out, "# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n"
                        "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ");
  append_seconds (out);
  g_string_append_printf (out,
                          "\n# HELP process_resident_memory_bytes Resident memory size in bytes.\n"
                          "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %" G_GUINT64_FORMAT "\n",
                          memory_bytes ());
  wsed_answer_set (message, 200, "text/plain; version=0.0.4; charset=utf-8", out);
}

void
wsed_api_metrics_json (WsedApi           *api,
                       SoupServerMessage *message)
{
  GString *out;

  if (!wsed_api_check_query (api, message))
    return;
  out = g_string_new ("{\"cpu_seconds\":");
  append_seconds (out);
  g_string_append_printf (out, ",\"memory_bytes\":%" G_GUINT64_FORMAT ",\"metrics\":", memory_bytes ());
  wsed_metrics_write_json (out);
  g_string_append_c (out, '}');
  wsed_answer_json (message, 200, out);
}

void
wsed_api_root (WsedApi           *api,
               SoupServerMessage *message)
{
  static const char page[] =
    "wsed " WSED_VERSION ": an event engine\n\n"
    "POST /api/events         publish: a JSON object, an array, or NDJSON (application/x-ndjson)\n"
    "GET  /api/events         history of a channel: ?channel=&after=&limit=&types=&severity=\n"
    "GET  /wse                WebSocket: a user's own channels\n"
    "GET  /ws/events          WebSocket: the system feed, or ?channel=\n"
    "GET  /ws/sessions        WebSocket: nothing until sessions are subscribed to\n"
    "GET  /sse                Server-Sent Events: as /wse, and ?channel=\n"
    "GET  /api/connections    who is connected; DELETE /api/connections/ID or ?user= ends them\n"
    "DELETE /api/channels/CH  erases a channel's events\n"
    "POST /api/revocations    revokes a token, or all of a user's\n"
    "GET  /api/events/stats   numbers\n"
    "GET  /api/health         health\n"
    "GET  /metrics            metrics for Prometheus; /api/metrics: the same as JSON\n"
    "GET  /openapi.json       all this for machines; /asyncapi.json: what is said over WebSockets\n";

  if (wsed_api_check_query (api, message))
    wsed_answer_set (message, 200, "text/plain; charset=utf-8", g_string_new (page));
}
