/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The composition root, the only file that knows all parts: makes them from the log up, joins them, starts them, and takes them down in
 * the order in which events go: stop accepting, drain the pipeline, say goodbye to the clients, close the log. Every step has a deadline.
 * No event passes through here. */
#include "wsed-daemon.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "auth/wsed-authority.h"
#include "fleet/wsed-following.h"
#include "log/wsed-memory-log.h"
#include "log/wsed-pg-log.h"
#include "log/wsed-sqlite-log.h"
#include "metrics/wsed-metrics.h"
#include "pipeline/wsed-sieve.h"
#include "source/wsed-source.h"
#include "stream/wsed-hub.h"
#include "system/wsed-notify.h"
#include "thread/wsed-inbox.h"
#include "transport/wsed-connection.h"
#include "transport/wsed-http.h"
#include "wse.h"
#include "wsed-daemon-relay.h"
#include "wsed-daemon-sources.h"
#include "wsed-pipeline.h"

/* ms; together below the 10 s that a stop may take */
#define DRAIN_DEADLINE 3000
#define GOODBYE_DEADLINE 3000
/* seconds; the log's close blocks */
#define CLOSE_DEADLINE 3
/* ms between two looks whether all has been answered; only while stopping */
#define DRAIN_BEAT 5
/* bytes of submissions not yet answered and of events not yet taken by the workers */
#define MAX_QUEUED (64 * 1024 * 1024)

struct _WsedDaemon
{
  const WsedConfig *config;
  GMainLoop *loop;
  WsedInbox *inbox;
  GSource *inbox_source;       /* owned by the context */
  WsedNotify *notify;

  /* In the order of making. */
  WsedAuthority *authority;    /* NULL: authentication is off */
  WsedLog *log;
  WsedFollowing *following;
  WsedConflation *conflation;
  WsedHub *hub;
  WsedPipeline *pipeline;
  WsedHttp *http;
  GPtrArray *sources;          /* (element-type WsedSource) */

  guint sigterm, sigint, sighup;
  gboolean stopping, parted, strayed;
  gint64 drain_end;            /* monotonic */
};

/* What the log says of itself; metrics live as long as the process. */
typedef struct
{
  WsedMetric *events, *bytes, *appended, *commits, *removed, *queued, *writable, *letters;
} LogMetrics;

static void
refresh_log_metrics (gpointer user_data)
{
  static LogMetrics metrics;
  WsedDaemon *self = user_data;
  WsedLogStats stats;

  if (self->log == NULL)
    return;
  if (metrics.events == NULL)
    metrics = (LogMetrics) {
      .events = wsed_metric_new (WSED_METRIC_GAUGE, "wse_log_events", "Events kept in the log, about."),
      .bytes = wsed_metric_new (WSED_METRIC_GAUGE, "wse_log_bytes", "Bytes of the log."),
      .appended = wsed_metric_new (WSED_METRIC_COUNTER, "wse_log_appended_total", "Events appended to the log since the start."),
      .commits = wsed_metric_new (WSED_METRIC_COUNTER, "wse_log_commits_total", "Transactions of the log since the start."),
      .removed = wsed_metric_new (WSED_METRIC_COUNTER, "wse_log_removed_total", "Events removed by retention since the start."),
      .queued = wsed_metric_new (WSED_METRIC_GAUGE, "wse_log_queued_bytes", "Bytes of events that wait to be written."),
      .letters = wsed_metric_new (WSED_METRIC_GAUGE, "wse_dead_letters", "Dead letters kept in the log."),
      .writable = wsed_metric_new (WSED_METRIC_GAUGE, "wse_log_writable", "1 where the log can be written, else 0: publishing answers 503."),
    };
  wsed_log_get_stats (self->log, &stats);
  wsed_metric_set (metrics.letters, (gint64) stats.letters);
  wsed_metric_set (metrics.events, (gint64) stats.events);
  wsed_metric_set (metrics.bytes, (gint64) stats.bytes);
  wsed_metric_set (metrics.appended, (gint64) stats.appended);
  wsed_metric_set (metrics.commits, (gint64) stats.commits);
  wsed_metric_set (metrics.removed, (gint64) stats.removed);
  wsed_metric_set (metrics.queued, (gint64) stats.queued_bytes);
  wsed_metric_set (metrics.writable, stats.state == WSED_LOG_OK);
}

/* Making */

/* Whether others may append to the log, too. */
static gboolean
is_shared (const WsedConfig *config)
{
  return g_str_has_prefix (config->log, "postgres");
}

static WsedLog *
open_log (const WsedConfig *config, GError **error)
{
  if (strcmp (config->log, "memory:") == 0)
    return wsed_memory_log_new (&config->retention);
  if (is_shared (config))
    return wsed_pg_log_new (config->log, &config->retention, 0, error);
  if (config->log_directory != NULL && g_mkdir_with_parents (config->log_directory, 0700) != 0)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "making the directory %s for the log: %s",
                   config->log_directory, g_strerror (errno));
      return NULL;
    }
  return wsed_sqlite_log_new (config->log + strlen ("sqlite:"), &config->retention, error);
}

/* The deny list is beside the log, and lasts as long. None with --dev. */
static gboolean
make_authority (WsedDaemon *self, GError **error)
{
  const WsedConfig *config = self->config;
  g_autofree char *beside = g_str_has_prefix (config->log, "sqlite:") ? g_strconcat (config->log + strlen ("sqlite:"), ".revocations", NULL)
                                                                       : NULL;
  const WsedAuthorityConfig authority = {
    .jwt_key = config->jwt_key,
    .algorithms = (const char * const *) config->jwt_algorithms,
    .rules = { config->jwt_issuers, config->jwt_audiences },
    .api_keys = config->api_keys,
    .revocations = beside,
  };

  if (config->dev)
    return TRUE;
  self->authority = wsed_authority_new (&authority, self->inbox, error);
  return self->authority != NULL;
}

static void
add_way_out (GError **error, const char *way_out)
{
  g_autofree char *message = NULL;

  if (error == NULL || *error == NULL)
    return;
  message = g_strconcat ((*error)->message, way_out, NULL);
  g_free ((*error)->message);
  (*error)->message = g_steal_pointer (&message);
}

/* What the routes say of it; NULL: nothing. */
static WsedConflation *
make_conflation (const WsedConfig *config)
{
  WsedConflation *conflation = NULL;

  for (guint i = 0; i < config->routes->len; i++)
    {
      const WsedRoute *route = g_ptr_array_index (config->routes, i);

      if (route->conflate == NULL)
        continue;
      if (conflation == NULL)
        conflation = wsed_conflation_new ();
      wsed_conflation_add (conflation, (const char *const *) route->types, route->conflate);
    }
  return conflation;
}

static void
ask_heads (WsedHeads *heads, gpointer user_data)
{
  WsedDaemon *self = user_data;

  wsed_sequence_ask (wsed_following_get_sequence (self->following), heads);
}

static void
on_watched (const char *channel, gboolean watched, gpointer user_data)
{
  WsedDaemon *self = user_data;

  wsed_following_watch (self->following, channel, watched);
}

static WsedHub *
make_hub (WsedDaemon *self)
{
  const WsedHubConfig hub_config = {
    .workers = self->config->workers,
    .tail_bytes = self->config->tail_bytes,
    .heartbeat = self->config->heartbeat,
    .touch = G_TIME_SPAN_DAY,
    .max_message = self->config->max_message,
    .buffer_size = self->config->buffer_size,
    .slow_consumer = self->config->slow_consumer,
    .authority = self->authority,
    .command_rate = self->config->max_command_rate,
    .max_subscriptions = self->config->max_subscriptions,
    .conflation = self->conflation,
    .tick = self->config->flush_tick * 1000,
    .ask = is_shared (self->config) ? ask_heads : NULL,
    .watch = on_watched,
    .user_data = self,
    .start = wsed_connection_start,
  };

  return wsed_hub_new (&hub_config, self->log, self->inbox);
}

/* Those who are in by what holds no longer have to go. */
static void
on_withdrawn (WsedWithdrawal *withdrawal, gpointer user_data)
{
  wsed_hub_withdraw (user_data, withdrawal);
}

static void
on_deliver (WsedEntry *const *entries, guint n_entries, gpointer user_data)
{
  WsedDaemon *self = user_data;

  wsed_hub_publish (self->hub, entries, n_entries);
}

static gboolean
on_reads (const char *channel, gpointer user_data)
{
  WsedDaemon *self = user_data;

  return wsed_hub_reads (self->hub, channel);
}

/* What the readers have had cannot be joined to what is there now: everybody begins anew, with another process. */
static void
on_strayed (const char *how, gpointer user_data)
{
  WsedDaemon *self = user_data;

  if (!self->strayed)
    g_critical ("the log was changed behind the daemon's back: %s; stopping, to begin anew", how);
  self->strayed = TRUE;
  wsed_daemon_stop (self);
}

static gsize
get_backlog (gpointer user_data)
{
  WsedDaemon *self = user_data;
  WsedSequenceStats stats;

  wsed_sequence_get_stats (wsed_following_get_sequence (self->following), &stats);
  return wsed_hub_get_pending (self->hub) + stats.held_bytes;
}

/* What strangers publish is kept nowhere, and goes to who is there. */
static void
on_foreign (WseEvent *event, gpointer user_data)
{
  WsedDaemon *self = user_data;
  g_autoptr (WsedEntry) entry = wsed_entry_new (event, 0, NULL);

  wsed_hub_publish (self->hub, &entry, 1);
}

static WsedFollowing *
make_following (WsedDaemon *self, WsedRelay *relay)
{
  g_autofree char *name = wsed_following_make_name ();
  g_autoptr (WsedPostgresAddress) database = is_shared (self->config) ? wsed_postgres_address_new (self->config->log, NULL) : NULL;
  const WsedFollowingConfig config = {
    .log = self->log,
    .main = self->inbox,
    .relay = relay,
    .shared = database,
    .deliver = on_deliver,
    .reads = on_reads,
    .strayed = on_strayed,
    .foreign = on_foreign,
  };

  return wsed_following_new (&config, name, self);
}

static WsedPipeline *
make_pipeline (WsedDaemon *self)
{
  WsedPipeline *pipeline = wsed_pipeline_new (self->log, wsed_following_get_sequence (self->following), self->inbox);
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();
  g_autoptr (WseRouter) router = wse_router_new ();
  g_autoptr (WsedSieve) sieve = wsed_sieve_new (pipeline);

  wsed_pipeline_set_limits (pipeline, self->config->max_event, MAX_QUEUED);
  wsed_pipeline_set_backlog (pipeline, get_backlog, self);
  wse_type_mapper_add_defaults (mapper);
  wsed_pipeline_add (pipeline, WSE_TRANSFORMER (mapper));
  for (guint i = 0; i < self->config->routes->len; i++)
    {
      const WsedRoute *route = g_ptr_array_index (self->config->routes, i);

      if (route->drop)
        wsed_sieve_add (sieve, (const char * const *) route->types, (const char * const *) route->topics);
    }
  wsed_pipeline_add (pipeline, WSE_TRANSFORMER (sieve));
  wsed_pipeline_add (pipeline, WSE_TRANSFORMER (router));
  return pipeline;
}

static gboolean
make_sources (WsedDaemon *self, GError **error)
{
  const WsedDaemonSources with = { self->log, is_shared (self->config), self->pipeline, self->inbox };

  return wsed_daemon_make_sources (self->config, &with, self->sources, error);
}

WsedDaemon *
wsed_daemon_new (const WsedConfig *config, GStrv environment, GError **error)
{
  g_autoptr (WsedDaemon) self = g_new0 (WsedDaemon, 1);
  g_autoptr (WsedRelay) relay = NULL;

  self->config = config;
  self->loop = g_main_loop_new (NULL, FALSE);
  self->inbox = wsed_inbox_new ();
  self->sources = g_ptr_array_new_with_free_func (g_object_unref);
  self->inbox_source = wsed_inbox_attach (self->inbox, NULL);
  self->notify = wsed_notify_new (environment);
  self->log = open_log (config, error);
  if (self->log == NULL)
    {
      add_way_out (error, "; put that right, or name another log with --log");
      return NULL;
    }
  if (!make_authority (self, error))
    return NULL;
  if (!wsed_daemon_make_relay (config, is_shared (config) ? self->log : NULL, get_backlog, self, &relay, error))
    return NULL;
  self->following = make_following (self, relay);
  self->conflation = make_conflation (config);
  self->hub = make_hub (self);
  if (self->authority != NULL)
    wsed_authority_set_withdrawn (self->authority, on_withdrawn, self->hub);
  self->pipeline = make_pipeline (self);
  self->http = wsed_http_new (config, self->pipeline, self->log, self->hub, self->inbox, self->authority, self->following, error);
  if (self->http == NULL)
    return NULL;
  wsed_following_read (self->following);
  wsed_daemon_count_following (self->following);
  wsed_metrics_on_refresh (refresh_log_metrics, self);
  if (!make_sources (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* Stopping, from the last step back to the first */

static void
on_goodbye_said (gpointer user_data)
{
  WsedDaemon *self = user_data;

  g_main_loop_quit (self->loop);
}

static gboolean
on_drain_beat (gpointer user_data)
{
  WsedDaemon *self = user_data;
  guint pending = wsed_pipeline_get_pending (self->pipeline);
  guint requests = wsed_http_get_pending (self->http), sources = 0;

  if (self->parted)
    {
      wsed_hub_shutdown (self->hub, GOODBYE_DEADLINE, on_goodbye_said, self);
      return G_SOURCE_REMOVE;
    }
  for (guint i = 0; i < self->sources->len; i++)
    sources += !wsed_source_is_stopped (self->sources->pdata[i]);
  if ((pending > 0 || requests > 0 || sources > 0) && g_get_monotonic_time () < self->drain_end)
    return G_SOURCE_CONTINUE;
  if (pending > 0 || requests > 0 || sources > 0)
    g_message ("stopping: %u submissions, %u HTTP connections and %u sources did not end in time", pending, requests, sources);
  /* It has a beat to go out. */
  wsed_following_part (self->following);
  self->parted = TRUE;
  return G_SOURCE_CONTINUE;
}

void
wsed_daemon_stop (WsedDaemon *self)
{
  if (self->stopping)
    return;
  self->stopping = TRUE;
  g_message ("stopping");
  wsed_notify_stopping (self->notify);
  wsed_http_stop_accepting (self->http);
  for (guint i = 0; i < self->sources->len; i++)
    wsed_source_stop (self->sources->pdata[i]);
  self->drain_end = g_get_monotonic_time () + DRAIN_DEADLINE * G_TIME_SPAN_MILLISECOND;
  g_timeout_add (DRAIN_BEAT, on_drain_beat, self);
}

/* Without their sources the signals have their default action again: the second one ends wsed at once. */
static gboolean
on_signal (gpointer user_data)
{
  WsedDaemon *self = user_data;

  g_clear_handle_id (&self->sigterm, g_source_remove);
  g_clear_handle_id (&self->sigint, g_source_remove);
  wsed_daemon_stop (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_hangup (gpointer user_data)
{
  WsedDaemon *self = user_data;

  if (self->authority != NULL)
    wsed_authority_reload (self->authority);
  return G_SOURCE_CONTINUE;
}

/* Serving */

static void
on_log_answered (WsedMessage *message, gpointer user_data)
{
  wsed_notify_alive (user_data);
  wsed_heads_free ((WsedHeads *) message);
}

/* The watchdog is fed only if the log's writer answers, not just this loop. */
static void
on_check (WsedNotify *notify, gpointer user_data)
{
  WsedDaemon *self = user_data;
  WsedHeads *heads = wsed_heads_new (self->inbox);

  heads->message.run = on_log_answered;
  heads->message.user_data = notify;
  wsed_log_heads (self->log, heads);
}

static char *
describe_retention (const WsedRetention *retention)
{
  g_autofree char *events
    = retention->max_events > 0 ? g_strdup_printf ("%" G_GUINT64_FORMAT " events", retention->max_events) : g_strdup ("all events");
  g_autofree char *age = retention->max_age > 0
                           ? g_strdup_printf (" and %" G_GINT64_FORMAT " s", (gint64) (retention->max_age / G_USEC_PER_SEC))
                           : g_strdup ("");
  g_autofree char *bytes
    = retention->max_bytes > 0 ? g_format_size_full (retention->max_bytes, G_FORMAT_SIZE_IEC_UNITS) : g_strdup ("no bound");

  return g_strdup_printf ("keeps %s%s a channel, %s in all", events, age, bytes);
}

static void
announce_addresses (WsedDaemon *self, const char *const *addresses, const char *whom)
{
  const char *scheme = self->config->tls_cert != NULL ? "https://" : "http://";

  for (guint i = 0; addresses[i] != NULL; i++)
    g_message ("%slistening on %s%s", whom, g_str_has_prefix (addresses[i], "unix:") ? "" : scheme, addresses[i]);
}

static void
announce (WsedDaemon *self)
{
  const char *const *addresses = wsed_http_get_addresses (self->http);
  g_autofree char *retention = describe_retention (&self->config->retention);
  g_autofree char *log = is_shared (self->config) ? wsed_pg_log_describe (self->config->log) : g_strdup (self->config->log);
  const char *sync = strcmp (self->config->log, "memory:") == 0 ? "nothing survives this process"
                     : self->config->retention.sync_full        ? "log-sync full: what is answered survives a power cut"
                                                                : "log-sync normal: what is answered survives a crash of wsed";

  g_message ("wsed %s; log %s; %s; %s", WSED_VERSION, log, sync, retention);
  if (self->config->demo)
    g_message ("demo: readings of this machine every %d s on the channel system, a simulated trading session on user:demo",
               WSED_DAEMON_DEMO_INTERVAL / 1000);
  if (self->authority == NULL)
    g_message ("--dev: nobody is authenticated, everybody on this machine may read and publish everything");
  announce_addresses (self, addresses, "");
  if (wsed_http_get_admin_addresses (self->http) != NULL)
    announce_addresses (self, wsed_http_get_admin_addresses (self->http), "for operators, ");
}

gboolean
wsed_daemon_run (WsedDaemon *self)
{
  g_autofree char *status = NULL;

  self->sigterm = g_unix_signal_add (SIGTERM, on_signal, self);
  self->sigint = g_unix_signal_add (SIGINT, on_signal, self);
  self->sighup = g_unix_signal_add (SIGHUP, on_hangup, self);
  wsed_following_start (self->following);
  wsed_http_start (self->http);
  for (guint i = 0; i < self->sources->len; i++)
    {
      g_autoptr (GError) error = NULL;

      if (!wsed_source_start (self->sources->pdata[i], &error))
        g_warning ("a source does not start: %s", error->message);
    }
  announce (self);
  status = g_strdup_printf ("Listening on %s", wsed_http_get_addresses (self->http)[0]);
  wsed_notify_ready (self->notify, status, on_check, self);
  g_main_loop_run (self->loop);
  return !self->strayed;
}

/* Taking down */

static void
on_close_deadline (int signal_number)
{
  static const char text[] = "wsed: closing the log takes too long, ending without it; what was answered is kept\n";
  G_GNUC_UNUSED ssize_t written = write (STDERR_FILENO, text, sizeof text - 1);

  _exit (1);
}

/* The log answers all that is queued while it closes; the answers are still taken in by those who asked. */
static void
close_log (WsedDaemon *self)
{
  struct sigaction action = { .sa_handler = on_close_deadline };

  sigaction (SIGALRM, &action, NULL);
  alarm (CLOSE_DEADLINE);
  /* What was revoked is on disk then, which may hang as the log's may. */
  if (self->authority != NULL)
    wsed_authority_stop (self->authority);
  wsed_log_close (self->log);
  alarm (0);
  while (wsed_inbox_run (self->inbox) > 0)
    continue;
}

void
wsed_daemon_free (WsedDaemon *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->sigterm, g_source_remove);
  g_clear_handle_id (&self->sigint, g_source_remove);
  g_clear_handle_id (&self->sighup, g_source_remove);
  if (self->following != NULL)
    wsed_following_stop (self->following);
  if (self->log != NULL)
    close_log (self);
  wsed_http_free (self->http);
  g_ptr_array_unref (self->sources);
  wsed_pipeline_free (self->pipeline);
  wsed_hub_free (self->hub);
  wsed_conflation_free (self->conflation);
  wsed_following_free (self->following);
  g_clear_object (&self->log);
  wsed_authority_free (self->authority);
  wsed_notify_free (self->notify);
  g_source_destroy (self->inbox_source);
  wsed_inbox_free (self->inbox);
  g_main_loop_unref (self->loop);
  g_free (self);
}
