/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The form of events on disk, its checksums, the rows of the index and the window of ids. */

#include "log/wsed-block.h"
#include "log/wsed-crc32c.h"
#include "log/wsed-id-window.h"
#include "log/wsed-sqlite-index.h"

#include <string.h>

static void
test_crc32c (void)
{
  guint8 bytes[1000];

  /* RFC 3720 appendix B.4, and the check value of the catalogues. */
  memset (bytes, 0, sizeof bytes);
  g_assert_cmphex (wsed_crc32c (0, bytes, 32), ==, 0x8a9136aa);
  memset (bytes, 0xff, 32);
  g_assert_cmphex (wsed_crc32c (0, bytes, 32), ==, 0x62a8ab43);
  g_assert_cmphex (wsed_crc32c (0, "123456789", 9), ==, 0xe3069283);
  g_assert_cmphex (wsed_crc32c (wsed_crc32c (0, "1234", 4), "56789", 5), ==, 0xe3069283);
  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = g_test_rand_int ();
  for (guint i = 0; i < 64; i++)
    g_assert_cmphex (wsed_crc32c (0, bytes + i, sizeof bytes - 2 * i), ==, wsed_crc32c_portable (0, bytes + i, sizeof bytes - 2 * i));
}

static WseEvent *
make_event (guint number)
{
  const char *channels[] = { "user:1", "global", NULL };
  g_autofree char *id = g_strdup_printf ("id-%u", number), *payload = g_strdup_printf ("{\"number\":%u}", number);
  WseEventFields fields = {
    .event_type = "tick", .original_type = number % 3 == 0 ? "Tick" : NULL, .id = id, .message = number % 2 == 0 ? "" : NULL,
    .payload = payload, .payload_length = strlen (payload), .channels = channels, .n_channels = 1 + number % 2,
    .timestamp = -(gint64) number, .latency = number, .severity = number % 3, .severity_given = number % 5 == 0,
  };

  return wse_event_new_from_fields (&fields);
}

static void
fill (WsedBlockWriter *writer,
      guint            count)
{
  wsed_block_writer_begin (writer, 1000, 77);
  for (guint i = 0; i < count; i++)
    {
      g_autoptr (WseEvent) event = make_event (i);
      const guint32 ids[] = { 5, 9 };
      const guint64 seqs[] = { 100 + i, 200 + i };

      g_assert_false (wsed_block_writer_full (writer));
      wsed_block_writer_add (writer, event, ids, seqs);
    }
  wsed_block_writer_finish (writer);
}

static gboolean
open_block (WsedBlock             *block,
            const WsedBlockWriter *writer)
{
  return wsed_block_open (block, writer->first_n, writer->header->data, writer->header->len, writer->data->data, writer->data->len);
}

static void
assert_record (const WsedBlock *block,
               guint            number)
{
  g_autoptr (WseEvent) event = make_event (number);
  WsedBlockRecord record;

  g_assert_true (wsed_block_get (block, 1000 + number, &record));
  g_assert_cmpstr (record.fields.event_type, ==, event->event_type);
  g_assert_cmpstr (record.fields.original_type, ==, event->original_type);
  g_assert_cmpstr (record.fields.id, ==, event->id);
  g_assert_cmpstr (record.fields.message, ==, event->message);
  g_assert_cmpmem (record.fields.payload, record.fields.payload_length, event->payload, event->payload_length);
  g_assert_cmpint (record.fields.timestamp, ==, event->timestamp);
  g_assert_cmpint (record.fields.latency, ==, event->latency);
  g_assert_cmpint (record.fields.severity, ==, event->severity);
  g_assert_cmpint (record.fields.severity_given, ==, event->severity_given);
  g_assert_cmpuint (record.n_places, ==, event->n_channels);
  g_assert_cmpuint (record.places[0].id, ==, 5);
  g_assert_cmpuint (record.places[0].seq, ==, 100 + number);
}

static void
test_round_trip (void)
{
  WsedBlockWriter writer;
  WsedBlock block;
  WsedBlockRecord record;

  wsed_block_writer_init (&writer);
  fill (&writer, WSED_BLOCK_EVENTS);
  g_assert_true (wsed_block_writer_full (&writer));
  g_assert_true (open_block (&block, &writer));
  g_assert_cmpuint (block.count, ==, WSED_BLOCK_EVENTS);
  g_assert_cmpuint (block.kept, ==, WSED_BLOCK_EVENTS);
  g_assert_cmpint (block.time, ==, 77);
  for (guint i = 0; i < WSED_BLOCK_EVENTS; i++)
    assert_record (&block, i);
  g_assert_false (wsed_block_get (&block, 999, &record));
  g_assert_false (wsed_block_get (&block, 1064, &record));
  g_assert_cmpuint (block.n_channels, ==, 2);
  g_assert_cmpuint (wsed_block_get_channel (&block, 0).count, ==, 64);
  g_assert_cmpuint (wsed_block_get_channel (&block, 0).last_seq, ==, 163);
  g_assert_cmpuint (wsed_block_get_channel (&block, 1).id, ==, 9);
  g_assert_cmpuint (wsed_block_get_channel (&block, 1).count, ==, 32);
  wsed_block_writer_clear (&writer);
}

static void
test_rewrite (void)
{
  WsedBlockWriter writer, rewriter;
  WsedBlock block, rewritten;
  WsedBlockRecord record;

  wsed_block_writer_init (&writer);
  wsed_block_writer_init (&rewriter);
  fill (&writer, 10);
  g_assert_true (open_block (&block, &writer));
  wsed_block_writer_begin (&rewriter, 1000, block.time);
  for (guint i = 0; i < 10; i++)
    {
      g_assert_true (wsed_block_get (&block, 1000 + i, &record));
      /* The first channel was trimmed, the second keeps the odd ones. */
      record.places[0].seq = 0;
      wsed_block_writer_copy (&rewriter, i % 2 == 1 ? record.bytes : NULL, record.length, record.places, record.n_places);
    }
  wsed_block_writer_finish (&rewriter);
  g_assert_true (open_block (&rewritten, &rewriter));
  g_assert_cmpuint (rewritten.count, ==, 10);
  g_assert_cmpuint (rewritten.kept, ==, 5);
  g_assert_cmpuint (rewritten.n_channels, ==, 1);
  g_assert_cmpuint (wsed_block_get_channel (&rewritten, 0).id, ==, 9);
  g_assert_cmpuint (wsed_block_get_channel (&rewritten, 0).count, ==, 5);
  for (guint i = 0; i < 10; i++)
    if (i % 2 == 1)
      assert_record (&rewritten, i);
    else
      g_assert_false (wsed_block_get (&rewritten, 1000 + i, &record));
  wsed_block_writer_clear (&writer);
  wsed_block_writer_clear (&rewriter);
}

/* SQLite's own checks see none of these. */
/* An event overwritten in place: its bytes are gone, the others and the checksums hold, nothing has another size. */
static void
test_blank (void)
{
  WsedBlockWriter writer;
  WsedBlockRecord record;
  WsedBlock block, half;

  wsed_block_writer_init (&writer);
  fill (&writer, 10);
  g_assert_true (wsed_block_open (&block, 1000, writer.header->data, writer.header->len, writer.data->data, writer.data->len));
  g_assert_nonnull (memmem (writer.data->data, writer.data->len, "{\"number\":4}", 12));
  wsed_block_blank (&block, 1004, writer.header->data, writer.data->data);
  wsed_block_blank (&block, 1004, writer.header->data, writer.data->data);
  wsed_block_blank (&block, 1010, writer.header->data, writer.data->data);
  g_assert_false (wsed_block_open (&half, 1000, writer.header->data, writer.header->len, writer.data->data, writer.data->len));
  wsed_block_seal (&block, writer.header->data, writer.header->len);
  g_assert_true (wsed_block_open (&block, 1000, writer.header->data, writer.header->len, writer.data->data, writer.data->len));
  g_assert_cmpuint (block.kept, ==, 9);
  g_assert_cmpuint (block.count, ==, 10);
  g_assert_null (memmem (writer.data->data, writer.data->len, "{\"number\":4}", 12));
  g_assert_null (memmem (writer.data->data, writer.data->len, "id-4", 4));
  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *id = g_strdup_printf ("id-%u", i);

      g_assert_cmpint (wsed_block_get (&block, 1000 + i, &record), ==, i != 4);
      if (i != 4)
        g_assert_cmpstr (record.fields.id, ==, id);
    }
  wsed_block_writer_clear (&writer);
}

static void
test_bit_flips (void)
{
  WsedBlockWriter writer;
  WsedBlock block;

  wsed_block_writer_init (&writer);
  fill (&writer, 5);
  for (gsize bit = 0; bit < writer.header->len * 8; bit++)
    {
      writer.header->data[bit / 8] ^= 1 << bit % 8;
      g_assert_false (open_block (&block, &writer));
      /* What the header alone is read for is told by the header alone. */
      if (bit >= 32)
        g_assert_false (wsed_block_open_header (&block, 1000, writer.header->data, writer.header->len));
      writer.header->data[bit / 8] ^= 1 << bit % 8;
    }
  for (gsize bit = 0; bit < writer.data->len * 8; bit++)
    {
      writer.data->data[bit / 8] ^= 1 << bit % 8;
      g_assert_false (open_block (&block, &writer));
      writer.data->data[bit / 8] ^= 1 << bit % 8;
    }
  g_assert_true (open_block (&block, &writer));
  /* The right bytes under a wrong key. */
  writer.first_n++;
  g_assert_false (open_block (&block, &writer));
  g_assert_false (wsed_block_open (&block, 1000, NULL, 0, NULL, 0));
  g_assert_false (wsed_block_open (&block, 1000, writer.header->data, 10, writer.data->data, writer.data->len));
  g_assert_false (wsed_block_open (&block, 1000, writer.header->data, writer.header->len, writer.data->data, writer.data->len - 1));
  wsed_block_writer_clear (&writer);
}

static void
sign (WsedBlockWriter *writer)
{
  guint64 key = GUINT64_TO_LE (writer->first_n);
  guint32 crc = wsed_crc32c (wsed_crc32c (0, &key, 8), writer->header->data + 8, writer->header->len - 8);
  guint32 all = GUINT32_TO_LE (wsed_crc32c (crc, writer->data->data, writer->data->len));

  crc = GUINT32_TO_LE (crc);
  memcpy (writer->header->data, &all, 4);
  memcpy (writer->header->data + 4, &crc, 4);
}

/* A file that somebody made on purpose: right checksums over nonsense. */
static void
test_hostile (void)
{
  WsedBlockWriter writer;

  wsed_block_writer_init (&writer);
  for (guint round = 0; round < 3000; round++)
    {
      WsedBlock block;
      WsedBlockRecord record;

      fill (&writer, 8);
      for (guint i = 0; i < 3; i++)
        writer.data->data[g_test_rand_int_range (0, writer.data->len)] = g_test_rand_int ();
      if (round % 3 == 0)
        writer.header->data[g_test_rand_int_range (8, writer.header->len)] = g_test_rand_int ();
      sign (&writer);
      if (!open_block (&block, &writer))
        continue;
      for (guint64 n = 999; n <= 1000 + WSED_BLOCK_EVENTS; n++)
        if (wsed_block_get (&block, n, &record))
          {
            g_assert_cmpuint (strlen (record.fields.id), <=, writer.data->len);
            g_assert_cmpuint (record.fields.payload[record.fields.payload_length], ==, 0);
          }
    }
  wsed_block_writer_clear (&writer);
}

static void
test_run (void)
{
  g_autoptr (GByteArray) row = g_byte_array_new ();
  guint64 ns[WSED_RUN_ENTRIES], read[WSED_RUN_ENTRIES], n = G_MAXINT64 / 2;

  for (guint i = 0; i < WSED_RUN_ENTRIES; i++)
    ns[i] = n += g_test_rand_int_range (0, 100000);
  wsed_run_encode (row, ns, WSED_RUN_ENTRIES);
  g_assert_cmpuint (wsed_run_decode (row->data, row->len, read), ==, WSED_RUN_ENTRIES);
  g_assert_cmpmem (ns, sizeof ns, read, sizeof read);
  g_assert_cmpuint (wsed_run_decode (row->data, row->len - 1, read), ==, 0);
  g_assert_cmpuint (wsed_run_decode (NULL, 0, read), ==, 0);
  g_assert_cmpuint (wsed_run_decode ((const guint8 *) "\xff\xff\xff\x7f\1\1\1", 7, read), ==, 0);
}

static void
test_id_window (void)
{
  guint8 secret[WSED_ID_SECRET_BYTES];
  g_autoptr (WsedIdWindow) window = NULL;
  guint64 n, seq;

  for (guint i = 0; i < sizeof secret; i++)
    secret[i] = i;
  window = wsed_id_window_new (secret, 5000);
  /* The reference implementation's own vector, 15 bytes. */
  g_assert_cmphex (wsed_id_window_hash (window, "", "\1\2\3\4\5\6\7\10\11\12\13\14\15\16"), ==, 0xa129ca6149be45e5);
  g_assert_cmphex (wsed_id_window_hash (window, "a", "bc"), !=, wsed_id_window_hash (window, "ab", "c"));
  /* Hashes that all begin in the same few slots. */
  for (guint64 i = 1; i <= 20000; i++)
    {
      wsed_id_window_add (window, i, i % 7 << 40 | i << 50 | 3, i * 10);
      wsed_id_window_trim (window);
      if (i % 100 == 0)
        {
          wsed_id_window_drop (window, i - 50);
          for (guint64 k = i - 49; k <= i; k++)
            wsed_id_window_add (window, k, k << 20 | (k & 15), k * 10);
        }
    }
  for (guint64 k = 20000 - 49; k <= 20000; k++)
    {
      g_assert_true (wsed_id_window_find (window, k << 20 | (k & 15), &n, &seq));
      g_assert_cmpuint (n, ==, k);
      g_assert_cmpuint (seq, ==, k * 10);
    }
  for (guint64 block = 15100; block <= 20000; block += 100)
    g_assert_true (wsed_id_window_find (window, block << 20 | (block & 15), &n, &seq));
  g_assert_false (wsed_id_window_find (window, (guint64) 14900 << 20 | (14900 & 15), &n, &seq));
  wsed_id_window_drop (window, 19999);
  g_assert_false (wsed_id_window_find (window, (guint64) 20000 << 20 | (20000 & 15), &n, &seq));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/block/crc32c", test_crc32c);
  g_test_add_func ("/block/round-trip", test_round_trip);
  g_test_add_func ("/block/rewrite", test_rewrite);
  g_test_add_func ("/block/blank", test_blank);
  g_test_add_func ("/block/bit-flips", test_bit_flips);
  g_test_add_func ("/block/hostile", test_hostile);
  g_test_add_func ("/block/run", test_run);
  g_test_add_func ("/block/id-window", test_id_window);
  return g_test_run ();
}
