/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Where a PostgreSQL server is and as whom to log in: what a libpq URI says, never shown with its password. */
typedef struct _WsedPostgresAddress WsedPostgresAddress;

/* NULL: libpq cannot read it. The error says nothing of what stands in it. */
WsedPostgresAddress *wsed_postgres_address_new         (const char *uri, GError **error);
WsedPostgresAddress *wsed_postgres_address_ref         (WsedPostgresAddress *self);
void                 wsed_postgres_address_unref       (WsedPostgresAddress *self);
/* "postgresql://wse@db:5432/events": for people and logs. */
const char          *wsed_postgres_address_get_name    (WsedPostgresAddress *self);

/* Looks the names of hosts up; answers in the thread's default context. */
void                 wsed_postgres_address_resolve        (WsedPostgresAddress *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                                           gpointer user_data);
/* What PQconnectStartParams() takes: keyword, value, keyword, value, …. (transfer full) */
GPtrArray           *wsed_postgres_address_resolve_finish (GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsedPostgresAddress, wsed_postgres_address_unref)

G_END_DECLS
