/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <libpq-fe.h>

G_BEGIN_DECLS

/* What PostgreSQL says as a GError: WSE_ERROR_UNAVAILABLE where trying again may help, WSE_ERROR_FAILED where not. */
GError *wsed_postgres_error_of_result     (const PGresult *result);
/* Of a connection that was made with PQERRORS_VERBOSE, or was lost. */
GError *wsed_postgres_error_of_connection (const PGconn *connection, const char *doing);

G_END_DECLS
