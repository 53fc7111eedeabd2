/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How far the events have been shown, in each channel or in the whole log. */
typedef struct _WsectlPlace WsectlPlace;

WsectlPlace *wsectl_place_new   (void);
void         wsectl_place_free  (WsectlPlace *self);
/* Where what follows begins (`hello`): a place in the same epoch that lies further on is kept. */
void         wsectl_place_begin (WsectlPlace *self, const char *cursor);
/* All up to there is done with (`mark`, `caught_up`, the end of a gap). What is no cursor is passed over. */
void         wsectl_place_reach (WsectlPlace *self, const char *cursor);
/* FALSE: that event has been shown before. */
gboolean     wsectl_place_show  (WsectlPlace *self, const char *channel, guint64 seq);
/* A cursor; NULL before any is known. */
char        *wsectl_place_get_cursor (WsectlPlace *self);

G_END_DECLS
