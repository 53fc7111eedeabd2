/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "redis/wsed-redis-address.h"

G_BEGIN_DECLS

/* How to get to Redis: who it is by its certificate, and who one is by one's own. */
typedef struct
{
  GTlsDatabase *database;      /* NULL: the system's */
  GTlsCertificate *certificate; /* NULL: none */
} WsedRedisTrust;

/* @ca: a file of certificates, PEM, that Redis' own must lead to; NULL: the system's. @certificate and @key: one's own, PEM, for a Redis
 * that asks for one; NULL: none. Reads the files. */
gboolean wsed_redis_trust_load  (WsedRedisTrust *trust, const char *ca, const char *certificate, const char *key, GError **error);
void     wsed_redis_trust_clear (WsedRedisTrust *trust);

/* @stream: the connection, TLS in it where the address says so; NULL with @error. */
typedef void (*WsedRedisLinked) (GIOStream *stream, const GError *error, gpointer user_data);

/* Connects within @deadline ms, without blocking; @linked is not called once @cancellable is cancelled. */
void     wsed_redis_link (const WsedRedisAddress *address, const WsedRedisTrust *trust, guint deadline, GCancellable *cancellable,
                          WsedRedisLinked linked, gpointer user_data);

G_END_DECLS
