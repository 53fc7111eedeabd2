/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-view.h"

G_BEGIN_DECLS

/* What a view has of events that are kept nowhere (PROTOCOL section 3): they have no place in the channel, so they are beside its entries,
 * in the order in which they came. A position is an index here too; indices count up for ever, modulo 2³². */

/* Returns by how many bytes the memory has grown; so does the next, which forgets the first. */
gssize           wsed_view_append_aside (WsedView *view, const WsedPiece *piece);
gssize           wsed_view_drop_aside   (WsedView *view);
guint            wsed_view_count_asides (const WsedView *view);
gsize            wsed_view_get_aside_bytes (const WsedView *view);
/* There has to be one. */
const WsedPiece *wsed_view_first_aside  (const WsedView *view);
/* Nothing of them is given out any more. */
void             wsed_view_blank_asides (WsedView *view);
/* Forgets all, with the view. */
gssize           wsed_view_clear_asides (WsedView *view);

G_END_DECLS
