/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A thread's one way in: a first-in-first-out queue of messages that any thread may push to and one thread empties, with an eventfd to
 * wait on. pthread and C11 atomics, not GMutex or GAsyncQueue, so that ThreadSanitizer can follow it.
 *
 * An inbox bounds nothing itself: whoever pushes has its messages counted where they are made. By whose inbox it is:
 * - log writer: appends by the pipeline's max_queued (64 MiB; then 503); heads, consumers and erasures one at a time for each connection
 *   or request, with at most 1,000 channels.
 * - log readers: one read or search at a time for each connection and request; readers of one place share it.
 * - a worker: what the hub publishes by the same 64 MiB, since it counts what a message holds (chunks of the tail, too) until the worker
 *   has it (tests/daemon/test-backlog.c); answers of the log by the eight reads of each worker, at most 256 events or 256 KiB each; admissions,
 *   joins and ends by the number of connections; surveys and erasures by that of requests.
 * - main: answers to what is bounded above; from workers one join, refresh or end at a time for each connection; from errands one each.
 * - revocations: by the number of requests. */

typedef struct _WsedInbox WsedInbox;
typedef struct _WsedMessage WsedMessage;

/* The head of every message; embed it first. @run is called by the emptying thread and owns the message from then on. */
struct _WsedMessage
{
  WsedMessage *next;
  void (*run) (WsedMessage *message, gpointer user_data);
  gpointer user_data;
};

WsedInbox   *wsed_inbox_new (void);
/* Runs nothing: messages still in it must have been taken before. */
void         wsed_inbox_free (WsedInbox *inbox);
/* Any thread. Writes the eventfd only when the inbox was empty. */
void         wsed_inbox_push (WsedInbox *inbox, WsedMessage *message);
/* The owner: takes everything, oldest first, and clears the eventfd. NULL when empty. */
WsedMessage *wsed_inbox_take (WsedInbox *inbox);
/* The owner: takes everything and runs it; how many that were. */
guint        wsed_inbox_run (WsedInbox *inbox);
/* Readable while there are messages. */
int          wsed_inbox_get_fd (WsedInbox *inbox);
/* Waits until there is a message, at most until @deadline (g_get_monotonic_time(), -1: for ever); for threads without a main loop. */
gboolean     wsed_inbox_wait (WsedInbox *inbox, gint64 deadline);
/* Runs the inbox from @context. The source holds no reference: destroy it before the inbox. */
GSource     *wsed_inbox_attach (WsedInbox *inbox, GMainContext *context);

G_END_DECLS
