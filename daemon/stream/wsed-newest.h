/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where in a view the newest event of each conflation key is. */
typedef struct _WsedNewest WsedNewest;

WsedNewest *wsed_newest_new     (void);
void        wsed_newest_free    (WsedNewest *self);
/* @key is at @index now, with @seq; TRUE where it was at *@before until then. What is before @begin is no longer in the view: that may be
 * forgotten where there is no room. */
gboolean    wsed_newest_note    (WsedNewest *self, guint64 key, guint64 index, guint64 seq, guint64 begin, guint64 *before);
/* The seq of the newest; 0: not known. */
guint64     wsed_newest_get_seq (const WsedNewest *self, guint64 key);

G_END_DECLS
