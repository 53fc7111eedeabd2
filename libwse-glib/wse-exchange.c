/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WseExchange owns what makes a bus one stream: the last seq of each channel, the history, the list of subscriptions, all under one
 * lock, so that every subscription sees the same order and history meets live without a hole. It runs nobody else's code. */

#include "wse-exchange-private.h"

#include <pthread.h>

#include "wse-error.h"
#include "wse-event-private.h"
#include "wse-subscription-private.h"

typedef struct
{
  WseEvent *event;
  guint64 seqs[WSE_MAX_TARGETS];   /* of its channels, in their order */
} Kept;

struct _WseExchange
{
  int refs;                    /* __atomic */
  pthread_mutex_t lock;        /* guards all below */

  gboolean running;
  GHashTable *seqs;            /* (element-type utf8 guint64*) channel → its last seq */
  GPtrArray *subscriptions;    /* (element-type WseSubscription) each with a reference, in the order in which they came */

  /* A ring: the oldest is history[first]. */
  Kept *history;
  guint history_room, history_first, history_length;

  guint64 published, filtered;
  guint64 delivered, dropped;  /* of subscriptions that have left */
};

WseExchange *
wse_exchange_new (void)
{
  WseExchange *self = g_new0 (WseExchange, 1);

  self->refs = 1;
  pthread_mutex_init (&self->lock, NULL);
  self->seqs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->subscriptions = g_ptr_array_new ();
  return self;
}

WseExchange *
wse_exchange_ref (WseExchange *self)
{
  __atomic_fetch_add (&self->refs, 1, __ATOMIC_RELAXED);
  return self;
}

static Kept *
kept_at (WseExchange *self,
         guint        index)
{
  return &self->history[(self->history_first + index) % self->history_room];
}

static void
forget_oldest (WseExchange *self)
{
  wse_event_unref (self->history[self->history_first].event);
  self->history_first = (self->history_first + 1) % self->history_room;
  self->history_length--;
}

void
wse_exchange_unref (WseExchange *self)
{
  if (__atomic_sub_fetch (&self->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  g_assert (self->subscriptions->len == 0);
  while (self->history_length > 0)
    forget_oldest (self);
  g_free (self->history);
  g_ptr_array_unref (self->subscriptions);
  g_hash_table_unref (self->seqs);
  pthread_mutex_destroy (&self->lock);
  g_free (self);
}

gboolean
wse_exchange_set_running (WseExchange *self,
                          gboolean     running)
{
  gboolean changed;

  pthread_mutex_lock (&self->lock);
  changed = self->running != running;
  self->running = running;
  pthread_mutex_unlock (&self->lock);
  return changed;
}

gboolean
wse_exchange_is_running (WseExchange *self)
{
  gboolean running;

  pthread_mutex_lock (&self->lock);
  running = self->running;
  pthread_mutex_unlock (&self->lock);
  return running;
}

void
wse_exchange_set_history_size (WseExchange *self,
                               guint        size)
{
  Kept *history = g_new0 (Kept, size);

  pthread_mutex_lock (&self->lock);
  while (self->history_length > size)
    forget_oldest (self);
  for (guint i = 0; i < self->history_length; i++)
    history[i] = *kept_at (self, i);
  g_free (self->history);
  self->history = history;
  self->history_room = size;
  self->history_first = 0;
  pthread_mutex_unlock (&self->lock);
}

static guint64
next_seq (WseExchange *self,
          const char  *channel)
{
  guint64 *last = g_hash_table_lookup (self->seqs, channel);

  if (last == NULL)
    {
      last = g_new0 (guint64, 1);
      g_hash_table_insert (self->seqs, g_strdup (channel), last);
    }
  return ++*last;
}

static void
keep (WseExchange *self,
      const Kept  *kept)
{
  if (self->history_room == 0)
    return;
  if (self->history_length == self->history_room)
    forget_oldest (self);
  *kept_at (self, self->history_length) = *kept;
  wse_event_ref (kept->event);
  self->history_length++;
}

static gboolean
hand_over (WseSubscription *subscription,
           const Kept      *kept)
{
  guint channel;

  if (!wse_subscription_takes (subscription, kept->event, &channel))
    return FALSE;
  wse_subscription_push (subscription, kept->event, channel, kept->seqs[channel]);
  return TRUE;
}

gboolean
wse_exchange_publish (WseExchange *self,
                      WseEvent    *event,
                      GError     **error)
{
  Kept kept = { event };
  gboolean running;

  g_assert (event->n_channels > 0 && event->n_channels <= WSE_MAX_TARGETS);

  pthread_mutex_lock (&self->lock);
  running = self->running;
  if (running)
    {
      for (guint i = 0; i < event->n_channels; i++)
        kept.seqs[i] = next_seq (self, event->channels[i]);
      self->published++;
      keep (self, &kept);
      for (guint i = 0; i < self->subscriptions->len; i++)
        hand_over (g_ptr_array_index (self->subscriptions, i), &kept);
    }
  pthread_mutex_unlock (&self->lock);
  if (!running)
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the bus is stopped");
  return running;
}

void
wse_exchange_count_filtered (WseExchange *self)
{
  pthread_mutex_lock (&self->lock);
  self->filtered++;
  pthread_mutex_unlock (&self->lock);
}

/* Where the last @wanted events that @subscription takes begin. */
static guint
find_beginning (WseExchange     *self,
                WseSubscription *subscription,
                guint            wanted)
{
  guint at = self->history_length, channel;

  while (at > 0 && wanted > 0)
    if (wse_subscription_takes (subscription, kept_at (self, --at)->event, &channel))
      wanted--;
  return at;
}

void
wse_exchange_join (WseExchange     *self,
                   WseSubscription *subscription,
                   guint            history)
{
  pthread_mutex_lock (&self->lock);
  g_ptr_array_add (self->subscriptions, g_object_ref (subscription));
  for (guint i = find_beginning (self, subscription, history); i < self->history_length; i++)
    hand_over (subscription, kept_at (self, i));
  pthread_mutex_unlock (&self->lock);
}

void
wse_exchange_leave (WseExchange     *self,
                    WseSubscription *subscription)
{
  WseSubscriptionCounts counts;
  gboolean found;

  pthread_mutex_lock (&self->lock);
  found = g_ptr_array_remove (self->subscriptions, subscription);
  if (found)
    {
      wse_subscription_get_counts (subscription, &counts);
      self->delivered += counts.delivered;
      self->dropped += counts.dropped;
    }
  pthread_mutex_unlock (&self->lock);
  if (found)
    g_object_unref (subscription);
}

void
wse_exchange_close (WseExchange *self)
{
  for (;;)
    {
      g_autoptr (WseSubscription) first = NULL;

      pthread_mutex_lock (&self->lock);
      if (self->subscriptions->len > 0)
        first = g_object_ref (g_ptr_array_index (self->subscriptions, 0));
      pthread_mutex_unlock (&self->lock);
      if (first == NULL)
        return;
      wse_subscription_cancel (first);
      /* Another thread may have cancelled it and not come here yet. */
      wse_exchange_leave (self, first);
    }
}

void
wse_exchange_get_stats (WseExchange *self,
                        WseBusStats *stats)
{
  pthread_mutex_lock (&self->lock);
  *stats = (WseBusStats) {
    .active_subscribers = self->subscriptions->len,
    .history_size = self->history_length,
    .running = self->running,
    .events_published = self->published,
    .events_filtered = self->filtered,
    .events_delivered = self->delivered,
    .events_dropped = self->dropped,
  };
  for (guint i = 0; i < self->subscriptions->len; i++)
    {
      WseSubscriptionCounts counts;

      wse_subscription_get_counts (g_ptr_array_index (self->subscriptions, i), &counts);
      stats->queue_size += counts.queued;
      stats->events_delivered += counts.delivered;
      stats->events_dropped += counts.dropped;
    }
  pthread_mutex_unlock (&self->lock);
}
