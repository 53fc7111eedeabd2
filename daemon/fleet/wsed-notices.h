/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "postgres/wsed-postgres-address.h"

G_BEGIN_DECLS

/* What daemons of one log must not fail to hear, kept in its database in the order of writing: the relay tells it at once, and who missed
 * that, or comes later, finds it here. Main thread. */
typedef struct _WsedNotices WsedNotices;

/* @first: it was there when this daemon began. */
typedef void (*WsedNoticed) (const char *kind, const char *text, gboolean first, gpointer user_data);
/* @error: NULL where it is kept for good. */
typedef void (*WsedNoted)   (const GError *error, gpointer user_data);

/* @address: the log's database, whose tables are there. Reads what there is before it returns, or goes on without for as long as the
 * server cannot be reached. */
WsedNotices *wsed_notices_new  (WsedPostgresAddress *address, WsedNoticed noticed, gpointer user_data);
/* What is under way is answered with an error. NULL is allowed. */
void         wsed_notices_free (WsedNotices *self);
/* @until: microseconds since 1970 from which on nobody needs it any more; G_MAXINT64: for ever. */
void         wsed_notices_add  (WsedNotices *self, const char *kind, const char *text, gint64 until, WsedNoted done, gpointer user_data);
/* Looks for new ones now; it does so by itself every 10 s. */
void         wsed_notices_look (WsedNotices *self);

G_END_DECLS
