/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "log/wsed-block.h"
#include "log/wsed-entry.h"
#include "postgres/wsed-postgres-values.h"

G_BEGIN_DECLS

/* An event as a row of wse.entry. */

#define WSED_PG_HASH_BYTES 16

/* What stands for (first channel, event id): nobody can make two of them meet. */
void       wsed_pg_entry_hash   (GChecksum *checksum, WseEvent *event, guint8 hash[WSED_PG_HASH_BYTES]);
/* Its bytes are in writer->data then. */
void       wsed_pg_entry_encode (WsedBlockWriter *writer, WseEvent *event);
/* What it counts for the log's bytes: its own, and about what rows and indexes take beside them. */
gint32     wsed_pg_entry_measure (const WsedBlockWriter *writer, WseEvent *event);
/* Its names joined by commas, which none of them has. */
void       wsed_pg_entry_join   (WseEvent *event, GString *names);
/* Of @names, joined by commas, their seqs, and what encode made of it. NULL: nothing that this program can read. */
WsedEntry *wsed_pg_entry_make   (guint64 n, const char *names, const guint64 *seqs, guint n_seqs, const guint8 *data, gsize length);
/* The row's columns: names, seqs, data, from @column on. NULL: nothing that this program can read. */
WsedEntry *wsed_pg_entry_read   (const PGresult *result, int row, int column, guint64 n);

G_END_DECLS
