/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "relay/wsed-relay.h"
#include "wse.h"

G_BEGIN_DECLS

/* What is said over Redis. On the channel `wse:` CHANNEL an event as one JSON object, in the form that foreign publishers use; a daemon's
 * has "wse" beside: {"log","from","n","channels","seqs","latency_ms"?}. On `wse:log`, behind the events of a batch:
 * {"log","from","first","events":[[["user:1",12],["global",99]],…]}, or, where some of them were not sent, {"log","from","end"}. On
 * `wse:daemons`, no JSON: who speaks, to whom (* is all), and the text, with a space between them. */
#define WSED_REDIS_PREFIX "wse:"
#define WSED_REDIS_LOG "wse:log"
#define WSED_REDIS_DAEMONS "wse:daemons"

/* An event that came. */
typedef struct
{
  WseEvent *event;             /* mapped, in the channel it came on or in all that it names; NULL: it is a daemon's own, and was not made */
  char *log, *from;            /* NULL: it is foreign */
  WsedEntry *entry;            /* NULL: it is foreign */
} WsedRedisEvent;

typedef struct
{
  gsize max_event;             /* bytes of an event as it comes in */
  WseTransformer *mapper;      /* of types, for foreign ones */
  const char *self;            /* what this one says itself is not looked at; NULL: nobody's */
} WsedRedisRules;

/* FALSE with the reason where it is not what may be said. */
gboolean wsed_redis_event_read  (WsedRedisEvent *event, const char *channel, const char *json, gsize length, const WsedRedisRules *rules,
                                 GError **error);
void     wsed_redis_event_clear (WsedRedisEvent *event);
void     wsed_redis_event_write (GString *out, const WsedEntry *entry, const char *log, const char *from);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsedRedisEvent, wsed_redis_event_clear)

/* The end of a batch that came. */
typedef struct
{
  char *log, *from;
  GArray *mentions;            /* (element-type WsedMention) */
  guint64 end;                 /* the log reaches at least so far; without mentions that is all that is said */
  GPtrArray *memory;           /* of the mentions */
} WsedRedisBatch;

gboolean wsed_redis_batch_read  (WsedRedisBatch *batch, const char *json, gsize length, GError **error);
void     wsed_redis_batch_clear (WsedRedisBatch *batch);
/* As many of @entries as follow each other without a hole and have room; returns how many. */
guint    wsed_redis_batch_write (GString *out, WsedEntry * const *entries, guint n_entries, const char *log, const char *from);
void     wsed_redis_end_write   (GString *out, guint64 end, const char *log, const char *from);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsedRedisBatch, wsed_redis_batch_clear)

G_END_DECLS
