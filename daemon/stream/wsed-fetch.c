/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedFetch makes one read of what many ask for: when thousands come back to one place at once, the log is read and its events are
 * encoded once, and all of them send the same bytes. An answer is kept for a moment, so that who comes a little later has it too; not
 * longer, since what is read from the log may be removed there. Who began after a removal never asks for a place before it. */

#include "stream/wsed-fetch.h"

#include "stream/wsed-stream-metrics.h"

#define KEPT_MICROSECONDS (20 * G_TIME_SPAN_MILLISECOND)
#define KEPT 8u
/* Of a worker: the log's answers are larger than its clients may take. */
#define AT_ONCE 8u

struct _WsedFetch
{
  guint refs;
  guint holders;               /* of them, whose clients do not take it */
  WsedFetches *fetches;        /* NULL: they are gone */
  char *key;
  WsedRead *read;
  GPtrArray *waiting;          /* (element-type WsedReader) NULL for one that has gone; NULL: it is answered */
  gint64 answered_at;          /* monotonic microseconds */
  GByteArray *bytes;           /* NULL: not made */
  GArray *frames;              /* (element-type WsedFetchFrame) */
};

struct _WsedFetches
{
  WsedLog *log;
  WsedInbox *reply_to;
  WsedFetched fetched;
  GHashTable *by_key;          /* (element-type utf8 WsedFetch), referenced: what others may have, too */
  GQueue answered;             /* of them, oldest first */
  GHashTable *under_way;       /* set of WsedFetch, each with a reference that comes back with it */
  GQueue postponed;            /* of WsedFetch, referenced: read when one that is under way has come back */
};

WsedFetch *
wsed_fetch_ref (WsedFetch *fetch)
{
  fetch->refs++;
  return fetch;
}

void
wsed_fetch_unref (WsedFetch *fetch)
{
  if (--fetch->refs > 0)
    return;
  wsed_read_free (fetch->read);
  g_clear_pointer (&fetch->waiting, g_ptr_array_unref);
  g_clear_pointer (&fetch->bytes, g_byte_array_unref);
  g_clear_pointer (&fetch->frames, g_array_unref);
  g_free (fetch->key);
  g_free (fetch);
}

WsedFetches *
wsed_fetches_new (WsedLog    *log,
                  WsedInbox  *reply_to,
                  WsedFetched fetched)
{
  WsedFetches *fetches = g_new0 (WsedFetches, 1);

  fetches->log = log;
  fetches->reply_to = reply_to;
  fetches->fetched = fetched;
  fetches->by_key = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) wsed_fetch_unref);
  fetches->under_way = g_hash_table_new (NULL, NULL);
  return fetches;
}

void
wsed_fetches_outdate (WsedFetches *fetches)
{
  g_queue_clear (&fetches->answered);
  g_hash_table_remove_all (fetches->by_key);
}

void
wsed_fetches_free (WsedFetches *fetches)
{
  GHashTableIter iter;
  gpointer fetch;

  wsed_fetches_outdate (fetches);
  g_queue_clear_full (&fetches->postponed, (GDestroyNotify) wsed_fetch_unref);
  g_hash_table_iter_init (&iter, fetches->under_way);
  while (g_hash_table_iter_next (&iter, &fetch, NULL))
    ((WsedFetch *) fetch)->fetches = NULL;
  g_hash_table_unref (fetches->under_way);
  g_hash_table_unref (fetches->by_key);
  g_free (fetches);
}

/* Nobody else asks for the oldest that is answered: who has its bytes needs no more of it. */
static void
forget_oldest (WsedFetches *fetches)
{
  WsedFetch *fetch = g_queue_pop_head (&fetches->answered);

  if (fetch->bytes != NULL)
    g_ptr_array_set_size (fetch->read->entries, 0);
  g_hash_table_remove (fetches->by_key, fetch->key);
}

/* For who comes a little later. One without an event would be no way on for them. */
static void
keep (WsedFetches *fetches,
      WsedFetch   *fetch)
{
  if (g_hash_table_lookup (fetches->by_key, fetch->key) != fetch)
    return;
  if (fetch->read->error != NULL || fetch->read->entries->len == 0)
    {
      g_hash_table_remove (fetches->by_key, fetch->key);
      return;
    }
  fetch->answered_at = g_get_monotonic_time ();
  g_queue_push_tail (&fetches->answered, fetch);
  if (fetches->answered.length > KEPT)
    forget_oldest (fetches);
}

static void
send (WsedFetches *fetches,
      WsedFetch   *fetch)
{
  g_hash_table_add (fetches->under_way, fetch);
  wsed_metric_add (wsed_stream_metrics ()->log_reads, 1);
  wsed_log_read (fetches->log, fetch->read);
}

static void
on_read (WsedMessage *message,
         gpointer     user_data)
{
  WsedFetch *fetch = user_data;
  g_autoptr(GPtrArray) waiting = g_steal_pointer (&fetch->waiting);
  WsedFetches *fetches = fetch->fetches;

  if (fetches != NULL)
    {
      g_hash_table_remove (fetches->under_way, fetch);
      if (fetches->postponed.length > 0)
        send (fetches, g_queue_pop_head (&fetches->postponed));
      keep (fetches, fetch);
      for (guint i = 0; i < waiting->len; i++)
        if (waiting->pdata[i] != NULL)
          fetches->fetched (waiting->pdata[i], fetch);
    }
  wsed_fetch_unref (fetch);
}

WsedFetch *
wsed_fetches_find (WsedFetches *fetches,
                   const char  *key)
{
  WsedFetch *fetch = g_hash_table_lookup (fetches->by_key, key);

  return fetch != NULL ? wsed_fetch_ref (fetch) : NULL;
}

WsedFetch *
wsed_fetches_add (WsedFetches *fetches,
                  const char  *key,
                  WsedRead    *read)
{
  WsedFetch *fetch = g_new0 (WsedFetch, 1);

  /* The table's, that of what is under way or postponed, the caller's. */
  fetch->refs = 3;
  fetch->fetches = fetches;
  fetch->key = g_strdup (key);
  fetch->read = read;
  fetch->waiting = g_ptr_array_new ();
  g_hash_table_insert (fetches->by_key, fetch->key, fetch);
  read->message.run = on_read;
  read->message.user_data = fetch;
  if (g_hash_table_size (fetches->under_way) < AT_ONCE)
    send (fetches, fetch);
  else
    g_queue_push_tail (&fetches->postponed, fetch);
  return fetch;
}

void
wsed_fetches_expire (WsedFetches *fetches,
                     gint64       now)
{
  while (wsed_fetches_get_due (fetches) <= now)
    forget_oldest (fetches);
}

gint64
wsed_fetches_get_due (WsedFetches *fetches)
{
  WsedFetch *oldest = g_queue_peek_head (&fetches->answered);

  return oldest != NULL ? oldest->answered_at + KEPT_MICROSECONDS : G_MAXINT64;
}

gboolean
wsed_fetch_wait (WsedFetch  *fetch,
                 WsedReader *reader)
{
  if (fetch->waiting == NULL)
    return FALSE;
  g_ptr_array_add (fetch->waiting, reader);
  return TRUE;
}

void
wsed_fetch_forget (WsedFetch  *fetch,
                   WsedReader *reader)
{
  for (guint i = 0; fetch->waiting != NULL && i < fetch->waiting->len; i++)
    if (fetch->waiting->pdata[i] == reader)
      fetch->waiting->pdata[i] = NULL;
}

static gsize
measure (const WsedFetch *fetch)
{
  return fetch->bytes->len + fetch->frames->len * sizeof (WsedFetchFrame);
}

gsize
wsed_fetch_enter (WsedFetch *fetch)
{
  return fetch->holders++ == 0 ? measure (fetch) : 0;
}

gsize
wsed_fetch_leave (WsedFetch *fetch)
{
  return --fetch->holders == 0 ? measure (fetch) : 0;
}

WsedRead *
wsed_fetch_get_read (WsedFetch *fetch)
{
  return fetch->read;
}

gboolean
wsed_fetch_is_plain (WsedFetch *fetch)
{
  GPtrArray *entries = fetch->read->entries;

  if (fetch->bytes != NULL)
    return TRUE;
  for (guint i = 0; i < entries->len; i++)
    {
      const WsedEntry *entry = g_ptr_array_index (entries, i);

      if (entry->event->n_channels > 1 || entry->seqs[0] == 0)
        return FALSE;
    }
  return entries->len > 0;
}

void
wsed_fetch_encode (WsedFetch   *fetch,
                   WsedEncoding encoding,
                   const char  *epoch,
                   gboolean     whole)
{
  GPtrArray *entries = fetch->read->entries;
  g_autoptr(GString) body = NULL;

  if (fetch->bytes != NULL)
    return;
  body = g_string_sized_new (512);
  fetch->bytes = g_byte_array_new ();
  fetch->frames = g_array_sized_new (FALSE, FALSE, sizeof (WsedFetchFrame), entries->len);
  for (guint i = 0; i < entries->len; i++)
    {
      const WsedEntry *entry = g_ptr_array_index (entries, i);
      char head[WSED_ENCODING_HEAD];
      gsize length = wsed_encoding_write (encoding, entry, entry->event->channels[0], entry->seqs[0], epoch, body, head);
      WsedFetchFrame frame = { 0, whole ? entry->n : entry->seqs[0] };

      g_byte_array_append (fetch->bytes, (const guint8 *) head, length);
      g_byte_array_append (fetch->bytes, (const guint8 *) body->str, body->len);
      frame.end = fetch->bytes->len;
      g_array_append_val (fetch->frames, frame);
    }
}

const guint8 *
wsed_fetch_get_bytes (WsedFetch *fetch)
{
  return fetch->bytes->data;
}

const WsedFetchFrame *
wsed_fetch_get_frames (WsedFetch *fetch,
                       guint     *n_frames)
{
  *n_frames = fetch->frames->len;
  return (const WsedFetchFrame *) (gconstpointer) fetch->frames->data;
}
