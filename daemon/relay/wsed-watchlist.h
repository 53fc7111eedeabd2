/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Which channels are wanted, and which the other side knows of: what has to be said so that these are the same. Main thread. */
typedef struct _WsedWatchlist WsedWatchlist;

/* @names: without a NULL, borrowed. FALSE: there is no room for that now; wsed_watchlist_run() is to be called when there is. */
typedef gboolean (*WsedWatchlistSay) (gboolean subscribe, guint n, const char * const *names, gpointer user_data);

/* @linger: ms for which a channel that nobody wants is still subscribed to; who comes back meanwhile costs nothing. */
WsedWatchlist *wsed_watchlist_new  (guint linger, WsedWatchlistSay say, gpointer user_data);
void           wsed_watchlist_free (WsedWatchlist *self);
void           wsed_watchlist_add    (WsedWatchlist *self, const char *channel);
void           wsed_watchlist_remove (WsedWatchlist *self, const char *channel);
gboolean       wsed_watchlist_wants  (WsedWatchlist *self, const char *channel);
guint          wsed_watchlist_count  (WsedWatchlist *self);
/* The other side knows of nothing, and takes nothing; it takes what is said again. */
void           wsed_watchlist_forget (WsedWatchlist *self);
void           wsed_watchlist_run    (WsedWatchlist *self);

G_END_DECLS
