/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-reader.h"

G_BEGIN_DECLS

/* One read of the log for all readers of a worker that want the same: the same places of the same channels, with the same filters. */
typedef struct _WsedFetch WsedFetch;
/* Those of a worker: under way, or answered a moment ago. */
typedef struct _WsedFetches WsedFetches;

/* An event's frame in a fetch's bytes. */
typedef struct
{
  guint32 end;                 /* offset behind it */
  guint64 place;               /* its seq; its n in the whole log */
} WsedFetchFrame;

/* It is answered: called for each reader that waits. */
typedef void (*WsedFetched) (WsedReader *reader, WsedFetch *fetch);

WsedFetches *wsed_fetches_new     (WsedLog *log, WsedInbox *reply_to, WsedFetched fetched);
/* Those under way come back afterwards, to nobody. */
void         wsed_fetches_free    (WsedFetches *fetches);
/* The fetch with that @key, referenced; NULL: there is none. */
WsedFetch   *wsed_fetches_find    (WsedFetches *fetches, const char *key);
/* Sends @read, which it takes; the fetch is referenced. */
WsedFetch   *wsed_fetches_add     (WsedFetches *fetches, const char *key, WsedRead *read);
/* Something was removed from the log: nobody else is to have what was read before. */
void         wsed_fetches_outdate (WsedFetches *fetches);
/* Lets go of what is too old at @now; when that is next, G_MAXINT64: nothing is kept. Monotonic microseconds. */
void         wsed_fetches_expire  (WsedFetches *fetches, gint64 now);
gint64       wsed_fetches_get_due (WsedFetches *fetches);

WsedFetch   *wsed_fetch_ref       (WsedFetch *fetch);
void         wsed_fetch_unref     (WsedFetch *fetch);
/* To be told, once; no longer. FALSE: it is answered already. */
gboolean     wsed_fetch_wait      (WsedFetch *fetch, WsedReader *reader);
void         wsed_fetch_forget    (WsedFetch *fetch, WsedReader *reader);
/* Those whose clients do not take its bytes: one more, returns what that adds to what all of them hold; one less, what that takes off. */
gsize        wsed_fetch_enter     (WsedFetch *fetch);
gsize        wsed_fetch_leave     (WsedFetch *fetch);
/* The answer. */
WsedRead    *wsed_fetch_get_read  (WsedFetch *fetch);
/* Answered: whether every event of it is in one channel alone and there is one at least, so that the frames are the same for all. */
gboolean     wsed_fetch_is_plain  (WsedFetch *fetch);
/* Makes a plain one's frames, once for all; @whole: they are of the whole log. Then: they. */
void                  wsed_fetch_encode     (WsedFetch *fetch, WsedEncoding encoding, const char *epoch, gboolean whole);
const guint8         *wsed_fetch_get_bytes  (WsedFetch *fetch);
const WsedFetchFrame *wsed_fetch_get_frames (WsedFetch *fetch, guint *n_frames);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedFetch, wsed_fetch_unref)

G_END_DECLS
