/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "redis/wsed-redis-link.h"
#include "redis/wsed-resp.h"

G_BEGIN_DECLS

/* One connection to Redis that comes back by itself. Main thread; nothing here blocks. */
typedef struct _WsedRedis WsedRedis;

typedef struct
{
  const WsedRedisAddress *address;   /* outlives the connection */
  const WsedRedisTrust *trust;       /* so does this */
  const char *name;                  /* what CLIENT LIST shows; static */
  gsize max_out;                     /* bytes that may wait to go out */
  gsize max_in;                      /* bytes of one reply */
  guint connect_timeout;             /* ms; 0: 5 s */
  guint answer_timeout;              /* ms without a byte while one is waited for; 0: 5 s */
} WsedRedisConfig;

/* Called from the main loop; none of them may free the connection. NULL: nobody is to be told. */
typedef struct
{
  /* Commands are taken now. */
  void (*connected) (gpointer user_data);
  /* It was connected. What waited may have been done or not; subscriptions are gone. */
  void (*disconnected) (gpointer user_data);
  /* What was published on a channel that is subscribed to. */
  void (*message) (const char *channel, gsize channel_length, const char *payload, gsize length, gpointer user_data);
  /* Something that waits to go out has gone. */
  void (*drained) (gpointer user_data);
  /* All that was asked for with wsed_redis_subscribe() is so. */
  void (*settled) (gpointer user_data);
} WsedRedisHandler;

/* @reply: NULL where the connection ended before. */
typedef void (*WsedRedisReplied) (const redisReply *reply, gpointer user_data);

WsedRedis  *wsed_redis_new   (const WsedRedisConfig *config, const WsedRedisHandler *handler, gpointer user_data);
void        wsed_redis_start (WsedRedis *self);
void        wsed_redis_free  (WsedRedis *self);
gboolean    wsed_redis_is_connected (WsedRedis *self);
/* Why it is not, for people; "" where it is. */
const char *wsed_redis_get_problem (WsedRedis *self);
/* How often it was connected. */
guint64     wsed_redis_get_connects (WsedRedis *self);
/* Bytes that wait to go out. */
gsize       wsed_redis_get_waiting (WsedRedis *self);
/* Sends a command; FALSE where it is not connected or what waits would be too much: then nothing is sent. @replied may be NULL. Not for
 * the next ones. */
gboolean    wsed_redis_send  (WsedRedis *self, guint n, const char * const *words, const gsize *lengths, WsedRedisReplied replied,
                              gpointer user_data);
/* SUBSCRIBE or UNSUBSCRIBE of @n channels. A connection that subscribes takes no other commands. */
gboolean    wsed_redis_subscribe (WsedRedis *self, gboolean subscribe, guint n, const char * const *channels);
/* Stops reading what comes, or goes on: for who cannot take more. */
void        wsed_redis_set_paused (WsedRedis *self, gboolean paused);

G_END_DECLS
