/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedInbox owns a list of messages and the eventfd that says there are some. It never looks into a message. */

#include "thread/wsed-inbox.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct _WsedInbox
{
  pthread_mutex_t lock;        /* held for a few instructions, never over I/O but the eventfd's own write */
  WsedMessage *first;
  WsedMessage **last;
  int fd;
};

WsedInbox *
wsed_inbox_new (void)
{
  WsedInbox *inbox = g_new0 (WsedInbox, 1);

  pthread_mutex_init (&inbox->lock, NULL);
  inbox->last = &inbox->first;
  inbox->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (inbox->fd < 0)
    g_error ("no descriptor left for a thread's inbox: %s", g_strerror (errno));
  return inbox;
}

void
wsed_inbox_free (WsedInbox *inbox)
{
  if (inbox == NULL)
    return;
  g_warn_if_fail (inbox->first == NULL);
  close (inbox->fd);
  pthread_mutex_destroy (&inbox->lock);
  g_free (inbox);
}

void
wsed_inbox_push (WsedInbox   *inbox,
                 WsedMessage *message)
{
  gboolean was_empty;

  message->next = NULL;
  pthread_mutex_lock (&inbox->lock);
  was_empty = inbox->first == NULL;
  *inbox->last = message;
  inbox->last = &message->next;
  /* Inside the lock: once it is released the owner may take the message and free the inbox. */
  if (was_empty)
    eventfd_write (inbox->fd, 1);
  pthread_mutex_unlock (&inbox->lock);
}

WsedMessage *
wsed_inbox_take (WsedInbox *inbox)
{
  WsedMessage *first;
  eventfd_t value;

  pthread_mutex_lock (&inbox->lock);
  first = inbox->first;
  inbox->first = NULL;
  inbox->last = &inbox->first;
  if (first != NULL)
    eventfd_read (inbox->fd, &value);
  pthread_mutex_unlock (&inbox->lock);
  return first;
}

guint
wsed_inbox_run (WsedInbox *inbox)
{
  WsedMessage *message = wsed_inbox_take (inbox);
  guint n = 0;

  while (message != NULL)
    {
      WsedMessage *next = message->next;

      message->next = NULL;
      message->run (message, message->user_data);
      message = next;
      n++;
    }
  return n;
}

int
wsed_inbox_get_fd (WsedInbox *inbox)
{
  return inbox->fd;
}

gboolean
wsed_inbox_wait (WsedInbox *inbox,
                 gint64     deadline)
{
  struct pollfd poll_fd = { inbox->fd, POLLIN, 0 };

  for (;;)
    {
      struct timespec left, *timeout = NULL;
      int n;

      if (deadline >= 0)
        {
          gint64 now = g_get_monotonic_time (), wait = MAX (0, deadline - now);

          left.tv_sec = wait / G_USEC_PER_SEC;
          left.tv_nsec = wait % G_USEC_PER_SEC * 1000;
          timeout = &left;
        }
      n = ppoll (&poll_fd, 1, timeout, NULL);
      if (n >= 0 || errno != EINTR)
        return n > 0;
    }
}

static gboolean
on_readable (int          fd,
             GIOCondition condition,
             gpointer     user_data)
{
  wsed_inbox_run (user_data);
  return G_SOURCE_CONTINUE;
}

GSource *
wsed_inbox_attach (WsedInbox    *inbox,
                   GMainContext *context)
{
  GSource *source = g_unix_fd_source_new (inbox->fd, G_IO_IN);

  g_source_set_callback (source, G_SOURCE_FUNC (on_readable), inbox, NULL);
  g_source_set_name (source, "wsed-inbox");
  g_source_attach (source, context);
  g_source_unref (source);
  return source;
}
