/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedOutbox sends: as much as the wire takes, in one call per round, and keeps frames whole whatever part of one went. Its memory is
 * bounded: at most one event's frame is copied, and own frames stop the reading that makes them. */

#include "transport/wsed-outbox.h"

#include <errno.h>

/* Bytes of one call, and of one turn. */
#define ROUND_BYTES (256 * 1024)
#define TURN_BYTES (1024 * 1024)

void
wsed_outbox_clear (WsedOutbox *outbox)
{
  g_clear_pointer (&outbox->rest, g_byte_array_unref);
  g_clear_pointer (&outbox->own, g_byte_array_unref);
}

GByteArray *
wsed_outbox_get_own (WsedOutbox *outbox)
{
  if (outbox->own == NULL)
    outbox->own = g_byte_array_new ();
  return outbox->own;
}

gboolean
wsed_outbox_is_full (const WsedOutbox *outbox)
{
  if (outbox->own == NULL)
    return FALSE;
  return outbox->answers >= WSED_OUTBOX_ANSWERS || outbox->own->len - outbox->own_sent >= WSED_OUTBOX_OWN_BYTES;
}

gboolean
wsed_outbox_has_own (const WsedOutbox *outbox)
{
  return outbox->own != NULL;
}

static void
gather (WsedOutbox *outbox,
        WsedReader *reader,
        WsedGather *all)
{
  all->n_pieces = all->n_gathered = 0;
  all->bytes = 0;
  if (outbox->rest != NULL)
    {
      all->pieces[all->n_pieces++] = (struct iovec){ outbox->rest->data, outbox->rest->len };
      all->bytes += outbox->rest->len;
    }
  if (outbox->own != NULL)
    {
      all->pieces[all->n_pieces++] = (struct iovec){ outbox->own->data + outbox->own_sent, outbox->own->len - outbox->own_sent };
      all->bytes += outbox->own->len - outbox->own_sent;
    }
  if (reader != NULL && all->bytes < ROUND_BYTES)
    wsed_reader_gather (reader, all, ROUND_BYTES);
}

/* Takes what went of the first two off; returns what went behind them. */
static gsize
take_off (WsedOutbox *outbox,
          gsize       sent)
{
  if (outbox->rest != NULL)
    {
      gsize part = MIN (sent, outbox->rest->len);

      g_byte_array_remove_range (outbox->rest, 0, part);
      if (outbox->rest->len == 0)
        g_clear_pointer (&outbox->rest, g_byte_array_unref);
      sent -= part;
    }
  if (outbox->own != NULL)
    {
      gsize part = MIN (sent, outbox->own->len - outbox->own_sent);

      outbox->own_sent += part;
      if (outbox->own_sent == outbox->own->len)
        {
          g_clear_pointer (&outbox->own, g_byte_array_unref);
          outbox->own_sent = outbox->answers = 0;
        }
      sent -= part;
    }
  return sent;
}

WsedOutboxState
wsed_outbox_flush (WsedOutbox *outbox,
                   WsedWire   *wire,
                   WsedReader *reader,
                   guint      *events,
                   gsize      *bytes)
{
  *events = 0;
  *bytes = 0;
  while (*bytes < TURN_BYTES)
    {
      WsedGather all;
      gssize sent = 0;
      gsize behind;

      gather (outbox, reader, &all);
      if (all.n_pieces > 0 || wire->holds)
        sent = wsed_wire_write (wire, all.pieces, all.n_pieces);
      if (sent < 0)
        return errno == EAGAIN ? WSED_OUTBOX_BLOCKED : WSED_OUTBOX_BROKEN;
      *bytes += sent;
      behind = take_off (outbox, sent);
      if (reader != NULL && all.n_gathered > 0)
        *events += wsed_reader_sent (reader, &all, behind, &outbox->rest);
      if ((gsize) sent < all.bytes || wire->holds)
        return WSED_OUTBOX_BLOCKED;
      if (outbox->own == NULL && (reader == NULL || !wsed_reader_has_more (reader)))
        return WSED_OUTBOX_EMPTY;
    }
  return WSED_OUTBOX_MORE;
}
