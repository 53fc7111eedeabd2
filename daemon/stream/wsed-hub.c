/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedHub knows, on the main thread, which channels have subscribers on which worker. It encodes each event once per encoding in use into
 * the tail and sends the workers concerned one message per batch. It never waits for a worker. */

#include "stream/wsed-hub.h"

#include <string.h>

#include "stream/wsed-join.h"
#include "stream/wsed-order.h"
#include "stream/wsed-stream-metrics.h"

/* A batch on its way to a worker. */
typedef struct
{
  WsedMessage message;
  WsedHub *hub;
  WsedWorker *worker;
  GArray *arrivals;            /* (element-type WsedArrival) */
  GPtrArray *chunks;           /* new to the worker, referenced for it */
  guint64 first_chunk;
  gsize bytes;                 /* what it holds: itself, its events, and the chunks, which a worker that does not come to it keeps */
} Delivery;

/* With its two arrays. */
#define DELIVERY_BYTES (sizeof (Delivery) + 256)

struct _WsedHub
{
  WsedHubConfig config;
  WsedLog *log;
  WsedInbox *main;
  WsedTail *tail;
  GHashTable *channels;        /* set of the first stream's `channel` of each channel, by encoding; without "*" */
  WsedStream *whole;           /* the first of "*" */
  GString *text;
  char epoch[WSE_MAX_EPOCH_BYTES + 1]; /* the log's; known before the first subscription is answered */

  guint n_workers;
  WsedWorker **workers;
  Delivery **outgoing;         /* one for each worker while a batch is published */
  guint64 *last_chunk;         /* the newest chunk each worker was given */
  guint64 first_told;          /* the oldest chunk that the workers were told is kept */
  guint next_worker;
  gsize pending;               /* atomic: bytes of deliveries under way */
  guint connections;
  guint64 admitted;            /* since the start */

  WsedHubClosed closed;
  gpointer closed_data;

  guint shutdown_source;
  void (*shut_down) (gpointer);
  gpointer shut_down_data;
};

static WsedStream *
find_streams (WsedHub    *hub,
              const char *channel)
{
  gpointer name;

  if (!g_hash_table_lookup_extended (hub->channels, channel, &name, NULL))
    return NULL;
  return (WsedStream *) ((char *) name - G_STRUCT_OFFSET (WsedStream, channel));
}

WsedHub *
wsed_hub_new (const WsedHubConfig *config,
              WsedLog             *log,
              WsedInbox           *main)
{
  WsedHub *hub = g_new0 (WsedHub, 1);

  wsed_stream_metrics_init ();
  hub->config = *config;
  hub->log = g_object_ref (log);
  hub->main = main;
  hub->tail = wsed_tail_new (config->tail_bytes);
  hub->channels = g_hash_table_new (g_str_hash, g_str_equal);
  hub->text = g_string_sized_new (1024);
  hub->n_workers = hub->config.workers = CLAMP (config->workers, 1, WSED_MAX_WORKERS);
  hub->workers = g_new0 (WsedWorker *, hub->n_workers);
  hub->outgoing = g_new0 (Delivery *, hub->n_workers);
  hub->last_chunk = g_new0 (guint64, hub->n_workers);
  for (guint i = 0; i < hub->n_workers; i++)
    {
      hub->workers[i] = wsed_worker_new (i, hub, &hub->config, log);
      wsed_worker_start (hub->workers[i]);
    }
  return hub;
}

void
wsed_hub_set_closed (WsedHub       *hub,
                     WsedHubClosed  closed,
                     gpointer       user_data)
{
  hub->closed = closed;
  hub->closed_data = user_data;
}

/* Publishing */

static void
run_delivery (WsedMessage *message,
              gpointer     user_data)
{
  Delivery *delivery = (Delivery *) message;

  for (guint i = 0; i < delivery->chunks->len; i++)
    wsed_worker_take_chunk (delivery->worker, g_ptr_array_index (delivery->chunks, i));
  for (guint i = 0; i < delivery->arrivals->len; i++)
    {
      WsedArrival *arrival = &g_array_index (delivery->arrivals, WsedArrival, i);

      wsed_worker_arrive (delivery->worker, arrival);
      wsed_stream_unref (arrival->stream);
      wsed_entry_unref (arrival->entry);
    }
  wsed_worker_evict (delivery->worker, delivery->first_chunk);
  __atomic_sub_fetch (&delivery->hub->pending, delivery->bytes, __ATOMIC_RELAXED);
  g_array_unref (delivery->arrivals);
  g_ptr_array_unref (delivery->chunks);
  g_free (delivery);
}

static Delivery *
get_delivery (WsedHub *hub,
              guint    worker)
{
  Delivery *delivery = hub->outgoing[worker];

  if (delivery != NULL)
    return delivery;
  delivery = g_new0 (Delivery, 1);
  delivery->message.run = run_delivery;
  delivery->hub = hub;
  delivery->worker = hub->workers[worker];
  delivery->arrivals = g_array_new (FALSE, FALSE, sizeof (WsedArrival));
  delivery->chunks = g_ptr_array_new ();
  delivery->bytes = DELIVERY_BYTES;
  hub->outgoing[worker] = delivery;
  return delivery;
}

static void
send (WsedHub         *hub,
      WsedStream      *stream,
      WsedEntry       *entry,
      guint64          seq,
      guint64          key,
      const WsedPiece *piece)
{
  WsedArrival arrival = { wsed_stream_ref (stream), wsed_entry_ref (entry), *piece, seq, key };
  Delivery *delivery = get_delivery (hub, stream->slot.worker);
  GArray *arrivals = delivery->arrivals;

  /* Once for all the streams that it is in. */
  if (arrivals->len == 0 || g_array_index (arrivals, WsedArrival, arrivals->len - 1).entry != entry)
    delivery->bytes += sizeof (WsedEntry) + wsed_log_measure (entry->event);
  if (piece->chunk->id > hub->last_chunk[stream->slot.worker])
    {
      g_ptr_array_add (delivery->chunks, wsed_chunk_ref (piece->chunk));
      hub->last_chunk[stream->slot.worker] = piece->chunk->id;
      delivery->bytes += sizeof (WsedChunk) + piece->chunk->size;
    }
  g_array_append_val (arrivals, arrival);
  /* The array grows to twice what it had. */
  delivery->bytes += 2 * sizeof (WsedArrival);
}

static void
encode (WsedHub      *hub,
        WsedEntry    *entry,
        guint         channel,
        WsedEncoding  encoding,
        WsedPiece    *piece)
{
  char head[WSED_ENCODING_HEAD];
  gsize length = wsed_encoding_write (encoding, entry, entry->event->channels[channel], entry->seqs[channel], hub->epoch, hub->text, head);

  wsed_tail_write (hub->tail, head, length, hub->text->str, hub->text->len, piece);
}

/* The whole log shows an event as its first channel does. All are told before anything else is encoded: what a worker is told must lie
 * in the order in which the tail evicts, and only then does it hold the chunk. */
static gboolean
publish_in_channel (WsedHub   *hub,
                    WsedEntry *entry,
                    guint      channel,
                    gboolean   whole)
{
  WsedStream *stream = find_streams (hub, entry->event->channels[channel]);
  WsedStream *all = whole ? hub->whole : NULL;
  gboolean any = stream != NULL || all != NULL;
  guint64 key = any && entry->n > 0 && hub->config.conflation != NULL ? wsed_conflation_get_key (hub->config.conflation, entry->event) : 0;

  while (stream != NULL || all != NULL)
    {
      WsedEncoding encoding = MIN (stream != NULL ? stream->slot.encoding : WSED_N_ENCODINGS, all != NULL ? all->slot.encoding : WSED_N_ENCODINGS);
      WsedPiece piece;

      encode (hub, entry, channel, encoding, &piece);
      for (; stream != NULL && stream->slot.encoding == encoding; stream = stream->next)
        send (hub, stream, entry, entry->seqs[channel], key, &piece);
      for (; all != NULL && all->slot.encoding == encoding; all = all->next)
        send (hub, all, entry, entry->n, key, &piece);
    }
  return any;
}

static void
publish (WsedHub   *hub,
         WsedEntry *entry)
{
  gboolean any = FALSE, first = TRUE;

  /* What had to be read from the log may be gone from one of its channels; what is kept nowhere is not in the log. */
  for (guint i = 0; i < entry->event->n_channels; i++)
    if (entry->seqs[i] > 0 || entry->n == 0)
      {
        any |= publish_in_channel (hub, entry, i, first && entry->n > 0);
        first = FALSE;
      }
  /* The views keep it whole, to look at. */
  if (any && entry->event->n_channels > 1)
    wsed_tail_charge (hub->tail, wsed_log_measure (entry->event));
}

void
wsed_hub_publish (WsedHub            *hub,
                  WsedEntry * const  *entries,
                  guint               n_entries)
{
  guint64 first_chunk;
  gboolean evicted;

  for (guint i = 0; i < n_entries; i++)
    publish (hub, entries[i]);
  first_chunk = wsed_tail_get_first_id (hub->tail);
  evicted = first_chunk != hub->first_told;
  hub->first_told = first_chunk;
  for (guint i = 0; i < hub->n_workers; i++)
    {
      Delivery *delivery;

      /* Also to one that gets nothing new, so that it lets go of what is evicted. */
      if (evicted && hub->last_chunk[i] > 0)
        get_delivery (hub, i);
      delivery = g_steal_pointer (&hub->outgoing[i]);
      if (delivery == NULL)
        continue;
      delivery->first_chunk = first_chunk;
      __atomic_add_fetch (&hub->pending, delivery->bytes, __ATOMIC_RELAXED);
      wsed_inbox_push (wsed_worker_get_inbox (hub->workers[i]), &delivery->message);
    }
  wsed_metric_set (wsed_stream_metrics ()->tail_bytes, wsed_tail_get_bytes (hub->tail));
}

gsize
wsed_hub_get_pending (WsedHub *hub)
{
  return __atomic_load_n (&hub->pending, __ATOMIC_RELAXED);
}

/* Subscriptions */

/* Counts one more subscription of @worker's. */
static WsedStream *
add_subscription (WsedHub     *hub,
                  const char  *channel,
                  WsedEncoding encoding,
                  guint        worker)
{
  gboolean whole = strcmp (channel, "*") == 0;
  WsedStream *first = whole ? hub->whole : find_streams (hub, channel);
  WsedStream *before = NULL, *stream = first;

  if (first == NULL && hub->config.watch != NULL)
    hub->config.watch (channel, TRUE, hub->config.user_data);
  while (stream != NULL && (stream->slot.encoding < encoding || (stream->slot.encoding == encoding && stream->slot.worker < worker)))
    {
      before = stream;
      stream = stream->next;
    }
  if (stream == NULL || stream->slot.encoding != encoding || stream->slot.worker != worker)
    {
      WsedStream *next = stream;

      stream = wsed_stream_new (channel, encoding, worker);
      stream->next = next;
      if (before != NULL)
        before->next = stream;
      else if (whole)
        hub->whole = stream;
      else
        g_hash_table_add (hub->channels, stream->channel);
      wsed_metric_add (wsed_stream_metrics ()->streams, 1);
    }
  stream->subscriptions++;
  return stream;
}

static void
remove_subscription (WsedHub    *hub,
                     WsedStream *stream)
{
  gboolean whole = wsed_stream_is_whole (stream);
  WsedStream *before = whole ? hub->whole : find_streams (hub, stream->channel);

  g_assert (stream->subscriptions > 0);

  if (--stream->subscriptions > 0)
    return;
  if (before != stream)
    {
      while (before->next != stream)
        before = before->next;
      before->next = stream->next;
    }
  else if (whole)
    hub->whole = stream->next;
  else if (stream->next != NULL)
    g_hash_table_add (hub->channels, stream->next->channel);
  else
    g_hash_table_remove (hub->channels, stream->channel);
  wsed_metric_add (wsed_stream_metrics ()->streams, -1);
  if (hub->config.watch != NULL && before == stream && stream->next == NULL)
    hub->config.watch (stream->channel, FALSE, hub->config.user_data);
  wsed_stream_unref (stream);
}

static void
give_back_join (WsedMessage *message,
                gpointer     user_data)
{
  WsedJoin *join = (WsedJoin *) message;

  if (join->joined != NULL)
    {
      join->joined (join);
      return;
    }
  wsed_hub_leave (join->hub, g_steal_pointer (&join->streams));
  wsed_join_free (join);
}

static void
on_heads (WsedMessage *message,
          gpointer     user_data)
{
  WsedJoin *join = user_data;
  const WsedHead *log = &g_array_index (join->heads->heads, WsedHead, join->heads->heads->len - 1);

  if (join->heads->error == NULL)
    memcpy (join->hub->epoch, log->epoch, sizeof join->hub->epoch);
  if (join->answered != NULL)
    join->answered (join);
  join->message.run = give_back_join;
  wsed_inbox_push (wsed_worker_get_inbox (join->worker), &join->message);
}

static void
run_join (WsedMessage *message,
          gpointer     user_data)
{
  WsedJoin *join = (WsedJoin *) message;
  WsedHub *hub = join->hub;

  join->streams = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_stream_unref);
  join->heads = wsed_heads_new (hub->main);
  for (guint i = 0; join->channels[i] != NULL; i++)
    {
      WsedStream *stream = add_subscription (hub, join->channels[i], join->encoding, wsed_worker_get_index (join->worker));

      g_ptr_array_add (join->streams, wsed_stream_ref (stream));
      wsed_heads_add (join->heads, join->channels[i]);
    }
  wsed_heads_add (join->heads, "*");
  join->heads->message.run = on_heads;
  join->heads->message.user_data = join;
  if (hub->config.ask != NULL)
    hub->config.ask (join->heads, hub->config.user_data);
  else
    wsed_log_heads (hub->log, join->heads);
}

void
wsed_hub_join (WsedHub  *hub,
               WsedJoin *join)
{
  join->message.run = run_join;
  wsed_inbox_push (hub->main, &join->message);
}

/* What workers tell the hub when something of theirs ends. */
typedef struct
{
  WsedMessage message;
  WsedHub *hub;
  GPtrArray *streams;
  char *user;
  char *place;
} Ending;

static void
run_leave (WsedMessage *message,
           gpointer     user_data)
{
  Ending *ending = (Ending *) message;

  for (guint i = 0; i < ending->streams->len; i++)
    remove_subscription (ending->hub, g_ptr_array_index (ending->streams, i));
  g_ptr_array_unref (ending->streams);
  g_free (ending);
}

void
wsed_hub_leave (WsedHub   *hub,
                GPtrArray *streams)
{
  Ending *ending = g_new0 (Ending, 1);

  ending->message.run = run_leave;
  ending->hub = hub;
  ending->streams = streams;
  wsed_inbox_push (hub->main, &ending->message);
}

gboolean
wsed_hub_reads (WsedHub    *hub,
                const char *channel)
{
  return hub->whole != NULL || g_hash_table_contains (hub->channels, channel);
}

void
wsed_hub_get_streams (WsedHub    *hub,
                      const char *name,
                      GPtrArray  *streams)
{
  WsedStream *stream = strcmp (name, "*") == 0 ? hub->whole : find_streams (hub, name);

  for (; stream != NULL; stream = stream->next)
    g_ptr_array_add (streams, wsed_stream_ref (stream));
}

/* Connections */

static void
check_shut_down (WsedHub *hub)
{
  if (hub->connections > 0 || hub->shutdown_source == 0)
    return;
  g_clear_handle_id (&hub->shutdown_source, g_source_remove);
  hub->shut_down (hub->shut_down_data);
}

static void
run_ended (WsedMessage *message,
           gpointer     user_data)
{
  Ending *ending = (Ending *) message;
  WsedHub *hub = ending->hub;

  hub->connections--;
  wsed_metric_set (wsed_stream_metrics ()->connections, hub->connections);
  if (hub->closed != NULL)
    hub->closed (ending->user, ending->place, hub->closed_data);
  g_free (ending->user);
  g_free (ending->place);
  g_free (ending);
  check_shut_down (hub);
}

void
wsed_hub_ended (WsedHub *hub,
                char    *user,
                char    *place)
{
  Ending *ending = g_new0 (Ending, 1);

  ending->message.run = run_ended;
  ending->hub = hub;
  ending->user = user;
  ending->place = place;
  wsed_inbox_push (hub->main, &ending->message);
}

/* 1 ms a client, at least a second: so many come back at once as a daemon accepts. */
static void
send_shutdown (WsedHub    *hub,
               WsedWorker *worker)
{
  wsed_order_shutdown (worker, MAX (1000, hub->connections));
}

/* The worker makes the connection, then gets the join as the next message. */
static void
send_admission (WsedJoin *join)
{
  /* Taken back since the handshake, before the worker could be told. */
  join->admission->withdrawn
    = join->hub->config.authority != NULL && !wsed_authority_upholds (join->hub->config.authority, join->admission->client.grant);
  wsed_order_admit (join->worker, join->admission);
  /* Admitted before the stop, made after it. */
  if (join->hub->shut_down != NULL)
    send_shutdown (join->hub, join->worker);
}

void
wsed_hub_admit (WsedHub       *hub,
                WsedAdmission *admission)
{
  WsedWorker *worker = hub->workers[hub->next_worker++ % hub->n_workers];

  admission->serial = ++hub->admitted;
  hub->connections++;
  wsed_metric_set (wsed_stream_metrics ()->connections, hub->connections);
  wsed_metric_add (wsed_stream_metrics ()->connections_total, 1);
  admission->join = wsed_join_new (hub, worker, (const char * const *) admission->channels,
                                   wsed_encoding (admission->client.dialect, admission->client.framing), NULL, NULL);
  admission->join->admission = admission;
  admission->join->answered = send_admission;
  run_join (&admission->join->message, NULL);
}

guint
wsed_hub_get_connections (WsedHub *hub)
{
  return hub->connections;
}

WsedWorker * const *
wsed_hub_get_workers (WsedHub *hub,
                      guint   *n_workers)
{
  *n_workers = hub->n_workers;
  return hub->workers;
}

WsedInbox *
wsed_hub_get_main (WsedHub *hub)
{
  return hub->main;
}

static gboolean
on_shutdown_deadline (gpointer user_data)
{
  WsedHub *hub = user_data;

  g_message ("%u connections did not end in time", hub->connections);
  hub->shutdown_source = 0;
  hub->shut_down (hub->shut_down_data);
  return G_SOURCE_REMOVE;
}

void
wsed_hub_shutdown (WsedHub *hub,
                   guint    deadline,
                   void (*done) (gpointer),
                   gpointer user_data)
{
  hub->shut_down = done;
  hub->shut_down_data = user_data;
  hub->shutdown_source = g_timeout_add (deadline, on_shutdown_deadline, hub);
  for (guint i = 0; i < hub->n_workers; i++)
    send_shutdown (hub, hub->workers[i]);
  check_shut_down (hub);
}

void
wsed_hub_free (WsedHub *hub)
{
  if (hub == NULL)
    return;
  for (guint i = 0; i < hub->n_workers; i++)
    wsed_worker_stop (hub->workers[i]);
  /* What the workers have said last, and what that sends them. */
  while (wsed_inbox_run (hub->main) > 0)
    for (guint i = 0; i < hub->n_workers; i++)
      wsed_inbox_run (wsed_worker_get_inbox (hub->workers[i]));
  for (guint i = 0; i < hub->n_workers; i++)
    wsed_worker_free (hub->workers[i]);
  g_clear_handle_id (&hub->shutdown_source, g_source_remove);
  g_hash_table_unref (hub->channels);
  wsed_tail_free (hub->tail);
  g_string_free (hub->text, TRUE);
  g_object_unref (hub->log);
  g_free (hub->workers);
  g_free (hub->outgoing);
  g_free (hub->last_chunk);
  g_free (hub);
}
