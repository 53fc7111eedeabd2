/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The newest ids of a log: (first channel, event id) → place, for telling duplicates. Keyed hashes stand for the ids, so that
 * nobody outside can make two of them meet. Memory: 32 bytes an event, at most capacity events. */
typedef struct _WsedIdWindow WsedIdWindow;

#define WSED_ID_SECRET_BYTES 16
/* PROTOCOL section 2: the last 1,000,000 events. */
#define WSED_ID_WINDOW_EVENTS 1000000

WsedIdWindow *wsed_id_window_new  (const guint8 secret[WSED_ID_SECRET_BYTES], guint capacity);
void          wsed_id_window_free (WsedIdWindow *self);
guint64       wsed_id_window_hash (WsedIdWindow *self, const char *channel, const char *id);
/* The place of the newest event with this hash. */
gboolean      wsed_id_window_find (WsedIdWindow *self, guint64 hash, guint64 *n, guint64 *seq);
/* @n: one more than the last one's, else everything before is forgotten. */
void          wsed_id_window_add  (WsedIdWindow *self, guint64 n, guint64 hash, guint64 seq);
/* Takes back all after @n: their transaction failed. */
void          wsed_id_window_drop (WsedIdWindow *self, guint64 n);
/* Forgets the oldest beyond the capacity; called once they are known to stay. */
void          wsed_id_window_trim (WsedIdWindow *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedIdWindow, wsed_id_window_free)

G_END_DECLS
