/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPgTask owns nothing but its place in a queue: the request is its maker's again once it is answered. */

#include "log/wsed-pg-task.h"

WsedPgTask *
wsed_pg_task_new (WsedPgKind kind,
                  gpointer   request)
{
  WsedPgTask *task = g_new0 (WsedPgTask, 1);

  task->kind = kind;
  task->request = request;
  switch (kind)
    {
#define TAKE(name, Type) \
    case name: \
      task->reply_to = ((Type *) request)->reply_to; \
      task->message = &((Type *) request)->message; \
      task->error = &((Type *) request)->error; \
      break
      TAKE (WSED_PG_APPEND, WsedAppend);
      TAKE (WSED_PG_HEADS, WsedHeads);
      TAKE (WSED_PG_ERASE, WsedErase);
      TAKE (WSED_PG_CONSUME, WsedConsumer);
      TAKE (WSED_PG_POSITIONS, WsedPositions);
      TAKE (WSED_PG_LETTERS, WsedLetters);
      TAKE (WSED_PG_READ, WsedRead);
      TAKE (WSED_PG_LOCATE, WsedLocate);
#undef TAKE
    default:
      g_assert_not_reached ();
    }
  return task;
}

void
wsed_pg_task_answer (WsedPgTask   *task,
                     const GError *error)
{
  if (error != NULL)
    *task->error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, error->message);
  wsed_inbox_push (task->reply_to, task->message);
  g_free (task->token);
  g_free (task);
}

void
wsed_pg_task_expire (GQueue       *tasks,
                     const GError *error)
{
  gint64 now = g_get_monotonic_time ();
  WsedPgTask *task;

  while ((task = g_queue_peek_head (tasks)) != NULL && task->deadline <= now)
    wsed_pg_task_answer (g_queue_pop_head (tasks), error);
}

void
wsed_pg_task_answer_all (GQueue       *tasks,
                         const GError *error)
{
  while (!g_queue_is_empty (tasks))
    wsed_pg_task_answer (g_queue_pop_head (tasks), error);
}
