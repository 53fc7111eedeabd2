/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-log.h"

G_BEGIN_DECLS

/* Answers of a shared log about the ends of channels, each fitted in at its place between the deliveries: all up to its n has been
 * delivered when it is given back, and nothing behind it. Main thread. */
typedef struct _WsedBoundaries WsedBoundaries;

/* An answer has come that is for @n, where deliveries have not got to yet. */
typedef void (*WsedBoundariesAhead) (guint64 n, gpointer user_data);

WsedBoundaries *wsed_boundaries_new    (WsedLog *log, WsedBoundariesAhead ahead, gpointer user_data);
/* After stop, when nothing is under way. NULL is allowed. */
void            wsed_boundaries_free   (WsedBoundaries *self);
/* Asks the log; @heads, which is answered to the main thread, comes back through its own message.run. */
void            wsed_boundaries_ask    (WsedBoundaries *self, WsedHeads *heads);
/* The next place where deliveries have to stop for an answer; G_MAXUINT64: there is none. */
guint64         wsed_boundaries_get_next (WsedBoundaries *self);
/* About to be delivered, as the last so far. */
void            wsed_boundaries_pass   (WsedBoundaries *self, WsedEntry *entry);
/* All up to @done has been delivered: answers those that wait for that. @jumped: not all of it was passed. */
void            wsed_boundaries_reach  (WsedBoundaries *self, guint64 done, gboolean jumped);
/* The log cannot be read: answers all that wait with @error. */
void            wsed_boundaries_fail   (WsedBoundaries *self, const GError *error);
/* Nothing is delivered any more: what waits, or comes and would have to, is answered with an error. */
void            wsed_boundaries_stop   (WsedBoundaries *self);

G_END_DECLS
