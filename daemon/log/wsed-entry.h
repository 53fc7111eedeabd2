/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-event-private.h"

G_BEGIN_DECLS

/* An event with its places: what the log gives out and what is handed between threads. Immutable, refcounted. */
typedef struct
{
  gatomicrefcount refs;
  WseEvent *event;
  guint64 n;               /* place in the whole log; 0: it is kept nowhere, and all its seqs are 0 */
  guint64 seqs[];          /* place in each of event->channels, in their order; 0: no longer in that channel (retention) */
} WsedEntry;

WsedEntry *wsed_entry_new (WseEvent *event, guint64 n, const guint64 *seqs);
WsedEntry *wsed_entry_ref (WsedEntry *entry);
void       wsed_entry_unref (WsedEntry *entry);
/* The seq in @channel, 0 where the event is not in it. */
guint64    wsed_entry_get_seq (const WsedEntry *entry, const char *channel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedEntry, wsed_entry_unref)

G_END_DECLS
