/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wse-event-private.h"

G_BEGIN_DECLS

/* Up to 64 events that were committed together, as two blobs. All numbers are little endian.
 *
 * header: u32 crc32c of (first_n, the header from byte 8 on, data) · u32 crc32c of (first_n, the header from byte 8 on)
 *         · u8 codec (0: raw) · u8 events kept · u16 count · u32 channels · i64 time · per channel: u32 id, u32 events of it, u64 the last one's seq
 * data:   u32 offset[count] (0: removed) · records
 * record: i64 timestamp · i64 latency · u8 severity · u8 flags · u8 channels · u8 0 · u32 length of type, id, original type,
 *         message, payload · per channel: u32 id, u64 seq · these five texts, each with a NUL
 *
 * Event i of a block has n = first_n + i, also after others were removed. */

#define WSED_BLOCK_EVENTS 64
/* Data bytes beyond which a block is closed, so that reading one event of it stays cheap. */
#define WSED_BLOCK_BYTES (64 * 1024)

typedef struct
{
  guint32 id;
  guint32 count;
  guint64 last_seq;
} WsedBlockChannel;

/* Where an event lies. */
typedef struct
{
  guint32 id;
  guint64 seq;
} WsedBlockPlace;

/* Makes one block after the other; the memory is reused. */
typedef struct
{
  guint64 first_n;
  guint count, kept;
  gint64 time;                 /* when it was appended, microseconds since 1970 */
  guint32 offsets[WSED_BLOCK_EVENTS];
  GByteArray *header, *data;
  GArray *channels;            /* (element-type WsedBlockChannel) */
} WsedBlockWriter;

void     wsed_block_writer_init   (WsedBlockWriter *self);
void     wsed_block_writer_clear  (WsedBlockWriter *self);
void     wsed_block_writer_begin  (WsedBlockWriter *self, guint64 first_n, gint64 time);
gboolean wsed_block_writer_full   (const WsedBlockWriter *self);
void     wsed_block_writer_add    (WsedBlockWriter *self, WseEvent *event, const guint32 *ids, const guint64 *seqs);
/* The next n: a record of another block as it is, counted only in those @places that are marked by a seq; NULL: removed. */
void     wsed_block_writer_copy   (WsedBlockWriter *self, const guint8 *record, gsize length, const WsedBlockPlace *places,
                                   guint n_places);
/* Header and data are ready then. */
void     wsed_block_writer_finish (WsedBlockWriter *self);

/* A view of two blobs that somebody else keeps. */
typedef struct
{
  guint64 first_n;
  guint count, kept;
  gint64 time;
  guint n_channels;
  const guint8 *header, *data; /* data: NULL where only the header was opened */
  gsize data_length;
} WsedBlock;

/* An event within a block; all borrowed. fields.channels is not set. */
typedef struct
{
  WseEventFields fields;
  guint n_places;
  WsedBlockPlace places[WSE_MAX_TARGETS];
  const guint8 *bytes;
  gsize length;
} WsedBlockRecord;

/* FALSE: the checksum is wrong, or nothing that this program can read. */
gboolean         wsed_block_open_header (WsedBlock *self, guint64 first_n, const void *header, gsize header_length);
gboolean         wsed_block_open        (WsedBlock *self, guint64 first_n, const void *header, gsize header_length,
                                         const void *data, gsize data_length);
WsedBlockChannel wsed_block_get_channel (const WsedBlock *self, guint i);
/* Overwrites the event @n in place; @header and @data are what the block was opened with. wsed_block_seal() afterwards. */
void             wsed_block_blank       (WsedBlock *self, guint64 n, guint8 *header, guint8 *data);
void             wsed_block_seal        (const WsedBlock *self, guint8 *header, gsize header_length);
/* FALSE: removed, or not in this block. */
gboolean         wsed_block_get         (const WsedBlock *self, guint64 n, WsedBlockRecord *record);

G_END_DECLS
