/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsectlPlace owns how far a reader has come, so that it can come back there, and what it has shown since the last place it can
 * name. In the whole log an event does not say its n: there each channel's last seq since the last `*@epoch:n` is kept beside it,
 * so that what is sent again after it is known. It never asks the server. */

#include "wsectl-place.h"

#include "wse-cursor.h"

typedef struct
{
  char *epoch;                 /* NULL: only shown, beside the place in the whole log */
  guint64 seq;
} Place;

struct _WsectlPlace
{
  GHashTable *places;          /* (element-type utf8 Place) by channel, `*` the whole log */
};

static void
place_free (gpointer data)
{
  Place *place = data;

  g_free (place->epoch);
  g_free (place);
}

WsectlPlace *
wsectl_place_new (void)
{
  WsectlPlace *self = g_new0 (WsectlPlace, 1);

  self->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, place_free);
  return self;
}

void
wsectl_place_free (WsectlPlace *self)
{
  g_hash_table_unref (self->places);
  g_free (self);
}

static void
set (WsectlPlace *self,
     const char  *channel,
     const char  *epoch,
     guint64      seq)
{
  Place *place = g_new0 (Place, 1);

  place->epoch = g_strdup (epoch);
  place->seq = seq;
  g_hash_table_replace (self->places, g_strdup (channel), place);
}

static void
move (WsectlPlace *self,
      const char  *text,
      gboolean     reached)
{
  g_autoptr (WseCursor) cursor = text != NULL ? wse_cursor_new (text, NULL) : NULL;
  guint length = cursor != NULL ? wse_cursor_get_length (cursor) : 0;

  if (cursor == NULL)
    return;
  for (guint i = 0; i < length; i++)
    {
      const char *channel, *epoch;
      guint64 seq;
      Place *place;
      gboolean same;

      wse_cursor_get_place (cursor, i, &channel, &epoch, &seq);
      place = g_hash_table_lookup (self->places, channel);
      same = place != NULL && g_strcmp0 (place->epoch, epoch) == 0;
      /* Of another life of the log, or up to a place that can be named again: what was shown before it says nothing more. */
      if (g_str_equal (channel, "*") && (!same || reached))
        {
          g_autofree char *name = g_strdup (channel), *life = g_strdup (epoch);

          g_hash_table_remove_all (self->places);
          set (self, name, life, seq);
        }
      else if (!same || seq > place->seq)
        set (self, channel, epoch, seq);
    }
}

void
wsectl_place_begin (WsectlPlace *self,
                    const char  *cursor)
{
  move (self, cursor, FALSE);
}

void
wsectl_place_reach (WsectlPlace *self,
                    const char  *cursor)
{
  move (self, cursor, TRUE);
}

gboolean
wsectl_place_show (WsectlPlace *self,
                   const char  *channel,
                   guint64      seq)
{
  Place *place = g_hash_table_lookup (self->places, channel);

  /* Not kept by the server: it has no place. */
  if (seq == 0)
    return TRUE;
  if (place == NULL)
    {
      set (self, channel, NULL, seq);
      return TRUE;
    }
  if (seq <= place->seq)
    return FALSE;
  place->seq = seq;
  return TRUE;
}

char *
wsectl_place_get_cursor (WsectlPlace *self)
{
  g_autoptr (GString) cursor = g_string_new (NULL);
  GHashTableIter iter;
  gpointer channel, value;

  g_hash_table_iter_init (&iter, self->places);
  while (g_hash_table_iter_next (&iter, &channel, &value))
    {
      Place *place = value;

      if (place->epoch != NULL)
        wse_cursor_append (cursor, channel, place->epoch, place->seq);
    }
  return cursor->len > 0 ? g_string_free (g_steal_pointer (&cursor), FALSE) : NULL;
}
