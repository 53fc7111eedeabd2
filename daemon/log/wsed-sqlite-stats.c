/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSqliteStats keeps the writer's counts and whether the file can be written. It decides nothing. */

#include "log/wsed-sqlite-stats.h"

void
wsed_sqlite_stats_init (WsedSqliteStats *self)
{
  pthread_mutex_init (&self->lock, NULL);
}

void
wsed_sqlite_stats_clear (WsedSqliteStats *self)
{
  pthread_mutex_destroy (&self->lock);
}

void
wsed_sqlite_stats_set_state (WsedSqliteStats *self,
                             const GError    *error)
{
  pthread_mutex_lock (&self->lock);
  if (self->stats.state == WSED_LOG_OK && error != NULL)
    g_warning ("the log cannot be written: %s", error->message);
  else if (self->stats.state != WSED_LOG_OK && error == NULL)
    g_message ("the log can be written again");
  self->stats.state = error != NULL ? WSED_LOG_DEGRADED : WSED_LOG_OK;
  g_strlcpy (self->stats.reason, error != NULL ? error->message : "", sizeof self->stats.reason);
  pthread_mutex_unlock (&self->lock);
}

/* Without the lock: only the writer changes it. */
gboolean
wsed_sqlite_stats_is_ok (const WsedSqliteStats *self)
{
  return self->stats.state == WSED_LOG_OK;
}

GError *
wsed_sqlite_stats_get_error (WsedSqliteStats *self)
{
  GError *error;

  pthread_mutex_lock (&self->lock);
  error = g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log cannot be written now: %s", self->stats.reason);
  pthread_mutex_unlock (&self->lock);
  return error;
}

void
wsed_sqlite_stats_get (WsedSqliteStats *self,
                       WsedLogStats    *stats)
{
  pthread_mutex_lock (&self->lock);
  *stats = self->stats;
  pthread_mutex_unlock (&self->lock);
}
