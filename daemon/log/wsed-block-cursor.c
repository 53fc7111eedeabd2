/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedBlockCursor owns the statements that look up blocks and the one block that is open. A block that is damaged is told once in
 * the journal and counted; its events are as good as gone. */

#include "log/wsed-block-cursor.h"
#include "log/wsed-sqlite-schema.h"

#define COLUMNS "first_n,last_n,hdr,data"

gboolean
wsed_block_cursor_init (WsedBlockCursor  *self,
                        sqlite3          *db,
                        GError          **error)
{
  *self = (WsedBlockCursor) { 0 };
  self->floor = wsed_sqlite_prepare (db, "SELECT " COLUMNS " FROM block WHERE first_n<=?1 ORDER BY first_n DESC LIMIT 1", error);
  self->onward = wsed_sqlite_prepare (db, "SELECT " COLUMNS " FROM block WHERE first_n>?1 ORDER BY first_n LIMIT 1",
                                      self->floor ? error : NULL);
  self->back = wsed_sqlite_prepare (db, "SELECT " COLUMNS " FROM block WHERE first_n<?1 ORDER BY first_n DESC LIMIT 1",
                                    self->onward ? error : NULL);
  return self->back != NULL;
}

void
wsed_block_cursor_release (WsedBlockCursor *self)
{
  if (self->at != NULL)
    sqlite3_reset (self->at);
  self->at = NULL;
  self->first_n = self->last_n = 0;
}

void
wsed_block_cursor_clear (WsedBlockCursor *self)
{
  wsed_block_cursor_release (self);
  g_clear_pointer (&self->floor, sqlite3_finalize);
  g_clear_pointer (&self->onward, sqlite3_finalize);
  g_clear_pointer (&self->back, sqlite3_finalize);
}

/* Whether there is such a block. */
static gboolean
open_block (WsedBlockCursor *self,
            sqlite3_stmt    *statement,
            guint64          n)
{
  int code;

  wsed_block_cursor_release (self);
  sqlite3_bind_int64 (statement, 1, n);
  code = sqlite3_step (statement);
  if (code != SQLITE_ROW)
    {
      self->failed |= code != SQLITE_DONE;
      sqlite3_reset (statement);
      return FALSE;
    }
  self->at = statement;
  self->first_n = sqlite3_column_int64 (statement, 0);
  self->last_n = sqlite3_column_int64 (statement, 1);
  self->readable = wsed_block_open (&self->block, self->first_n, sqlite3_column_blob (statement, 2),
                                    sqlite3_column_bytes (statement, 2),
                                    sqlite3_column_blob (statement, 3), sqlite3_column_bytes (statement, 3));
  if (self->readable)
    return TRUE;
  if (self->unreadable++ == 0)
    g_warning ("the log is damaged: the checksum of events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " is wrong; "
               "they are told as lost", self->first_n, self->last_n);
  return TRUE;
}

static gboolean
get_from_block (WsedBlockCursor *self,
                guint64          n,
                WsedBlockRecord *record)
{
  return self->readable && n >= self->first_n && n <= self->last_n && wsed_block_get (&self->block, n, record);
}

gboolean
wsed_block_cursor_get (WsedBlockCursor *self,
                       guint64          n,
                       WsedBlockRecord *record)
{
  if (self->at == NULL || n < self->first_n || n > self->last_n)
    if (!open_block (self, self->floor, n))
      return FALSE;
  return get_from_block (self, n, record);
}

guint64
wsed_block_cursor_step (WsedBlockCursor *self,
                        guint64          n,
                        gboolean         back,
                        WsedBlockRecord *record)
{
  gboolean there = self->at != NULL && n >= self->first_n && n <= self->last_n;

  if (!there)
    there = open_block (self, self->floor, n);
  for (;;)
    {
      if (there)
        {
          guint64 at = back ? MIN (n - 1, self->last_n) : MAX (n + 1, self->first_n);

          for (; at >= self->first_n && at <= self->last_n; at += back ? -1 : 1)
            if (get_from_block (self, at, record))
              return at;
        }
      if (!back)
        there = open_block (self, self->onward, there ? self->last_n : n);
      else
        there = there && open_block (self, self->back, self->first_n);
      if (!there)
        return 0;
    }
}
