/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-block-cursor.h"
#include "log/wsed-checkpoint.h"
#include "log/wsed-sqlite-index.h"

G_BEGIN_DECLS

/* A thread with a connection of its own that reads for whoever asks, in transactions of at most 256 events or 256 KiB. */
typedef struct _WsedSqliteReader WsedSqliteReader;

struct _WsedSqliteReader
{
  sqlite3 *db;
  WsedIndex *index;
  WsedCheckpoint *checkpoint;
  WsedBlockCursor cursor;
  sqlite3_stmt *begin, *end, *runs, *runs_back;
  WsedInbox *inbox;
  pthread_t thread;
  gboolean stop;
  guint64 unreadable;          /* atomic */
};

WsedSqliteReader *wsed_sqlite_reader_new    (const char *path, WsedIndex *index, WsedCheckpoint *checkpoint, GError **error);
/* Answers what was sent, then ends the thread. */
void        wsed_sqlite_reader_free   (WsedSqliteReader *self);
/* Any thread. */
void        wsed_sqlite_reader_read   (WsedSqliteReader *self, WsedRead *read);
void        wsed_sqlite_reader_locate (WsedSqliteReader *self, WsedLocate *locate);
guint64     wsed_sqlite_reader_get_unreadable (WsedSqliteReader *self);

/* The thread's own. */
#define WSED_READ_EVENTS 256
#define WSED_READ_BYTES (256 * 1024)

gboolean    wsed_sqlite_reader_begin  (WsedSqliteReader *self, GError **error);
/* FALSE with @error where something could not be read since. */
gboolean    wsed_sqlite_reader_end    (WsedSqliteReader *self, GError **error);
/* The event with its places as they are now. */
WsedEntry  *wsed_sqlite_reader_make_entry (WsedSqliteReader *self, guint64 n, WsedBlockRecord *record);
/* wsed-sqlite-read.c, wsed-sqlite-locate.c */
void        wsed_sqlite_reader_run_read   (WsedSqliteReader *self, WsedRead *read);
void        wsed_sqlite_reader_run_locate (WsedSqliteReader *self, WsedLocate *locate);

G_END_DECLS
