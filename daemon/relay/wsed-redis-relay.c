/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedRedisRelay tells and hears over Redis' channels: one connection publishes, another is subscribed to the channels that are read here.
 * What others say is taken apart by wsed-redis-wire.c, what is bad is counted and goes no further. On a log of one's own it only listens,
 * to those who are no daemons. What Redis loses it does not get back: the log has it. */

#include "relay/wsed-redis-relay.h"

#include <string.h>

#include "metrics/wsed-metrics.h"
#include "redis/wsed-redis.h"
#include "relay/wsed-redis-wire.h"
#include "relay/wsed-watchlist.h"

/* Bytes that wait for Redis: events of this daemon; subscriptions. Of one message that comes. */
#define MAX_OUT (16 * 1024 * 1024)
#define MAX_SUBSCRIBING (512 * 1024)
#define MAX_IN (16 * 1024 * 1024)
/* Bytes handed on above which nothing more is read, and below which it is again; so often that is looked at, ms. */
#define BACKLOG_HIGH (32 * 1024 * 1024)
#define BACKLOG_LOW (8 * 1024 * 1024)
#define BACKLOG_BEAT 20
/* A bad message is told of at most so often, microseconds. */
#define TOLD_EVERY (10 * G_TIME_SPAN_SECOND)

struct _WsedRedisRelay
{
  GObject parent_instance;

  WsedRedisRelayConfig config; /* its texts are not kept */
  WsedRedisAddress *address;
  WsedRedisTrust trust;
  WseTransformer *mapper;
  WsedRedis *speaker;          /* NULL: the log is one's own */
  WsedRedis *listener;
  WsedWatchlist *watchlist;
  guint backlog_timer;         /* while nothing is read */

  char *name;                  /* this daemon's */
  WsedRelayListener told;
  gpointer user_data;
  gboolean caught_up;          /* since it was connected, what daemons say to all is heard */

  char *log;                   /* epoch of what was last published; NULL: nothing was */
  guint64 published;           /* n up to which this daemon has published */
  gboolean owes;               /* some of it was dropped: the end has to be told */
  guint64 sent, received, dropped;
  guint64 bad;                 /* since that was last told */
  gint64 told_at;
  WsedMetric *foreign, *refused, *channels;
};

static void wsed_redis_relay_iface_init (WsedRelayInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedRedisRelay, wsed_redis_relay, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSED_TYPE_RELAY, wsed_redis_relay_iface_init))

/* What goes out */

static gboolean
publish (WsedRedisRelay *self, const char *channel, const char *text, gsize length)
{
  const char * const words[] = { "PUBLISH", channel, text };
  const gsize lengths[] = { strlen (words[0]), strlen (channel), length };

  if (self->speaker != NULL && wsed_redis_send (self->speaker, 3, words, lengths, NULL, NULL))
    {
      self->sent++;
      return TRUE;
    }
  self->dropped++;
  return FALSE;
}

/* Where something was dropped the others have to look in the log. */
static void
tell_end (WsedRedisRelay *self)
{
  g_autoptr(GString) text = NULL;

  if (!self->owes || self->log == NULL)
    return;
  text = g_string_new (NULL);
  wsed_redis_end_write (text, self->published, self->log, self->name);
  self->owes = !publish (self, WSED_REDIS_LOG, text->str, text->len);
}

static void
publish_entry (WsedRedisRelay *self, const char *epoch, const WsedEntry *entry, GString *text)
{
  g_autoptr(GString) channel = g_string_new (NULL);

  g_string_truncate (text, 0);
  wsed_redis_event_write (text, entry, epoch, self->name);
  for (guint i = 0; i < entry->event->n_channels; i++)
    {
      g_string_assign (channel, WSED_REDIS_PREFIX);
      g_string_append (channel, entry->event->channels[i]);
      if (!publish (self, channel->str, text->str, text->len))
        self->owes = TRUE;
    }
}

static void
wsed_redis_relay_publish (WsedRelay *relay, const char *epoch, WsedEntry * const *entries, guint n_entries)
{
  WsedRedisRelay *self = WSED_REDIS_RELAY (relay);
  g_autoptr(GString) text = NULL;

  if (self->speaker == NULL || n_entries == 0)
    return;
  text = g_string_sized_new (1024);
  if (g_strcmp0 (self->log, epoch) != 0)
    {
      g_free (self->log);
      self->log = g_strdup (epoch);
    }
  for (guint i = 0; i < n_entries; i++)
    publish_entry (self, epoch, entries[i], text);
  self->published = entries[n_entries - 1]->n;
  for (guint i = 0; i < n_entries;)
    {
      g_string_truncate (text, 0);
      i += wsed_redis_batch_write (text, &entries[i], n_entries - i, epoch, self->name);
      if (!publish (self, WSED_REDIS_LOG, text->str, text->len))
        self->owes = TRUE;
    }
  tell_end (self);
}

static void
wsed_redis_relay_say (WsedRelay *relay, const char *to, const char *text, gsize length)
{
  WsedRedisRelay *self = WSED_REDIS_RELAY (relay);
  g_autoptr(GString) out = NULL;

  if (self->speaker == NULL || length > WSED_RELAY_MAX_SAID)
    return;
  out = g_string_new (NULL);
  g_string_append_printf (out, "%s %s ", self->name, to != NULL ? to : "*");
  g_string_append_len (out, text, length);
  publish (self, WSED_REDIS_DAEMONS, out->str, out->len);
}

/* What comes in */

static void
refuse (WsedRedisRelay *self, const char *channel, gsize channel_length, const char *reason)
{
  gint64 now = g_get_monotonic_time ();

  self->bad++;
  wsed_metric_add (self->refused, 1);
  if (self->told_at != 0 && now - self->told_at < TOLD_EVERY)
    return;
  g_warning ("redis %s: a message on %.*s is not taken: %s (%" G_GUINT64_FORMAT " since this was last said)", self->address->name,
             (int) channel_length, channel, reason, self->bad);
  self->bad = 0;
  self->told_at = now;
}

static gboolean
take_batch (WsedRedisRelay *self, const char *payload, gsize length, GError **error)
{
  g_auto(WsedRedisBatch) batch = { 0 };

  if (!wsed_redis_batch_read (&batch, payload, length, error))
    return FALSE;
  if (strcmp (batch.from, self->name) == 0)
    return TRUE;
  if (batch.mentions->len > 0)
    self->told.batch (batch.log, (const WsedMention *) (gconstpointer) batch.mentions->data, batch.mentions->len, self->user_data);
  else
    self->told.end (batch.log, batch.end, FALSE, self->user_data);
  return TRUE;
}

static gboolean
take_said (WsedRedisRelay *self, const char *payload, gsize length, GError **error)
{
  const char *end = payload + length;
  const char *to = memchr (payload, ' ', length), *text = to != NULL ? memchr (to + 1, ' ', end - to - 1) : NULL;
  g_autofree char *from = NULL, *whom = NULL;

  if (text == NULL || (gsize) (end - text) > WSED_RELAY_MAX_SAID + 1 || to == payload || to - payload > WSED_RELAY_NAME_BYTES)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "it is not what daemons say to each other");
      return FALSE;
    }
  from = g_strndup (payload, to - payload);
  whom = g_strndup (to + 1, text - to - 1);
  if (strcmp (from, self->name) != 0 && (strcmp (whom, "*") == 0 || strcmp (whom, self->name) == 0))
    self->told.said (from, text + 1, end - text - 1, self->user_data);
  return TRUE;
}

static gboolean
take_event (WsedRedisRelay *self, const char *name, const char *payload, gsize length, GError **error)
{
  const WsedRedisRules rules = { .max_event = self->config.max_event, .mapper = self->mapper, .self = self->speaker != NULL ? self->name : NULL };
  const char *channel = name + strlen (WSED_REDIS_PREFIX);
  g_auto(WsedRedisEvent) event = { 0 };

  if (!g_str_has_prefix (name, WSED_REDIS_PREFIX))
    return TRUE;
  if (!wsed_redis_event_read (&event, channel, payload, length, &rules, error))
    return FALSE;
  if (event.entry != NULL)
    self->told.entry (event.log, event.entry, self->user_data);
  else if (event.event != NULL && wsed_watchlist_wants (self->watchlist, channel))
    {
      wsed_metric_add (self->foreign, 1);
      self->told.foreign (event.event, self->user_data);
    }
  return TRUE;
}

static gboolean
on_backlog_beat (gpointer user_data)
{
  WsedRedisRelay *self = user_data;

  if (self->config.get_backlog (self->config.user_data) > BACKLOG_LOW)
    return G_SOURCE_CONTINUE;
  self->backlog_timer = 0;
  wsed_redis_set_paused (self->listener, FALSE);
  return G_SOURCE_REMOVE;
}

static void
on_message (const char *channel, gsize channel_length, const char *payload, gsize length, gpointer user_data)
{
  WsedRedisRelay *self = user_data;
  g_autoptr(GError) error = NULL;
  gboolean taken;

  self->received++;
  if (strcmp (channel, WSED_REDIS_LOG) == 0)
    taken = take_batch (self, payload, length, &error);
  else if (strcmp (channel, WSED_REDIS_DAEMONS) == 0)
    taken = take_said (self, payload, length, &error);
  else
    taken = take_event (self, channel, payload, length, &error);
  if (!taken)
    refuse (self, channel, channel_length, error->message);
  if (self->backlog_timer == 0 && self->config.get_backlog != NULL && self->config.get_backlog (self->config.user_data) > BACKLOG_HIGH)
    {
      wsed_redis_set_paused (self->listener, TRUE);
      self->backlog_timer = g_timeout_add (BACKLOG_BEAT, on_backlog_beat, self);
    }
}

/* Connections */

static gboolean
on_watch (gboolean subscribe, guint n, const char * const *names, gpointer user_data)
{
  WsedRedisRelay *self = user_data;

  wsed_metric_set (self->channels, wsed_watchlist_count (self->watchlist));
  return wsed_redis_subscribe (self->listener, subscribe, n, names);
}

static void
on_listening (gpointer user_data)
{
  WsedRedisRelay *self = user_data;
  const char * const names[] = { WSED_REDIS_LOG, WSED_REDIS_DAEMONS };

  self->told.changed (self->user_data);
  if (self->speaker == NULL)
    wsed_watchlist_run (self->watchlist);
  else
    wsed_redis_subscribe (self->listener, TRUE, G_N_ELEMENTS (names), names);
}

/* From here on every batch is heard of, and so what of its events is not: what was missed before lies in the log. */
static void
on_settled (gpointer user_data)
{
  WsedRedisRelay *self = user_data;

  if (self->caught_up || self->speaker == NULL)
    return;
  self->caught_up = TRUE;
  self->told.lost (self->user_data);
  wsed_watchlist_run (self->watchlist);
}

static void
on_not_listening (gpointer user_data)
{
  WsedRedisRelay *self = user_data;

  self->caught_up = FALSE;
  wsed_watchlist_forget (self->watchlist);
  self->told.changed (self->user_data);
}

static void
on_listener_drained (gpointer user_data)
{
  WsedRedisRelay *self = user_data;

  if (self->caught_up || self->speaker == NULL)
    wsed_watchlist_run (self->watchlist);
}

static void
on_speaking (gpointer user_data)
{
  WsedRedisRelay *self = user_data;

  tell_end (self);
  self->told.changed (self->user_data);
}

static void
on_not_speaking (gpointer user_data)
{
  WsedRedisRelay *self = user_data;

  /* What waited there may not have gone. */
  self->owes = self->log != NULL;
  self->told.changed (self->user_data);
}

static void
on_speaker_drained (gpointer user_data)
{
  tell_end (user_data);
}

static void
wsed_redis_relay_start (WsedRelay *relay, const char *name, const WsedRelayListener *listener, gpointer user_data)
{
  static const WsedRedisHandler listening = { on_listening, on_not_listening, on_message, on_listener_drained, on_settled };
  static const WsedRedisHandler speaking = { on_speaking, on_not_speaking, NULL, on_speaker_drained, NULL };
  WsedRedisRelay *self = WSED_REDIS_RELAY (relay);
  WsedRedisConfig config = { .address = self->address, .trust = &self->trust, .name = "wsed-listener", .max_out = MAX_SUBSCRIBING, .max_in = MAX_IN };

  self->name = g_strdup (name);
  self->told = *listener;
  self->user_data = user_data;
  self->listener = wsed_redis_new (&config, &listening, self);
  if (self->config.shared)
    {
      config.name = "wsed-speaker";
      config.max_out = MAX_OUT;
      self->speaker = wsed_redis_new (&config, &speaking, self);
      wsed_redis_start (self->speaker);
    }
  wsed_redis_start (self->listener);
}

static void
wsed_redis_relay_stop (WsedRelay *relay)
{
  WsedRedisRelay *self = WSED_REDIS_RELAY (relay);

  g_clear_handle_id (&self->backlog_timer, g_source_remove);
  g_clear_pointer (&self->speaker, wsed_redis_free);
  g_clear_pointer (&self->listener, wsed_redis_free);
  g_clear_pointer (&self->watchlist, wsed_watchlist_free);
}

/* The whole log is read from batches and the log. */
static void
wsed_redis_relay_watch (WsedRelay *relay, const char *channel)
{
  WsedRedisRelay *self = WSED_REDIS_RELAY (relay);

  if (self->watchlist != NULL && strcmp (channel, "*") != 0)
    wsed_watchlist_add (self->watchlist, channel);
}

static void
wsed_redis_relay_unwatch (WsedRelay *relay, const char *channel)
{
  WsedRedisRelay *self = WSED_REDIS_RELAY (relay);

  if (self->watchlist != NULL && strcmp (channel, "*") != 0)
    wsed_watchlist_remove (self->watchlist, channel);
}

static void
describe (WsedRedis *redis, WsedRelayStats *stats)
{
  guint64 connects = wsed_redis_get_connects (redis);

  stats->reconnections += connects > 0 ? connects - 1 : 0;
  stats->queued_bytes += wsed_redis_get_waiting (redis);
  if (wsed_redis_is_connected (redis))
    return;
  stats->state = WSED_RELAY_DEGRADED;
  g_snprintf (stats->reason, sizeof stats->reason, "redis: %s", wsed_redis_get_problem (redis));
}

static void
wsed_redis_relay_get_stats (WsedRelay *relay, WsedRelayStats *stats)
{
  WsedRedisRelay *self = WSED_REDIS_RELAY (relay);

  stats->sent = self->sent;
  stats->received = self->received;
  stats->dropped = self->dropped;
  if (self->speaker != NULL)
    describe (self->speaker, stats);
  if (self->listener != NULL)
    describe (self->listener, stats);
}

static void
wsed_redis_relay_iface_init (WsedRelayInterface *iface)
{
  iface->start = wsed_redis_relay_start;
  iface->publish = wsed_redis_relay_publish;
  iface->watch = wsed_redis_relay_watch;
  iface->unwatch = wsed_redis_relay_unwatch;
  iface->say = wsed_redis_relay_say;
  iface->get_stats = wsed_redis_relay_get_stats;
  iface->stop = wsed_redis_relay_stop;
}

static void
wsed_redis_relay_finalize (GObject *object)
{
  WsedRedisRelay *self = WSED_REDIS_RELAY (object);

  wsed_redis_relay_stop (WSED_RELAY (self));
  g_clear_pointer (&self->address, wsed_redis_address_free);
  wsed_redis_trust_clear (&self->trust);
  g_clear_object (&self->mapper);
  g_free (self->name);
  g_free (self->log);
  G_OBJECT_CLASS (wsed_redis_relay_parent_class)->finalize (object);
}

static void
wsed_redis_relay_class_init (WsedRedisRelayClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_redis_relay_finalize;
}

static void
wsed_redis_relay_init (WsedRedisRelay *self)
{
  self->foreign = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_foreign_total", "Events that came from others than daemons and were delivered.");
  self->refused = wsed_metric_new (WSED_METRIC_COUNTER, "wse_relay_bad_messages_total", "Messages of the relay that could not be understood.");
  self->channels = wsed_metric_new (WSED_METRIC_GAUGE, "wse_relay_channels", "Channels that are listened to because somebody here reads them.");
}

WsedRelay *
wsed_redis_relay_new (const WsedRedisRelayConfig *config, GError **error)
{
  g_autoptr(WsedRedisRelay) self = g_object_new (WSED_TYPE_REDIS_RELAY, NULL);
  WseTypeMapper *mapper = wse_type_mapper_new ();

  wse_type_mapper_add_defaults (mapper);
  self->mapper = WSE_TRANSFORMER (mapper);
  self->config = *config;
  self->address = wsed_redis_address_new (config->url, error);
  if (self->address == NULL || !wsed_redis_trust_load (&self->trust, config->ca, config->certificate, config->key, error))
    return NULL;
  self->watchlist = wsed_watchlist_new (config->linger, on_watch, self);
  return WSED_RELAY (g_steal_pointer (&self));
}
