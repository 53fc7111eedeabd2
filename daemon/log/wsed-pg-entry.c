/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How an event becomes a row and a row an event: the record is the one of a block with nothing else in it; channels and seqs are columns,
 * since only the server knows them when it is written. */

#include "log/wsed-pg-entry.h"

#include <string.h>

/* Bytes of the rows of one event in the tables and of their places in the indexes, about; and of one channel of it. */
#define ROW_BYTES 140
#define PLACE_BYTES 80

void
wsed_pg_entry_hash (GChecksum *checksum,
                    WseEvent  *event,
                    guint8     hash[WSED_PG_HASH_BYTES])
{
  guint8 digest[32];
  gsize length = sizeof digest;

  g_checksum_reset (checksum);
  /* With the NUL between them. */
  g_checksum_update (checksum, (const guchar *) event->channels[0], strlen (event->channels[0]) + 1);
  g_checksum_update (checksum, (const guchar *) event->id, strlen (event->id));
  g_checksum_get_digest (checksum, digest, &length);
  memcpy (hash, digest, WSED_PG_HASH_BYTES);
}

void
wsed_pg_entry_encode (WsedBlockWriter *writer,
                      WseEvent        *event)
{
  static const guint32 ids[WSE_MAX_TARGETS];
  static const guint64 seqs[WSE_MAX_TARGETS];

  wsed_block_writer_begin (writer, 0, 0);
  wsed_block_writer_add (writer, event, ids, seqs);
  wsed_block_writer_finish (writer);
}

gint32
wsed_pg_entry_measure (const WsedBlockWriter *writer,
                       WseEvent              *event)
{
  return writer->data->len + ROW_BYTES + event->n_channels * PLACE_BYTES;
}

void
wsed_pg_entry_join (WseEvent *event,
                    GString  *names)
{
  g_string_assign (names, event->channels[0]);
  for (guint i = 1; i < event->n_channels; i++)
    g_string_append_printf (names, ",%s", event->channels[i]);
}

/* Splits @names in place; how many there are, 0: not as many as there may be. */
static guint
split (char       *names,
       const char *channels[WSE_MAX_TARGETS + 1])
{
  guint n = 0;

  for (char *at = names, *comma; at != NULL; at = comma)
    {
      if (n == WSE_MAX_TARGETS)
        return 0;
      comma = strchr (at, ',');
      if (comma != NULL)
        *comma++ = '\0';
      channels[n++] = at;
    }
  channels[n] = NULL;
  return n;
}

WsedEntry *
wsed_pg_entry_read (const PGresult *result,
                    int             row,
                    int             column,
                    guint64         n)
{
  WsedBlock block = { .first_n = n, .count = 1, .kept = 1 };
  const char *channels[WSE_MAX_TARGETS + 1] = { NULL };
  guint64 seqs[WSE_MAX_TARGETS] = { 0 };
  g_autofree char *names = g_strdup (wsed_postgres_get_text (result, row, column));
  g_autoptr (WseEvent) event = NULL;
  WsedPostgresArray array;
  WsedBlockRecord record;
  guint n_channels = names != NULL ? split (names, channels) : 0;

  block.data = wsed_postgres_get_bytes (result, row, column + 2, &block.data_length);
  if (n_channels == 0 || block.data == NULL || block.data_length < 4 || !wsed_block_get (&block, n, &record) ||
      record.n_places != n_channels || wsed_postgres_array_init (&array, result, row, column + 1) != n_channels)
    return NULL;
  for (guint i = 0; i < n_channels; i++)
    seqs[i] = (guint64) wsed_postgres_array_next_int8 (&array);
  record.fields.channels = channels;
  event = wse_event_new_from_fields (&record.fields);
  return wsed_entry_new (event, n, seqs);
}
