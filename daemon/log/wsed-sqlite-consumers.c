/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSqliteConsumers keeps who has acked what. Acks are small and many, so all that wait share one transaction; none is answered before
 * it is committed. */

#include "log/wsed-sqlite-consumers.h"

#include "wse-error.h"

struct _WsedSqliteConsumers
{
  sqlite3 *db;
  GPtrArray *waiting;          /* (element-type WsedConsumer) */
  sqlite3_stmt *begin, *commit, *find, *count, *insert, *touch, *clear, *ack, *acks, *forget_acks, *forget;
};

static const char * const sql[] = {
  "BEGIN IMMEDIATE",
  "COMMIT",
  "SELECT id,used FROM consumer WHERE user=?1 AND name=?2",
  "SELECT count(*) FROM consumer WHERE user=?1 AND used>=?2",
  "INSERT INTO consumer(user,name,used) VALUES(?1,?2,?3)",
  "UPDATE consumer SET used=?2 WHERE id=?1",
  "DELETE FROM ack WHERE consumer=?1",
  ("INSERT INTO ack VALUES(?1,?2,?3,?4) ON CONFLICT DO UPDATE SET epoch=excluded.epoch,"
   " seq=CASE WHEN epoch=excluded.epoch THEN max(seq,excluded.seq) ELSE excluded.seq END"),
  "SELECT channel,epoch,seq FROM ack WHERE consumer=?1",
  "DELETE FROM ack WHERE consumer IN (SELECT id FROM consumer WHERE used<?1)",
  "DELETE FROM consumer WHERE used<?1",
};

WsedSqliteConsumers *
wsed_sqlite_consumers_new (sqlite3  *db,
                           GError  **error)
{
  WsedSqliteConsumers *self = g_new0 (WsedSqliteConsumers, 1);
  sqlite3_stmt **statements[] = { &self->begin, &self->commit, &self->find, &self->count, &self->insert, &self->touch, &self->clear,
                                  &self->ack, &self->acks, &self->forget_acks, &self->forget };

  self->db = db;
  self->waiting = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (statements); i++)
    {
      *statements[i] = wsed_sqlite_prepare (db, sql[i], error);
      if (*statements[i] == NULL)
        {
          wsed_sqlite_consumers_free (self);
          return NULL;
        }
    }
  return self;
}

void
wsed_sqlite_consumers_free (WsedSqliteConsumers *self)
{
  if (self == NULL)
    return;
  sqlite3_finalize (self->begin);
  sqlite3_finalize (self->commit);
  sqlite3_finalize (self->find);
  sqlite3_finalize (self->count);
  sqlite3_finalize (self->insert);
  sqlite3_finalize (self->touch);
  sqlite3_finalize (self->clear);
  sqlite3_finalize (self->ack);
  sqlite3_finalize (self->acks);
  sqlite3_finalize (self->forget_acks);
  sqlite3_finalize (self->forget);
  g_ptr_array_unref (self->waiting);
  g_free (self);
}

void
wsed_sqlite_consumers_add (WsedSqliteConsumers *self,
                           WsedConsumer        *request)
{
  g_ptr_array_add (self->waiting, request);
}

/* FALSE: the user has as many in use as there may be; the request says so then. */
static gboolean
has_room (WsedSqliteConsumers *self,
          WsedConsumer        *request,
          gint64               now)
{
  gint64 others = 0;

  sqlite3_bind_text (self->count, 1, request->user, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (self->count, 2, now - WSED_CONSUMER_AGE);
  if (sqlite3_step (self->count) == SQLITE_ROW)
    others = sqlite3_column_int64 (self->count, 0);
  sqlite3_reset (self->count);
  if (others < WSED_MAX_CONSUMERS)
    return TRUE;
  request->error = g_error_new (WSE_ERROR, WSE_ERROR_BUSY, "this user has %d consumers already: use one of them", WSED_MAX_CONSUMERS);
  return FALSE;
}

static gboolean
make (WsedSqliteConsumers  *self,
      WsedConsumer         *request,
      gint64                now,
      gint64               *id,
      GError              **error)
{
  sqlite3_bind_text (self->insert, 1, request->user, -1, SQLITE_STATIC);
  sqlite3_bind_text (self->insert, 2, request->name, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (self->insert, 3, now);
  if (!wsed_sqlite_run (self->insert, error))
    return FALSE;
  *id = sqlite3_last_insert_rowid (self->db);
  return TRUE;
}

/* *@id stays 0 where the request has an error of its own. */
static gboolean
find_or_make (WsedSqliteConsumers  *self,
              WsedConsumer         *request,
              gint64                now,
              gint64               *id,
              GError              **error)
{
  gint64 used = now;

  *id = 0;
  sqlite3_bind_text (self->find, 1, request->user, -1, SQLITE_STATIC);
  sqlite3_bind_text (self->find, 2, request->name, -1, SQLITE_STATIC);
  if (sqlite3_step (self->find) == SQLITE_ROW)
    {
      *id = sqlite3_column_int64 (self->find, 0);
      used = sqlite3_column_int64 (self->find, 1);
    }
  if (sqlite3_reset (self->find) != SQLITE_OK)
    {
      wsed_sqlite_set_error (self->db, "reading the consumers", error);
      return FALSE;
    }
  /* One that is to be forgotten is as new. */
  if ((*id == 0 || used < now - WSED_CONSUMER_AGE) && !has_room (self, request, now))
    {
      *id = 0;
      return TRUE;
    }
  if (*id == 0)
    return make (self, request, now, id, error);
  if (used < now - WSED_CONSUMER_AGE)
    {
      sqlite3_bind_int64 (self->clear, 1, *id);
      if (!wsed_sqlite_run (self->clear, error))
        return FALSE;
    }
  sqlite3_bind_int64 (self->touch, 1, *id);
  sqlite3_bind_int64 (self->touch, 2, now);
  return wsed_sqlite_run (self->touch, error);
}

static gboolean
carry_out (WsedSqliteConsumers  *self,
           WsedConsumer         *request,
           gint64                now,
           GError              **error)
{
  gint64 id;

  if (!wsed_consumer_claim (request))
    return TRUE;
  if (!find_or_make (self, request, now, &id, error))
    return FALSE;
  if (id == 0)
    return TRUE;
  for (guint i = 0; i < request->acks->len; i++)
    {
      const WsedAck *ack = &g_array_index (request->acks, WsedAck, i);

      sqlite3_bind_int64 (self->ack, 1, id);
      sqlite3_bind_text (self->ack, 2, ack->channel, -1, SQLITE_STATIC);
      sqlite3_bind_text (self->ack, 3, ack->epoch, -1, SQLITE_STATIC);
      sqlite3_bind_int64 (self->ack, 4, ack->seq);
      if (!wsed_sqlite_run (self->ack, error))
        return FALSE;
    }
  sqlite3_bind_int64 (self->acks, 1, id);
  while (sqlite3_step (self->acks) == SQLITE_ROW)
    wsed_acks_add (request->acks, (const char *) sqlite3_column_text (self->acks, 0), (const char *) sqlite3_column_text (self->acks, 1),
                   sqlite3_column_int64 (self->acks, 2));
  /* A failed read must not look like a consumer that has acked nothing. */
  if (sqlite3_reset (self->acks) == SQLITE_OK)
    return TRUE;
  wsed_sqlite_set_error (self->db, "reading a consumer's acks", error);
  return FALSE;
}

void
wsed_sqlite_consumers_refuse (WsedSqliteConsumers *self,
                              const GError        *error)
{
  for (guint i = 0; i < self->waiting->len; i++)
    {
      WsedConsumer *request = g_ptr_array_index (self->waiting, i);

      g_clear_error (&request->error);
      request->error = g_error_new (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log cannot be written now: %s", error->message);
      wsed_inbox_push (request->reply_to, &request->message);
    }
  g_ptr_array_set_size (self->waiting, 0);
}

gboolean
wsed_sqlite_consumers_run (WsedSqliteConsumers  *self,
                           gboolean             *wrote,
                           GError              **error)
{
  g_autoptr (GError) problem = NULL;
  gint64 now = g_get_real_time ();
  gboolean done;

  *wrote = self->waiting->len > 0;
  if (!*wrote)
    return TRUE;
  done = wsed_sqlite_run (self->begin, &problem);
  for (guint i = 0; done && i < self->waiting->len; i++)
    done = carry_out (self, g_ptr_array_index (self->waiting, i), now, &problem);
  done = done && wsed_sqlite_run (self->commit, &problem);
  if (!done)
    {
      wsed_sqlite_rollback (self->db);
      wsed_sqlite_consumers_refuse (self, problem);
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  for (guint i = 0; i < self->waiting->len; i++)
    {
      WsedConsumer *request = g_ptr_array_index (self->waiting, i);

      wsed_inbox_push (request->reply_to, &request->message);
    }
  g_ptr_array_set_size (self->waiting, 0);
  return TRUE;
}

gboolean
wsed_sqlite_consumers_forget (WsedSqliteConsumers  *self,
                              gint64                now,
                              GError              **error)
{
  sqlite3_bind_int64 (self->forget_acks, 1, now - WSED_CONSUMER_AGE);
  sqlite3_bind_int64 (self->forget, 1, now - WSED_CONSUMER_AGE);
  if (wsed_sqlite_run (self->begin, error) && wsed_sqlite_run (self->forget_acks, error) && wsed_sqlite_run (self->forget, error)
      && wsed_sqlite_run (self->commit, error))
    return TRUE;
  wsed_sqlite_rollback (self->db);
  return FALSE;
}
