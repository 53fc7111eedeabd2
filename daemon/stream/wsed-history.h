/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"
#include "wse-cursor.h"

G_BEGIN_DECLS

/* One page of a channel's history, as the command and GET /api/events give it (PROTOCOL sections 3 and 5). */
typedef struct
{
  const char *channel;
  WseFilter *filter;           /* NULL: all */
  WseCursor *after;            /* NULL: the oldest kept */
  guint limit;                 /* events */
  gsize max_bytes;             /* of payload, about; one event is given even if it is larger */
} WsedHistoryWish;

typedef struct
{
  GPtrArray *entries;          /* (element-type WsedEntry); none: the end */
  const char *cursor;          /* where the next page begins */
  gboolean recovered;          /* nothing between `after` and this page is lost */
  GError *error;               /* WSE_ERROR_UNAVAILABLE: the log; WSE_ERROR_BUSY: nothing was found in the time; else NULL */
} WsedHistoryPage;

typedef struct _WsedHistory WsedHistory;
/* @page is the caller's to look at, not to keep. */
typedef void (*WsedHistoryDone) (const WsedHistoryPage *page, gpointer user_data);

/* Asks @log; the answers come through @inbox, and @done is called on its thread. @wish is copied. */
WsedHistory *wsed_history_new    (WsedLog *log, WsedInbox *inbox, const WsedHistoryWish *wish, WsedHistoryDone done, gpointer user_data);
/* @done is not called any more; what is under way frees itself. */
void         wsed_history_cancel (WsedHistory *self);

G_END_DECLS
