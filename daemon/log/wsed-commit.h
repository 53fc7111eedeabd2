/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-block-cursor.h"
#include "log/wsed-sqlite-index.h"
#include "log/wsed-sqlite-sources.h"

G_BEGIN_DECLS

/* One transaction of the writer: the events that it gives places to, and their way to the file. */
typedef struct
{
  sqlite3 *db;
  WsedIndex *index;
  WsedIdWindow *ids;
  WsedSqliteSources *sources;
  WsedBlockCursor cursor;
  WsedBlockWriter block;
  sqlite3_stmt *begin, *commit, *insert_block, *insert_ids;
  gint64 last_time;            /* of the last block: time does not go back within a log */

  GPtrArray *entries;          /* (element-type WsedEntry), borrowed: in the order of n, from index->n + 1 on */
  GPtrArray *touched;          /* (element-type WsedChannel) */
  GArray *channels;            /* (element-type guint32): of each entry's event, one entry after the other */
  GByteArray *hashes;          /* of each entry: u64 hash of its id, u64 seq in its first channel */
  gsize bytes;
} WsedCommit;

WsedCommit *wsed_commit_new     (sqlite3 *db, WsedIndex *index, GError **error);
void        wsed_commit_free    (WsedCommit *self);
/* Fills the window of ids from the file. */
gboolean    wsed_commit_load_ids (WsedCommit *self, const guint8 secret[WSED_ID_SECRET_BYTES], GError **error);
/* As large as a transaction gets. */
gboolean    wsed_commit_is_full (const WsedCommit *self);
/* Something would be written. */
gboolean    wsed_commit_is_due  (const WsedCommit *self);
/* Gives append->events[i] its place, or finds that it is a duplicate. */
void        wsed_commit_add     (WsedCommit *self, WsedAppend *append, guint i);
/* Commits them, then they are in the index. FALSE: nothing was kept and every number was taken back. @blocks: how many were
 * written. */
gboolean    wsed_commit_run     (WsedCommit *self, guint *blocks, GError **error);

G_END_DECLS
