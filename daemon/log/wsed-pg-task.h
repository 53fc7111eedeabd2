/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"

G_BEGIN_DECLS

/* A request on its way through the log in PostgreSQL: what all of them have in common. */
typedef enum
{
  WSED_PG_APPEND,
  WSED_PG_HEADS,
  WSED_PG_ERASE,
  WSED_PG_CONSUME,
  WSED_PG_POSITIONS,
  WSED_PG_LETTERS,
  WSED_PG_READ,
  WSED_PG_LOCATE,
} WsedPgKind;

typedef struct
{
  WsedMessage way_in;          /* to the thread that talks to PostgreSQL */
  WsedPgKind kind;
  gpointer request;
  WsedInbox *reply_to;
  WsedMessage *message;
  GError **error;
  gint64 deadline;             /* monotonic µs */
  gboolean claimed;            /* CONSUME: the log has begun with it */
  char *token;                 /* ERASE: what the server knows it by when it is sent again */
} WsedPgTask;

WsedPgTask *wsed_pg_task_new    (WsedPgKind kind, gpointer request);
/* Gives the request back; @error (NULL: none) becomes its own, as WSE_ERROR_UNAVAILABLE. */
void        wsed_pg_task_answer (WsedPgTask *task, const GError *error);
/* Answers those at the head of @tasks whose time is over. */
void        wsed_pg_task_expire (GQueue *tasks, const GError *error);
void        wsed_pg_task_answer_all (GQueue *tasks, const GError *error);

G_END_DECLS
