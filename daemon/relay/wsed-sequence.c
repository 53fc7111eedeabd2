/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSequence stands between the log and the hub: it gives appended events to the hub in the order of their n. Alone on its log it is
 * a straight line: the log answers in that order. It never keeps an event that it has given. */

#include "relay/wsed-sequence.h"

struct _WsedSequence
{
  WsedSequenceDeliver deliver;
  gpointer user_data;
};

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

void
wsed_sequence_append (WsedSequence      *self,
                      WsedEntry * const *entries,
                      guint              n_entries)
{
  if (n_entries > 0)
    self->deliver (entries, n_entries, self->user_data);
}

void
wsed_sequence_free (WsedSequence *self)
{
  g_free (self);
}
