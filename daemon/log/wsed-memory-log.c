/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedMemoryLog owns events in rings: one for the whole log by n, one a channel by seq. It answers on the calling thread, under one
 * lock, and never touches a disk. Retention is applied whenever somebody asks. */

#include "log/wsed-memory-log.h"
#include "log/wsed-memory-consumers.h"
#include "log/wsed-memory-sources.h"
#include "log/wsed-ring.h"
#include "log/wsed-id-window.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

/* Events looked at for one read, so that a rare type does not hold the lock. */
#define MAX_SCANNED 10000

struct _WsedMemoryLog
{
  GObject parent_instance;

  pthread_mutex_t lock;
  WsedRetention retention;
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  gboolean closed;
  WsedRing all;
  GHashTable *channels;        /* (element-type utf8 WsedRing) */
  WsedIdWindow *ids;
  WsedMemoryConsumers *consumers;
  WsedMemorySources *sources;
  WsedLogStats stats;
};

static void wsed_memory_log_iface_init (WsedLogInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedMemoryLog, wsed_memory_log, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSED_TYPE_LOG, wsed_memory_log_iface_init))

static WsedRing *
find_channel (WsedMemoryLog *self,
              const char    *name)
{
  return strcmp (name, "*") == 0 ? &self->all : g_hash_table_lookup (self->channels, name);
}

static void
forget_record (WsedMemoryLog *self,
               WsedRecord    *record)
{
  guint64 n = record->entry->n;

  self->all.items[n & self->all.mask] = NULL;
  while (self->all.low < self->all.head && wsed_ring_at (&self->all, self->all.low + 1) == NULL)
    self->all.low++;
  self->stats.bytes -= record->bytes;
  self->stats.events--;
  self->stats.removed++;
  wsed_entry_unref (record->entry);
  g_free (record);
}

static void
remove_oldest (WsedMemoryLog *self,
               WsedRing      *channel)
{
  WsedRecord *record = wsed_ring_at (channel, channel->low + 1);

  channel->low++;
  channel->low_n = record->entry->n;
  if (--record->live == 0)
    forget_record (self, record);
}

/* Takes the log's oldest event out of each of its channels, where it is the oldest too. */
static void
remove_first (WsedMemoryLog *self)
{
  WsedRecord *record = wsed_ring_at (&self->all, self->all.low + 1);
  g_autoptr (WsedEntry) entry = wsed_entry_ref (record->entry);

  for (guint i = 0; i < entry->event->n_channels; i++)
    {
      WsedRing *channel = g_hash_table_lookup (self->channels, entry->event->channels[i]);

      if (entry->seqs[i] > channel->low)
        remove_oldest (self, channel);
    }
}

static void
apply_retention (WsedMemoryLog *self)
{
  gint64 oldest = self->retention.max_age > 0 ? g_get_real_time () - self->retention.max_age : G_MININT64;
  guint64 bytes = self->retention.max_bytes > 0 ? self->retention.max_bytes : G_MAXUINT64;

  while (self->all.low < self->all.head &&
         (self->stats.bytes > bytes || wsed_ring_at (&self->all, self->all.low + 1)->time < oldest))
    remove_first (self);
}

static void
lock_log (WsedMemoryLog *self)
{
  pthread_mutex_lock (&self->lock);
  apply_retention (self);
}

static void
unlock_log (WsedMemoryLog *self)
{
  pthread_mutex_unlock (&self->lock);
}

static gboolean
refuse_closed (WsedMemoryLog *self,
               GError       **error)
{
  if (self->closed)
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log is closed");
  return self->closed;
}

/* The answer for a duplicate: the event as it was sent, with the first one's places as far as they are known. */
static gboolean
answer_duplicate (WsedMemoryLog *self,
                  WseEvent      *event,
                  guint64        hash,
                  WsedEntry    **entry)
{
  guint64 n, seq;
  WsedRecord *first;

  if (!wsed_id_window_find (self->ids, hash, &n, &seq))
    return FALSE;
  first = wsed_ring_at (&self->all, n);
  if (first != NULL && strcmp (first->entry->event->id, event->id) != 0)
    return FALSE;
  *entry = wsed_entry_new (event, n, NULL);
  (*entry)->seqs[0] = seq;
  for (guint i = 1; first != NULL && i < event->n_channels; i++)
    (*entry)->seqs[i] = wsed_entry_get_seq (first->entry, event->channels[i]);
  return TRUE;
}

static WsedEntry *
keep_event (WsedMemoryLog *self,
            WseEvent      *event,
            gint64         now)
{
  WsedRecord *record = g_new0 (WsedRecord, 1);

  record->entry = wsed_entry_new (event, self->all.head + 1, NULL);
  record->time = now;
  record->bytes = wsed_log_measure (event);
  record->live = event->n_channels;
  wsed_ring_push (&self->all, record);
  self->stats.bytes += record->bytes;
  self->stats.events++;
  self->stats.appended++;
  for (guint i = 0; i < event->n_channels; i++)
    {
      WsedRing *channel = g_hash_table_lookup (self->channels, event->channels[i]);

      if (channel == NULL)
        {
          channel = g_new0 (WsedRing, 1);
          channel->name = g_strdup (event->channels[i]);
          g_hash_table_insert (self->channels, channel->name, channel);
        }
      wsed_ring_push (channel, record);
      record->entry->seqs[i] = channel->head;
    }
  return wsed_entry_ref (record->entry);
}

static void
trim_channels (WsedMemoryLog *self,
               WseEvent      *event)
{
  if (self->retention.max_events == 0)
    return;
  for (guint i = 0; i < event->n_channels; i++)
    {
      WsedRing *channel = g_hash_table_lookup (self->channels, event->channels[i]);

      while (channel->head - channel->low > self->retention.max_events)
        remove_oldest (self, channel);
    }
}

static void
keep_events (WsedMemoryLog *self,
             WsedAppend    *append,
             gint64         now)
{
  for (guint i = 0; i < append->events->len; i++)
    {
      WseEvent *event = g_ptr_array_index (append->events, i);
      guint64 hash = wsed_id_window_hash (self->ids, event->channels[0], event->id);

      append->duplicates[i] = answer_duplicate (self, event, hash, &append->entries[i]);
      self->stats.duplicates += append->duplicates[i];
      if (append->duplicates[i])
        continue;
      append->entries[i] = keep_event (self, event, now);
      wsed_id_window_add (self->ids, append->entries[i]->n, hash, append->entries[i]->seqs[0]);
      wsed_id_window_trim (self->ids);
      trim_channels (self, event);
    }
  append->n_done = append->events->len;
  self->stats.commits++;
}

static void
wsed_memory_log_append (WsedLog    *log,
                        WsedAppend *append)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);
  gint64 now = g_get_real_time ();

  lock_log (self);
  if (!refuse_closed (self, &append->error) && wsed_memory_sources_apply (self->sources, append, now))
    {
      keep_events (self, append, now);
      apply_retention (self);
    }
  wsed_inbox_push (append->reply_to, &append->message);
  unlock_log (self);
}

static void
wsed_memory_log_heads (WsedLog   *log,
                       WsedHeads *heads)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);

  lock_log (self);
  for (guint i = 0; i < heads->heads->len; i++)
    {
      WsedHead *head = &g_array_index (heads->heads, WsedHead, i);
      WsedRing *ring = find_channel (self, head->channel);

      memcpy (head->epoch, self->epoch, sizeof head->epoch);
      head->low = ring != NULL ? ring->low : 0;
      head->head = ring != NULL ? ring->head : 0;
    }
  heads->n = self->all.head;
  refuse_closed (self, &heads->error);
  wsed_inbox_push (heads->reply_to, &heads->message);
  unlock_log (self);
}

/* The entry as it stands now: a channel that retention has taken it from does not count it any more. */
static WsedEntry *
present_entry (WsedMemoryLog *self,
               WsedRecord    *record)
{
  WsedEntry *entry = record->entry, *copy;

  if (record->live == entry->event->n_channels)
    return wsed_entry_ref (entry);
  copy = wsed_entry_new (entry->event, entry->n, entry->seqs);
  for (guint i = 0; i < entry->event->n_channels; i++)
    {
      WsedRing *channel = g_hash_table_lookup (self->channels, entry->event->channels[i]);

      if (copy->seqs[i] <= channel->low)
        copy->seqs[i] = 0;
    }
  return copy;
}

/* The smallest n that a position stands before; G_MAXUINT64: all are at the end. */
static guint64
next_n (WsedRead  *read,
        WsedRing **rings)
{
  guint64 n = G_MAXUINT64;

  for (guint i = 0; i < read->positions->len; i++)
    {
      WsedPosition *position = &g_array_index (read->positions, WsedPosition, i);

      if (rings[i] == NULL || position->seq >= rings[i]->head)
        continue;
      n = MIN (n, rings[i]->name == NULL ? position->seq + 1 : wsed_ring_at (rings[i], position->seq + 1)->entry->n);
    }
  return n;
}

/* Moves every position that stands before @record past it; whether one of them wants it. */
static gboolean
pass (WsedRead    *read,
      WsedRing   **rings,
      WsedRecord  *record)
{
  gboolean wanted = FALSE;

  for (guint i = 0; i < read->positions->len; i++)
    {
      WsedPosition *position = &g_array_index (read->positions, WsedPosition, i);

      if (rings[i] == NULL || position->seq >= rings[i]->head || wsed_ring_at (rings[i], position->seq + 1) != record)
        continue;
      position->seq++;
      wanted |= wse_filter_matches (position->filter, record->entry->event);
    }
  return wanted;
}

static void
read_merged (WsedMemoryLog  *self,
             WsedRead       *read,
             WsedRing      **rings)
{
  gsize bytes = 0;
  guint64 n;

  for (guint scanned = 0; (n = next_n (read, rings)) != G_MAXUINT64; scanned++)
    {
      WsedRecord *record = wsed_ring_at (&self->all, n);

      if (scanned >= MAX_SCANNED || read->entries->len >= read->max_events)
        return;
      if (record == NULL)
        {
          WsedPosition *all = &g_array_index (read->positions, WsedPosition, 0);

          /* Only the whole log has holes: what is gone from every channel. */
          if (read->entries->len > 0)
            return;
          all->seq = all->low = read->n = n;
          continue;
        }
      if (read->entries->len > 0 && bytes + record->entry->event->payload_length > read->max_bytes)
        return;
      read->n = n;
      if (!pass (read, rings, record))
        continue;
      bytes += record->entry->event->payload_length;
      g_ptr_array_add (read->entries, present_entry (self, record));
    }
  read->end = TRUE;
  read->n = self->all.head;
}

static void
wsed_memory_log_read (WsedLog  *log,
                      WsedRead *read)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);
  g_autofree WsedRing **rings = g_new0 (WsedRing *, MAX (1, read->positions->len));

  lock_log (self);
  for (guint i = 0; i < read->positions->len; i++)
    {
      WsedPosition *position = &g_array_index (read->positions, WsedPosition, i);

      rings[i] = find_channel (self, position->channel);
      position->low = rings[i] != NULL ? rings[i]->low : 0;
      position->seq = MAX (position->seq, position->low);
    }
  if (!refuse_closed (self, &read->error))
    read_merged (self, read, rings);
  wsed_inbox_push (read->reply_to, &read->message);
  unlock_log (self);
}

static void
wsed_memory_log_locate (WsedLog    *log,
                        WsedLocate *locate)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);
  WsedRing *ring;

  lock_log (self);
  ring = find_channel (self, locate->channel);
  if (ring != NULL && !refuse_closed (self, &locate->error))
    {
      locate->seq = locate->history > 0 ? wsed_ring_locate_history (ring, locate) : wsed_ring_locate_n (ring, locate->after_n);
      locate->lost = locate->history == 0 && ring->low_n > locate->after_n;
    }
  wsed_inbox_push (locate->reply_to, &locate->message);
  unlock_log (self);
}

static void
wsed_memory_log_consume (WsedLog      *log,
                         WsedConsumer *consumer)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);

  lock_log (self);
  if (!refuse_closed (self, &consumer->error))
    wsed_memory_consumers_carry_out (self->consumers, consumer, g_get_real_time ());
  wsed_inbox_push (consumer->reply_to, &consumer->message);
  unlock_log (self);
}

static void
wsed_memory_log_erase (WsedLog   *log,
                       WsedErase *erase)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);
  WsedRing *ring;

  lock_log (self);
  ring = g_hash_table_lookup (self->channels, erase->channel);
  if (!refuse_closed (self, &erase->error) && ring != NULL)
    {
      erase->known = TRUE;
      memcpy (erase->epoch, self->epoch, sizeof erase->epoch);
      erase->low = ring->low;
      erase->head = ring->head;
      erase->n = self->all.head;
      while (ring->low < ring->head)
        remove_oldest (self, ring);
    }
  wsed_inbox_push (erase->reply_to, &erase->message);
  unlock_log (self);
}

static void
wsed_memory_log_positions (WsedLog       *log,
                           WsedPositions *positions)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);

  lock_log (self);
  if (!refuse_closed (self, &positions->error))
    wsed_memory_sources_positions (self->sources, positions);
  wsed_inbox_push (positions->reply_to, &positions->message);
  unlock_log (self);
}

static void
wsed_memory_log_letters (WsedLog     *log,
                         WsedLetters *letters)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);

  lock_log (self);
  if (!refuse_closed (self, &letters->error))
    wsed_memory_sources_letters (self->sources, letters, g_get_real_time ());
  wsed_inbox_push (letters->reply_to, &letters->message);
  unlock_log (self);
}

static void
wsed_memory_log_get_stats (WsedLog      *log,
                           WsedLogStats *stats)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);

  lock_log (self);
  *stats = self->stats;
  stats->letters = wsed_memory_sources_count (self->sources);
  if (self->closed)
    {
      stats->state = WSED_LOG_DOWN;
      g_strlcpy (stats->reason, "the log is closed", sizeof stats->reason);
    }
  unlock_log (self);
}

static void
wsed_memory_log_close (WsedLog *log)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (log);

  lock_log (self);
  self->closed = TRUE;
  unlock_log (self);
}

static void
wsed_memory_log_finalize (GObject *object)
{
  WsedMemoryLog *self = WSED_MEMORY_LOG (object);

  while (self->all.low < self->all.head)
    remove_first (self);
  g_free (self->all.items);
  g_hash_table_unref (self->channels);
  wsed_id_window_free (self->ids);
  wsed_memory_consumers_free (self->consumers);
  wsed_memory_sources_free (self->sources);
  pthread_mutex_destroy (&self->lock);
  G_OBJECT_CLASS (wsed_memory_log_parent_class)->finalize (object);
}

static void
wsed_memory_log_class_init (WsedMemoryLogClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_memory_log_finalize;
}

static void
wsed_memory_log_init (WsedMemoryLog *self)
{
  guint8 secret[WSED_ID_SECRET_BYTES] = { 0 };

  pthread_mutex_init (&self->lock, NULL);
  self->channels = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) wsed_ring_free);
  wsed_log_make_epoch (self->epoch);
  if (getrandom (secret, sizeof secret, 0) != sizeof secret)
    memcpy (secret, self->epoch, sizeof secret);
  self->ids = wsed_id_window_new (secret, WSED_ID_WINDOW_EVENTS);
  self->consumers = wsed_memory_consumers_new ();
  self->sources = wsed_memory_sources_new ();
}

static void
wsed_memory_log_iface_init (WsedLogInterface *iface)
{
  iface->append = wsed_memory_log_append;
  iface->heads = wsed_memory_log_heads;
  iface->read = wsed_memory_log_read;
  iface->locate = wsed_memory_log_locate;
  iface->consume = wsed_memory_log_consume;
  iface->erase = wsed_memory_log_erase;
  iface->positions = wsed_memory_log_positions;
  iface->letters = wsed_memory_log_letters;
  iface->get_stats = wsed_memory_log_get_stats;
  iface->close = wsed_memory_log_close;
}

WsedLog *
wsed_memory_log_new (const WsedRetention *retention)
{
  WsedMemoryLog *self = g_object_new (WSED_TYPE_MEMORY_LOG, NULL);

  self->retention = *retention;
  return WSED_LOG (self);
}
