/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-beginning.h"
#include "stream/wsed-join.h"
#include "stream/wsed-reader.h"

G_BEGIN_DECLS

/* A frame of the page. */
typedef struct
{
  guint32 end;                 /* offset behind it */
  WsedSubscription *subscription; /* an event's; NULL: a control message */
  guint64 seq;                 /* the event's place in the subscription */
} WsedPageFrame;

struct _WsedReader
{
  WsedSubscriber *subscriber;
  WsedWorker *worker;
  const WsedAdmission *admission;
  WsedEncoding encoding;
  char epoch[WSE_MAX_EPOCH_BYTES + 1]; /* the log's */
  WsedReaderFailed failed;
  WsedReaderSubscribed subscribed;
  GPtrArray *subscriptions;    /* (element-type WsedSubscription) */
  gboolean started;

  /* What is under way; each comes back to the worker even if the reader has gone. */
  WsedBeginning *beginning;    /* the first, then that of a subscribe */
  WsedRead *reading;
  GPtrArray *replaying;        /* (element-type WsedSubscription) of `reading`, in the order of its positions; NULL where one has ended */

  /* The page: bytes in the order of sending. */
  GByteArray *page;
  GArray *frames;              /* (element-type WsedPageFrame) */
  guint frames_sent;
};

/* Puts a message about the stream into the page. */
void wsed_reader_tell         (WsedReader *reader, const char *type, const GString *text);
/* Puts an event into the page; @body is room to work in. */
void wsed_reader_add_event    (WsedReader *reader, WsedSubscription *subscription, const WsedEntry *entry, const char *channel, guint64 seq,
                               GString *body);
void wsed_reader_append_cursor (WsedReader *reader, GString *cursor);
WsedSubscription *wsed_reader_find (WsedReader *reader, const char *channel);
/* The subscription through which this connection gets @entry; NULL: through none. */
WsedSubscription *wsed_reader_choose (WsedReader *reader, WsedEntry *entry, guint64 *seq, const char **channel);
gboolean wsed_reader_page_is_sent (WsedReader *reader);
/* The place in the subscription of an entry that has @seq in its channel: n in the whole log. */
guint64 wsed_reader_get_place (const WsedSubscription *subscription, const WsedEntry *entry, guint64 seq);
/* Goes on reading what the log has and the views have not (wsed-replay.c). Called again when the page is sent. */
void wsed_reader_replay       (WsedReader *reader);
void wsed_reader_cancel_replay (WsedReader *reader);
/* @subscription: NULL for all of the reader. */
void wsed_reader_tell_caught_up (WsedReader *reader, WsedSubscription *subscription);

G_END_DECLS
