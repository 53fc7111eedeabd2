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
wsed_pg_entry_make (guint64        n,
                    const char    *names,
                    const guint64 *seqs,
                    guint          n_seqs,
                    const guint8  *data,
                    gsize          length)
{
  WsedBlock block = { .first_n = n, .count = 1, .kept = 1, .data = data, .data_length = length };
  const char *channels[WSE_MAX_TARGETS + 1] = { NULL };
  g_autofree char *copy = g_strdup (names);
  g_autoptr (WseEvent) event = NULL;
  WsedBlockRecord record;
  guint n_channels = copy != NULL ? split (copy, channels) : 0;

  if (n_channels == 0 || n_channels != n_seqs || data == NULL || length < 4 || !wsed_block_get (&block, n, &record)
      || record.n_places != n_channels)
    return NULL;
  record.fields.channels = channels;
  event = wse_event_new_from_fields (&record.fields);
  return wsed_entry_new (event, n, seqs);
}

WsedEntry *
wsed_pg_entry_read (const PGresult *result,
                    int             row,
                    int             column,
                    guint64         n)
{
  guint64 seqs[WSE_MAX_TARGETS] = { 0 };
  WsedPostgresArray array;
  gsize length;
  const guint8 *data = wsed_postgres_get_bytes (result, row, column + 2, &length);
  guint n_seqs = wsed_postgres_array_init (&array, result, row, column + 1);

  for (guint i = 0; i < MIN (n_seqs, WSE_MAX_TARGETS); i++)
    seqs[i] = (guint64) wsed_postgres_array_next_int8 (&array);
  return wsed_pg_entry_make (n, wsed_postgres_get_text (result, row, column), seqs, n_seqs, data, length);
}
