/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>

#include "stream/wsed-aside.h"
#include "stream/wsed-eviction.h"
#include "stream/wsed-fetch.h"
#include "stream/wsed-pages.h"
#include "stream/wsed-worker.h"

G_BEGIN_DECLS

struct _WsedWorker
{
  guint index;
  const WsedHubConfig *config;
  WsedLog *log;
  WsedInbox *inbox;
  WsedHub *hub;
  pthread_t thread;
  gboolean started;
  gboolean stopping;

  int epoll;
  gint64 now;
  gint64 flushed_at;

  GQueue subscribers;          /* all */
  GQueue beats;                /* by beat_at */
  GQueue timers[WSED_N_TIMERS]; /* (element-type Alarm), by at */
  GSequence *deadlines;        /* (element-type WsedSubscriber), by deadline_at */
  GPtrArray *marked;           /* subscribers to flush */
  GPtrArray *flushing;         /* its double while a flush is under way */
  GPtrArray *dirty;            /* views with news */

  WsedEviction eviction;
  WsedAsides asides;
  WsedFetches *fetches;
  WsedPages pages;
};

G_END_DECLS
