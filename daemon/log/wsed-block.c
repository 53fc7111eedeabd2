/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedBlock owns the form in which events lie in the log's file and the checksums that tell a flipped bit, which SQLite's own
 * checks do not see. It knows channels by number only and never touches a file. */

#include "log/wsed-block.h"
#include "log/wsed-crc32c.h"

#include <string.h>

#define HEADER_BYTES 24
#define CHANNEL_BYTES 16
#define RECORD_BYTES 40
#define PLACE_BYTES 12
#define FLAG_SEVERITY_GIVEN 1
#define FLAG_ORIGINAL_TYPE 2
#define FLAG_MESSAGE 4

static inline void
put32 (guint8  *at,
       guint32  value)
{
  value = GUINT32_TO_LE (value);
  memcpy (at, &value, 4);
}

static inline void
put64 (guint8  *at,
       guint64  value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, 8);
}

static inline guint32
get32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, 4);
  return GUINT32_FROM_LE (value);
}

static inline guint64
get64 (const guint8 *at)
{
  guint64 value;

  memcpy (&value, at, 8);
  return GUINT64_FROM_LE (value);
}

static guint8 *
extend (GByteArray *bytes,
        gsize       length)
{
  guint at = bytes->len;

  g_byte_array_set_size (bytes, at + length);
  return bytes->data + at;
}

void
wsed_block_writer_init (WsedBlockWriter *self)
{
  memset (self, 0, sizeof *self);
  self->header = g_byte_array_new ();
  self->data = g_byte_array_new ();
  self->channels = g_array_new (FALSE, FALSE, sizeof (WsedBlockChannel));
}

void
wsed_block_writer_clear (WsedBlockWriter *self)
{
  g_clear_pointer (&self->header, g_byte_array_unref);
  g_clear_pointer (&self->data, g_byte_array_unref);
  g_clear_pointer (&self->channels, g_array_unref);
}

void
wsed_block_writer_begin (WsedBlockWriter *self,
                         guint64          first_n,
                         gint64           time)
{
  self->first_n = first_n;
  self->count = self->kept = 0;
  self->time = time;
  g_byte_array_set_size (self->header, 0);
  g_byte_array_set_size (self->data, 0);
  g_array_set_size (self->channels, 0);
}

gboolean
wsed_block_writer_full (const WsedBlockWriter *self)
{
  return self->count == WSED_BLOCK_EVENTS || self->data->len >= WSED_BLOCK_BYTES;
}

static void
count_channel (WsedBlockWriter *self,
               guint32          id,
               guint64          seq)
{
  WsedBlockChannel *channels = (gpointer) self->channels->data, channel = { id, 1, seq };

  for (guint i = self->channels->len; i-- > 0;)
    if (channels[i].id == id)
      {
        channels[i].count++;
        channels[i].last_seq = seq;
        return;
      }
  g_array_append_val (self->channels, channel);
}

static guint8 *
put_text (guint8     *at,
          const char *text,
          gsize       length)
{
  memcpy (at, text, length);
  at[length] = '\0';
  return at + length + 1;
}

void
wsed_block_writer_add (WsedBlockWriter *self,
                       WseEvent        *event,
                       const guint32   *ids,
                       const guint64   *seqs)
{
  const char *original = event->original_type != NULL ? event->original_type : "";
  const char *message = event->message != NULL ? event->message : "";
  gsize type_length = strlen (event->event_type), id_length = strlen (event->id);
  gsize original_length = strlen (original), message_length = strlen (message);
  guint8 *at;

  g_assert (self->count < WSED_BLOCK_EVENTS && event->n_channels <= WSE_MAX_TARGETS);
  self->offsets[self->count++] = self->data->len;
  self->kept++;
  at = extend (self->data, RECORD_BYTES + event->n_channels * PLACE_BYTES + type_length + id_length + original_length +
                             message_length + event->payload_length + 5);
  put64 (at, (guint64) event->timestamp);
  put64 (at + 8, (guint64) event->latency);
  at[16] = (guint8) event->severity;
  at[17] = (event->severity_given ? FLAG_SEVERITY_GIVEN : 0) | (event->original_type != NULL ? FLAG_ORIGINAL_TYPE : 0) |
           (event->message != NULL ? FLAG_MESSAGE : 0);
  at[18] = (guint8) event->n_channels;
  at[19] = 0;
  put32 (at + 20, type_length);
  put32 (at + 24, id_length);
  put32 (at + 28, original_length);
  put32 (at + 32, message_length);
  put32 (at + 36, event->payload_length);
  at += RECORD_BYTES;
  for (guint i = 0; i < event->n_channels; i++, at += PLACE_BYTES)
    {
      put32 (at, ids[i]);
      put64 (at + 4, seqs[i]);
      count_channel (self, ids[i], seqs[i]);
    }
  at = put_text (at, event->event_type, type_length);
  at = put_text (at, event->id, id_length);
  at = put_text (at, original, original_length);
  at = put_text (at, message, message_length);
  put_text (at, event->payload, event->payload_length);
}

void
wsed_block_writer_copy (WsedBlockWriter      *self,
                        const guint8         *record,
                        gsize                 length,
                        const WsedBlockPlace *places,
                        guint                 n_places)
{
  g_assert (self->count < WSED_BLOCK_EVENTS);
  self->offsets[self->count++] = record != NULL ? self->data->len : G_MAXUINT32;
  if (record == NULL)
    return;
  self->kept++;
  g_byte_array_append (self->data, record, length);
  for (guint i = 0; i < n_places; i++)
    if (places[i].seq != 0)
      count_channel (self, places[i].id, places[i].seq);
}

static guint32
checksum_header (guint64       first_n,
                 const guint8 *header,
                 gsize         length)
{
  guint8 key[8];

  put64 (key, first_n);
  return wsed_crc32c (wsed_crc32c (0, key, sizeof key), header + 8, length - 8);
}

void
wsed_block_writer_finish (WsedBlockWriter *self)
{
  guint8 offsets[WSED_BLOCK_EVENTS * 4], *at;
  guint32 crc;

  for (guint i = 0; i < self->count; i++)
    put32 (offsets + i * 4, self->offsets[i] == G_MAXUINT32 ? 0 : self->offsets[i] + self->count * 4);
  g_byte_array_prepend (self->data, offsets, self->count * 4);
  at = extend (self->header, HEADER_BYTES + self->channels->len * CHANNEL_BYTES);
  at[8] = 0;
  at[9] = self->kept;
  at[10] = self->count & 0xff;
  at[11] = self->count >> 8;
  put32 (at + 12, self->channels->len);
  put64 (at + 16, (guint64) self->time);
  at += HEADER_BYTES;
  for (guint i = 0; i < self->channels->len; i++, at += CHANNEL_BYTES)
    {
      const WsedBlockChannel *channel = &g_array_index (self->channels, WsedBlockChannel, i);

      put32 (at, channel->id);
      put32 (at + 4, channel->count);
      put64 (at + 8, channel->last_seq);
    }
  crc = checksum_header (self->first_n, self->header->data, self->header->len);
  put32 (self->header->data + 4, crc);
  put32 (self->header->data, wsed_crc32c (crc, self->data->data, self->data->len));
}

gboolean
wsed_block_open_header (WsedBlock  *self,
                        guint64     first_n,
                        const void *header,
                        gsize       header_length)
{
  memset (self, 0, sizeof *self);
  self->first_n = first_n;
  self->header = header;
  if (header == NULL || header_length < HEADER_BYTES ||
      get32 (self->header + 4) != checksum_header (first_n, header, header_length))
    return FALSE;
  self->kept = self->header[9];
  self->count = self->header[10] | self->header[11] << 8;
  self->n_channels = get32 (self->header + 12);
  self->time = (gint64) get64 (self->header + 16);
  return self->header[8] == 0 && self->count <= WSED_BLOCK_EVENTS &&
         header_length == HEADER_BYTES + (gsize) self->n_channels * CHANNEL_BYTES;
}

gboolean
wsed_block_open (WsedBlock  *self,
                 guint64     first_n,
                 const void *header,
                 gsize       header_length,
                 const void *data,
                 gsize       data_length)
{
  if (!wsed_block_open_header (self, first_n, header, header_length))
    return FALSE;
  self->data = data;
  self->data_length = data_length;
  return data != NULL && data_length >= self->count * 4 &&
         get32 (self->header) == wsed_crc32c (get32 (self->header + 4), data, data_length);
}

WsedBlockChannel
wsed_block_get_channel (const WsedBlock *self,
                        guint            i)
{
  const guint8 *at = self->header + HEADER_BYTES + (gsize) i * CHANNEL_BYTES;

  return (WsedBlockChannel) { get32 (at), get32 (at + 4), get64 (at + 8) };
}

/* The next text of a record, which must end in its NUL before @end; NULL: it does not. */
static const char *
take_text (const guint8 **at,
           const guint8  *end,
           gsize          length)
{
  const guint8 *text = *at;

  if (length >= (gsize) (end - text) || text[length] != '\0')
    return NULL;
  *at += length + 1;
  return (const char *) text;
}

static gboolean
read_texts (WsedBlockRecord *record,
            const guint8    *at,
            const guint8    *end)
{
  const guint8 *start = record->bytes;
  WseEventFields *fields = &record->fields;

  fields->event_type = take_text (&at, end, get32 (start + 20));
  fields->id = fields->event_type != NULL ? take_text (&at, end, get32 (start + 24)) : NULL;
  fields->original_type = fields->id != NULL ? take_text (&at, end, get32 (start + 28)) : NULL;
  fields->message = fields->original_type != NULL ? take_text (&at, end, get32 (start + 32)) : NULL;
  fields->payload_length = get32 (start + 36);
  fields->payload = fields->message != NULL ? take_text (&at, end, fields->payload_length) : NULL;
  if (fields->payload == NULL)
    return FALSE;
  if ((start[17] & FLAG_ORIGINAL_TYPE) == 0)
    fields->original_type = NULL;
  if ((start[17] & FLAG_MESSAGE) == 0)
    fields->message = NULL;
  record->length = at - start;
  return TRUE;
}

gboolean
wsed_block_get (const WsedBlock *self,
                guint64          n,
                WsedBlockRecord *record)
{
  const guint8 *at, *end = self->data + self->data_length;
  gsize offset;

  if (n < self->first_n || n - self->first_n >= self->count)
    return FALSE;
  offset = get32 (self->data + (n - self->first_n) * 4);
  if (offset < self->count * 4 || offset > self->data_length || self->data_length - offset < RECORD_BYTES)
    return FALSE;
  at = record->bytes = self->data + offset;
  record->n_places = at[18];
  if (record->n_places == 0 || record->n_places > WSE_MAX_TARGETS ||
      (gsize) (end - at) < RECORD_BYTES + record->n_places * PLACE_BYTES)
    return FALSE;
  memset (&record->fields, 0, sizeof record->fields);
  record->fields.timestamp = (gint64) get64 (at);
  record->fields.latency = (gint64) get64 (at + 8);
  record->fields.severity = at[16];
  record->fields.severity_given = (at[17] & FLAG_SEVERITY_GIVEN) != 0;
  record->fields.n_channels = record->n_places;
  at += RECORD_BYTES;
  for (guint i = 0; i < record->n_places; i++, at += PLACE_BYTES)
    record->places[i] = (WsedBlockPlace) { get32 (at), get64 (at + 4) };
  return read_texts (record, at, end);
}

void
wsed_block_blank (WsedBlock *self,
                  guint64    n,
                  guint8    *header,
                  guint8    *data)
{
  WsedBlockRecord record;

  g_assert (self->header == header && self->data == data);
  if (!wsed_block_get (self, n, &record))
    return;
  memset (data + (record.bytes - data), 0, record.length);
  put32 (data + (n - self->first_n) * 4, 0);
  header[9] = --self->kept;
}

void
wsed_block_seal (const WsedBlock *self,
                 guint8          *header,
                 gsize            header_length)
{
  guint32 crc = checksum_header (self->first_n, header, header_length);

  put32 (header + 4, crc);
  put32 (header, wsed_crc32c (crc, self->data, self->data_length));
}
