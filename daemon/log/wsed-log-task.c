/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The envelope in which a request travels to the thread that serves it. It never looks into the request. */

#include "log/wsed-log-task.h"

typedef struct
{
  WsedMessage message;
  gpointer request;
} Task;

void
wsed_log_task_send (WsedInbox *inbox,
                    gpointer   request,
                    void     (*run) (WsedMessage *, gpointer),
                    gpointer   user_data)
{
  Task *task = g_new (Task, 1);

  task->message = (WsedMessage) { .run = run, .user_data = user_data };
  task->request = request;
  wsed_inbox_push (inbox, &task->message);
}

gpointer
wsed_log_task_take (WsedMessage *message)
{
  gpointer request = ((Task *) message)->request;

  g_free (message);
  return request;
}
