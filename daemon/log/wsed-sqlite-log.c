/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSqliteLog owns the threads around one file: a writer, two readers, one for checkpoints. It only hands requests on. */

#include "log/wsed-sqlite-log.h"
#include "log/wsed-sqlite-reader.h"
#include "log/wsed-sqlite-writer.h"

#define READERS 2

struct _WsedSqliteLog
{
  GObject parent_instance;

  WsedSqliteWriter *writer;
  WsedSqliteReader *readers[READERS];
  gboolean closed;             /* atomic */
  WsedLogStats last;           /* once closed */
};

static void wsed_sqlite_log_iface_init (WsedLogInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedSqliteLog, wsed_sqlite_log, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSED_TYPE_LOG, wsed_sqlite_log_iface_init))

/* TRUE: @message was answered with an error. */
static gboolean
refuse_closed (WsedSqliteLog *self,
               WsedInbox     *reply_to,
               WsedMessage   *message,
               GError       **error)
{
  if (!__atomic_load_n (&self->closed, __ATOMIC_ACQUIRE))
    return FALSE;
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log is closed");
  wsed_inbox_push (reply_to, message);
  return TRUE;
}

static void
wsed_sqlite_log_append (WsedLog    *log,
                        WsedAppend *append)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (!refuse_closed (self, append->reply_to, &append->message, &append->error))
    wsed_sqlite_writer_append (self->writer, append);
}

static void
wsed_sqlite_log_heads (WsedLog   *log,
                       WsedHeads *heads)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (!refuse_closed (self, heads->reply_to, &heads->message, &heads->error))
    wsed_sqlite_writer_heads (self->writer, heads);
}

/* One sender always has the same reader, so that its answers keep their order. */
static WsedSqliteReader *
choose_reader (WsedSqliteLog *self,
               WsedInbox     *sender)
{
  return self->readers[GPOINTER_TO_SIZE (sender) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> 63];
}

static void
wsed_sqlite_log_read (WsedLog  *log,
                      WsedRead *read)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (!refuse_closed (self, read->reply_to, &read->message, &read->error))
    wsed_sqlite_reader_read (choose_reader (self, read->reply_to), read);
}

static void
wsed_sqlite_log_locate (WsedLog    *log,
                        WsedLocate *locate)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (!refuse_closed (self, locate->reply_to, &locate->message, &locate->error))
    wsed_sqlite_reader_locate (choose_reader (self, locate->reply_to), locate);
}

static void
wsed_sqlite_log_consume (WsedLog      *log,
                         WsedConsumer *consumer)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (!refuse_closed (self, consumer->reply_to, &consumer->message, &consumer->error))
    wsed_sqlite_writer_consume (self->writer, consumer);
}

static void
wsed_sqlite_log_erase (WsedLog   *log,
                       WsedErase *erase)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (!refuse_closed (self, erase->reply_to, &erase->message, &erase->error))
    wsed_sqlite_writer_erase (self->writer, erase);
}

static void
wsed_sqlite_log_positions (WsedLog       *log,
                           WsedPositions *positions)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (!refuse_closed (self, positions->reply_to, &positions->message, &positions->error))
    wsed_sqlite_writer_positions (self->writer, positions);
}

static void
wsed_sqlite_log_letters (WsedLog     *log,
                         WsedLetters *letters)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (!refuse_closed (self, letters->reply_to, &letters->message, &letters->error))
    wsed_sqlite_writer_letters (self->writer, letters);
}

static void
wsed_sqlite_log_get_stats (WsedLog      *log,
                           WsedLogStats *stats)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (__atomic_load_n (&self->closed, __ATOMIC_ACQUIRE))
    {
      *stats = self->last;
      return;
    }
  wsed_sqlite_writer_get_stats (self->writer, stats);
  for (guint i = 0; i < READERS; i++)
    stats->unreadable += wsed_sqlite_reader_get_unreadable (self->readers[i]);
}

static void
release (WsedSqliteLog *self)
{
  for (guint i = 0; i < READERS; i++)
    g_clear_pointer (&self->readers[i], wsed_sqlite_reader_free);
  g_clear_pointer (&self->writer, wsed_sqlite_writer_free);
}

static void
wsed_sqlite_log_close (WsedLog *log)
{
  WsedSqliteLog *self = WSED_SQLITE_LOG (log);

  if (self->writer == NULL)
    return;
  wsed_sqlite_log_get_stats (log, &self->last);
  self->last.state = WSED_LOG_DOWN;
  g_strlcpy (self->last.reason, "the log is closed", sizeof self->last.reason);
  __atomic_store_n (&self->closed, TRUE, __ATOMIC_RELEASE);
  wsed_sqlite_writer_stop (self->writer);
  release (self);
}

static void
wsed_sqlite_log_finalize (GObject *object)
{
  wsed_sqlite_log_close (WSED_LOG (object));
  G_OBJECT_CLASS (wsed_sqlite_log_parent_class)->finalize (object);
}

static void
wsed_sqlite_log_class_init (WsedSqliteLogClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_sqlite_log_finalize;
}

static void
wsed_sqlite_log_init (WsedSqliteLog *self)
{
}

static void
wsed_sqlite_log_iface_init (WsedLogInterface *iface)
{
  iface->append = wsed_sqlite_log_append;
  iface->heads = wsed_sqlite_log_heads;
  iface->read = wsed_sqlite_log_read;
  iface->locate = wsed_sqlite_log_locate;
  iface->consume = wsed_sqlite_log_consume;
  iface->erase = wsed_sqlite_log_erase;
  iface->positions = wsed_sqlite_log_positions;
  iface->letters = wsed_sqlite_log_letters;
  iface->get_stats = wsed_sqlite_log_get_stats;
  iface->close = wsed_sqlite_log_close;
}

WsedLog *
wsed_sqlite_log_new (const char           *path,
                     const WsedRetention  *retention,
                     GError              **error)
{
  g_autoptr (WsedSqliteLog) self = g_object_new (WSED_TYPE_SQLITE_LOG, NULL);

  self->writer = wsed_sqlite_writer_new (path, retention, error);
  if (self->writer == NULL)
    return NULL;
  for (guint i = 0; i < READERS; i++)
    {
      self->readers[i] = wsed_sqlite_reader_new (path, wsed_sqlite_writer_get_index (self->writer),
                                                 wsed_sqlite_writer_get_checkpoint (self->writer), error);
      if (self->readers[i] != NULL)
        continue;
      wsed_sqlite_writer_stop (self->writer);
      release (self);
      return NULL;
    }
  return WSED_LOG (g_steal_pointer (&self));
}
