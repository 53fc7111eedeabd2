/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where in a view the newest event of each conflation key is. */
typedef struct _WsedNewest WsedNewest;

/* For a view that has room for @entries, a power of two. */
WsedNewest *wsed_newest_new     (guint entries);
void        wsed_newest_free    (WsedNewest *self);
/* The memory of one. */
gsize       wsed_newest_get_bytes (guint entries);
/* It has room for @entries now; what is before @begin may be forgotten. */
void        wsed_newest_resize  (WsedNewest *self, guint entries, guint64 begin);
/* @key is at @index now, with @seq; TRUE where it was at *@before until then. What is before @begin is no longer in the view: that may be
 * forgotten where there is no room; behind it are no more than there is room for. */
gboolean    wsed_newest_note    (WsedNewest *self, guint64 key, guint64 index, guint64 seq, guint64 begin, guint64 *before);
/* The seq of the newest; 0: not known. */
guint64     wsed_newest_get_seq (const WsedNewest *self, guint64 key);

G_END_DECLS
