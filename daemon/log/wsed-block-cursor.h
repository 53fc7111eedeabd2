/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>

#include "log/wsed-block.h"

G_BEGIN_DECLS

/* Finds events by n on one connection and keeps the block that it is in, because the next event is often there too. */
typedef struct
{
  sqlite3_stmt *floor, *onward, *back;
  sqlite3_stmt *at;            /* the one that holds the block, not reset: its blobs are borrowed */
  WsedBlock block;
  guint64 first_n, last_n;     /* what it spans; 0, 0: none */
  gboolean readable;
  guint64 unreadable;          /* blocks met with a wrong checksum */
  gboolean failed;             /* SQLite could not say: what was not found may be there; cleared by who looks */
} WsedBlockCursor;

gboolean wsed_block_cursor_init    (WsedBlockCursor *self, sqlite3 *db, GError **error);
void     wsed_block_cursor_clear   (WsedBlockCursor *self);
/* Lets go of the block: before a transaction begins or ends. */
void     wsed_block_cursor_release (WsedBlockCursor *self);
/* FALSE: not kept, or not readable. record is borrowed until the next call. */
gboolean wsed_block_cursor_get     (WsedBlockCursor *self, guint64 n, WsedBlockRecord *record);
/* The next kept event behind @n, or (@back) before it; its n, 0: none. */
guint64  wsed_block_cursor_step    (WsedBlockCursor *self, guint64 n, gboolean back, WsedBlockRecord *record);

G_END_DECLS
