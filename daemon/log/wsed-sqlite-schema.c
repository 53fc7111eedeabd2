/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSqliteSchema owns how the log's file is taken, made, recognised and opened, and how SQLite's failures are told. It never
 * changes a file that is not a log of a version it knows. */

#include "log/wsed-sqlite-schema.h"
#include "log/wsed-log.h"
#include "wse-error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* "WSEL" */
#define APPLICATION_ID 0x5753454c
#define FORMAT 2

/* What format 2 has more than 1. */
#define SOURCES \
  "CREATE TABLE position(source TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;" \
  "CREATE TABLE letter(id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, position INTEGER NOT NULL, event_id TEXT, topic TEXT," \
  " key BLOB, headers TEXT, length INTEGER NOT NULL, code TEXT NOT NULL, error TEXT NOT NULL, first INTEGER NOT NULL," \
  " last INTEGER NOT NULL, tries INTEGER NOT NULL, input BLOB, bytes INTEGER NOT NULL);"

static const char schema[] =
  "CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
  "CREATE TABLE channel(id INTEGER PRIMARY KEY, name TEXT NOT NULL, low INTEGER NOT NULL DEFAULT 0,"
  " flushed_seq INTEGER NOT NULL DEFAULT 0, epoch TEXT, expired INTEGER NOT NULL DEFAULT 0, expired_n INTEGER NOT NULL DEFAULT 0);"
  "CREATE TABLE block(first_n INTEGER PRIMARY KEY, last_n INTEGER NOT NULL, hdr BLOB NOT NULL, data BLOB NOT NULL);"
  "CREATE TABLE run(channel INTEGER, last_seq INTEGER, ns BLOB NOT NULL, PRIMARY KEY(channel,last_seq)) WITHOUT ROWID;"
  "CREATE TABLE idlog(first_n INTEGER PRIMARY KEY, h BLOB NOT NULL);"
  "CREATE TABLE consumer(id INTEGER PRIMARY KEY, user TEXT NOT NULL, name TEXT NOT NULL, used INTEGER NOT NULL, UNIQUE(user,name));"
  "CREATE TABLE ack(consumer INTEGER, channel TEXT, epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(consumer,channel)) WITHOUT ROWID;"
  "CREATE TABLE forgotten(h INTEGER PRIMARY KEY, epoch TEXT NOT NULL);" SOURCES;

G_DEFINE_QUARK (wsed-sqlite-error, wsed_sqlite_error)

void
wsed_sqlite_set_error (sqlite3     *db,
                       const char  *doing,
                       GError     **error)
{
  int code = sqlite3_errcode (db) & 0xff;

  if (code == SQLITE_IOERR && sqlite3_system_errno (db) == ENOSPC)
    code = SQLITE_FULL;
  g_set_error (error, WSED_SQLITE_ERROR, code, "%s: %s", doing, code == SQLITE_FULL ? "the disk is full" : sqlite3_errmsg (db));
}

gboolean
wsed_sqlite_exec (sqlite3     *db,
                  const char  *sql,
                  GError     **error)
{
  if (sqlite3_exec (db, sql, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  wsed_sqlite_set_error (db, "using the log's file", error);
  return FALSE;
}

sqlite3_stmt *
wsed_sqlite_prepare (sqlite3     *db,
                     const char  *sql,
                     GError     **error)
{
  sqlite3_stmt *statement = NULL;

  if (sqlite3_prepare_v3 (db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
    wsed_sqlite_set_error (db, "reading the log's schema", error);
  return statement;
}

gboolean
wsed_sqlite_run (sqlite3_stmt  *statement,
                 GError       **error)
{
  int code = sqlite3_step (statement);

  if (code != SQLITE_DONE && code != SQLITE_ROW)
    {
      wsed_sqlite_set_error (sqlite3_db_handle (statement), "writing the log", error);
      sqlite3_reset (statement);
      return FALSE;
    }
  sqlite3_reset (statement);
  return TRUE;
}

gint64
wsed_sqlite_get_int (sqlite3    *db,
                     const char *sql)
{
  sqlite3_stmt *statement = NULL;
  gint64 value = 0;

  if (sqlite3_prepare_v2 (db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step (statement) == SQLITE_ROW)
    value = sqlite3_column_int64 (statement, 0);
  sqlite3_finalize (statement);
  return value;
}

/* After SQLITE_FULL and I/O errors the transaction is gone already. */
void
wsed_sqlite_rollback (sqlite3 *db)
{
  if (!sqlite3_get_autocommit (db))
    sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
}

/* What can be told without SQLite, and before anything is written beside the file. */
static gboolean
looks_like_sqlite (const char  *path,
                   GError     **error)
{
  char magic[16];
  /* A pipe would wait for who writes into it. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  ssize_t length;

  if (fd < 0 && errno == ENOENT)
    return TRUE;
  if (fd >= 0 && fstat (fd, &status) == 0 && !S_ISREG (status.st_mode))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "opening the log %s: it is %s", path,
                   S_ISDIR (status.st_mode) ? "a directory" : "no regular file");
      close (fd);
      return FALSE;
    }
  length = fd >= 0 ? read (fd, magic, sizeof magic) : -1;
  if (length < 0)
    g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "opening the log %s: %s", path, g_strerror (errno));
  else if (length > 0 && (length < (ssize_t) sizeof magic || memcmp (magic, "SQLite format 3", 16) != 0))
    g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED,
                 "opening the log %s: it is not a log but some other file, or damaged; it was left as it is", path);
  else
    length = 0;
  if (fd >= 0)
    close (fd);
  return length == 0;
}

int
wsed_sqlite_lock (const char  *path,
                  GError     **error)
{
  g_autofree char *lock_path = g_strconcat (path, ".lock", NULL);
  int fd;

  if (!looks_like_sqlite (path, error))
    return -1;
  fd = open (lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "opening the log %s: its directory cannot be written: %s", path,
                   g_strerror (errno));
      return -1;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "opening the log %s: another daemon is using it", path);
      close (fd);
      return -1;
    }
  return fd;
}

static sqlite3 *
open_connection (const char  *path,
                 int          flags,
                 GError     **error)
{
  sqlite3 *db = NULL;

  if (sqlite3_open_v2 (path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) == SQLITE_OK)
    {
      sqlite3_busy_timeout (db, 5000);
      return db;
    }
  g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "opening the log %s: %s", path,
               db != NULL ? sqlite3_errmsg (db) : "out of memory");
  sqlite3_close (db);
  return NULL;
}

sqlite3 *
wsed_sqlite_connect (const char  *path,
                     gboolean     checkpoints,
                     GError     **error)
{
  sqlite3 *db = open_connection (path, checkpoints ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, error);

  if (db == NULL)
    return NULL;
  if (wsed_sqlite_exec (db, "PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
                            "PRAGMA cache_size=-8192;", error))
    return db;
  sqlite3_close (db);
  return NULL;
}

/* FALSE with @error for whatever is not a log that this program can go on with. */
static gboolean
recognise (sqlite3     *db,
           const char  *path,
           gboolean    *empty,
           gint64      *format,
           GError     **error)
{
  *format = FORMAT;
  if (!wsed_sqlite_exec (db, "SELECT count(*) FROM sqlite_schema", error))
    {
      g_prefix_error (error, "opening the log %s: ", path);
      return FALSE;
    }
  *empty = wsed_sqlite_get_int (db, "SELECT count(*) FROM sqlite_schema") == 0 &&
           wsed_sqlite_get_int (db, "PRAGMA application_id") == 0;
  if (*empty)
    return TRUE;
  if (wsed_sqlite_get_int (db, "PRAGMA application_id") != APPLICATION_ID)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "opening the log %s: it is another program's database; it was left as it is",
                   path);
      return FALSE;
    }
  *format = wsed_sqlite_get_int (db, "SELECT v FROM meta WHERE k='format'");
  if (*format > FORMAT)
    g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED,
                 "opening the log %s: its format %" G_GINT64_FORMAT " is newer than this program's, %d",
                 path, *format, FORMAT);
  else if (*format < 1)
    g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "opening the log %s: it is damaged: its format cannot be read", path);
  return *format >= 1 && *format <= FORMAT;
}

/* What an older version of this program left: brought up to date, or left as it is. */
static gboolean
upgrade (sqlite3     *db,
         const char  *path,
         GError     **error)
{
  g_autofree char *sql = g_strdup_printf ("BEGIN IMMEDIATE; %s UPDATE meta SET v=%d WHERE k='format'; COMMIT;", SOURCES, FORMAT);

  if (wsed_sqlite_exec (db, sql, error))
    {
      g_message ("the log %s was brought to format %d; older versions of wsed cannot open it any more", path, FORMAT);
      return TRUE;
    }
  wsed_sqlite_rollback (db);
  g_prefix_error (error, "bringing the log %s to format %d: ", path, FORMAT);
  return FALSE;
}

/* All in one transaction, and before the change to WAL, so that the file is a log or empty at any moment. */
static gboolean
make_file (sqlite3  *db,
           GError  **error)
{
  char epoch[WSE_MAX_EPOCH_BYTES + 1], secret[WSED_ID_SECRET_BYTES * 2 + 1];
  guint8 random[WSED_ID_SECRET_BYTES];
  g_autofree char *sql = NULL;

  wsed_log_make_epoch (epoch);
  while (getrandom (random, sizeof random, 0) != sizeof random)
    g_assert (errno == EINTR);
  for (guint i = 0; i < sizeof random; i++)
    g_snprintf (secret + i * 2, 3, "%02x", random[i]);
  /* Against 4096: a sixth less processor time, mostly one call for two; an eighth more is written. */
  sql = g_strdup_printf ("PRAGMA page_size=8192; BEGIN IMMEDIATE; PRAGMA application_id=%d; %s"
                         "INSERT INTO meta VALUES('format',%d),('epoch','%s'),('secret',x'%s'),('watermark',0),('max_events',0);"
                         "COMMIT;", APPLICATION_ID, schema, FORMAT, epoch, secret);
  return wsed_sqlite_exec (db, sql, error);
}

static gboolean
read_meta (sqlite3         *db,
           const char      *path,
           WsedSqliteMeta  *meta,
           GError         **error)
{
  sqlite3_stmt *statement = wsed_sqlite_prepare (db, "SELECT k, v FROM meta WHERE k IN ('epoch','secret','max_events')", error);
  guint found = 0;

  if (statement == NULL)
    return FALSE;
  while (sqlite3_step (statement) == SQLITE_ROW)
    {
      const char *key = (const char *) sqlite3_column_text (statement, 0);
      int length = sqlite3_column_bytes (statement, 1);

      if (g_strcmp0 (key, "epoch") == 0 && length > 0 && length <= WSE_MAX_EPOCH_BYTES)
        found += g_strlcpy (meta->epoch, (const char *) sqlite3_column_text (statement, 1), sizeof meta->epoch) > 0;
      else if (g_strcmp0 (key, "secret") == 0 && length == WSED_ID_SECRET_BYTES)
        found += memcpy (meta->secret, sqlite3_column_blob (statement, 1), WSED_ID_SECRET_BYTES) != NULL;
      else if (g_strcmp0 (key, "max_events") == 0)
        meta->max_events = sqlite3_column_int64 (statement, 1);
    }
  sqlite3_finalize (statement);
  if (found != 2)
    g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "opening the log %s: it is damaged: its epoch or its secret cannot be read",
                 path);
  return found == 2;
}

static gboolean
set_up (sqlite3         *db,
        const char      *path,
        gboolean         sync_full,
        WsedSqliteMeta  *meta,
        GError         **error)
{
  gboolean empty;
  gint64 format;

  if (!recognise (db, path, &empty, &format, error) || (empty && !make_file (db, error)))
    return FALSE;
  /* Where secure_delete is off, copies of an event would lie in pages that were freed while it was kept; that it is on is a tenth of
   * what trimming costs. */
  if (!wsed_sqlite_exec (db, "PRAGMA journal_mode=WAL; PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=0;"
                             "PRAGMA journal_size_limit=33554432; PRAGMA secure_delete=1; PRAGMA temp_store=MEMORY;", error) ||
      !wsed_sqlite_exec (db, sync_full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", error) ||
      /* A write, so that a file or directory that cannot be written is found now. */
      !wsed_sqlite_exec (db, "UPDATE meta SET v=v WHERE k='format'", error))
    {
      g_prefix_error (error, "opening the log %s: ", path);
      return FALSE;
    }
  if (format < FORMAT && !upgrade (db, path, error))
    return FALSE;
  return read_meta (db, path, meta, error);
}

sqlite3 *
wsed_sqlite_create (const char      *path,
                    gboolean         sync_full,
                    WsedSqliteMeta  *meta,
                    GError         **error)
{
  sqlite3 *db = open_connection (path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);

  memset (meta, 0, sizeof *meta);
  if (db != NULL && set_up (db, path, sync_full, meta, error))
    return db;
  sqlite3_close (db);
  return NULL;
}
