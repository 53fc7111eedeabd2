/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedMemorySources keeps in memory where sources stand and which inputs failed, these within their bounds. */

#include "log/wsed-memory-sources.h"

#include <string.h>

struct _WsedMemorySources
{
  GHashTable *positions;       /* source → gint64 */
  GPtrArray *letters;          /* (element-type WsedLetter) by id */
  gsize bytes;                 /* of the letters */
  guint64 last_id;
};

WsedMemorySources *
wsed_memory_sources_new (void)
{
  WsedMemorySources *self = g_new0 (WsedMemorySources, 1);

  self->positions = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->letters = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_letter_free);
  return self;
}

void
wsed_memory_sources_free (WsedMemorySources *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->positions);
  g_ptr_array_unref (self->letters);
  g_free (self);
}

static void
remove_letter (WsedMemorySources *self,
               guint              index)
{
  self->bytes -= wsed_letter_measure (g_ptr_array_index (self->letters, index));
  g_ptr_array_remove_index (self->letters, index);
}

static void
trim_letters (WsedMemorySources *self,
              gint64             now)
{
  while (self->letters->len > WSED_MAX_LETTERS || (self->letters->len > 1 && self->bytes > WSED_MAX_LETTERS_BYTES))
    remove_letter (self, 0);
  for (guint i = self->letters->len; i-- > 0;)
    if (((WsedLetter *) g_ptr_array_index (self->letters, i))->last < now - WSED_LETTER_AGE)
      remove_letter (self, i);
}

gboolean
wsed_memory_sources_apply (WsedMemorySources *self,
                           WsedAppend        *append,
                           gint64             now)
{
  guint n_moves = append->moves != NULL ? append->moves->len : 0;

  for (guint i = 0; i < n_moves; i++)
    {
      WsedMove *move = &g_array_index (append->moves, WsedMove, i);
      const gint64 *kept = g_hash_table_lookup (self->positions, move->source);

      if ((kept != NULL ? *kept : -1) == move->from)
        continue;
      move->kept = kept != NULL ? *kept : -1;
      wsed_append_set_conflict (append, move);
      return FALSE;
    }
  for (guint i = 0; i < n_moves; i++)
    {
      const WsedMove *move = &g_array_index (append->moves, WsedMove, i);

      g_hash_table_replace (self->positions, g_strdup (move->source), g_memdup2 (&move->to, sizeof move->to));
    }
  for (guint i = 0; append->letters != NULL && i < append->letters->len; i++)
    {
      WsedLetter *letter = wsed_letter_copy (g_ptr_array_index (append->letters, i));

      letter->id = ++self->last_id;
      self->bytes += wsed_letter_measure (letter);
      g_ptr_array_add (self->letters, letter);
    }
  if (append->letters != NULL)
    trim_letters (self, now);
  return TRUE;
}

static int
compare_positions (gconstpointer a,
                   gconstpointer b)
{
  return strcmp (((const WsedSourcePosition *) a)->source, ((const WsedSourcePosition *) b)->source);
}

void
wsed_memory_sources_positions (WsedMemorySources *self,
                               WsedPositions     *positions)
{
  GHashTableIter iter;
  gpointer source, position;

  g_hash_table_iter_init (&iter, self->positions);
  while (g_hash_table_iter_next (&iter, &source, &position))
    if (g_str_has_prefix (source, positions->prefix))
      wsed_positions_add (positions, source, *(gint64 *) position);
  g_array_sort (positions->positions, compare_positions);
}

static void
list_letters (WsedMemorySources *self,
              WsedLetters       *request)
{
  for (guint i = self->letters->len; i-- > 0 && request->letters->len < request->limit;)
    {
      WsedLetter *letter = g_ptr_array_index (self->letters, i), *copy;

      if (request->id != 0 && letter->id >= request->id)
        continue;
      copy = wsed_letter_copy (letter);
      g_clear_pointer (&copy->input, g_bytes_unref);
      g_ptr_array_add (request->letters, copy);
    }
}

static void
fail_letter (WsedMemorySources *self,
             WsedLetter        *letter,
             const WsedLetters *request,
             gint64             now)
{
  self->bytes -= wsed_letter_measure (letter);
  g_free (letter->code);
  g_free (letter->error);
  letter->code = g_strdup (request->code);
  letter->error = g_strdup (request->reason);
  letter->last = now;
  letter->tries++;
  self->bytes += wsed_letter_measure (letter);
}

void
wsed_memory_sources_letters (WsedMemorySources *self,
                             WsedLetters       *request,
                             gint64             now)
{
  trim_letters (self, now);
  if (request->verb == WSED_LETTERS_LIST)
    list_letters (self, request);
  for (guint i = 0; request->verb != WSED_LETTERS_LIST && i < self->letters->len && !request->found; i++)
    {
      WsedLetter *letter = g_ptr_array_index (self->letters, i);

      if (letter->id != request->id)
        continue;
      request->found = TRUE;
      if (request->verb == WSED_LETTERS_GET)
        g_ptr_array_add (request->letters, wsed_letter_copy (letter));
      else if (request->verb == WSED_LETTERS_FAIL)
        fail_letter (self, letter, request, now);
      else
        remove_letter (self, i);
    }
  request->count = self->letters->len;
}

guint
wsed_memory_sources_count (WsedMemorySources *self)
{
  return self->letters->len;
}
