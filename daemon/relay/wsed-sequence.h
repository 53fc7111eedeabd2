/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "relay/wsed-relay.h"

G_BEGIN_DECLS

/* The order of what is delivered: every event of the log that somebody here reads, once, by n. Alone on its log it costs nothing. On a
 * shared one it takes from everywhere (own appends, the relay, the log itself) and fills what is missing from the log. Main thread. */

/* Gets @entries in the order of their n; who wants to keep one takes a reference. */
typedef void (*WsedSequenceDeliver) (WsedEntry * const *entries, guint n_entries, gpointer user_data);

typedef struct _WsedSequence WsedSequence;

/* What a shared log needs beside. All get the user data of wsed_sequence_new(). */
typedef struct
{
  /* Whether somebody here reads @channel, or the whole log. */
  gboolean (*reads) (const char *channel, gpointer user_data);
  /* The log is no longer what it was: wiped, or restored from a copy. Nothing can be joined to what was delivered. */
  void (*strayed) (const char *how, gpointer user_data);
  guint patience;              /* ms that a hole may wait to be filled by what is still on its way */
  guint compare;               /* ms between two looks at the log's end while the relay is connected */
  guint compare_alone;         /* ms while it is not */
} WsedSequenceShared;

typedef struct
{
  guint64 done;                /* all up to here is delivered */
  guint64 end;                 /* so far the log is known to reach */
  guint64 reads;               /* of the log, to fill holes, since the start */
  guint64 filled;              /* events taken from them */
  guint64 forgotten;           /* events that came and had no room: read again */
  gsize held_bytes;            /* of events that wait for one before them */
} WsedSequenceStats;

WsedSequence *wsed_sequence_new    (WsedSequenceDeliver deliver, gpointer user_data);
/* Before anything else: others append to @log too. @relay, which wsed_sequence_listen() is called for, may be NULL: then only the log
 * tells, as often as it is compared. Borrows all. */
void          wsed_sequence_share  (WsedSequence *self, WsedLog *log, WsedInbox *main, WsedRelay *relay, const WsedSequenceShared *shared);
/* Delivers nothing any more, and answers what waits for that with an error. */
void          wsed_sequence_stop   (WsedSequence *self);
/* When the log has answered all. NULL is allowed. */
void          wsed_sequence_free   (WsedSequence *self);

/* What this daemon's log has answered to an append, in the order of the answers. */
void          wsed_sequence_append (WsedSequence *self, WsedEntry * const *entries, guint n_entries);
/* Asks the (shared) log for ends; the answer, on the main thread, comes exactly between the deliveries up to its n and those behind it. */
void          wsed_sequence_ask    (WsedSequence *self, WsedHeads *heads);
/* Something was erased when the log ended at @n: what waits and lies before that is read again. */
void          wsed_sequence_erase  (WsedSequence *self, guint64 n);

/* What the relay tells. */
void          wsed_sequence_take_entry (WsedSequence *self, const char *epoch, WsedEntry *entry);
void          wsed_sequence_take_batch (WsedSequence *self, const char *epoch, const WsedMention *mentions, guint n_mentions);
void          wsed_sequence_take_end   (WsedSequence *self, const char *epoch, guint64 n, gboolean own);
/* Messages may be missing: compares with the log's end. */
void          wsed_sequence_compare    (WsedSequence *self);

/* The log's epoch; "" while it is not known, or needs not be. */
const char   *wsed_sequence_get_epoch  (WsedSequence *self);
void          wsed_sequence_get_stats  (WsedSequence *self, WsedSequenceStats *stats);

G_END_DECLS
