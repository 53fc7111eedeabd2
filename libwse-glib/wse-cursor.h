/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#if !defined(WSE_INSIDE) && !defined(WSE_COMPILATION)
#error "Only <wse.h> can be included directly."
#endif

#include <glib-object.h>

#include "wse-version.h"

G_BEGIN_DECLS

#define WSE_TYPE_CURSOR (wse_cursor_get_type ())

/**
 * WseCursor:
 *
 * An immutable place in one or several channels, or in the whole log: `channel@epoch:seq`, several joined by `,`, or `*@epoch:n`
 * alone (PROTOCOL section 1).
 *
 * Since: 0.1
 */
typedef struct _WseCursor WseCursor;

WSE_AVAILABLE_IN_0_1
GType       wse_cursor_get_type (void);
WSE_AVAILABLE_IN_0_1
WseCursor  *wse_cursor_new (const char *text, GError **error);
WSE_AVAILABLE_IN_0_1
WseCursor  *wse_cursor_ref (WseCursor *cursor);
WSE_AVAILABLE_IN_0_1
void        wse_cursor_unref (WseCursor *cursor);
WSE_AVAILABLE_IN_0_1
char       *wse_cursor_to_string (WseCursor *cursor);
WSE_AVAILABLE_IN_0_1
guint       wse_cursor_get_length (WseCursor *cursor);
WSE_AVAILABLE_IN_0_1
void        wse_cursor_get_place (WseCursor *cursor, guint index, const char **channel, const char **epoch, guint64 *seq);
WSE_AVAILABLE_IN_0_1
gboolean    wse_cursor_is_whole_log (WseCursor *cursor);
WSE_AVAILABLE_IN_0_1
gboolean    wse_cursor_lookup (WseCursor *cursor, const char *channel, const char **epoch, guint64 *seq, gboolean *whole);
WSE_AVAILABLE_IN_0_1
void        wse_cursor_append (GString *text, const char *channel, const char *epoch, guint64 seq);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WseCursor, wse_cursor_unref)

G_END_DECLS
