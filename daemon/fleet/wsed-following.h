/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fleet/wsed-fleet.h"
#include "fleet/wsed-notices.h"
#include "relay/wsed-sequence.h"

G_BEGIN_DECLS

/* What a daemon needs to be one of several: the sequence of the log's events, the relay that feeds it, and the fleet behind that. Alone on
 * its log it is the sequence only; with a relay beside a log of its own it hears what strangers publish, and says nothing. Main thread. */
typedef struct _WsedFollowing WsedFollowing;

typedef struct
{
  WsedLog *log;
  WsedInbox *main;
  WsedRelay *relay;            /* NULL: none; referenced */
  WsedPostgresAddress *shared; /* where others append to the log, too: its database; else NULL. Referenced */

  /* All get the user data of wsed_following_new(). */
  WsedSequenceDeliver deliver;
  gboolean (*reads) (const char *channel, gpointer user_data); /* as in WsedSequenceShared */
  void (*strayed) (const char *how, gpointer user_data);
  void (*foreign) (WseEvent *event, gpointer user_data); /* as in WsedRelayListener */
} WsedFollowingConfig;

WsedFollowing *wsed_following_new  (const WsedFollowingConfig *config, const char *name, gpointer user_data);
/* Connects to the others. */
void           wsed_following_start (WsedFollowing *self);
/* Tells the others goodbye, while the main loop still runs. */
void           wsed_following_part (WsedFollowing *self);
/* Nothing is delivered any more. */
void           wsed_following_stop (WsedFollowing *self);
/* When the log has answered all. NULL is allowed. */
void           wsed_following_free (WsedFollowing *self);

WsedSequence  *wsed_following_get_sequence (WsedFollowing *self);
/* Before anything is let in: reads what the log's database says to all daemons, to whoever has set itself to be told by the fleet. */
void           wsed_following_read  (WsedFollowing *self);
/* NULL: this daemon is alone on its log; so are the notices, which are also NULL before they were read. */
WsedNotices   *wsed_following_get_notices  (WsedFollowing *self);
WsedFleet     *wsed_following_get_fleet    (WsedFollowing *self);
/* FALSE: there is no relay. */
gboolean       wsed_following_get_stats    (WsedFollowing *self, WsedRelayStats *stats);
void           wsed_following_watch        (WsedFollowing *self, const char *channel, gboolean watched);
/* A name for a daemon. Free it. */
char          *wsed_following_make_name    (void);

G_END_DECLS
