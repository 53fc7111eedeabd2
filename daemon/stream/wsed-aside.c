/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The events of a worker's views that are kept nowhere: for each view a ring of places in the tail, no bytes of its own, and gone with
 * those; and a reader's way through them, beside that through its streams. Whoever has not had one by then does not get it, and is told;
 * nobody else is held up by that, and no cursor moves. */

#include "stream/wsed-aside.h"

#include "stream/wsed-reader-private.h"
#include "stream/wsed-stream-metrics.h"

#define INDEX_MASK 0x7fffffffu

typedef struct
{
  WsedView *view;              /* NULL: it is gone */
  guint count;
  guint room;                  /* of pieces: a power of two, or 0 */
  guint32 end;                 /* index behind the last, not wrapped */
  guint ordered;               /* how often it is in the order */
  WsedPiece *pieces;
} List;

/* What one more takes in the order. */
#define ORDER_BYTES sizeof (GList)

static void
list_free (gpointer data)
{
  List *list = data;

  g_free (list->pieces);
  g_free (list);
}

static List *
find_list (const WsedAsides *asides,
           const WsedView   *view)
{
  return g_hash_table_size (asides->lists) > 0 ? g_hash_table_lookup (asides->lists, view) : NULL;
}

static WsedPiece *
get_piece (const List *list,
           guint32     index)
{
  return &list->pieces[index & (list->room - 1)];
}

static void
resize (WsedAsides *asides,
        List       *list,
        guint       room)
{
  WsedPiece *pieces = room > 0 ? g_new (WsedPiece, room) : NULL;

  for (guint32 i = list->end - list->count; i != list->end; i++)
    pieces[i & (room - 1)] = *get_piece (list, i);
  g_free (list->pieces);
  asides->bytes += ((gssize) room - (gssize) list->room) * (gssize) sizeof (WsedPiece);
  list->pieces = pieces;
  list->room = room;
}

void
wsed_asides_init (WsedAsides *asides,
                  gsize       max_bytes)
{
  *asides = (WsedAsides) { .lists = g_hash_table_new_full (NULL, NULL, NULL, list_free), .max_bytes = max_bytes };
}

static void
drop_first (WsedAsides *asides)
{
  List *list = g_queue_pop_head (&asides->order);

  asides->bytes -= ORDER_BYTES;
  list->ordered--;
  if (list->view == NULL && list->ordered == 0)
    list_free (list);
  else if (list->view != NULL && --list->count == 0)
    resize (asides, list, 0);
}

void
wsed_asides_append (WsedAsides      *asides,
                    WsedView        *view,
                    const WsedPiece *piece)
{
  List *list = find_list (asides, view);

  while (asides->bytes >= asides->max_bytes && asides->order.length > 0)
    drop_first (asides);
  if (list == NULL)
    {
      list = g_new0 (List, 1);
      list->view = view;
      g_hash_table_insert (asides->lists, view, list);
    }
  if (list->count == list->room)
    resize (asides, list, MAX (1, list->room * 2));
  *get_piece (list, list->end++) = *piece;
  list->count++;
  list->ordered++;
  g_queue_push_tail (&asides->order, list);
  asides->bytes += ORDER_BYTES;
}

void
wsed_asides_run (WsedAsides *asides,
                 guint64     first_chunk)
{
  while (asides->order.length > 0)
    {
      const List *list = g_queue_peek_head (&asides->order);

      if (list->view != NULL && get_piece (list, list->end - list->count)->chunk->id >= first_chunk)
        break;
      drop_first (asides);
    }
  wsed_metric_add (wsed_stream_metrics ()->tail_index_bytes, (gint64) asides->bytes - (gint64) asides->told);
  asides->told = asides->bytes;
}

void
wsed_asides_clear (WsedAsides *asides)
{
  wsed_asides_run (asides, G_MAXUINT64);
  g_hash_table_unref (asides->lists);
}

void
wsed_asides_blank (WsedAsides *asides,
                   WsedView   *view)
{
  List *list = find_list (asides, view);

  for (guint i = 0; list != NULL && i < list->count; i++)
    get_piece (list, list->end - 1 - i)->length = 0;
}

void
wsed_asides_retire (WsedAsides *asides,
                    WsedView   *view)
{
  List *list = find_list (asides, view);

  if (list == NULL)
    return;
  g_hash_table_steal (asides->lists, view);
  list->view = NULL;
  list->count = 0;
  resize (asides, list, 0);
  if (list->ordered == 0)
    list_free (list);
}

guint32
wsed_asides_get_end (const WsedAsides *asides,
                     const WsedView   *view)
{
  const List *list = find_list (asides, view);

  return list != NULL ? list->end & INDEX_MASK : 0;
}

/* A reader's way through them */

static const List *
get_list (const WsedSubscription *subscription)
{
  return find_list (wsed_worker_get_asides (subscription->reader->worker), subscription->view);
}

/* How many of the list it has not had, those that are gone as well. */
static guint32
count_behind (const WsedSubscription *subscription,
              const List             *list)
{
  return list != NULL ? (list->end - subscription->aside) & INDEX_MASK : 0;
}

void
wsed_reader_note_asides (WsedSubscription *subscription)
{
  if (count_behind (subscription, get_list (subscription)) > 0)
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
      const List *list = get_list (subscription);
      guint32 behind = count_behind (subscription, list);

      if (behind == 0 || behind <= list->count)
        continue;
      subscription->aside = (list->end - list->count) & INDEX_MASK;
      reader->dropped += behind - list->count;
      wsed_metric_add (wsed_stream_metrics ()->unkept_dropped, behind - list->count);
      wsed_reader_tell_gap (reader, subscription, 0, 0, "policy");
    }
  wsed_reader_settle_asides (reader);
}

const void *
wsed_reader_run_asides (const WsedSubscription *subscription,
                        guint                   ahead,
                        gsize                   max_bytes,
                        guint                  *n,
                        gsize                  *bytes)
{
  const List *list = get_list (subscription);
  guint32 behind = count_behind (subscription, list);
  const WsedPiece *last = NULL;
  const void *data = NULL;

  *bytes = 0;
  for (*n = 0; ahead + *n < behind; ++*n)
    {
      const WsedPiece *piece = get_piece (list, list->end - behind + ahead + *n);

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
                         guint             n,
                         gsize             sent,
                         GByteArray      **rest)
{
  const List *list = get_list (subscription);
  guint events = 0;

  for (guint i = 0; i < n; i++)
    {
      const WsedPiece *piece = get_piece (list, list->end - count_behind (subscription, list));

      if (sent == 0 && piece->length > 0)
        break;
      if (sent < piece->length)
        *rest = g_byte_array_append (g_byte_array_new (), (guint8 *) piece->chunk->data + piece->offset + sent, piece->length - sent);
      sent -= MIN (sent, piece->length);
      subscription->aside = (subscription->aside + 1) & INDEX_MASK;
      events += piece->length > 0;
    }
  return events;
}
