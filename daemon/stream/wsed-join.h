/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-worker.h"

G_BEGIN_DECLS

/* The way to a subscription: worker → hub (from now on what is new in these streams comes to the worker) → log (where do they
 * end?) → hub → worker. The log answers in the order of its appends, so everything behind the heads arrives by itself. The first
 * one of a connection begins at the hub, with its admission: nothing that is published after the handshake is before it. */
struct _WsedJoin
{
  WsedMessage message;
  WsedHub *hub;
  WsedWorker *worker;
  gpointer beginning;          /* the worker's: who asked */
  void (*joined) (gpointer join); /* takes it; NULL: nobody waits for it any more */
  WsedEncoding encoding;
  GStrv channels;

  GPtrArray *streams;          /* the hub's answer, in the order of the channels */
  WsedHeads *heads;            /* the log's answer: one for each channel, then one for "*" */
  void (*answered) (WsedJoin *join); /* the hub's: what to do first, NULL: nothing */
  WsedAdmission *admission;    /* the hub's: whose join it is */
};

WsedJoin *wsed_join_new  (WsedHub *hub, WsedWorker *worker, const char * const *channels, WsedEncoding encoding, gpointer beginning,
                          void (*joined) (gpointer join));
void      wsed_join_free (WsedJoin *join);

/* Any thread: what the hub does with it, on the main thread. */
void      wsed_hub_join  (WsedHub *hub, WsedJoin *join);
/* Takes @streams, one for each subscription that ended. */
void      wsed_hub_leave (WsedHub *hub, GPtrArray *streams);

G_END_DECLS
