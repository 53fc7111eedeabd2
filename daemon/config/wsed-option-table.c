/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every setting there is (PROTOCOL sections 4 and 5), in the order in which help and documentation show them, those of later versions
 * included: these are known and their values checked, but setting one stops the start. Reads nothing itself. */
#include "wsed-option.h"

#include <gio/gio.h>
#include <regex.h>
#include <string.h>

#include "guard/wsed-address.h"
#include "guard/wsed-origin.h"
#include "log/wsed-pg-log.h"
#include "redis/wsed-redis-address.h"
#include "wse.h"
#include "wsed-config.h"

#define KIB G_GUINT64_CONSTANT (1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define IN(field) ((gssize) G_STRUCT_OFFSET (WsedConfig, field))
#define OF_ROUTE(field) ((gssize) G_STRUCT_OFFSET (WsedRoute, field))
#define LATER (-1)

static const char *const log_syncs[] = { "normal", "full", NULL };
static const char *const log_formats[] = { "text", "json", NULL };
static const char *const log_levels[] = { "error", "critical", "warning", "message", "info", "debug", NULL };
/* In the order of WsedSlowConsumer. */
static const char *const slow_consumers[] = { "catch-up", "drop-oldest", "drop-newest", "disconnect", NULL };
static const char *const jwt_algorithms[] = { "HS256", "HS384", "HS512", "RS256", "ES256", NULL };
static const char *const severities[] = { "info", "warning", "error", NULL };

static gboolean
refuse (GError **error, const char *reason)
{
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, reason);
  return FALSE;
}

static gboolean
check_listen (const char *item, GError **error)
{
  const char *colon = strrchr (item, ':');
  g_autofree char *host = NULL;
  g_autoptr (GInetAddress) address = NULL;
  guint64 port;

  if (g_str_has_prefix (item, "unix:"))
    return item[5] != '\0' || refuse (error, "unix: needs a path behind it");
  if (colon == NULL)
    return refuse (error, "a port is missing");
  if (!g_ascii_string_to_unsigned (colon + 1, 10, 0, 65535, &port, NULL))
    return refuse (error, "a port is a number from 0 to 65535, 0 takes a free one");
  if (item[0] == '[' && colon > item && colon[-1] == ']')
    host = g_strndup (item + 1, (gsize) (colon - item) - 2);
  else
    host = g_strndup (item, (gsize) (colon - item));
  if (strcmp (host, "localhost") == 0)
    return TRUE;
  address = g_inet_address_new_from_string (host);
  if (address == NULL || (item[0] == '[') != (g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6))
    return refuse (error, "what stands before the port is not an address");
  return TRUE;
}

static gboolean
check_log (const char *text, GError **error)
{
  if (strcmp (text, "memory:") == 0)
    return TRUE;
  if (g_str_has_prefix (text, "sqlite:"))
    return text[7] != '\0' || refuse (error, "sqlite: needs a path behind it");
  if (g_str_has_prefix (text, "postgresql:") || g_str_has_prefix (text, "postgres:"))
    return wsed_pg_log_check (text, error);
  return refuse (error, "that is no kind of log");
}

static gboolean
check_outbox (const char *text, GError **error)
{
  if (g_str_has_prefix (text, "postgresql:") || g_str_has_prefix (text, "postgres:"))
    return wsed_pg_log_check (text, error);
  return refuse (error, "an outbox is in a PostgreSQL database");
}

static gboolean
check_origin (const char *item, GError **error)
{
  return wsed_origin_is_entry (item)
         || refuse (error, "an origin is named whole, HOST or SCHEME://HOST, with :PORT or without, never with *; null never is one");
}

static gboolean
check_redis (const char *text, GError **error)
{
  g_autoptr (WsedRedisAddress) address = wsed_redis_address_new (text, error);

  return address != NULL;
}

static gboolean
check_broker (const char *item, GError **error)
{
  const char *colon = strrchr (item, ':');
  guint64 port;

  return (colon != NULL && colon != item && g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL))
         || refuse (error, "a broker is HOST:PORT");
}

/* By the C library's expressions, which are those that librdkafka matches with. */
static gboolean
check_pattern (const char *item, GError **error)
{
  regex_t pattern;

  if (item[1] == '\0')
    return refuse (error, "^ alone is no pattern");
  if (regcomp (&pattern, item, REG_EXTENDED | REG_NOSUB) != 0)
    return refuse (error, "a pattern is an extended regular expression (POSIX), and that is none");
  regfree (&pattern);
  return TRUE;
}

static gboolean
check_topic (const char *item, GError **error)
{
  if (item[0] == '^')
    return check_pattern (item, error);
  return (strlen (item) <= 249 && g_regex_match_simple ("^[A-Za-z0-9._-]+$", item, G_REGEX_DOLLAR_ENDONLY, 0))
         || refuse (error, "a topic has up to 249 of A-Z, a-z, 0-9, ., _ and -; a pattern begins with ^");
}

static gboolean
check_group (const char *text, GError **error)
{
  return (strlen (text) <= 249 && g_regex_match_simple ("^[A-Za-z0-9._-]+$", text, G_REGEX_DOLLAR_ENDONLY, 0))
         || refuse (error, "it has up to 249 of A-Z, a-z, 0-9, ., _ and -");
}

static gboolean
check_proxy (const char *item, GError **error)
{
  return strcmp (item, "unix") == 0 || wsed_networks_is_item (item)
         || refuse (error, "a proxy is an address, a network with /BITS and nothing behind them, or unix for who comes over a Unix socket");
}

static gboolean
check_jwt_key (const char *text, GError **error)
{
  if (g_str_has_prefix (text, "file:"))
    return text[5] != '\0' || refuse (error, "file: needs a path behind it");
  return strlen (text) >= 32 || refuse (error, "a secret has at least 32 bytes");
}

static const WsedOption options[] = {
  { "listen", WSED_OPTION_LIST, .form = "a list of ADDRESS:PORT, [IPV6]:PORT or unix:PATH", .check = check_listen,
    .preset = "127.0.0.1:8000", .offset = IN (listen),
    .help = "Where to accept connections. Port 0 takes a free one, which the log then names" },
  { "admin-listen", WSED_OPTION_LIST, .form = "a list of ADDRESS:PORT, [IPV6]:PORT or unix:PATH", .check = check_listen, .offset = IN (admin_listen),
    .help = "Where to accept connections for what needs the permission to monitor or to administer, which is then served nowhere else" },
  { "log", WSED_OPTION_TEXT, .form = "sqlite:PATH, postgresql://… or memory:", .check = check_log, .offset = IN (log),
    .help = "Where events are kept. By default wse.db in $STATE_DIRECTORY, else in /var/lib/wse, else in ~/.local/state/wse" },
  { "log-sync", WSED_OPTION_CHOICE, .choices = log_syncs, .preset = "full", .offset = IN (retention.sync_full),
    .help = "full: what was answered survives a power cut; normal: it survives a crash of wsed, not always one of the machine" },
  { "log-max-bytes", WSED_OPTION_BYTES, .min = 64 * KIB, .max = 1024 * TIB, .unbounded = TRUE, .preset = "10 GiB",
    .offset = IN (retention.max_bytes), .help = "Size of the whole log; the oldest events go first" },
  { "retention", WSED_OPTION_RETENTION, .preset = "100000,7d", .offset = IN (retention),
    .help = "How many events a channel keeps, and how long" },
  { "buffer-size", WSED_OPTION_NUMBER, .min = 1, .max = 10000000, .preset = "1000", .offset = IN (buffer_size),
    .help = "Live events that a connection may lie behind before it counts as slow" },
  { "slow-consumer", WSED_OPTION_CHOICE, .choices = slow_consumers, .preset = "catch-up", .offset = IN (slow_consumer),
    .help = "What becomes of a slow connection: it reads on from the log at its own pace; goes on buffer-size events before the end; gets "
            "the next buffer-size events and goes on at the end; is closed with 4408" },
  { "tail-bytes", WSED_OPTION_BYTES, .min = 64 * KIB, .max = 64 * GIB, .preset = "64 MiB", .offset = IN (tail_bytes),
    .help = "Memory for the newest events as they are sent, of the whole daemon" },
  { "workers", WSED_OPTION_NUMBER, .min = 1, .max = 64, .offset = IN (workers),
    .help = "Threads that send to clients. By default one per processor core" },
  { "flush-tick", WSED_OPTION_NUMBER, .min = 0, .max = 1000, .preset = "2", .offset = IN (flush_tick),
    .help = "Milliseconds between two flushes under load: what comes meanwhile goes out in one send to each client. What comes after a "
            "quiet while goes out at once; 0: everything does" },
  { "heartbeat-interval", WSED_OPTION_NUMBER, .min = 1, .max = 3600, .preset = "30", .offset = IN (heartbeat),
    .help = "Seconds between two pings; a peer silent for two of them is dead" },
  { "max-connections", WSED_OPTION_NUMBER, .min = 1, .max = 1000000, .preset = "1000000", .offset = IN (max_connections),
    .help = "WebSocket and SSE connections in all; never more than the limit of open files has room for" },
  { "max-connections-per-address", WSED_OPTION_NUMBER, .min = 0, .max = 1000000, .preset = "500", .offset = IN (limits.connections_per_address),
    .help = "Connections of one address, those that speak HTTP as well; 0: no limit" },
  { "max-connection-rate", WSED_OPTION_NUMBER, .min = 0, .max = 1000000, .preset = "50", .offset = IN (limits.connection_rate),
    .help = "New connections of one address in a second; 0: no limit" },
  { "max-request-rate", WSED_OPTION_NUMBER, .min = 0, .max = 1000000, .preset = "500", .offset = IN (limits.request_rate),
    .help = "HTTP requests of one address in a second; 0: no limit" },
  { "max-request-rate-per-key", WSED_OPTION_NUMBER, .min = 0, .max = 1000000, .preset = "2000", .offset = IN (limits.request_rate_per_key),
    .help = "HTTP requests of one user or service in a second; 0: no limit" },
  { "max-handshake-rate", WSED_OPTION_NUMBER, .min = 0, .max = 1000000, .preset = "500", .offset = IN (limits.handshake_rate),
    .help = "TLS handshakes of all addresses together in a second; further ones wait; 0: no limit" },
  { "max-connections-per-user", WSED_OPTION_NUMBER, .min = 1, .max = 1000000, .preset = "5", .offset = IN (max_connections_per_user),
    .help = "WebSocket and SSE connections of one user" },
  { "max-subscriptions", WSED_OPTION_NUMBER, .min = 1, .max = 1000, .preset = "1000", .offset = IN (max_subscriptions),
    .help = "Channels that one connection may be subscribed to" },
  { "max-command-rate", WSED_OPTION_NUMBER, .min = 0, .max = 1000000, .preset = "200", .offset = IN (max_command_rate),
    .help = "Messages of one WebSocket client that are read in a second; what is more waits; 0: no limit" },
  { "max-header", WSED_OPTION_BYTES, .min = 1024, .max = 60 * KIB, .preset = "60 KiB", .offset = IN (max_header),
    .help = "Size of the head of one HTTP request: its first line and headers" },
  { "max-body", WSED_OPTION_BYTES, .min = 128, .max = GIB, .preset = "16 MiB", .offset = IN (max_body),
    .help = "Size of one HTTP request's body" },
  { "max-event", WSED_OPTION_BYTES, .min = 128, .max = 64 * MIB, .preset = "256 KiB", .offset = IN (max_event),
    .help = "Size of one event as it comes in" },
  { "max-message", WSED_OPTION_BYTES, .min = 128, .max = 64 * MIB, .preset = "128 KiB", .offset = IN (max_message),
    .help = "Size of one WebSocket message from a client" },
  { "compression", WSED_OPTION_FLAG, .preset = "off", .offset = IN (compression),
    .help = "Compress for WebSocket clients that offer permessage-deflate, messages from 256 bytes on; an event once for all of them" },
  { "trusted-proxies", WSED_OPTION_LIST, .form = "a list of ADDRESS, ADDRESS/BITS or unix", .check = check_proxy, .offset = IN (trusted_proxies),
    .help = "Proxies whose word on a client's address is taken; unix: whoever comes over a Unix socket" },
  { "allowed-origins", WSED_OPTION_LIST, .form = "a list of hosts or origins", .check = check_origin, .offset = IN (allowed_origins),
    .help = "Web pages that may connect. By default those of localhost, 127.0.0.1 and [::1], any port" },
  { "jwt-key", WSED_OPTION_TEXT, .form = "file:PATH, or the secret itself, at least 32 bytes", .check = check_jwt_key, .offset = IN (jwt_key),
    .secret = TRUE, .help = "Key that tokens are verified with: a secret, or a file with a public key, a certificate (PEM), a JWK or a JWKS" },
  { "jwt-alg", WSED_OPTION_CHOICES, .choices = jwt_algorithms, .offset = IN (jwt_algorithms),
    .help = "Algorithms that tokens may be signed with, of those that the key is for; by default all of these" },
  { "jwt-issuer", WSED_OPTION_LIST, .form = "a list of issuers", .offset = IN (jwt_issuers),
    .help = "What iss of a token must be, one of these; by default it may be anything, or absent" },
  { "jwt-audience", WSED_OPTION_LIST, .form = "a list of names", .offset = IN (jwt_audiences),
    .help = "What aud of a token must have, one of these; by default a token that has aud is meant for others, and refused" },
  { "api-keys", WSED_OPTION_PATH, .offset = IN (api_keys), .help = "File with the keys of services, a JSON object a line" },
  { "allow-url-token", WSED_OPTION_FLAG, .preset = "off", .offset = IN (allow_url_token),
    .help = "Take a token as the parameter token of a streaming endpoint, too; addresses end up in logs" },
  { "routes", WSED_OPTION_PATH, .offset = IN (routes_file), .help = "File with [route NAME] groups, beside those of the configuration file" },
  { "log-format", WSED_OPTION_CHOICE, .choices = log_formats, .preset = "text", .offset = IN (log_json),
    .help = "How wsed writes its own messages to standard error" },
  { "log-level", WSED_OPTION_CHOICE, .choices = log_levels, .preset = "info", .offset = IN (log_level),
    .help = "The least important of its own messages that wsed writes" },
  { "redis-url", WSED_OPTION_TEXT, .form = "redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, or unix:///PATH?db=DB", .check = check_redis,
    .offset = IN (redis_url), .secret = TRUE,
    .help = "A Redis whose channels are listened to: what is published on wse:user:ID and its like goes to those who are connected; of several daemons on one log, the relay between them" },
  { "redis-ca", WSED_OPTION_PATH, .offset = IN (redis_ca),
    .help = "Certificates that the one of Redis must lead to, PEM, for rediss://. By default the system's" },
  { "redis-cert", WSED_OPTION_PATH, .offset = IN (redis_cert), .help = "Certificate of one's own for a Redis that asks for one, PEM" },
  { "redis-key", WSED_OPTION_PATH, .offset = IN (redis_key), .help = "Its private key, PEM, without a passphrase" },
  { "kafka-brokers", WSED_OPTION_LIST, .form = "a list of HOST:PORT", .check = check_broker, .offset = IN (kafka_brokers),
    .help = "Kafka brokers to read events from; any of a cluster will do" },
  { "kafka-topics", WSED_OPTION_LIST, .form = "a list of topics, and of patterns that begin with ^", .check = check_topic, .offset = IN (kafka_topics),
    .help = "Kafka topics to read: names, or regular expressions that begin with ^ and match a name from its beginning" },
  { "kafka-config", WSED_OPTION_PATH, .offset = IN (kafka_config),
    .help = "File with properties of the Kafka client, NAME=VALUE a line: TLS, SASL, auto.offset.reset and what else librdkafka knows" },
  { "consumer-group", WSED_OPTION_TEXT, .check = check_group, .preset = "wse", .offset = IN (consumer_group),
    .help = "Kafka consumer group; the log keeps where it stands under this name" },
  { "consumer-id", WSED_OPTION_TEXT, .check = check_group, .offset = IN (consumer_id),
    .help = "This daemon's own name in the consumer group, which it keeps over a restart (static membership)" },
  { "outbox", WSED_OPTION_TEXT, .form = "postgresql://…", .check = check_outbox, .offset = IN (outbox), .secret = TRUE,
    .help = "Database with the table wse_outbox, into which applications put events in their own transactions" },
  { "snapshot-ttl", WSED_OPTION_NUMBER, .min = 0, .max = 86400, .preset = "300", .offset = LATER,
    .help = "Seconds for which a snapshot's result may be reused" },
  { "tls-cert", WSED_OPTION_PATH, .offset = IN (tls_cert),
    .help = "Certificate chain, PEM, the server's own first; with it every TCP address speaks TLS. Read anew when it changes" },
  { "tls-key", WSED_OPTION_PATH, .offset = IN (tls_key), .help = "Its private key, PEM, without a passphrase" },
  { "metrics-users", WSED_OPTION_FLAG, .preset = "off", .offset = LATER, .help = "Metrics for each user" },
};

static const WsedOption snapshot_options[] = {
  { "database", WSED_OPTION_TEXT, .offset = LATER, .secret = TRUE },
  { "event", WSED_OPTION_TEXT, .offset = LATER },
  { "key", WSED_OPTION_TEXT, .offset = LATER },
  { "query", WSED_OPTION_TEXT, .offset = LATER },
  { "trigger", WSED_OPTION_TEXT, .offset = LATER },
  { "every", WSED_OPTION_NUMBER, .min = 1, .max = 86400, .offset = LATER },
  { "ready", WSED_OPTION_TEXT, .offset = LATER },
  { "ready-timeout", WSED_OPTION_NUMBER, .min = 1, .max = 600000, .offset = LATER },
};

static const WsedOption route_options[] = {
  { "types", WSED_OPTION_LIST, .check = wsed_route_check_type, .offset = OF_ROUTE (types) },
  { "topic", WSED_OPTION_LIST, .check = wsed_route_check_type, .offset = OF_ROUTE (topics) },
  { "type", WSED_OPTION_TEXT, .offset = LATER },
  { "user", WSED_OPTION_TEXT, .offset = LATER },
  { "role", WSED_OPTION_TEXT, .offset = LATER },
  { "team", WSED_OPTION_TEXT, .offset = LATER },
  { "session", WSED_OPTION_TEXT, .offset = LATER },
  { "severity", WSED_OPTION_CHOICE, .choices = severities, .offset = LATER },
  { "message", WSED_OPTION_TEXT, .offset = LATER },
  { "drop", WSED_OPTION_FLAG, .offset = OF_ROUTE (drop) },
  { "redact", WSED_OPTION_LIST, .offset = LATER },
  { "conflate", WSED_OPTION_TEXT, .form = "a path in the payload: payload.KEY, or just KEY", .check = wsed_route_check_path,
    .offset = OF_ROUTE (conflate) },
};

const WsedOption *
wsed_options (guint *n_options)
{
  *n_options = G_N_ELEMENTS (options);
  return options;
}

const WsedOption *
wsed_options_snapshot (guint *n_options)
{
  *n_options = G_N_ELEMENTS (snapshot_options);
  return snapshot_options;
}

const WsedOption *
wsed_options_route (guint *n_options)
{
  *n_options = G_N_ELEMENTS (route_options);
  return route_options;
}

const WsedOption *
wsed_option_find (const WsedOption *table, guint n_options, const char *name, gsize length)
{
  for (guint i = 0; i < n_options; i++)
    {
      if (strlen (table[i].name) == length && memcmp (table[i].name, name, length) == 0)
        return &table[i];
    }
  return NULL;
}

const WsedOption *
wsed_option_find_variable (const char *variable)
{
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_autofree char *known = wsed_option_variable (&options[i]);

      if (strcmp (known, variable) == 0)
        return &options[i];
    }
  return NULL;
}
