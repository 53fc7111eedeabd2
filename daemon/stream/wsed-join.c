/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The message that makes subscriptions: made by a worker, filled by hub and log, given back to the worker. */

#include "stream/wsed-join.h"

WsedJoin *
wsed_join_new (WsedHub            *hub,
               WsedWorker         *worker,
               const char * const *channels,
               WsedEncoding        encoding,
               gpointer            beginning,
               void (*joined) (gpointer join))
{
  WsedJoin *join = g_new0 (WsedJoin, 1);

  join->worker = worker;
  join->hub = hub;
  join->channels = channels != NULL ? g_strdupv ((GStrv) channels) : g_new0 (char *, 1);
  join->encoding = encoding;
  join->beginning = beginning;
  join->joined = joined;
  return join;
}

void
wsed_join_free (WsedJoin *join)
{
  g_strfreev (join->channels);
  g_clear_pointer (&join->streams, g_ptr_array_unref);
  g_clear_pointer (&join->heads, wsed_heads_free);
  g_free (join);
}
