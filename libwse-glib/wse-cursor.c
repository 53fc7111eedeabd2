/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Places in channels, as clients keep them. Only reads and writes the text: whether a place still exists is for the log to say. */

#include "wse-cursor.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-limits.h"

/* Of `@epoch:seq`, the seq with up to 19 digits. */
#define MAX_SEQ_DIGITS 19

typedef struct
{
  const char *channel;         /* in `text` */
  const char *epoch;           /* in `text` */
  guint64 seq;
} Place;

struct _WseCursor
{
  gatomicrefcount refs;
  gboolean whole;
  guint n_places;
  char *text;                  /* NULs in place of the separators */
  Place **sorted;              /* by channel */
  Place places[];
};

G_DEFINE_BOXED_TYPE (WseCursor, wse_cursor, wse_cursor_ref, wse_cursor_unref)

static gboolean
epoch_is_valid (const char *epoch)
{
  gsize length = strspn (epoch, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

  return length >= 1 && length <= WSE_MAX_EPOCH_BYTES && epoch[length] == '\0';
}

/* Digits only, up to 2^63 - 1: what fits the log's signed columns. */
static gboolean
parse_seq (const char *text, guint64 *seq)
{
  gsize length = strspn (text, "0123456789");

  if (length == 0 || length > MAX_SEQ_DIGITS || text[length] != '\0')
    return FALSE;
  *seq = g_ascii_strtoull (text, NULL, 10);
  return *seq <= G_MAXINT64;
}

/* Takes the NUL-terminated `channel@epoch:seq` apart in place. */
static gboolean
parse_place (char *text, Place *place)
{
  char *at = strchr (text, '@'), *colon;

  if (at == NULL)
    return FALSE;
  *at = '\0';
  colon = strchr (at + 1, ':');
  if (colon == NULL)
    return FALSE;
  *colon = '\0';
  place->channel = text;
  place->epoch = at + 1;
  return (strcmp (text, "*") == 0 || wse_channel_is_valid (text)) && epoch_is_valid (place->epoch) && parse_seq (colon + 1, &place->seq);
}

static int
compare_places (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(Place * const *) a)->channel, (*(Place * const *) b)->channel);
}

/* Sorts for lookups, and refuses a channel named twice. */
static gboolean
sort_places (WseCursor *self, GError **error)
{
  self->sorted = g_new (Place *, self->n_places);
  for (guint i = 0; i < self->n_places; i++)
    self->sorted[i] = &self->places[i];
  qsort (self->sorted, self->n_places, sizeof *self->sorted, compare_places);
  for (guint i = 1; i < self->n_places; i++)
    if (strcmp (self->sorted[i - 1]->channel, self->sorted[i]->channel) == 0)
      {
        g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "cursor: %s is named twice", self->sorted[i]->channel);
        return FALSE;
      }
  if (strcmp (self->sorted[0]->channel, "*") == 0)
    self->whole = TRUE;
  if (self->whole && self->n_places > 1)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "cursor: *@epoch:n must stand alone");
      return FALSE;
    }
  return TRUE;
}

static gboolean
parse_places (WseCursor *self, GError **error)
{
  char *text = self->text;

  for (guint i = 0; i < self->n_places; i++)
    {
      char *comma = strchr (text, ',');

      if (comma != NULL)
        *comma = '\0';
      if (!parse_place (text, &self->places[i]))
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "cursor: place %u is not channel@epoch:seq", i + 1);
          return FALSE;
        }
      if (comma != NULL)
        text = comma + 1;
    }
  return sort_places (self, error);
}

/**
 * wse_cursor_new:
 * @text: `channel@epoch:seq`, several joined by `,`, or `*@epoch:n` alone
 * @error: return location for an error, or %NULL
 *
 * Reads a cursor as it comes from a client. At most 1000 channels, each once; a seq is decimal, 0 to 2⁶³−1 (PROTOCOL section 1).
 *
 * Returns: (transfer full) (nullable): the cursor; %NULL with %WSE_ERROR_INVALID where @text is none, or %WSE_ERROR_TOO_LARGE where it
 *   names too many channels
 *
 * Since: 0.1
 */
WseCursor *
wse_cursor_new (const char *text, GError **error)
{
  g_autoptr (WseCursor) self = NULL;
  guint n_places = 1;

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  for (const char *p = strchr (text, ','); p != NULL && n_places <= WSE_MAX_CURSOR_CHANNELS; p = strchr (p + 1, ','))
    n_places++;
  if (n_places > WSE_MAX_CURSOR_CHANNELS)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "cursor: more than %d channels", WSE_MAX_CURSOR_CHANNELS);
      return NULL;
    }

  self = g_malloc0 (sizeof *self + n_places * sizeof self->places[0]);
  g_atomic_ref_count_init (&self->refs);
  self->n_places = n_places;
  self->text = g_strdup (text);
  if (!parse_places (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

/**
 * wse_cursor_ref:
 * @cursor: a cursor
 *
 * Any thread.
 *
 * Returns: (transfer full): @cursor
 *
 * Since: 0.1
 */
WseCursor *
wse_cursor_ref (WseCursor *cursor)
{
  g_return_val_if_fail (cursor != NULL, NULL);

  g_atomic_ref_count_inc (&cursor->refs);
  return cursor;
}

/**
 * wse_cursor_unref:
 * @cursor: (transfer full): a cursor
 *
 * Any thread; the last one frees it.
 *
 * Since: 0.1
 */
void
wse_cursor_unref (WseCursor *cursor)
{
  g_return_if_fail (cursor != NULL);

  if (!g_atomic_ref_count_dec (&cursor->refs))
    return;
  g_free (cursor->sorted);
  g_free (cursor->text);
  g_free (cursor);
}

/**
 * wse_cursor_to_string:
 * @cursor: a cursor
 *
 * The text that [ctor@Wse.Cursor.new] reads.
 *
 * Returns: (transfer full): the text, its places in the order in which they were given
 *
 * Since: 0.1
 */
char *
wse_cursor_to_string (WseCursor *cursor)
{
  GString *text;

  g_return_val_if_fail (cursor != NULL, NULL);

  text = g_string_new (NULL);
  for (guint i = 0; i < cursor->n_places; i++)
    wse_cursor_append (text, cursor->places[i].channel, cursor->places[i].epoch, cursor->places[i].seq);
  return g_string_free (text, FALSE);
}

/**
 * wse_cursor_get_length:
 * @cursor: a cursor
 *
 * How many places it has.
 *
 * Returns: 1 to 1000
 *
 * Since: 0.1
 */
guint
wse_cursor_get_length (WseCursor *cursor)
{
  g_return_val_if_fail (cursor != NULL, 0);

  return cursor->n_places;
}

/**
 * wse_cursor_get_place:
 * @cursor: a cursor
 * @index: which place, below [method@Wse.Cursor.get_length]
 * @channel: (out) (optional) (transfer none): its channel, `*` for the whole log
 * @epoch: (out) (optional) (transfer none): its epoch
 * @seq: (out) (optional): its seq, all up to which is done with (0: before the first event); for the whole log its n
 *
 * Gives out one place, in the order in which they were given.
 *
 * Since: 0.1
 */
void
wse_cursor_get_place (WseCursor *cursor, guint index, const char **channel, const char **epoch, guint64 *seq)
{
  const Place *place;

  g_return_if_fail (cursor != NULL);
  g_return_if_fail (index < cursor->n_places);

  place = &cursor->places[index];
  if (channel != NULL)
    *channel = place->channel;
  if (epoch != NULL)
    *epoch = place->epoch;
  if (seq != NULL)
    *seq = place->seq;
}

/**
 * wse_cursor_is_whole_log:
 * @cursor: a cursor
 *
 * Whether it is `*@epoch:n`, a place in the whole log, after which every channel starts.
 *
 * Returns: %TRUE where it is
 *
 * Since: 0.1
 */
gboolean
wse_cursor_is_whole_log (WseCursor *cursor)
{
  g_return_val_if_fail (cursor != NULL, FALSE);

  return cursor->whole;
}

static int
compare_channel (gconstpointer key, gconstpointer item)
{
  return strcmp (key, (*(Place * const *) item)->channel);
}

/**
 * wse_cursor_lookup:
 * @cursor: a cursor
 * @channel: a channel's name
 * @epoch: (out) (optional) (transfer none): the epoch
 * @seq: (out) (optional): the seq, or n where @whole
 * @whole: (out) (optional): whether the cursor is a place in the whole log, which names every channel
 *
 * Where the cursor stands in @channel. Nothing is set where it does not name it.
 *
 * Returns: %TRUE where the cursor names @channel
 *
 * Since: 0.1
 */
gboolean
wse_cursor_lookup (WseCursor *cursor, const char *channel, const char **epoch, guint64 *seq, gboolean *whole)
{
  Place * const *found;

  g_return_val_if_fail (cursor != NULL, FALSE);
  g_return_val_if_fail (channel != NULL, FALSE);

  found = cursor->whole ? cursor->sorted
                        : bsearch (channel, cursor->sorted, cursor->n_places, sizeof *cursor->sorted, compare_channel);
  if (found == NULL)
    return FALSE;
  if (epoch != NULL)
    *epoch = (*found)->epoch;
  if (seq != NULL)
    *seq = (*found)->seq;
  if (whole != NULL)
    *whole = cursor->whole;
  return TRUE;
}

/**
 * wse_cursor_append: (skip)
 * @text: text to append to
 * @channel: a channel's name, or `*`
 * @epoch: its epoch
 * @seq: the seq, or n for `*`
 *
 * Appends `channel@epoch:seq` to @text, after a `,` where @text is not empty. Nothing is checked.
 *
 * Since: 0.1
 */
void
wse_cursor_append (GString *text, const char *channel, const char *epoch, guint64 seq)
{
  g_return_if_fail (text != NULL);
  g_return_if_fail (channel != NULL);
  g_return_if_fail (epoch != NULL);

  if (text->len > 0)
    g_string_append_c (text, ',');
  g_string_append_printf (text, "%s@%s:%" G_GUINT64_FORMAT, channel, epoch, seq);
}
