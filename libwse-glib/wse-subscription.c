/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WseSubscription owns one subscriber's bounded queue and the one source that empties it in the subscriber's main context. It never
 * holds its lock while a handler runs, and knows of no other subscription. */

#include "wse-subscription-private.h"

#include <pthread.h>

#include "wse-event-private.h"

/* Emissions of one dispatch; then other sources of the context have their turn. */
#define BATCH 100

/* The queue's first allocation, events; it doubles up to its bound. */
#define FIRST_ROOM 16

typedef struct
{
  WseEvent *event;
  guint64 seq;
  guint channel;               /* which of the event's */
} Item;

/**
 * WseSubscription:
 *
 * What one subscriber of a [class@Wse.Bus] gets, made by [method@Wse.Bus.subscribe].
 *
 * [signal@Wse.Subscription::event] is emitted for each event, in the main context that was the thread default of the thread that
 * subscribed, wherever the event was published. At most 100 are emitted in a row, then other sources of the context have their turn.
 * Subscribe in the thread that runs this context and connect the handler before going back to it: nothing is emitted before that.
 *
 * The events of a channel come in the order of their seq. What cannot be emitted yet waits in a queue of
 * [property@Wse.Bus:queue-size] events. Where it is full the oldest one is dropped, so that a subscriber that was held up finds the
 * present and not the past; that is counted in [property@Wse.Subscription:dropped] and told by [signal@Wse.Subscription::lagged] just
 * where the events are missing. A slow subscriber never holds up a publisher or another subscriber.
 *
 * The bus keeps a subscription alive until [method@Wse.Subscription.cancel] is called or the bus is finalized; to let go of the
 * reference alone does not end it. It has to be cancelled before its main context is freed. Handlers may publish, subscribe and cancel.
 *
 * Since: 0.1
 */
struct _WseSubscription
{
  GObject parent_instance;

  /* Never changed. */
  GHashTable *channels;        /* (element-type utf8) a set; NULL: all */
  WseFilter *filter;           /* NULL: all */
  guint limit;                 /* of the queue, events */

  pthread_mutex_t lock;        /* guards all below */
  WseExchange *exchange;       /* NULL: cancelled */
  GSource *source;             /* NULL: cancelled */
  gboolean awake;              /* the source is to be dispatched */
  GThread *emitter;            /* the thread that is emitting, and what; NULL: none */
  guint emission;

  /* A ring: the oldest is items[first]. */
  Item *items;
  guint room, first, length;

  guint64 delivered, dropped;
  guint64 untold;              /* dropped and not yet told of by a signal */
};

enum
{
  PROP_0,
  PROP_DROPPED,
  N_PROPS,
};

enum
{
  EVENT,
  LAGGED,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (WseSubscription, wse_subscription, G_TYPE_OBJECT)

typedef struct
{
  GSource source;
  WseSubscription *subscription;   /* with a reference; cancelling breaks the circle */
} Source;

typedef enum
{
  NOTHING,
  AN_EVENT,
  A_HOLE,
} Turn;

/* With the lock held. */
static Item
pop (WseSubscription *self)
{
  Item item = self->items[self->first];

  self->first = (self->first + 1) % self->room;
  self->length--;
  return item;
}

/* What comes next; *hole is how many events are missing there. */
static Turn
take_turn (WseSubscription *self,
           Item            *item,
           guint64         *hole)
{
  Turn turn = NOTHING;

  pthread_mutex_lock (&self->lock);
  self->emitter = g_thread_self ();
  self->emission = 0;
  if (self->exchange == NULL)
    ;
  else if (self->untold > 0)
    {
      turn = A_HOLE;
      *hole = self->untold;
      self->untold = 0;
    }
  else if (self->length > 0)
    {
      turn = AN_EVENT;
      *item = pop (self);
      self->emission = signals[EVENT];
      self->delivered++;
    }
  else
    {
      self->awake = FALSE;
      g_source_set_ready_time (self->source, -1);
    }
  if (turn == NOTHING)
    self->emitter = NULL;
  pthread_mutex_unlock (&self->lock);
  return turn;
}

/* FALSE where it has been cancelled meanwhile. */
static gboolean
begin_lagged (WseSubscription *self)
{
  gboolean goes_on;

  pthread_mutex_lock (&self->lock);
  goes_on = self->exchange != NULL;
  self->emission = signals[LAGGED];
  pthread_mutex_unlock (&self->lock);
  return goes_on;
}

static void
end_turns (WseSubscription *self)
{
  pthread_mutex_lock (&self->lock);
  self->emitter = NULL;
  pthread_mutex_unlock (&self->lock);
}

static gboolean
source_dispatch (GSource    *source,
                 GSourceFunc callback,
                 gpointer    user_data)
{
  WseSubscription *self = ((Source *) source)->subscription;

  for (guint i = 0; i < BATCH; i++)
    {
      Item item;
      guint64 hole;

      switch (take_turn (self, &item, &hole))
        {
        case AN_EVENT:
          g_signal_emit (self, signals[EVENT], 0, item.event, item.event->channels[item.channel], item.seq);
          wse_event_unref (item.event);
          break;

        case A_HOLE:
          g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DROPPED]);
          if (begin_lagged (self))
            g_signal_emit (self, signals[LAGGED], 0, hole);
          break;

        case NOTHING:
        default:
          return G_SOURCE_CONTINUE;
        }
    }
  end_turns (self);
  return G_SOURCE_CONTINUE;
}

static void
source_finalize (GSource *source)
{
  g_object_unref (((Source *) source)->subscription);
}

static GSourceFuncs source_funcs = { .dispatch = source_dispatch, .finalize = source_finalize };

static void
wse_subscription_get_property (GObject    *object,
                               guint       id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  switch (id)
    {
    case PROP_DROPPED:
      g_value_set_uint64 (value, wse_subscription_get_dropped (WSE_SUBSCRIPTION (object)));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
wse_subscription_finalize (GObject *object)
{
  WseSubscription *self = WSE_SUBSCRIPTION (object);

  /* The bus and the source hold references until it is cancelled; whoever was in it last has let go of the lock. */
  pthread_mutex_lock (&self->lock);
  g_assert (self->exchange == NULL && self->length == 0);
  pthread_mutex_unlock (&self->lock);
  pthread_mutex_destroy (&self->lock);
  g_free (self->items);
  g_clear_pointer (&self->channels, g_hash_table_unref);
  g_clear_pointer (&self->filter, wse_filter_unref);
  G_OBJECT_CLASS (wse_subscription_parent_class)->finalize (object);
}

static void
wse_subscription_class_init (WseSubscriptionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = wse_subscription_get_property;
  object_class->finalize = wse_subscription_finalize;

  /**
   * WseSubscription:dropped: (getter get_dropped)
   *
   * How many events were dropped because the queue was full. Notified in the subscriber's main context, before
   * [signal@Wse.Subscription::lagged].
   *
   * Since: 0.1
   */
  properties[PROP_DROPPED] = g_param_spec_uint64 ("dropped", NULL, NULL, 0, G_MAXUINT64, 0,
                                                  G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * WseSubscription::event:
   * @self: the subscription
   * @event: the event, as the bus's transformers gave it out
   * @channel: the channel it comes under: the first of its channels that is subscribed to
   * @seq: its place in @channel: 1, 2, 3 …
   *
   * An event of the bus, emitted in the subscriber's main context; never again once [method@Wse.Subscription.cancel] was called there.
   *
   * Since: 0.1
   */
  signals[EVENT] = g_signal_new ("event", WSE_TYPE_SUBSCRIPTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                                 WSE_TYPE_EVENT | G_SIGNAL_TYPE_STATIC_SCOPE, G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE, G_TYPE_UINT64);

  /**
   * WseSubscription::lagged:
   * @self: the subscription
   * @dropped: how many events are missing here, since the last such signal
   *
   * Events were dropped because the queue was full. Emitted in the subscriber's main context, in the place of the events that are
   * missing: what came before has been emitted, what comes next is what was kept.
   *
   * Since: 0.1
   */
  signals[LAGGED] = g_signal_new ("lagged", WSE_TYPE_SUBSCRIPTION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                  G_TYPE_UINT64);
}

static void
wse_subscription_init (WseSubscription *self)
{
  pthread_mutex_init (&self->lock, NULL);
}

static void
attach_source (WseSubscription *self)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  self->source = g_source_new (&source_funcs, sizeof (Source));
  g_source_set_static_name (self->source, "wse-subscription");
  ((Source *) self->source)->subscription = g_object_ref (self);
  g_source_attach (self->source, context);
}

WseSubscription *
wse_subscription_new (WseExchange        *exchange,
                      const char * const *channels,
                      WseFilter          *filter,
                      guint               queue_size)
{
  WseSubscription *self = g_object_new (WSE_TYPE_SUBSCRIPTION, NULL);

  g_assert (queue_size > 0);

  if (channels != NULL)
    {
      self->channels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      for (guint i = 0; channels[i] != NULL; i++)
        g_hash_table_add (self->channels, g_strdup (channels[i]));
    }
  self->filter = filter != NULL ? wse_filter_ref (filter) : NULL;
  self->limit = queue_size;
  self->exchange = wse_exchange_ref (exchange);
  attach_source (self);
  return self;
}

gboolean
wse_subscription_takes (WseSubscription *self,
                        WseEvent        *event,
                        guint           *channel)
{
  if (!wse_filter_matches (self->filter, event))
    return FALSE;
  for (*channel = 0; *channel < event->n_channels; (*channel)++)
    if (self->channels == NULL || g_hash_table_contains (self->channels, event->channels[*channel]))
      return TRUE;
  return FALSE;
}

/* With the lock held: the queue is full as far as it is allocated, but not to its limit. */
static void
grow (WseSubscription *self)
{
  guint room = MIN (MAX (FIRST_ROOM, 2 * self->room), self->limit);
  Item *items = g_new (Item, room);

  for (guint i = 0; i < self->length; i++)
    items[i] = self->items[(self->first + i) % self->room];
  g_free (self->items);
  self->items = items;
  self->room = room;
  self->first = 0;
}

void
wse_subscription_push (WseSubscription *self,
                       WseEvent        *event,
                       guint            channel,
                       guint64          seq)
{
  pthread_mutex_lock (&self->lock);
  if (self->exchange != NULL)
    {
      if (self->length == self->limit)
        {
          wse_event_unref (pop (self).event);
          self->dropped++;
          self->untold++;
        }
      else if (self->length == self->room)
        grow (self);
      self->items[(self->first + self->length) % self->room] = (Item) { wse_event_ref (event), seq, channel };
      self->length++;
      if (!self->awake)
        {
          self->awake = TRUE;
          g_source_set_ready_time (self->source, 0);
        }
    }
  pthread_mutex_unlock (&self->lock);
}

void
wse_subscription_get_counts (WseSubscription       *self,
                             WseSubscriptionCounts *counts)
{
  pthread_mutex_lock (&self->lock);
  *counts = (WseSubscriptionCounts) { self->length, self->delivered, self->dropped };
  pthread_mutex_unlock (&self->lock);
}

/**
 * wse_subscription_cancel:
 * @self: a subscription
 *
 * Ends the subscription; what waits in its queue is discarded and does not count as dropped. Any thread, any number of times, from a
 * handler too. Called in the thread that runs the subscriber's main context, no signal comes any more once it has returned, not even
 * to a second handler of the signal it is called from. Called in another thread, one signal may be under way at that moment.
 *
 * Since: 0.1
 */
void
wse_subscription_cancel (WseSubscription *self)
{
  g_autoptr (WseSubscription) held = NULL;
  g_autoptr (GSource) source = NULL;
  WseExchange *exchange;
  guint emission;

  g_return_if_fail (WSE_IS_SUBSCRIPTION (self));

  held = g_object_ref (self);
  pthread_mutex_lock (&self->lock);
  exchange = g_steal_pointer (&self->exchange);
  source = g_steal_pointer (&self->source);
  emission = self->emitter == g_thread_self () ? self->emission : 0;
  while (self->length > 0)
    wse_event_unref (pop (self).event);
  pthread_mutex_unlock (&self->lock);
  if (exchange == NULL)
    return;
  wse_exchange_leave (exchange, self);
  wse_exchange_unref (exchange);
  g_source_destroy (source);
  if (emission != 0)
    g_signal_stop_emission (self, emission, 0);
}

/**
 * wse_subscription_is_cancelled:
 * @self: a subscription
 *
 * Whether the subscription has ended, by [method@Wse.Subscription.cancel] or with its bus. Any thread.
 *
 * Returns: %TRUE where it has
 *
 * Since: 0.1
 */
gboolean
wse_subscription_is_cancelled (WseSubscription *self)
{
  gboolean cancelled;

  g_return_val_if_fail (WSE_IS_SUBSCRIPTION (self), TRUE);

  pthread_mutex_lock (&self->lock);
  cancelled = self->exchange == NULL;
  pthread_mutex_unlock (&self->lock);
  return cancelled;
}

/**
 * wse_subscription_get_dropped: (get-property dropped)
 * @self: a subscription
 *
 * How many events were dropped because the queue was full. Any thread.
 *
 * Returns: the number of events
 *
 * Since: 0.1
 */
guint64
wse_subscription_get_dropped (WseSubscription *self)
{
  WseSubscriptionCounts counts;

  g_return_val_if_fail (WSE_IS_SUBSCRIPTION (self), 0);

  wse_subscription_get_counts (self, &counts);
  return counts.dropped;
}
