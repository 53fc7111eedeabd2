/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedEntry owns a reference to an event and the places that the log gave it. It never changes after it was made, so that threads
 * may share it. */

#include "log/wsed-entry.h"

#include <string.h>

/* @seqs: one for each of the event's channels, in their order; NULL: all 0. */
WsedEntry *
wsed_entry_new (WseEvent      *event,
                guint64        n,
                const guint64 *seqs)
{
  WsedEntry *entry = g_malloc (sizeof (WsedEntry) + event->n_channels * sizeof (guint64));

  g_atomic_ref_count_init (&entry->refs);
  entry->event = wse_event_ref (event);
  entry->n = n;
  if (seqs != NULL)
    memcpy (entry->seqs, seqs, event->n_channels * sizeof (guint64));
  else
    memset (entry->seqs, 0, event->n_channels * sizeof (guint64));
  return entry;
}

WsedEntry *
wsed_entry_ref (WsedEntry *entry)
{
  g_atomic_ref_count_inc (&entry->refs);
  return entry;
}

void
wsed_entry_unref (WsedEntry *entry)
{
  if (!g_atomic_ref_count_dec (&entry->refs))
    return;
  wse_event_unref (entry->event);
  g_free (entry);
}

guint64
wsed_entry_get_seq (const WsedEntry *entry,
                    const char      *channel)
{
  for (guint i = 0; i < entry->event->n_channels; i++)
    if (strcmp (entry->event->channels[i], channel) == 0)
      return entry->seqs[i];
  return 0;
}
