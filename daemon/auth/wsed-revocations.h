/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-revocation.h"
#include "thread/wsed-inbox.h"

G_BEGIN_DECLS

/* The deny list, kept in a file. Main thread; a thread of its own writes. An entry is forgotten once what it covers has expired. */
typedef struct _WsedRevocations WsedRevocations;

/* @error: NULL where @revocation is on disk. */
typedef void (*WsedRevoked) (WsedRevocation *revocation, const GError *error, gpointer user_data);

/* @path: the file, made where it is not there; NULL: nothing is kept. NULL with @error, also where the file is damaged but for an unfinished
 * last line. @main: the inbox that the main loop runs. */
WsedRevocations *wsed_revocations_new    (const char *path, WsedInbox *main, gint64 now, GError **error);
/* Holds from now on; @done once it does for good, or WSE_ERROR_UNAVAILABLE: not on disk, WSE_ERROR_BUSY: too many. Takes @revocation. */
void             wsed_revocations_add    (WsedRevocations *self, WsedRevocation *revocation, gint64 now, WsedRevoked done, gpointer user_data);
gboolean         wsed_revocations_cover  (WsedRevocations *self, const WsedGrant *grant);
guint            wsed_revocations_get_length (WsedRevocations *self);
/* Ends the thread; what was added is on disk, and the answers are in the inbox. */
void             wsed_revocations_stop   (WsedRevocations *self);
void             wsed_revocations_free   (WsedRevocations *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedRevocations, wsed_revocations_free)

G_END_DECLS
