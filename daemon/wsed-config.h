/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "config/wsed-route.h"
#include "guard/wsed-limits.h"
#include "log/wsed-log.h"

G_BEGIN_DECLS

/* What the daemon was told: command line over environment over file (PROTOCOL section 5). Plain data, made once, then only read. */
typedef struct
{
  GStrv listen;                /* "127.0.0.1:8000", "[::1]:0", "unix:PATH"; port 0 takes a free one, told in the log */
  GStrv admin_listen;          /* the same, for operators; NULL: none of their own */
  char *log;                   /* "sqlite:PATH", "memory:" */
  char *log_directory;         /* to be made first: the log's by default; NULL where the log was named */
  WsedRetention retention;
  gboolean dev;                /* authentication off, loopback only */
  gboolean demo;               /* the demo source */
  guint buffer_size;           /* events a connection may lie behind before the slow consumer policy holds */
  guint slow_consumer;         /* that policy: a WsedSlowConsumer */
  guint64 tail_bytes;
  guint workers;
  guint flush_tick;            /* milliseconds */
  guint heartbeat;             /* seconds */
  guint max_connections;       /* WebSocket and SSE */
  guint max_connections_per_user;
  WsedLimitsConfig limits;
  guint max_command_rate;      /* a second and connection; 0: no limit */
  guint max_subscriptions;
  guint64 max_header, max_body, max_event, max_message;
  gboolean compression;        /* permessage-deflate is taken where offered */
  GStrv trusted_proxies;       /* NULL: none */
  GStrv allowed_origins;       /* NULL: the default list */
  char *jwt_key;               /* "file:PATH", or the secret itself; NULL: no tokens are taken */
  GStrv jwt_algorithms;        /* NULL: all that there are */
  GStrv jwt_issuers;           /* NULL: any */
  GStrv jwt_audiences;         /* NULL: none, not even one that is named */
  char *api_keys;              /* a file; NULL: no keys of services are taken */
  gboolean allow_url_token;
  char *routes_file;           /* with further routes; NULL: none */
  GPtrArray *routes;           /* (element-type WsedRoute) in their order */
  GStrv kafka_brokers;         /* NULL: Kafka is not read */
  GStrv kafka_topics;
  char *kafka_config;          /* a file; NULL: none */
  char *consumer_group;
  char *consumer_id;           /* NULL: none */
  char *outbox;                /* a libpq URI, with credentials; NULL: none */
  char *tls_cert, *tls_key;    /* paths; NULL: no TLS */
  char *redis_url;             /* with credentials; NULL: no relay */
  char *redis_ca, *redis_cert, *redis_key; /* paths; NULL: the system's certificates, none of one's own */
  gboolean log_json;
  GLogLevelFlags log_level;    /* the least that is written, one bit */
} WsedConfig;

/* @argv: as main() got it; @environment: as g_get_environ(). NULL with @error, which names what is wrong and what is allowed; NULL without
 * one where --help, --version or --check-config was answered on standard output. */
WsedConfig *wsed_config_load (int argc, char **argv, GStrv environment, GError **error);
void        wsed_config_free (WsedConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedConfig, wsed_config_free)

G_END_DECLS
