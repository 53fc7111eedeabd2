/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedNotices owns a connection to the log's database for the few things that hold at every daemon, whoever of them was there when it was
 * done. It only reads and writes them; what they mean it does not know. */

#include "fleet/wsed-notices.h"

#include "postgres/wsed-postgres.h"
#include "wse-error.h"

/* ms */
#define CONNECT_TIMEOUT 5000
#define ANSWER_TIMEOUT 10000
#define LOOK_INTERVAL 10000
/* ms that the start waits for what there is */
#define START_DEADLINE 5000
/* Bytes of what is not yet answered. */
#define MAX_QUEUED (4 * 1024 * 1024)

struct _WsedNotices
{
  WsedPostgres *postgres;
  WsedNoticed noticed;
  gpointer user_data;
  gint64 last;                 /* the id of the one seen last */
  gboolean begun;              /* what there was at the beginning has been read */
  gboolean failed;             /* … or could not be */
  gboolean looking;
  gboolean again;              /* the look under way may be older than why there was to be another */
  guint interval;              /* source */
};

typedef struct
{
  WsedNoted done;
  gpointer user_data;
} Addition;

/* With the log's row locked, ids are in the order of commits; the same statement forgets what is over. */
static const WsedPostgresStatement add = { "notice_add",
  "WITH l AS (SELECT FROM wse.log FOR UPDATE), d AS (DELETE FROM wse.notice o WHERE o.until < wse.now()) "
  "INSERT INTO wse.notice (kind, text, until) SELECT $1, $2, $3 FROM l" };
static const WsedPostgresStatement read_new = { "notice_read",
  "SELECT n.id, n.kind, n.text FROM wse.notice n WHERE n.id > $1 AND n.until >= wse.now() ORDER BY n.id LIMIT 1000" };

static void
on_read (const PGresult *result,
         const GError   *error,
         gpointer        user_data)
{
  WsedNotices *self = user_data;
  int rows = error == NULL ? PQntuples (result) : 0;
  gboolean again = self->again;

  self->looking = self->again = FALSE;
  self->failed |= error != NULL;
  for (int row = 0; row < rows; row++)
    {
      self->last = wsed_postgres_get_int8 (result, row, 0);
      self->noticed (wsed_postgres_get_text (result, row, 1), wsed_postgres_get_text (result, row, 2), !self->begun, self->user_data);
    }
  if (rows == 0 && error == NULL)
    self->begun = TRUE;
  if (rows > 0 || (again && error == NULL))
    wsed_notices_look (self);
}

void
wsed_notices_look (WsedNotices *self)
{
  g_auto (WsedPostgresValues) values = { 0 };

  self->again = self->looking;
  if (self->looking || !wsed_postgres_is_open (self->postgres))
    return;
  self->looking = TRUE;
  wsed_postgres_values_init (&values);
  wsed_postgres_values_add_int8 (&values, self->last);
  wsed_postgres_send (self->postgres, &read_new, &values, on_read, self);
}

static gboolean
on_interval (gpointer user_data)
{
  wsed_notices_look (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_opened (WsedPostgres *postgres,
           gpointer      user_data)
{
  wsed_notices_look (user_data);
}

static void
on_lost (WsedPostgres *postgres,
         const GError *error,
         gpointer      user_data)
{
  ((WsedNotices *) user_data)->failed = TRUE;
}

static gboolean
on_deadline (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* What is revoked must not be good for the moment until the main loop comes to it. */
static void
begin (WsedNotices *self)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) deadline = g_timeout_source_new (START_DEADLINE);
  gboolean late = FALSE;

  g_source_set_callback (deadline, on_deadline, &late, NULL);
  g_source_attach (deadline, context);
  wsed_postgres_set_context (self->postgres, context);
  while (!self->begun && !self->failed && !late)
    g_main_context_iteration (context, TRUE);
  g_source_destroy (deadline);
  wsed_postgres_set_context (self->postgres, NULL);
}

WsedNotices *
wsed_notices_new (WsedPostgresAddress *address,
                  WsedNoticed          noticed,
                  gpointer             user_data)
{
  static const WsedPostgresConfig config = { CONNECT_TIMEOUT, ANSWER_TIMEOUT, MAX_QUEUED, on_opened, on_lost, NULL };
  WsedNotices *self = g_new0 (WsedNotices, 1);

  self->noticed = noticed;
  self->user_data = user_data;
  self->postgres = wsed_postgres_new (address, &config, self);
  begin (self);
  self->interval = g_timeout_add (LOOK_INTERVAL, on_interval, self);
  return self;
}

void
wsed_notices_free (WsedNotices *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->interval, g_source_remove);
  wsed_postgres_free (self->postgres);
  g_free (self);
}

static void
on_added (const PGresult *result,
          const GError   *error,
          gpointer        user_data)
{
  g_autofree Addition *addition = user_data;

  addition->done (error, addition->user_data);
}

void
wsed_notices_add (WsedNotices *self,
                  const char  *kind,
                  const char  *text,
                  gint64       until,
                  WsedNoted    done,
                  gpointer     user_data)
{
  g_auto (WsedPostgresValues) values = { 0 };
  g_autoptr (GError) error = NULL;
  Addition *addition;

  if (!wsed_postgres_is_open (self->postgres))
    {
      error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the log's database cannot be reached");
      done (error, user_data);
      return;
    }
  wsed_postgres_values_init (&values);
  wsed_postgres_values_add_text (&values, kind);
  wsed_postgres_values_add_text (&values, text);
  wsed_postgres_values_add_int8 (&values, until);
  addition = g_new (Addition, 1);
  *addition = (Addition) { done, user_data };
  wsed_postgres_send (self->postgres, &add, &values, on_added, addition);
}
