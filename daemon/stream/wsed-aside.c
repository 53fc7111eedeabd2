/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The events of a view that are kept nowhere: a ring of places in the tail, no bytes of its own, and gone with those; and a reader's way
 * through them, beside that through its streams. Whoever has not had one by then does not get it, and is told; nobody else is held up by
 * that, and no cursor moves. */

#include "stream/wsed-aside.h"

#include "stream/wsed-reader-private.h"
#include "stream/wsed-stream-metrics.h"

struct _WsedAsides
{
  guint count;
  guint mask;                  /* pieces that there is room for, less one */
  WsedPiece pieces[];
};

static gsize
measure (guint room)
{
  return room > 0 ? sizeof (WsedAsides) + room * sizeof (WsedPiece) : 0;
}

static guint
get_room (const WsedView *view)
{
  return view->asides != NULL ? view->asides->mask + 1 : 0;
}

guint
wsed_view_count_asides (const WsedView *view)
{
  return view->asides != NULL ? view->asides->count : 0;
}

gsize
wsed_view_get_aside_bytes (const WsedView *view)
{
  return measure (get_room (view));
}

static guint32
get_begin (const WsedView *view)
{
  return view->asides_end - wsed_view_count_asides (view);
}

static WsedPiece *
get_piece (const WsedView *view,
           guint32         index)
{
  return &view->asides->pieces[index & view->asides->mask];
}

static void
grow (WsedView *view,
      guint     room)
{
  WsedAsides *asides = g_malloc (measure (room));

  asides->mask = room - 1;
  asides->count = wsed_view_count_asides (view);
  for (guint32 i = get_begin (view); i != view->asides_end; i++)
    asides->pieces[i & asides->mask] = *get_piece (view, i);
  g_free (view->asides);
  view->asides = asides;
}

gssize
wsed_view_append_aside (WsedView        *view,
                        const WsedPiece *piece)
{
  guint room = get_room (view);

  if (wsed_view_count_asides (view) == room)
    grow (view, MAX (1, room * 2));
  view->asides->pieces[view->asides_end++ & view->asides->mask] = *piece;
  view->asides->count++;
  return (gssize) measure (get_room (view)) - (gssize) measure (room);
}

gssize
wsed_view_clear_asides (WsedView *view)
{
  gssize bytes = measure (get_room (view));

  g_clear_pointer (&view->asides, g_free);
  return -bytes;
}

gssize
wsed_view_drop_aside (WsedView *view)
{
  return --view->asides->count > 0 ? 0 : wsed_view_clear_asides (view);
}

const WsedPiece *
wsed_view_first_aside (const WsedView *view)
{
  return get_piece (view, get_begin (view));
}

void
wsed_view_blank_asides (WsedView *view)
{
  for (guint32 i = get_begin (view); i != view->asides_end; i++)
    get_piece (view, i)->length = 0;
}

/* A reader's way through them */

void
wsed_reader_note_asides (WsedSubscription *subscription)
{
  if (subscription->aside != subscription->view->asides_end)
    subscription->reader->has_asides = TRUE;
}

void
wsed_reader_settle_asides (WsedReader *reader)
{
  if (!reader->has_asides)
    return;
  reader->has_asides = FALSE;
  for (guint i = 0; i < reader->subscriptions->len; i++)
    wsed_reader_note_asides (wsed_reader_nth (reader, i));
}

/* Without a seq there is no other way to say it than that: seq 0 is what all of them have. */
void
wsed_reader_tell_lost_asides (WsedReader *reader)
{
  for (guint i = 0; reader->has_asides && i < reader->subscriptions->len; i++)
    {
      WsedSubscription *subscription = wsed_reader_nth (reader, i);
      WsedView *view = subscription->view;
      guint32 behind = view->asides_end - subscription->aside;
      guint there = wsed_view_count_asides (view);

      if (behind <= there)
        continue;
      subscription->aside += behind - there;
      reader->dropped += behind - there;
      wsed_metric_add (wsed_stream_metrics ()->unkept_dropped, behind - there);
      wsed_reader_tell_gap (reader, subscription, 0, 0, "policy");
    }
  wsed_reader_settle_asides (reader);
}

const void *
wsed_reader_run_asides (const WsedSubscription *subscription,
                        guint32                *at,
                        gsize                   max_bytes,
                        gsize                  *bytes)
{
  const WsedView *view = subscription->view;
  const WsedPiece *last = NULL;
  const void *data = NULL;

  *bytes = 0;
  for (; *at != view->asides_end; ++*at)
    {
      const WsedPiece *piece = get_piece (view, *at);

      if (last != NULL && (piece->chunk != last->chunk || piece->offset != last->offset + last->length || *bytes + piece->length > max_bytes))
        break;
      if (last == NULL)
        data = piece->chunk->data + piece->offset;
      *bytes += piece->length;
      last = piece;
    }
  return data;
}

guint
wsed_reader_asides_sent (WsedSubscription *subscription,
                         guint32           upto,
                         gsize             sent,
                         GByteArray      **rest)
{
  guint events = 0;

  while (subscription->aside != upto)
    {
      const WsedPiece *piece = get_piece (subscription->view, subscription->aside);

      if (sent == 0 && piece->length > 0)
        break;
      if (sent < piece->length)
        *rest = g_byte_array_append (g_byte_array_new (), (guint8 *) piece->chunk->data + piece->offset + sent, piece->length - sent);
      sent -= MIN (sent, piece->length);
      subscription->aside++;
      events += piece->length > 0;
    }
  return events;
}
