/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "redis/wsed-redis-link.h"
#include "relay/wsed-relay.h"

G_BEGIN_DECLS

#define WSED_TYPE_REDIS_RELAY (wsed_redis_relay_get_type ())
G_DECLARE_FINAL_TYPE (WsedRedisRelay, wsed_redis_relay, WSED, REDIS_RELAY, GObject)

typedef struct
{
  const char *url;             /* may have a password in it: never told */
  const char *ca, *certificate, *key; /* files, PEM; NULL: the system's certificates, and none of one's own */
  gboolean shared;             /* the log is; else nothing is sent, and only foreign messages are taken */
  gsize max_event;             /* bytes of an event as it comes in */
  /* Bytes handed on and not yet taken: while there are too many nothing is read. NULL: there is no bound. */
  gsize (*get_backlog) (gpointer user_data);
  gpointer user_data;
  guint linger;                /* ms for which a channel that nobody reads any more is still subscribed to */
} WsedRedisRelayConfig;

/* NULL where the address is wrong or a file cannot be read. Not to be connected is no error. */
WsedRelay *wsed_redis_relay_new (const WsedRedisRelayConfig *config, GError **error);

G_END_DECLS
