/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>

#include "log/wsed-log.h"
#include "log/wsed-sqlite-schema.h"

G_BEGIN_DECLS

/* The channels of a log, where each one ends, and which n its seqs have. That (channel, seq) → n is derived from the blocks: its
 * newest part is only in memory and goes to the table `run` in sorted steps of a few rows, inside commits that happen anyway; at
 * start it is rebuilt from the blocks behind the watermark. An index entry per event would dirty a page per event. One thread
 * writes, the readers only look, under the lock. The writer needs it only where it changes something. */

typedef struct
{
  char *name;
  guint32 id;
  char *epoch;                 /* NULL: the log's */
  guint64 low, head;           /* committed */
  gint64 expired;              /* when its last event went, microseconds since 1970; 0: it has some */
  guint64 expired_n;           /* the log's end at that time */

  /* n of the seqs tail_first … head; before that: in run */
  guint64 tail_first;
  guint64 *tail;
  guint tail_length, tail_size;

  /* the writer's own */
  guint64 next;                /* head, with what is not committed yet */
  guint64 staged_low;          /* low, once the transaction is committed; 0: as it is */
  guint64 run_low;             /* rows up to here were taken out of run */
  guint8 stored : 1;           /* has its row */
  guint8 touched : 1;          /* next may differ from head */
} WsedChannel;

/* A part of a channel's tail that is written but not committed. */
typedef struct
{
  guint32 id;
  guint count;
  guint64 first;
} WsedWritten;

typedef struct
{
  pthread_mutex_t lock;
  GHashTable *by_name;         /* (element-type utf8 WsedChannel) */
  GPtrArray *by_id;            /* (element-type WsedChannel), NULL where forgotten */
  guint64 n;                   /* the end of the log */
  guint64 low_n;               /* before the first block */

  /* the writer's own */
  char epoch[WSE_MAX_EPOCH_BYTES + 1];
  gboolean forgot;             /* the table of the forgotten may have rows */
  guint64 max_events;
  gsize in_memory;             /* tail entries of all channels */
  guint64 cut;                 /* by how much all low together rose, since the start */
  guint64 watermark;           /* all n up to here are in run */
  GArray *round;               /* (element-type guint32): channels yet to be written of this round, last first; NULL: none */
  guint64 round_n;             /* the watermark that it will reach */
  guint round_total;           /* channels of it at its start */
  guint round_rows;            /* channels of it that the uncommitted step has written */
  GArray *written;             /* (element-type WsedWritten) of the step that is not committed yet */
  sqlite3 *db;
  sqlite3_stmt *insert_run, *set_flushed, *set_watermark, *insert_channel, *find_forgotten;
} WsedIndex;

WsedIndex   *wsed_index_new    (sqlite3 *db, const WsedSqliteMeta *meta, guint64 max_events, GError **error);
void         wsed_index_free   (WsedIndex *self);
void         wsed_index_lock   (WsedIndex *self);
void         wsed_index_unlock (WsedIndex *self);

/* The writer, or with the lock held. NULL: not there. */
WsedChannel *wsed_index_find   (WsedIndex *self, const char *name);
WsedChannel *wsed_index_get    (WsedIndex *self, guint32 id);

/* The writer. */
gint64       wsed_index_hash   (const char *name);
WsedChannel *wsed_index_make   (WsedIndex *self, const char *name);
/* What the epoch of a channel that is not there would be. */
void         wsed_index_foresee_epoch (WsedIndex *self, const char *name, char epoch[WSE_MAX_EPOCH_BYTES + 1]);
gboolean     wsed_index_store  (WsedIndex *self, WsedChannel *channel, GError **error);
void         wsed_index_push   (WsedIndex *self, WsedChannel *channel, guint64 seq, guint64 n);
void         wsed_index_set_low (WsedIndex *self, WsedChannel *channel, guint64 low);
void         wsed_index_forget (WsedIndex *self, WsedChannel *channel);

/* wsed-index-flush.c: moves the memory's part to run, within the writer's transaction. @events: how many it appends. */
gboolean     wsed_index_flush_step   (WsedIndex *self, guint events, GError **error);
gboolean     wsed_index_flush_all    (WsedIndex *self, GError **error);
void         wsed_index_flush_commit (WsedIndex *self);
void         wsed_index_flush_abort  (WsedIndex *self);
void         wsed_index_flush_clear  (WsedIndex *self);

/* wsed-index-load.c */
gboolean     wsed_index_load   (WsedIndex *self, const WsedSqliteMeta *meta, guint64 *unreadable, GError **error);
/* The log has lost its end: what is kept goes on under a new epoch. */
gboolean     wsed_index_begin_anew (WsedIndex *self, GError **error);

/* A row of run: the n of up to 512 seqs that end with last_seq. */
#define WSED_RUN_ENTRIES 512

void         wsed_run_encode   (GByteArray *row, const guint64 *ns, guint count);
/* How many; 0: damaged. */
guint        wsed_run_decode   (const guint8 *row, gsize length, guint64 ns[WSED_RUN_ENTRIES]);

G_END_DECLS
