/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WseBus is the public face of the in-process event system: it checks what it is given, takes events through its chain of transformers
 * and leaves all the rest to the exchange. It never emits an event itself. */

#include "wse-bus.h"

#include <errno.h>
#include <pthread.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-event-private.h"
#include "wse-exchange-private.h"
#include "wse-router.h"
#include "wse-subscription-private.h"
#include "wse-transformer-private.h"

/**
 * WseBus:
 *
 * Publish and subscribe within one process, without a daemon.
 *
 * An event that is published goes through the same chain as in wsed: a [class@Wse.TypeMapper] with the default mappings, the
 * transformers added with [method@Wse.Bus.add_transformer], and at last a [class@Wse.Router], so that a system event without a channel
 * goes to `system` and any other one without is an error. Then it gets its seq in each of its channels, counted from 1 for the life of
 * the bus, is kept among the last [property@Wse.Bus:history-size] events, and is handed to each subscription that takes it: by its
 * channels and its [struct@Wse.Filter]. An event in several channels comes to a subscription once. All of this goes on while a
 * subscriber is busy: what waits for one is bounded, see [class@Wse.Subscription].
 *
 * ```c
 * static void
 * on_event (WseSubscription *subscription, WseEvent *event, const char *channel, guint64 seq, gpointer user_data)
 * {
 *   g_autoptr (GString) line = g_string_new (NULL);
 *
 *   wse_dialect_write (WSE_DIALECT_FEED, event, channel, seq, line);
 *   g_print ("%s\n", line->str);
 * }
 *
 * const char *channels[] = { "system", NULL };
 * g_autoptr (WseBus) bus = wse_bus_new ();
 * g_autoptr (WseSubscription) subscription = wse_bus_subscribe (bus, channels, NULL, WSE_DEFAULT_HISTORY, &error);
 *
 * g_signal_connect (subscription, "event", G_CALLBACK (on_event), NULL);
 * wse_bus_start (bus);
 * wse_emit_cache (bus, "get", "user:42", TRUE, 2, 4096);
 * ```
 *
 * In Python:
 *
 * ```python
 * bus = Wse.Bus()
 * subscription = bus.subscribe(['system'], None, Wse.DEFAULT_HISTORY)
 * subscription.connect('event', lambda subscription, event, channel, seq: print(seq, event.get_message()))
 * bus.start()
 * Wse.emit_cache(bus, 'get', 'user:42', True, 2, 4096)
 * ```
 *
 * All methods may be called from any thread. A publisher never waits for a subscriber; several of them take turns, and the order in
 * which they get their turn is the order of the seqs. A bus remembers the last seq of every channel that it has ever had an event in.
 * When it is finalized, its subscriptions end and what waits for them is discarded.
 *
 * A publish that fails has told nobody: `WSE_ERROR_UNAVAILABLE` while the bus is stopped, `WSE_ERROR_NO_ROUTE` for an event without a
 * channel that is no system event, `WSE_ERROR_INVALID` for a system event that lacks some of its metadata, and whatever a transformer
 * fails with.
 *
 * Since: 0.1
 */
struct _WseBus
{
  GObject parent_instance;

  WseExchange *exchange;
  WseTypeMapper *mapper;
  guint history_size, queue_size;      /* __atomic */

  /* Transformers are asked for one event at a time. The lock is held while their code runs; who publishes from there is told so. */
  pthread_mutex_t chain_lock;
  GPtrArray *chain;            /* (element-type WseTransformer) the mapper first, the router last */
};

enum
{
  PROP_0,
  PROP_HISTORY_SIZE,
  PROP_QUEUE_SIZE,
  PROP_RUNNING,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (WseBus, wse_bus, G_TYPE_OBJECT)

static void
wse_bus_get_property (GObject    *object,
                      guint       id,
                      GValue     *value,
                      GParamSpec *pspec)
{
  WseBus *self = WSE_BUS (object);

  switch (id)
    {
    case PROP_HISTORY_SIZE:
      g_value_set_uint (value, __atomic_load_n (&self->history_size, __ATOMIC_RELAXED));
      break;

    case PROP_QUEUE_SIZE:
      g_value_set_uint (value, __atomic_load_n (&self->queue_size, __ATOMIC_RELAXED));
      break;

    case PROP_RUNNING:
      g_value_set_boolean (value, wse_bus_is_running (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
wse_bus_set_property (GObject      *object,
                      guint         id,
                      const GValue *value,
                      GParamSpec   *pspec)
{
  WseBus *self = WSE_BUS (object);

  switch (id)
    {
    case PROP_HISTORY_SIZE:
      __atomic_store_n (&self->history_size, g_value_get_uint (value), __ATOMIC_RELAXED);
      wse_exchange_set_history_size (self->exchange, g_value_get_uint (value));
      break;

    case PROP_QUEUE_SIZE:
      __atomic_store_n (&self->queue_size, g_value_get_uint (value), __ATOMIC_RELAXED);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
wse_bus_finalize (GObject *object)
{
  WseBus *self = WSE_BUS (object);

  wse_exchange_close (self->exchange);
  wse_exchange_unref (self->exchange);
  /* Whoever was in the chain last has let go of the lock. */
  pthread_mutex_lock (&self->chain_lock);
  pthread_mutex_unlock (&self->chain_lock);
  pthread_mutex_destroy (&self->chain_lock);
  g_ptr_array_unref (self->chain);
  g_object_unref (self->mapper);
  G_OBJECT_CLASS (wse_bus_parent_class)->finalize (object);
}

static void
wse_bus_class_init (WseBusClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = wse_bus_get_property;
  object_class->set_property = wse_bus_set_property;
  object_class->finalize = wse_bus_finalize;

  /**
   * WseBus:history-size:
   *
   * How many of the last events are kept for new subscribers, all channels together; 0 keeps none. Where it is made smaller the oldest
   * go at once.
   *
   * Since: 0.1
   */
  properties[PROP_HISTORY_SIZE] = g_param_spec_uint ("history-size", NULL, NULL, 0, WSE_MAX_HISTORY, WSE_DEFAULT_HISTORY,
                                                     G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS);

  /**
   * WseBus:queue-size:
   *
   * How many events may wait for one subscriber; subscriptions that exist keep what they were made with.
   *
   * Since: 0.1
   */
  properties[PROP_QUEUE_SIZE] = g_param_spec_uint ("queue-size", NULL, NULL, 1, WSE_MAX_QUEUE, WSE_DEFAULT_QUEUE,
                                                   G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS);

  /**
   * WseBus:running: (getter is_running)
   *
   * Whether the bus takes events; notified in the thread that starts or stops it.
   *
   * Since: 0.1
   */
  properties[PROP_RUNNING] = g_param_spec_boolean ("running", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
wse_bus_init (WseBus *self)
{
  pthread_mutexattr_t told_of_deadlock;

  pthread_mutexattr_init (&told_of_deadlock);
  pthread_mutexattr_settype (&told_of_deadlock, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init (&self->chain_lock, &told_of_deadlock);
  pthread_mutexattr_destroy (&told_of_deadlock);

  self->exchange = wse_exchange_new ();
  self->mapper = wse_type_mapper_new ();
  wse_type_mapper_add_defaults (self->mapper);
  self->chain = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (self->chain, g_object_ref (self->mapper));
  g_ptr_array_add (self->chain, wse_router_new ());
}

/**
 * wse_bus_new:
 *
 * Makes a bus. It is stopped: subscribe, then start it.
 *
 * Returns: (transfer full): a new bus
 *
 * Since: 0.1
 */
WseBus *
wse_bus_new (void)
{
  return g_object_new (WSE_TYPE_BUS, NULL);
}

static void
set_running (WseBus  *self,
             gboolean running)
{
  if (wse_exchange_set_running (self->exchange, running))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RUNNING]);
}

/**
 * wse_bus_start:
 * @self: a bus
 *
 * From now on the bus takes events. After a stop it goes on where it was: with its subscriptions, its history and its seqs.
 *
 * Since: 0.1
 */
void
wse_bus_start (WseBus *self)
{
  g_return_if_fail (WSE_IS_BUS (self));

  set_running (self, TRUE);
}

/**
 * wse_bus_stop:
 * @self: a bus
 *
 * From now on publishing is an error. What was published before is still delivered.
 *
 * Since: 0.1
 */
void
wse_bus_stop (WseBus *self)
{
  g_return_if_fail (WSE_IS_BUS (self));

  set_running (self, FALSE);
}

/**
 * wse_bus_is_running: (get-property running)
 * @self: a bus
 *
 * Whether the bus takes events.
 *
 * Returns: %TRUE between start and stop
 *
 * Since: 0.1
 */
gboolean
wse_bus_is_running (WseBus *self)
{
  g_return_val_if_fail (WSE_IS_BUS (self), FALSE);

  return wse_exchange_is_running (self->exchange);
}

/**
 * wse_bus_get_type_mapper:
 * @self: a bus
 *
 * The first transformer of the chain, for mappings of one's own; add them before the first event is published.
 *
 * Returns: (transfer none): the bus's mapper
 *
 * Since: 0.1
 */
WseTypeMapper *
wse_bus_get_type_mapper (WseBus *self)
{
  g_return_val_if_fail (WSE_IS_BUS (self), NULL);

  return self->mapper;
}

/**
 * wse_bus_add_transformer:
 * @self: a bus
 * @transformer: a transformer
 *
 * Adds @transformer to the chain, after those added before and before the router. It is called in the thread that publishes, for one
 * event at a time, and must not publish to the same bus or add to its chain.
 *
 * Since: 0.1
 */
void
wse_bus_add_transformer (WseBus         *self,
                         WseTransformer *transformer)
{
  g_return_if_fail (WSE_IS_BUS (self));
  g_return_if_fail (WSE_IS_TRANSFORMER (transformer));

  if (pthread_mutex_lock (&self->chain_lock) == EDEADLK)
    {
      g_warning ("a transformer cannot add to the chain that it is in");
      return;
    }
  g_ptr_array_insert (self->chain, self->chain->len - 1, g_object_ref (transformer));
  pthread_mutex_unlock (&self->chain_lock);
}

static WseVerdict
transform (WseBus    *self,
           WseEvent **event,
           GError   **error)
{
  WseVerdict verdict;

  if (pthread_mutex_lock (&self->chain_lock) == EDEADLK)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_FAILED, "a transformer cannot publish to the bus that it is in");
      return WSE_VERDICT_FAIL;
    }
  verdict = wse_transformers_run (self->chain, event, error);
  pthread_mutex_unlock (&self->chain_lock);
  return verdict;
}

/**
 * wse_bus_publish:
 * @self: a bus
 * @event: an event
 * @error: return location for an error
 *
 * Publishes @event. When it returns, the event has its place in its channels and waits for each subscriber that takes it; no handler
 * has been called. Any thread; a handler may publish, a transformer of this bus may not.
 *
 * Returns: %TRUE, also where a transformer dropped the event; %FALSE with `WSE_ERROR_UNAVAILABLE` where the bus is stopped, else with
 *   the error of the transformer that failed: nobody was told of the event then
 *
 * Since: 0.1
 */
gboolean
wse_bus_publish (WseBus   *self,
                 WseEvent *event,
                 GError  **error)
{
  g_autoptr (WseEvent) given = NULL;

  g_return_val_if_fail (WSE_IS_BUS (self), FALSE);
  g_return_val_if_fail (event != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  /* So that no transformer is asked for nothing; it is decided below. */
  if (!wse_exchange_is_running (self->exchange))
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the bus is stopped");
      return FALSE;
    }
  given = wse_event_ref (event);
  switch (transform (self, &given, error))
    {
    case WSE_VERDICT_DELIVER:
      return wse_exchange_publish (self->exchange, given, error);

    case WSE_VERDICT_DROP:
      wse_exchange_count_filtered (self->exchange);
      return TRUE;

    case WSE_VERDICT_FAIL:
    default:
      return FALSE;
    }
}

static gboolean
check_channels (const char * const *channels,
                GError            **error)
{
  guint i;

  for (i = 0; channels[i] != NULL; i++)
    {
      if (i == WSE_MAX_CURSOR_CHANNELS)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "channels: more than %d", WSE_MAX_CURSOR_CHANNELS);
          return FALSE;
        }
      if (!wse_channel_is_valid (channels[i]))
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "channels: number %u is not the name of a channel", i + 1);
          return FALSE;
        }
    }
  if (i == 0)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "channels: an empty list takes nothing");
      return FALSE;
    }
  return TRUE;
}

/**
 * wse_bus_subscribe:
 * @self: a bus
 * @channels: (nullable) (array zero-terminated=1): the channels, at most 1000; %NULL: all, also those that come to be later
 * @filter: (nullable): which of their events; %NULL: all
 * @history: how many of the kept events that it takes are delivered before those to come, the oldest first; 0: none. No more than
 *   [property@Wse.Bus:history-size] are kept, and no more than [property@Wse.Bus:queue-size] are delivered
 * @error: return location for an error
 *
 * Subscribes. Between the history and what is published from now on nothing is missing and nothing comes twice. The signals are emitted
 * in the thread-default main context of the calling thread (see [class@Wse.Subscription]). The bus may be stopped.
 *
 * Returns: (transfer full): the subscription, which lasts until it is cancelled or the bus is finalized; %NULL with
 *   `WSE_ERROR_INVALID` where @channels is empty, too long, or has something that is not the name of a channel
 *
 * Since: 0.1
 */
WseSubscription *
wse_bus_subscribe (WseBus             *self,
                   const char * const *channels,
                   WseFilter          *filter,
                   guint               history,
                   GError            **error)
{
  guint queue_size;
  WseSubscription *subscription;

  g_return_val_if_fail (WSE_IS_BUS (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (channels != NULL && !check_channels (channels, error))
    return NULL;
  queue_size = __atomic_load_n (&self->queue_size, __ATOMIC_RELAXED);
  subscription = wse_subscription_new (self->exchange, channels, filter, queue_size);
  wse_exchange_join (self->exchange, subscription, MIN (history, queue_size));
  return subscription;
}

/**
 * wse_bus_get_stats:
 * @self: a bus
 * @stats: (out caller-allocates): where to put the statistics
 *
 * Tells what the bus has done and holds at this moment.
 *
 * Since: 0.1
 */
void
wse_bus_get_stats (WseBus      *self,
                   WseBusStats *stats)
{
  g_return_if_fail (WSE_IS_BUS (self));
  g_return_if_fail (stats != NULL);

  wse_exchange_get_stats (self->exchange, stats);
}
