/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedLog is the interface of every store of events and owns how its requests are made and freed. It never stores anything. */

#include "log/wsed-log.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

G_DEFINE_INTERFACE (WsedLog, wsed_log, G_TYPE_OBJECT)

static void
wsed_log_default_init (WsedLogInterface *iface)
{
}

/* What an event holds in memory, about: its own bytes and what is kept beside it for each channel. */
gsize
wsed_log_measure (WseEvent *event)
{
  gsize bytes = sizeof (WseEvent) + event->payload_length + strlen (event->event_type) + strlen (event->id) + 64;

  if (event->original_type != NULL)
    bytes += strlen (event->original_type);
  if (event->message != NULL)
    bytes += strlen (event->message);
  for (guint i = 0; i < event->n_channels; i++)
    bytes += strlen (event->channels[i]) + 40;
  return bytes;
}

/* 80 random bits: two lives of a log never share one (PROTOCOL section 1). */
void
wsed_log_make_epoch (char epoch[WSE_MAX_EPOCH_BYTES + 1])
{
  static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
  guint8 random[16];

  while (getrandom (random, sizeof random, 0) != sizeof random)
    g_assert (errno == EINTR);
  for (guint i = 0; i < sizeof random; i++)
    epoch[i] = letters[random[i] & 31];
  epoch[sizeof random] = '\0';
}

WsedAppend *
wsed_append_new (GPtrArray *events,
                 WsedInbox *reply_to)
{
  WsedAppend *append = g_new0 (WsedAppend, 1);

  append->reply_to = reply_to;
  append->events = events;
  append->entries = g_new0 (WsedEntry *, MAX (1, events->len));
  append->duplicates = g_new0 (guint8, MAX (1, events->len));
  for (guint i = 0; i < events->len; i++)
    append->bytes += wsed_log_measure (g_ptr_array_index (events, i));
  return append;
}

void
wsed_append_set_moves (WsedAppend *append,
                       GArray     *moves)
{
  g_assert (append->events->len <= WSED_MAX_ATOMIC_EVENTS);
  g_clear_pointer (&append->moves, g_array_unref);
  append->moves = moves;
}

void
wsed_append_set_letters (WsedAppend *append,
                         GPtrArray  *letters)
{
  g_assert (append->events->len <= WSED_MAX_ATOMIC_EVENTS);
  g_clear_pointer (&append->letters, g_ptr_array_unref);
  append->letters = letters;
  for (guint i = 0; letters != NULL && i < letters->len; i++)
    append->bytes += wsed_letter_measure (g_ptr_array_index (letters, i));
}

gboolean
wsed_append_is_atomic (const WsedAppend *append)
{
  return append->moves != NULL || append->letters != NULL;
}

/* @move, with what is kept filled in, does not fit. */
void
wsed_append_set_conflict (WsedAppend     *append,
                          const WsedMove *move)
{
  append->error = g_error_new (WSE_ERROR, WSE_ERROR_CONFLICT, "the position of %s is %" G_GINT64_FORMAT ", not %" G_GINT64_FORMAT,
                               move->source, move->kept, move->from);
}

void
wsed_append_free (WsedAppend *append)
{
  if (append == NULL)
    return;
  for (guint i = 0; i < append->events->len; i++)
    g_clear_pointer (&append->entries[i], wsed_entry_unref);
  g_ptr_array_unref (append->events);
  g_clear_pointer (&append->moves, g_array_unref);
  g_clear_pointer (&append->letters, g_ptr_array_unref);
  g_free (append->entries);
  g_free (append->duplicates);
  g_clear_error (&append->error);
  g_free (append);
}

static void
clear_head (gpointer data)
{
  g_free (((WsedHead *) data)->channel);
}

WsedHeads *
wsed_heads_new (WsedInbox *reply_to)
{
  WsedHeads *heads = g_new0 (WsedHeads, 1);

  heads->reply_to = reply_to;
  heads->heads = g_array_new (FALSE, TRUE, sizeof (WsedHead));
  g_array_set_clear_func (heads->heads, clear_head);
  return heads;
}

void
wsed_heads_add (WsedHeads  *heads,
                const char *channel)
{
  WsedHead head = { .channel = g_strdup (channel) };

  g_array_append_val (heads->heads, head);
}

void
wsed_heads_free (WsedHeads *heads)
{
  if (heads == NULL)
    return;
  g_array_unref (heads->heads);
  g_clear_error (&heads->error);
  g_free (heads);
}

static void
clear_position (gpointer data)
{
  WsedPosition *position = data;

  g_free (position->channel);
  g_clear_pointer (&position->filter, wse_filter_unref);
}

WsedRead *
wsed_read_new (WsedInbox *reply_to,
               guint      max_events,
               gsize      max_bytes)
{
  WsedRead *read = g_new0 (WsedRead, 1);

  read->reply_to = reply_to;
  read->positions = g_array_new (FALSE, TRUE, sizeof (WsedPosition));
  g_array_set_clear_func (read->positions, clear_position);
  read->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);
  read->max_events = CLAMP (max_events, 1, WSE_MAX_PAGE);
  read->max_bytes = max_bytes;
  return read;
}

/* Takes its own reference of @filter. */
void
wsed_read_add (WsedRead   *read,
               const char *channel,
               WseFilter  *filter,
               guint64     after)
{
  WsedPosition position = { .channel = g_strdup (channel), .seq = after };

  if (filter != NULL)
    position.filter = wse_filter_ref (filter);
  g_array_append_val (read->positions, position);
}

void
wsed_read_free (WsedRead *read)
{
  if (read == NULL)
    return;
  g_array_unref (read->positions);
  g_ptr_array_unref (read->entries);
  g_clear_error (&read->error);
  g_free (read);
}

WsedLocate *
wsed_locate_new (WsedInbox  *reply_to,
                 const char *channel)
{
  WsedLocate *locate = g_new0 (WsedLocate, 1);

  locate->reply_to = reply_to;
  locate->channel = g_strdup (channel);
  return locate;
}

void
wsed_locate_free (WsedLocate *locate)
{
  if (locate == NULL)
    return;
  g_free (locate->channel);
  g_clear_pointer (&locate->filter, wse_filter_unref);
  g_clear_error (&locate->error);
  g_free (locate);
}

WsedErase *
wsed_erase_new (WsedInbox  *reply_to,
                const char *channel)
{
  WsedErase *erase = g_new0 (WsedErase, 1);

  erase->reply_to = reply_to;
  erase->channel = g_strdup (channel);
  return erase;
}

void
wsed_erase_free (WsedErase *erase)
{
  if (erase == NULL)
    return;
  g_free (erase->channel);
  g_clear_error (&erase->error);
  g_free (erase);
}

void
wsed_log_append (WsedLog    *self,
                 WsedAppend *append)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->append (self, append);
}

void
wsed_log_heads (WsedLog   *self,
                WsedHeads *heads)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->heads (self, heads);
}

void
wsed_log_read (WsedLog  *self,
               WsedRead *read)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->read (self, read);
}

void
wsed_log_locate (WsedLog    *self,
                 WsedLocate *locate)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->locate (self, locate);
}

void
wsed_log_consume (WsedLog      *self,
                  WsedConsumer *consumer)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->consume (self, consumer);
}

void
wsed_log_erase (WsedLog   *self,
                WsedErase *erase)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->erase (self, erase);
}

void
wsed_log_positions (WsedLog       *self,
                    WsedPositions *positions)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->positions (self, positions);
}

void
wsed_log_letters (WsedLog     *self,
                  WsedLetters *letters)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->letters (self, letters);
}

void
wsed_log_get_stats (WsedLog      *self,
                    WsedLogStats *stats)
{
  g_return_if_fail (WSED_IS_LOG (self));
  memset (stats, 0, sizeof *stats);
  WSED_LOG_GET_IFACE (self)->get_stats (self, stats);
}

void
wsed_log_close (WsedLog *self)
{
  g_return_if_fail (WSED_IS_LOG (self));
  WSED_LOG_GET_IFACE (self)->close (self);
}
