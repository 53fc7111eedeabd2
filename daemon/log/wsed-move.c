/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves of sources and the request for where they stand: how they are made and freed. */

#include "log/wsed-move.h"

#include <string.h>

static void
clear_move (gpointer data)
{
  g_free (((WsedMove *) data)->source);
}

GArray *
wsed_moves_new (void)
{
  GArray *moves = g_array_new (FALSE, FALSE, sizeof (WsedMove));

  g_array_set_clear_func (moves, clear_move);
  return moves;
}

void
wsed_moves_add (GArray     *moves,
                const char *source,
                gint64      from,
                gint64      to)
{
  WsedMove move = { g_strdup (source), from, to, from };

  g_assert (source[0] != '\0' && strlen (source) <= WSED_MAX_SOURCE_BYTES && from >= -1 && to >= 0);
  g_array_append_val (moves, move);
}

static void
clear_position (gpointer data)
{
  g_free (((WsedSourcePosition *) data)->source);
}

WsedPositions *
wsed_positions_new (const char *prefix,
                    WsedInbox  *reply_to)
{
  WsedPositions *positions = g_new0 (WsedPositions, 1);

  positions->reply_to = reply_to;
  positions->prefix = g_strdup (prefix);
  positions->positions = g_array_new (FALSE, FALSE, sizeof (WsedSourcePosition));
  g_array_set_clear_func (positions->positions, clear_position);
  return positions;
}

void
wsed_positions_add (WsedPositions *positions,
                    const char    *source,
                    gint64         position)
{
  WsedSourcePosition found = { g_strdup (source), position };

  g_array_append_val (positions->positions, found);
}

gint64
wsed_positions_find (const WsedPositions *positions,
                     const char          *source)
{
  for (guint i = 0; i < positions->positions->len; i++)
    {
      const WsedSourcePosition *position = &g_array_index (positions->positions, WsedSourcePosition, i);

      if (strcmp (position->source, source) == 0)
        return position->position;
    }
  return -1;
}

void
wsed_positions_free (WsedPositions *positions)
{
  if (positions == NULL)
    return;
  g_free (positions->prefix);
  g_array_unref (positions->positions);
  g_clear_error (&positions->error);
  g_free (positions);
}
