/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedCheckpoint owns when the write-ahead log is copied back, the thread that does it beside the writer, and the gate. SQLite's
 * own checkpoints are off: with a reader always somewhere inside they never get to the end, and the file grows without bound. */

#include "log/wsed-checkpoint.h"
#include "log/wsed-sqlite-schema.h"
#include "wse-error.h"

#include <pthread.h>
#include <time.h>

/* The thread starts at 4 MB, and again when another 1 MB came, but not more often than every 20 ms. */
#define PASSIVE_BYTES (4 * 1024 * 1024)
#define PASSIVE_AGAIN (1024 * 1024)
#define PASSIVE_PAUSE (20 * 1000 * 1000)

struct _WsedCheckpoint
{
  pthread_rwlock_t gate;       /* readers pass, the writer closes it; prefers the writer */
  sqlite3 *db;                 /* the thread's */
  pthread_t thread;
  int passive, again;          /* pages: PASSIVE_BYTES, PASSIVE_AGAIN */

  pthread_mutex_t lock;
  pthread_cond_t changed;
  int pages;                   /* in the write-ahead log, as of the last commit */
  int wanted;                  /* the thread sleeps until there are so many; G_MAXINT: it does not */
  gboolean stop;

  /* the writer's own */
  sqlite3 *writer;
  int last_pages;
  int limit, next;             /* pages at which the gate is closed */
};

void
wsed_checkpoint_enter (WsedCheckpoint *self)
{
  pthread_rwlock_rdlock (&self->gate);
}

void
wsed_checkpoint_leave (WsedCheckpoint *self)
{
  pthread_rwlock_unlock (&self->gate);
}

/* With the lock held: FALSE to stop. */
static gboolean
wait_for_pages (WsedCheckpoint *self,
                int            *done)
{
  while (!self->stop)
    {
      if (self->pages < *done)
        *done = 0;
      if (self->pages >= MAX (self->passive, *done + self->again))
        break;
      self->wanted = MAX (self->passive, *done + self->again);
      pthread_cond_wait (&self->changed, &self->lock);
    }
  self->wanted = G_MAXINT;
  *done = self->pages;
  return !self->stop;
}

static void
pause_thread (WsedCheckpoint *self)
{
  struct timespec until;

  clock_gettime (CLOCK_MONOTONIC, &until);
  until.tv_nsec += PASSIVE_PAUSE;
  if (until.tv_nsec >= 1000 * 1000 * 1000)
    {
      until.tv_nsec -= 1000 * 1000 * 1000;
      until.tv_sec++;
    }
  while (!self->stop && pthread_cond_timedwait (&self->changed, &self->lock, &until) == 0)
    ;
}

static void *
run_thread (void *user_data)
{
  WsedCheckpoint *self = user_data;
  int done = 0;

  pthread_mutex_lock (&self->lock);
  while (wait_for_pages (self, &done))
    {
      pthread_mutex_unlock (&self->lock);
      /* Behind the gate too: two checkpoints at a time make the writer's fail. A failure shows there. */
      wsed_checkpoint_enter (self);
      sqlite3_wal_checkpoint_v2 (self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
      wsed_checkpoint_leave (self);
      pthread_mutex_lock (&self->lock);
      pause_thread (self);
    }
  pthread_mutex_unlock (&self->lock);
  return NULL;
}

static void
release (WsedCheckpoint *self)
{
  sqlite3_close (self->db);
  pthread_cond_destroy (&self->changed);
  pthread_mutex_destroy (&self->lock);
  pthread_rwlock_destroy (&self->gate);
  g_free (self);
}

WsedCheckpoint *
wsed_checkpoint_new (const char  *path,
                     gsize        limit,
                     GError     **error)
{
  WsedCheckpoint *self;
  pthread_rwlockattr_t gate;
  pthread_condattr_t clock;
  sqlite3 *db = wsed_sqlite_connect (path, TRUE, error);
  int page_bytes;

  if (db == NULL)
    return NULL;
  self = g_new0 (WsedCheckpoint, 1);
  self->db = db;
  page_bytes = wsed_sqlite_get_int (db, "PRAGMA page_size");
  self->limit = self->next = limit / page_bytes;
  self->passive = PASSIVE_BYTES / page_bytes;
  self->again = PASSIVE_AGAIN / page_bytes;
  pthread_rwlockattr_init (&gate);
  pthread_rwlockattr_setkind_np (&gate, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  pthread_rwlock_init (&self->gate, &gate);
  pthread_rwlockattr_destroy (&gate);
  pthread_mutex_init (&self->lock, NULL);
  pthread_condattr_init (&clock);
  pthread_condattr_setclock (&clock, CLOCK_MONOTONIC);
  pthread_cond_init (&self->changed, &clock);
  pthread_condattr_destroy (&clock);
  if (pthread_create (&self->thread, NULL, run_thread, self) == 0)
    {
      pthread_setname_np (self->thread, "log checkpoint");
      return self;
    }
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_FAILED, "no thread is left for the log's checkpoints");
  release (self);
  return NULL;
}

void
wsed_checkpoint_free (WsedCheckpoint *self)
{
  if (self == NULL)
    return;
  pthread_mutex_lock (&self->lock);
  self->stop = TRUE;
  pthread_cond_signal (&self->changed);
  pthread_mutex_unlock (&self->lock);
  pthread_join (self->thread, NULL);
  release (self);
}

static int
on_commit (void       *user_data,
           sqlite3    *db,
           const char *name,
           int         pages)
{
  WsedCheckpoint *self = user_data;

  self->last_pages = pages;
  return SQLITE_OK;
}

void
wsed_checkpoint_watch (WsedCheckpoint *self,
                       sqlite3        *db)
{
  self->writer = db;
  sqlite3_wal_hook (db, on_commit, self);
}

static gboolean
close_gate (WsedCheckpoint *self,
            int             mode)
{
  int code;

  pthread_rwlock_wrlock (&self->gate);
  /* A reader that is not ours may hold on to it for hours: never wait for that. */
  sqlite3_busy_timeout (self->writer, 0);
  code = sqlite3_wal_checkpoint_v2 (self->writer, NULL, mode, NULL, NULL);
  sqlite3_busy_timeout (self->writer, 5000);
  pthread_rwlock_unlock (&self->gate);
  return code == SQLITE_OK;
}

void
wsed_checkpoint_after_commit (WsedCheckpoint *self)
{
  if (self->last_pages < self->limit)
    self->next = self->limit;
  else if (self->last_pages >= self->next)
    self->next = close_gate (self, SQLITE_CHECKPOINT_RESTART) ? self->limit : self->last_pages + self->limit;
  if (self->last_pages < self->passive && self->last_pages >= self->pages)
    return;
  pthread_mutex_lock (&self->lock);
  /* Begun anew: what the thread had done counts from 0 again. */
  if (self->last_pages >= self->wanted || self->last_pages < self->pages)
    pthread_cond_signal (&self->changed);
  self->pages = self->last_pages;
  pthread_mutex_unlock (&self->lock);
}

gboolean
wsed_checkpoint_truncate (WsedCheckpoint *self)
{
  close_gate (self, SQLITE_CHECKPOINT_PASSIVE);
  return close_gate (self, SQLITE_CHECKPOINT_TRUNCATE);
}
