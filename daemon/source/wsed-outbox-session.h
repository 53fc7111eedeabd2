/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "postgres/wsed-postgres.h"

G_BEGIN_DECLS

/* A connection to the outbox's database, with the table there, that has the lock of who empties it or waits for it. Main thread. */
typedef struct _WsedOutboxSession WsedOutboxSession;

typedef struct
{
  /* This daemon empties it from now on; @name: the outbox's own. */
  void (*taken) (const char *name, gpointer user_data);
  /* Another daemon does. */
  void (*standby) (gpointer user_data);
  /* No connection; after the answers of what was under way. The session makes it again. */
  void (*lost) (const GError *error, gpointer user_data);
  /* There are new rows. */
  void (*woken) (gpointer user_data);
  /* Now and then, while this daemon empties it: there may be new rows. */
  void (*beat) (gpointer user_data);
} WsedOutboxSessionUser;

WsedOutboxSession *wsed_outbox_session_new     (WsedPostgresAddress *address, const WsedOutboxSessionUser *user, gpointer user_data);
void               wsed_outbox_session_free    (WsedOutboxSession *self);
/* As wsed_postgres_send(), with numbers as its values; only between taken and lost. */
void               wsed_outbox_session_send    (WsedOutboxSession *self, const WsedPostgresStatement *statement, const gint64 *numbers,
                                                guint n_numbers, WsedPostgresDone done, gpointer user_data);
/* For what answers with an error: where an answer came, the connection is made anew, later. */
void               wsed_outbox_session_refuse  (WsedOutboxSession *self, const char *doing, const PGresult *result, const GError *error);
/* Nothing is owed any more. */
gboolean           wsed_outbox_session_is_idle (WsedOutboxSession *self);

G_END_DECLS
