/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bound for what lies read from the log while clients do not take it, whatever the number of connections: where it is too much, those
 * who have waited longest let theirs go, and read it again when their clients take something. It never touches who does not wait. */

#include "stream/wsed-pages.h"

#include "stream/wsed-reader-private.h"
#include "stream/wsed-stream-metrics.h"

/* One such part of what the tail may have. */
#define SHARE 8

gsize
wsed_pages_get_share (gsize tail_bytes)
{
  return tail_bytes / SHARE;
}

static void
count (WsedPages *pages,
       gssize     bytes)
{
  pages->bytes += bytes;
  wsed_metric_add (wsed_stream_metrics ()->page_bytes, bytes);
}

void
wsed_pages_go_on (WsedPages  *pages,
                  WsedReader *reader)
{
  WsedHolding *holding = &reader->holding;

  if (holding->link.data == NULL)
    return;
  g_queue_unlink (&pages->waiting, &holding->link);
  holding->link.data = NULL;
  count (pages, -(gssize) holding->bytes);
  if (holding->fetch != NULL)
    count (pages, -(gssize) wsed_fetch_leave (holding->fetch));
  g_clear_pointer (&holding->fetch, wsed_fetch_unref);
}

static void
enter (WsedPages  *pages,
       WsedReader *reader)
{
  WsedHolding *holding = &reader->holding;

  holding->link.data = reader;
  g_queue_push_tail_link (&pages->waiting, &holding->link);
  holding->bytes = reader->page != NULL ? reader->page->len : 0;
  count (pages, holding->bytes);
  if (reader->shared == NULL)
    return;
  holding->fetch = wsed_fetch_ref (reader->shared);
  count (pages, wsed_fetch_enter (holding->fetch));
}

void
wsed_pages_wait (WsedPages  *pages,
                 WsedReader *reader)
{
  if (reader->holding.link.data != NULL || !wsed_reader_can_let_go (reader))
    return;
  enter (pages, reader);
  while (pages->bytes > pages->max_bytes)
    {
      WsedReader *longest = g_queue_peek_head (&pages->waiting);

      wsed_pages_go_on (pages, longest);
      /* The policy may have taken something meanwhile. */
      if (wsed_reader_can_let_go (longest))
        wsed_reader_let_go (longest);
    }
}
