/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-letter.h"
#include "postgres/wsed-postgres.h"

G_BEGIN_DECLS

/* Dead letters as rows of wse.letter. */

/* The last parameters of wse.append(); @letters NULL: none. */
void                         wsed_pg_letters_put  (GPtrArray *letters, WsedPostgresValues *values);
const WsedPostgresStatement *wsed_pg_letters_fill (const WsedLetters *request, WsedPostgresValues *values);
void                         wsed_pg_letters_take (WsedLetters *request, const PGresult *result);

G_END_DECLS
