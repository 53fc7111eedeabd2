/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-join.h"
#include "stream/wsed-reader.h"

G_BEGIN_DECLS

/* A frame of the page. */
typedef struct
{
  guint32 end;                 /* offset behind it */
  gboolean event;              /* not a control message */
} WsedPageFrame;

struct _WsedReader
{
  WsedEndpoint *endpoint;
  WsedWorker *worker;
  const WsedAdmission *admission;
  WsedReaderFrame frame;
  WsedReaderFailed failed;
  GPtrArray *subscriptions;    /* (element-type WsedSubscription) */
  gboolean started;
  gboolean catching_up;        /* something is replayed, and caught_up is due after it */

  /* What is under way; each comes back to the worker even if the reader has gone. */
  WsedJoin *joining;
  GPtrArray *locating;         /* (element-type WsedLocate) */
  WsedRead *reading;
  GPtrArray *replaying;        /* (element-type WsedSubscription) of `reading`, in the order of its positions */

  /* The page: bytes in the order of sending. */
  GByteArray *page;
  GArray *frames;              /* (element-type WsedPageFrame) */
  guint frames_sent;
};

void wsed_reader_add_text     (WsedReader *reader, const GString *text, gboolean event);
void wsed_reader_append_cursor (WsedReader *reader, GString *cursor);
/* The subscription through which this connection gets @entry; NULL: through none. */
WsedSubscription *wsed_reader_choose (WsedReader *reader, WsedEntry *entry, guint64 *seq, const char **channel);
/* Finds out where the subscriptions begin (wsed-beginning.c), then goes on to … */
void wsed_reader_join         (WsedReader *reader);
void wsed_reader_cancel_join  (WsedReader *reader);
/* … reading what the log has and the views have not (wsed-replay.c). Call it again when the page is sent. */
void wsed_reader_replay       (WsedReader *reader);
void wsed_reader_cancel_replay (WsedReader *reader);

G_END_DECLS
