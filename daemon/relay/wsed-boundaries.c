/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedBoundaries owns the questions for ends that are under way and what is delivered meanwhile. An answer that is ahead of the
 * deliveries waits for them; one that they have overtaken is brought up to them from what was delivered since it was asked for: the log
 * has answered for no place before that one. It never reads events. */

#include "relay/wsed-boundaries.h"

#include <string.h>

/* Events delivered while a question is under way; with more than that it is asked again. */
#define MAX_WINDOW 8192

typedef struct
{
  WsedBoundaries *boundaries;
  WsedHeads *heads;
  void (*run) (WsedMessage *message, gpointer user_data);
  gpointer user_data;
} Question;

struct _WsedBoundaries
{
  WsedLog *log;
  WsedBoundariesAhead ahead;
  gpointer user_data;

  guint64 done;
  gboolean stopped;            /* nothing is delivered any more */
  guint asked;                 /* questions that the log has */
  GQueue waiting;              /* (element-type Question) answered, by n: greater than done */
  GPtrArray *window;           /* (element-type WsedEntry) delivered with n from window_from + 1 to done while something is asked */
  guint64 window_from;
};

WsedBoundaries *
wsed_boundaries_new (WsedLog            *log,
                     WsedBoundariesAhead ahead,
                     gpointer            user_data)
{
  WsedBoundaries *self = g_new0 (WsedBoundaries, 1);

  self->log = log;
  self->ahead = ahead;
  self->user_data = user_data;
  g_queue_init (&self->waiting);
  self->window = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);
  return self;
}

static void
answer (Question *question)
{
  WsedHeads *heads = question->heads;

  heads->message.run = question->run;
  heads->message.user_data = question->user_data;
  g_free (question);
  heads->message.run (&heads->message, heads->message.user_data);
}

void
wsed_boundaries_free (WsedBoundaries *self)
{
  if (self == NULL)
    return;
  g_assert (self->waiting.length == 0);
  g_ptr_array_unref (self->window);
  g_free (self);
}

static void
forget_window (WsedBoundaries *self)
{
  g_ptr_array_set_size (self->window, 0);
  self->window_from = self->done;
}

/* Brings an answer for a place that has been passed up to where deliveries are. */
static void
mend (WsedBoundaries *self,
      WsedHeads      *heads)
{
  g_autoptr (GHashTable) ends = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < heads->heads->len; i++)
    {
      WsedHead *head = &g_array_index (heads->heads, WsedHead, i);

      if (strcmp (head->channel, "*") == 0)
        head->head = self->done;
      else
        g_hash_table_insert (ends, head->channel, head);
    }
  for (guint i = 0; i < self->window->len; i++)
    {
      const WsedEntry *entry = g_ptr_array_index (self->window, i);

      for (guint j = 0; entry->n > heads->n && j < entry->event->n_channels; j++)
        {
          WsedHead *head = g_hash_table_lookup (ends, entry->event->channels[j]);

          if (head != NULL)
            head->head = MAX (head->head, entry->seqs[j]);
        }
    }
  heads->n = self->done;
}

static int
compare_places (gconstpointer a,
                gconstpointer b,
                gpointer      user_data)
{
  guint64 one = ((const Question *) a)->heads->n, other = ((const Question *) b)->heads->n;

  return (one > other) - (one < other);
}

static void
on_answered (WsedMessage *message,
             gpointer     user_data)
{
  Question *question = user_data;
  WsedBoundaries *self = question->boundaries;
  WsedHeads *heads = question->heads;
  gboolean ok = heads->error == NULL;
  guint64 n = heads->n;

  if (ok && n < self->window_from)
    {
      wsed_log_heads (self->log, heads);
      return;
    }
  self->asked--;
  if (ok && n > self->done && self->stopped)
    heads->error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the daemon is stopping");
  ok = heads->error == NULL;
  if (ok && n > self->done)
    g_queue_insert_sorted (&self->waiting, question, compare_places, NULL);
  else
    {
      if (ok && n < self->done)
        mend (self, heads);
      answer (question);
    }
  if (self->asked == 0)
    forget_window (self);
  if (ok && n > self->done)
    self->ahead (n, self->user_data);
}

void
wsed_boundaries_ask (WsedBoundaries *self,
                     WsedHeads      *heads)
{
  Question *question = g_new (Question, 1);

  *question = (Question) { self, heads, heads->message.run, heads->message.user_data };
  if (self->asked++ == 0)
    forget_window (self);
  heads->message.run = on_answered;
  heads->message.user_data = question;
  wsed_log_heads (self->log, heads);
}

guint64
wsed_boundaries_get_next (WsedBoundaries *self)
{
  const Question *first = g_queue_peek_head (&self->waiting);

  return first != NULL ? first->heads->n : G_MAXUINT64;
}

void
wsed_boundaries_pass (WsedBoundaries *self,
                      WsedEntry      *entry)
{
  self->done = entry->n;
  if (self->asked == 0)
    return;
  if (self->window->len == MAX_WINDOW)
    forget_window (self);
  else
    g_ptr_array_add (self->window, wsed_entry_ref (entry));
}

void
wsed_boundaries_reach (WsedBoundaries *self,
                       guint64         done,
                       gboolean        jumped)
{
  self->done = done;
  if (jumped || self->asked == 0)
    forget_window (self);
  while (wsed_boundaries_get_next (self) <= done)
    {
      Question *question = g_queue_pop_head (&self->waiting);

      if (question->heads->n == done)
        answer (question);
      else
        {
          self->asked++;
          wsed_log_heads (self->log, question->heads);
        }
    }
}

void
wsed_boundaries_fail (WsedBoundaries *self,
                      const GError   *error)
{
  Question *question;

  while ((question = g_queue_pop_head (&self->waiting)) != NULL)
    {
      question->heads->error = g_error_copy (error);
      answer (question);
    }
}

void
wsed_boundaries_stop (WsedBoundaries *self)
{
  g_autoptr (GError) error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the daemon is stopping");

  self->stopped = TRUE;
  wsed_boundaries_fail (self, error);
}
