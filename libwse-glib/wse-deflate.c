/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* RFC 7692 by zlib: one compressor a thread, made when it is first needed, and an inflater for each message under way. It knows no frame;
 * how much of a message may be kept is for who asks to say, by the room it gives. */

#include "wse-deflate-private.h"

#include <zlib.h>

/* Least effort: more takes 2 % off and costs time on the thread that everybody waits for. Memory level 5 has nothing to clear but 8 KB
 * between two messages, and costs no compression at the size of events. */
#define LEVEL 1
#define MEMORY_LEVEL 5

/* The scratch of a thread is given back when it was larger than this, in bytes. */
#define KEPT_BYTES (64 * 1024)

#define TAIL_LENGTH 4
static const char tail[TAIL_LENGTH] = { 0, 0, (char) 0xff, (char) 0xff };

/* Memory that cannot be had ends the process here as everywhere with GLib; so nothing else can go wrong at the beginning. */
static voidpf
allocate (voidpf opaque,
          uInt   items,
          uInt   size)
{
  return g_malloc_n (items, size);
}

static void
give_back (voidpf opaque,
           voidpf memory)
{
  g_free (memory);
}

typedef struct
{
  z_stream stream;
  char *scratch;
  gsize size;
} Deflater;

static void
deflater_free (gpointer data)
{
  Deflater *self = data;

  deflateEnd (&self->stream);
  g_free (self->scratch);
  g_free (self);
}

static Deflater *
get_deflater (gsize needed)
{
  static GPrivate of_thread = G_PRIVATE_INIT (deflater_free);
  Deflater *self = g_private_get (&of_thread);

  if (self == NULL)
    {
      int result;

      self = g_new0 (Deflater, 1);
      self->stream.zalloc = allocate;
      self->stream.zfree = give_back;
      result = deflateInit2 (&self->stream, LEVEL, Z_DEFLATED, -WSE_DEFLATE_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
      g_assert (result == Z_OK);
      g_private_set (&of_thread, self);
    }
  else
    deflateReset (&self->stream);
  if (needed > self->size || self->size > KEPT_BYTES)
    {
      g_free (self->scratch);
      self->size = MAX (needed, 4096);
      self->scratch = g_malloc (self->size);
    }
  return self;
}

const char *
wse_deflate (const char *data,
             gsize       length,
             gsize      *compressed)
{
  Deflater *self;
  gsize room;

  if (length < WSE_DEFLATE_MIN || length > G_MAXUINT32 / 2)
    return NULL;
  /* What does not fit is not shorter. The tail is not sent (RFC 7692 7.2.1). */
  room = length + TAIL_LENGTH - 1;
  self = get_deflater (room);
  self->stream.next_in = (Bytef *) data;
  self->stream.avail_in = length;
  self->stream.next_out = (Bytef *) self->scratch;
  self->stream.avail_out = room;
  if (deflate (&self->stream, Z_SYNC_FLUSH) != Z_OK || self->stream.avail_out == 0)
    return NULL;
  *compressed = room - self->stream.avail_out - TAIL_LENGTH;
  return self->scratch;
}

struct _WseInflater
{
  z_stream stream;
  guint64 used;
  guint between : 1;           /* blocks: nothing of one was begun, and all that was read has been used */
  guint bad : 1;
};

WseInflater *
wse_inflater_new (void)
{
  WseInflater *self = g_new0 (WseInflater, 1);
  int result;

  self->stream.zalloc = allocate;
  self->stream.zfree = give_back;
  /* The largest window: the client was not asked for less. */
  result = inflateInit2 (&self->stream, -MAX_WBITS);
  g_assert (result == Z_OK);
  self->between = TRUE;
  return self;
}

void
wse_inflater_free (WseInflater *self)
{
  inflateEnd (&self->stream);
  g_free (self);
}

gssize
wse_inflater_read (WseInflater  *self,
                   const char  **data,
                   gsize        *length,
                   char         *out,
                   gsize         room)
{
  z_stream *stream = &self->stream;

  g_assert (*length <= G_MAXUINT32 && room > 0 && room <= G_MAXUINT32);
  stream->next_in = (Bytef *) *data;
  stream->avail_in = *length;
  stream->next_out = (Bytef *) out;
  stream->avail_out = room;
  while (!self->bad && stream->avail_out > 0)
    {
      guint in = stream->avail_in, out_room = stream->avail_out;
      int result = inflate (stream, Z_NO_FLUSH);

      /* zlib's way to say so; it forgets it when it is asked again without anything to do. */
      if (stream->avail_in != in || stream->avail_out != out_room)
        self->between = (stream->data_type & (128 | 64 | 63)) == 128;
      if (result == Z_STREAM_END)
        {
          /* More may follow a last block (RFC 7692 7.2.3.5), and knows nothing of what was before. */
          self->bad = inflateReset (stream) != Z_OK;
          self->between = TRUE;
        }
      else if (result != Z_OK && result != Z_BUF_ERROR)
        self->bad = TRUE;
      if (stream->avail_in == 0)
        break;
    }
  self->used += *length - stream->avail_in;
  *data += *length - stream->avail_in;
  *length = stream->avail_in;
  /* What came out before the fault is judged first: so it does not matter in which pieces the data came. */
  if (self->bad && stream->avail_out == room)
    return -1;
  return room - stream->avail_out;
}

gboolean
wse_inflater_finish (WseInflater *self)
{
  const char *rest = tail;
  gsize length = TAIL_LENGTH;
  char none;

  /* A peer that did not take the tail off, or closed the last block, has said all; that is no reason to refuse it. */
  if (self->between)
    return TRUE;
  return wse_inflater_read (self, &rest, &length, &none, 1) == 0 && self->between;
}

guint64
wse_inflater_get_used (const WseInflater *self)
{
  return self->used;
}
