/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSequence stands between the log and the hub. Alone on its log it is a straight line. Else each n behind what is delivered has a
 * slot: unknown, read by nobody here, or an event that waits for those before it. What stays unknown is read from the log, in one read
 * at a time: a shared log gives every n, in the order of its commits. It never delivers an event twice nor behind a later one. */

#include "relay/wsed-sequence.h"

#include <string.h>

#include "relay/wsed-boundaries.h"

/* Places behind what is delivered; what lies further on, or would hold more bytes, is forgotten and read again. */
#define SLOTS 16384u
#define MAX_HELD (32 * 1024 * 1024)
/* ms until the log is asked again after an error. */
#define RETRY_INTERVAL 500
#define READ_EVENTS WSE_MAX_PAGE
#define READ_BYTES (1024 * 1024)

/* In a slot: nobody here reads it, or it is gone. */
#define NOBODY ((WsedEntry *) &nobody)

static const char nobody;

struct _WsedSequence
{
  WsedSequenceDeliver deliver;
  gpointer user_data;

  /* Of a shared log. */
  WsedLog *log;                /* NULL: it is not shared */
  WsedInbox *main;
  WsedRelay *relay;
  WsedSequenceShared shared;
  WsedBoundaries *boundaries;
  char epoch[WSE_MAX_EPOCH_BYTES + 1]; /* "" until the log has told its end for the first time */
  guint64 done;
  guint64 end;                 /* it is known to reach to here, or somebody said so */
  guint64 urgent;              /* what is unknown up to here does not come by itself */
  WsedEntry **slots;           /* of n at n % SLOTS, done < n <= done + SLOTS; NULL: unknown */
  guint64 distrusted;          /* up to here something was erased: only what is read now is right */
  GPtrArray *ready;            /* (element-type WsedEntry) while something is delivered */

  gboolean reading, comparing, stopped;
  gboolean outdated;           /* what is being read may have been erased since */
  gboolean again;              /* the comparison under way may have been answered before somebody wanted one */
  guint64 end_since;           /* what was said of the end since the reading began */
  gint64 hole_since;           /* monotonic; of the one behind done */
  guint patience, compare;     /* sources */
  WsedSequenceStats stats;
};

static void look (WsedSequence *self);
static void arm_compare (WsedSequence *self, guint interval);

WsedSequence *
wsed_sequence_new (WsedSequenceDeliver deliver,
                   gpointer            user_data)
{
  WsedSequence *self;

  g_return_val_if_fail (deliver != NULL, NULL);

  self = g_new0 (WsedSequence, 1);
  self->deliver = deliver;
  self->user_data = user_data;
  return self;
}

/* Slots */

static inline WsedEntry **
slot_of (WsedSequence *self,
         guint64       n)
{
  return &self->slots[n % SLOTS];
}

static void
clear_slot (WsedSequence *self,
            WsedEntry   **slot)
{
  WsedEntry *entry = g_steal_pointer (slot);

  if (entry == NULL || entry == NOBODY)
    return;
  self->stats.held_bytes -= wsed_log_measure (entry->event);
  wsed_entry_unref (entry);
}

static void
note_end (WsedSequence *self,
          guint64       n)
{
  self->end = MAX (self->end, n);
  self->end_since = MAX (self->end_since, n);
}

/* @entry: what is at @n, or NOBODY. */
static void
note (WsedSequence *self,
      guint64       n,
      WsedEntry    *entry)
{
  gsize bytes = entry != NOBODY ? wsed_log_measure (entry->event) : 0;

  if (n <= self->done)
    return;
  note_end (self, n);
  if (n - self->done <= SLOTS && *slot_of (self, n) != NULL)
    return;
  if (n - self->done > SLOTS || (n != self->done + 1 && bytes > 0 && self->stats.held_bytes + bytes > MAX_HELD))
    {
      self->stats.forgotten++;
      return;
    }
  self->stats.held_bytes += bytes;
  *slot_of (self, n) = entry != NOBODY ? wsed_entry_ref (entry) : NOBODY;
}

/* What came by itself. */
static void
note_entry (WsedSequence *self,
            WsedEntry    *entry)
{
  if (entry->n > self->distrusted)
    note (self, entry->n, entry);
  else
    note_end (self, entry->n);
}

/* Delivering */

static void
deliver_ready (WsedSequence *self)
{
  if (self->ready->len > 0)
    self->deliver ((WsedEntry *const *) self->ready->pdata, self->ready->len, self->user_data);
  g_ptr_array_set_size (self->ready, 0);
}

/* Makes ready what has nothing unknown before it; delivers where an answer about ends lies between. */
static void
collect (WsedSequence *self)
{
  WsedEntry *entry;

  while ((entry = *slot_of (self, self->done + 1)) != NULL)
    {
      WsedEntry **slot = slot_of (self, ++self->done);

      if (entry != NOBODY)
        {
          wsed_boundaries_pass (self->boundaries, entry);
          g_ptr_array_add (self->ready, wsed_entry_ref (entry));
        }
      clear_slot (self, slot);
      self->hole_since = 0;
      if (self->done < wsed_boundaries_get_next (self->boundaries))
        continue;
      deliver_ready (self);
      wsed_boundaries_reach (self->boundaries, self->done, FALSE);
    }
}

static void
advance (WsedSequence *self)
{
  collect (self);
  deliver_ready (self);
  wsed_boundaries_reach (self->boundaries, self->done, FALSE);
}

/* Reading what is missing */

/* What the log does not give is gone from it. */
static void
take_read (WsedSequence *self,
           WsedRead     *read)
{
  guint64 upto = g_array_index (read->positions, WsedPosition, 0).seq, before = self->done;
  guint next = 0;

  for (guint64 n = self->done + 1; n <= upto; n = self->done + 1)
    {
      WsedEntry *entry = NULL;

      while (next < read->entries->len && (entry = read->entries->pdata[next])->n < n)
        next++;
      if (next == read->entries->len || entry->n > n)
        entry = NOBODY;
      self->stats.filled += entry != NOBODY;
      note (self, n, entry);
      collect (self);
    }
  advance (self);
  /* Who said that it reaches further was wrong, or has said it since. */
  if (read->end)
    self->end = MAX (self->done, self->end_since);
  if (self->done == before)
    self->urgent = self->done;
}

static void
on_read (WsedMessage *message,
         gpointer     user_data)
{
  WsedRead *read = (WsedRead *) message;
  WsedSequence *self = user_data;

  self->reading = FALSE;
  if (read->error != NULL)
    {
      wsed_boundaries_fail (self->boundaries, read->error);
      arm_compare (self, RETRY_INTERVAL);
    }
  else
    {
      if (!self->outdated)
        take_read (self, read);
      self->hole_since = g_get_monotonic_time ();
      look (self);
    }
  wsed_read_free (read);
}

static void
start_reading (WsedSequence *self)
{
  WsedRead *read = wsed_read_new (self->main, READ_EVENTS, READ_BYTES);

  self->reading = TRUE;
  self->outdated = FALSE;
  self->end_since = 0;
  self->stats.reads++;
  wsed_read_add (read, "*", NULL, self->done);
  read->message.run = on_read;
  read->message.user_data = self;
  wsed_log_read (self->log, read);
}

static gboolean
on_patience (gpointer user_data)
{
  WsedSequence *self = user_data;

  self->patience = 0;
  look (self);
  return G_SOURCE_REMOVE;
}

/* Whether something has to be read, now or in a moment. */
static void
look (WsedSequence *self)
{
  gint64 now, waited;

  if (self->stopped || self->reading || self->epoch[0] == '\0' || self->done >= self->end)
    return;
  now = g_get_monotonic_time ();
  if (self->hole_since == 0)
    self->hole_since = now;
  waited = (now - self->hole_since) / G_TIME_SPAN_MILLISECOND;
  if (self->done < self->urgent || waited >= self->shared.patience)
    start_reading (self);
  else if (self->patience == 0)
    self->patience = g_timeout_add (self->shared.patience - (guint) waited, on_patience, self);
}

/* Comparing */

static gboolean
on_compare (gpointer user_data)
{
  WsedSequence *self = user_data;

  self->compare = 0;
  wsed_sequence_compare (self);
  return G_SOURCE_REMOVE;
}

static void
arm_compare (WsedSequence *self,
             guint         interval)
{
  g_clear_handle_id (&self->compare, g_source_remove);
  if (!self->stopped)
    self->compare = g_timeout_add (interval, on_compare, self);
}

static guint
get_interval (WsedSequence *self)
{
  WsedRelayStats stats = { .state = WSED_RELAY_DEGRADED };

  if (self->relay != NULL)
    wsed_relay_get_stats (self->relay, &stats);
  return stats.state == WSED_RELAY_OK ? self->shared.compare : self->shared.compare_alone;
}

/* The first answer says where to begin; the others whether something is missing. */
static void
take_end (WsedSequence    *self,
          const WsedHeads *heads,
          guint64          asked_at)
{
  const WsedHead *log = &g_array_index (heads->heads, WsedHead, 0);

  if (self->epoch[0] == '\0')
    {
      memcpy (self->epoch, log->epoch, sizeof self->epoch);
      self->done = heads->n;
      self->end = MAX (self->end, self->done);
      wsed_boundaries_reach (self->boundaries, self->done, TRUE);
    }
  else if (strcmp (self->epoch, log->epoch) != 0)
    self->shared.strayed ("it has another epoch", self->user_data);
  else if (heads->n < asked_at)
    self->shared.strayed ("it ends before what it had given", self->user_data);
  else
    note_end (self, heads->n);
}

typedef struct
{
  WsedSequence *sequence;
  guint64 done, distrusted;    /* when it was asked for */
} Comparison;

static void
on_compared (WsedMessage *message,
             gpointer     user_data)
{
  WsedHeads *heads = (WsedHeads *) message;
  g_autofree Comparison *comparison = user_data;
  WsedSequence *self = comparison->sequence;
  gboolean again = self->again;

  self->comparing = self->again = FALSE;
  arm_compare (self, heads->error != NULL ? RETRY_INTERVAL : get_interval (self));
  if (heads->error == NULL)
    {
      take_end (self, heads, comparison->done);
      /* Nothing was erased behind the log's end: who said so was wrong. */
      if (self->distrusted == comparison->distrusted)
        self->distrusted = MIN (self->distrusted, heads->n);
      look (self);
      if (again)
        wsed_sequence_compare (self);
    }
  wsed_heads_free (heads);
}

void
wsed_sequence_compare (WsedSequence *self)
{
  WsedHeads *heads;
  Comparison *comparison;

  if (self->comparing || self->stopped)
    {
      self->again = TRUE;
      return;
    }
  self->comparing = TRUE;
  comparison = g_new (Comparison, 1);
  *comparison = (Comparison) { self, self->done, self->distrusted };
  heads = wsed_heads_new (self->main);
  wsed_heads_add (heads, "*");
  heads->message.run = on_compared;
  heads->message.user_data = comparison;
  wsed_log_heads (self->log, heads);
}

/* From outside */

static void
on_ahead (guint64  n,
          gpointer user_data)
{
  WsedSequence *self = user_data;

  /* Before the start nothing is delivered, and the start is the answer. */
  note_end (self, n);
  look (self);
}

void
wsed_sequence_share (WsedSequence             *self,
                     WsedLog                  *log,
                     WsedInbox                *main,
                     WsedRelay                *relay,
                     const WsedSequenceShared *shared)
{
  self->log = log;
  self->main = main;
  self->relay = relay;
  self->shared = *shared;
  self->boundaries = wsed_boundaries_new (log, on_ahead, self);
  self->slots = g_new0 (WsedEntry *, SLOTS);
  self->ready = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);
  wsed_sequence_compare (self);
}

void
wsed_sequence_stop (WsedSequence *self)
{
  if (self->log == NULL)
    return;
  self->stopped = TRUE;
  g_clear_handle_id (&self->patience, g_source_remove);
  g_clear_handle_id (&self->compare, g_source_remove);
  wsed_boundaries_stop (self->boundaries);
}

void
wsed_sequence_free (WsedSequence *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; self->slots != NULL && i < SLOTS; i++)
    clear_slot (self, &self->slots[i]);
  if (self->log != NULL)
    {
      wsed_boundaries_free (self->boundaries);
      g_ptr_array_unref (self->ready);
      g_free (self->slots);
    }
  g_free (self);
}

void
wsed_sequence_append (WsedSequence      *self,
                      WsedEntry * const *entries,
                      guint              n_entries)
{
  if (n_entries == 0)
    return;
  if (self->log == NULL)
    {
      self->deliver (entries, n_entries, self->user_data);
      return;
    }
  if (self->relay != NULL && self->epoch[0] != '\0')
    wsed_relay_publish (self->relay, self->epoch, entries, n_entries);
  for (guint i = 0; i < n_entries; i++)
    if (self->epoch[0] != '\0')
      note_entry (self, entries[i]);
    else
      note_end (self, entries[i]->n);
  advance (self);
  look (self);
}

void
wsed_sequence_ask (WsedSequence *self,
                   WsedHeads    *heads)
{
  wsed_boundaries_ask (self->boundaries, heads);
}

void
wsed_sequence_erase (WsedSequence *self,
                     guint64       n)
{
  if (self->log == NULL || n <= self->done)
    return;
  note_end (self, n);
  self->outdated = TRUE;
  self->distrusted = MAX (self->distrusted, n);
  for (guint64 at = self->done + 1; at <= MIN (n, self->done + SLOTS); at++)
    if (*slot_of (self, at) != NOBODY)
      clear_slot (self, slot_of (self, at));
  look (self);
}

static gboolean
is_of_this_log (WsedSequence *self,
                const char   *epoch)
{
  return self->log != NULL && self->epoch[0] != '\0' && strcmp (self->epoch, epoch) == 0;
}

void
wsed_sequence_take_entry (WsedSequence *self,
                          const char   *epoch,
                          WsedEntry    *entry)
{
  if (!is_of_this_log (self, epoch))
    return;
  note_entry (self, entry);
  advance (self);
  look (self);
}

static gboolean
is_read_here (WsedSequence      *self,
              const WsedMention *mention)
{
  for (guint i = 0; i < mention->n_channels; i++)
    if (self->shared.reads (mention->channels[i], self->user_data))
      return TRUE;
  return FALSE;
}

void
wsed_sequence_take_batch (WsedSequence      *self,
                          const char        *epoch,
                          const WsedMention *mentions,
                          guint              n_mentions)
{
  if (!is_of_this_log (self, epoch))
    return;
  for (guint i = 0; i < n_mentions; i++)
    {
      guint64 n = mentions[i].n;

      note_end (self, n);
      if (n <= self->done || (n - self->done <= SLOTS && *slot_of (self, n) != NULL))
        continue;
      if (is_read_here (self, &mentions[i]))
        self->urgent = MAX (self->urgent, n);
      else
        note (self, n, NOBODY);
    }
  advance (self);
  look (self);
}

void
wsed_sequence_take_end (WsedSequence *self,
                        const char   *epoch,
                        guint64       n,
                        gboolean      own)
{
  if (!is_of_this_log (self, epoch))
    return;
  note_end (self, n);
  if (!own)
    self->urgent = MAX (self->urgent, n);
  look (self);
}

const char *
wsed_sequence_get_epoch (WsedSequence *self)
{
  return self->epoch;
}

void
wsed_sequence_get_stats (WsedSequence      *self,
                         WsedSequenceStats *stats)
{
  *stats = self->stats;
  stats->done = self->done;
  stats->end = self->end;
}
