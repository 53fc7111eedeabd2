/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedWatchlist says what has changed in batches, one a turn of the main loop, however many channels there are: a batch costs the other
 * side one command. It connects to nothing. */

#include "relay/wsed-watchlist.h"

#include <string.h>

/* Channels of one command. */
#define BATCH 1000

typedef struct
{
  gboolean wanted;
  gboolean known;              /* the other side was told to send it */
  gboolean queued;             /* in `changed` */
  gint64 left_at;              /* monotonic, when it was last not wanted any more */
  char name[];                 /* "wse:" and the channel */
} Watch;

struct _WsedWatchlist
{
  GHashTable *watches;         /* channel, within a Watch's name → that one */
  GQueue changed;              /* (element-type Watch) what may have to be said */
  GQueue leaving;              /* (element-type Watch) by left_at; some are wanted again, or twice here */
  gint64 linger;               /* microseconds */
  guint turn, timer;           /* sources */
  gboolean open;               /* the other side takes something */
  guint wanted;
  WsedWatchlistSay say;
  gpointer user_data;
};

#define PREFIX "wse:"
#define PREFIX_BYTES 4

static gboolean
on_turn (gpointer user_data)
{
  WsedWatchlist *self = user_data;

  self->turn = 0;
  wsed_watchlist_run (self);
  return G_SOURCE_REMOVE;
}

static void
queue (WsedWatchlist *self, Watch *watch)
{
  if (!watch->queued)
    g_queue_push_tail (&self->changed, watch);
  watch->queued = TRUE;
  if (self->turn == 0 && self->open)
    self->turn = g_idle_add_full (G_PRIORITY_DEFAULT, on_turn, self, NULL);
}

static void
drop (WsedWatchlist *self, Watch *watch)
{
  g_hash_table_remove (self->watches, watch->name + PREFIX_BYTES);
}

WsedWatchlist *
wsed_watchlist_new (guint linger, WsedWatchlistSay say, gpointer user_data)
{
  WsedWatchlist *self = g_new0 (WsedWatchlist, 1);

  self->watches = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  self->linger = linger * G_TIME_SPAN_MILLISECOND;
  self->say = say;
  self->user_data = user_data;
  return self;
}

void
wsed_watchlist_free (WsedWatchlist *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->turn, g_source_remove);
  g_clear_handle_id (&self->timer, g_source_remove);
  g_queue_clear (&self->changed);
  g_queue_clear (&self->leaving);
  g_hash_table_unref (self->watches);
  g_free (self);
}

void
wsed_watchlist_add (WsedWatchlist *self, const char *channel)
{
  Watch *watch = g_hash_table_lookup (self->watches, channel);

  if (watch == NULL)
    {
      gsize size = strlen (channel) + 1;

      watch = g_malloc0 (sizeof (Watch) + PREFIX_BYTES + size);
      memcpy (watch->name, PREFIX, PREFIX_BYTES);
      memcpy (watch->name + PREFIX_BYTES, channel, size);
      g_hash_table_insert (self->watches, watch->name + PREFIX_BYTES, watch);
    }
  if (watch->wanted)
    return;
  watch->wanted = TRUE;
  self->wanted++;
  if (!watch->known)
    queue (self, watch);
}

/* Those that nobody has wanted for long enough. */
static gboolean
on_timer (gpointer user_data)
{
  WsedWatchlist *self = user_data;
  gint64 now = g_get_monotonic_time ();
  Watch *watch;

  while ((watch = g_queue_peek_head (&self->leaving)) != NULL && (watch->wanted || now - watch->left_at >= self->linger))
    {
      g_queue_pop_head (&self->leaving);
      if (watch->left_at == 0)
        continue;
      watch->left_at = 0;
      if (!watch->wanted)
        queue (self, watch);
    }
  if (self->leaving.length > 0)
    return G_SOURCE_CONTINUE;
  self->timer = 0;
  return G_SOURCE_REMOVE;
}

void
wsed_watchlist_remove (WsedWatchlist *self, const char *channel)
{
  Watch *watch = g_hash_table_lookup (self->watches, channel);

  if (watch == NULL || !watch->wanted)
    return;
  watch->wanted = FALSE;
  self->wanted--;
  if (watch->left_at == 0)
    g_queue_push_tail (&self->leaving, watch);
  watch->left_at = g_get_monotonic_time ();
  if (self->timer == 0)
    self->timer = g_timeout_add (CLAMP (self->linger / G_TIME_SPAN_MILLISECOND / 4, 1, 1000), on_timer, self);
}

gboolean
wsed_watchlist_wants (WsedWatchlist *self, const char *channel)
{
  const Watch *watch = g_hash_table_lookup (self->watches, channel);

  return watch != NULL && watch->wanted;
}

guint
wsed_watchlist_count (WsedWatchlist *self)
{
  return self->wanted;
}

void
wsed_watchlist_forget (WsedWatchlist *self)
{
  GHashTableIter iter;
  Watch *watch;

  g_clear_handle_id (&self->turn, g_source_remove);
  self->open = FALSE;
  g_hash_table_iter_init (&iter, self->watches);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &watch))
    {
      watch->known = FALSE;
      if (watch->wanted)
        queue (self, watch);
    }
}

/* What of the head of the queue is to be said in one way, at most a batch; what is said already is taken out. */
static guint
gather (WsedWatchlist *self, const char **names, gboolean *subscribe)
{
  guint n = 0;
  GList *next;

  for (GList *link = self->changed.head; link != NULL && n < BATCH; link = next)
    {
      Watch *watch = link->data;

      next = link->next;
      if (watch->wanted == watch->known)
        {
          watch->queued = FALSE;
          g_queue_delete_link (&self->changed, link);
          if (!watch->wanted && watch->left_at == 0)
            drop (self, watch);
          continue;
        }
      if (n > 0 && watch->wanted != *subscribe)
        break;
      *subscribe = watch->wanted;
      names[n++] = watch->name;
    }
  return n;
}

void
wsed_watchlist_run (WsedWatchlist *self)
{
  const char *names[BATCH];
  gboolean subscribe = FALSE;
  guint n;

  self->open = TRUE;
  n = gather (self, names, &subscribe);
  if (n == 0 || !self->say (subscribe, n, names, self->user_data))
    return;
  for (guint i = 0; i < n; i++)
    {
      Watch *watch = g_queue_pop_head (&self->changed);

      watch->queued = FALSE;
      watch->known = subscribe;
      /* One that was not wanted for a moment is still in the other queue. */
      if (!subscribe && watch->left_at == 0)
        drop (self, watch);
    }
  if (self->changed.length > 0 && self->turn == 0)
    self->turn = g_idle_add_full (G_PRIORITY_DEFAULT, on_turn, self, NULL);
}
