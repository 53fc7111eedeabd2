/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPgBatch owns what is known of each event on its way into the log: whether it is new, the second of its id in the batch, or known to
 * the log. It makes the parameters for the server and entries out of its answer, and never talks to it. */

#include "log/wsed-pg-batch.h"
#include "log/wsed-pg-entry.h"
#include "log/wsed-pg-letters.h"

#include <string.h>

/* One transaction's most: others wait for its end. */
#define MAX_EVENTS 2000
#define MAX_BYTES (4 * 1024 * 1024)

/* The columns of wse.append(). */
enum
{
  ANSWER_BASE,
  ANSWER_HEADS,
  ANSWER_KNOWN,        /* then their n's and their seqs */
  ANSWER_CONFLICTS = 5,
};

typedef enum
{
  SLOT_FRESH,
  SLOT_SECOND,                 /* of the slot "first" */
  SLOT_KNOWN,
} SlotKind;

/* An event. */
typedef struct
{
  WseEvent *event;
  SlotKind kind;
  guint first;
  guint64 n, seq;              /* KNOWN: of its first event, in its first channel */
  WsedEntry *entry;
  guint8 hash[WSED_PG_HASH_BYTES];
} Slot;

struct _WsedPgBatch
{
  GPtrArray *appends;          /* (element-type WsedAppend) */
  GArray *slots;               /* (element-type Slot) of all of them, one after the other */
  gsize bytes;
  guint fresh, known;          /* events answered so far */
  gboolean hashed;
  const WsedMove *conflict;    /* is not from where its source stands; NULL: none */

  /* Of what was filled last: the events, their channels, and for each of their places the channel and the how-manyth of it. */
  GArray *asked;               /* (element-type guint) slots */
  GPtrArray *names;
  GHashTable *channels;        /* name → its place in names, 1, 2, 3 … */
  GArray *grows, *owners, *places, *ranks; /* (element-type gint32) */
};

static void
slot_clear (gpointer data)
{
  g_clear_pointer (&((Slot *) data)->entry, wsed_entry_unref);
}

WsedPgBatch *
wsed_pg_batch_new (void)
{
  WsedPgBatch *self = g_new0 (WsedPgBatch, 1);

  self->appends = g_ptr_array_new ();
  self->slots = g_array_new (FALSE, FALSE, sizeof (Slot));
  g_array_set_clear_func (self->slots, slot_clear);
  self->asked = g_array_new (FALSE, FALSE, sizeof (guint));
  self->names = g_ptr_array_new ();
  self->channels = g_hash_table_new (g_str_hash, g_str_equal);
  self->grows = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->owners = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->places = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->ranks = g_array_new (FALSE, FALSE, sizeof (gint32));
  return self;
}

void
wsed_pg_batch_free (WsedPgBatch *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->appends);
  g_array_unref (self->slots);
  g_array_unref (self->asked);
  g_ptr_array_unref (self->names);
  g_hash_table_unref (self->channels);
  g_array_unref (self->grows);
  g_array_unref (self->owners);
  g_array_unref (self->places);
  g_array_unref (self->ranks);
  g_free (self);
}

gboolean
wsed_pg_batch_add (WsedPgBatch *self,
                   WsedAppend  *append)
{
  gboolean atomic = self->appends->len > 0 && wsed_append_is_atomic (g_ptr_array_index (self->appends, 0));

  if (self->appends->len > 0 &&
      (atomic || wsed_append_is_atomic (append) || self->slots->len + append->events->len > MAX_EVENTS ||
       self->bytes + append->bytes > MAX_BYTES))
    return FALSE;
  g_ptr_array_add (self->appends, append);
  self->bytes += append->bytes;
  for (guint i = 0; i < append->events->len; i++)
    {
      Slot slot = { .event = g_ptr_array_index (append->events, i) };

      g_array_append_val (self->slots, slot);
    }
  return TRUE;
}

static guint
hash_of_hash (gconstpointer key)
{
  guint value;

  memcpy (&value, key, sizeof value);
  return value;
}

static gboolean
hashes_are_equal (gconstpointer a,
                  gconstpointer b)
{
  return memcmp (a, b, WSED_PG_HASH_BYTES) == 0;
}

/* Of two with one id in the batch the second is the duplicate. */
static void
find_seconds (WsedPgBatch *self)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (hash_of_hash, hashes_are_equal);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  self->hashed = TRUE;
  for (guint i = 0; i < self->slots->len; i++)
    {
      Slot *slot = &g_array_index (self->slots, Slot, i);
      gpointer first;

      wsed_pg_entry_hash (checksum, slot->event, slot->hash);
      if (g_hash_table_lookup_extended (seen, slot->hash, NULL, &first))
        {
          slot->kind = SLOT_SECOND;
          slot->first = GPOINTER_TO_UINT (first);
        }
      else
        g_hash_table_insert (seen, slot->hash, GUINT_TO_POINTER (i));
    }
}

static void
add_number (GArray *numbers,
            gint32  number)
{
  g_array_append_val (numbers, number);
}

static void
add_places (WsedPgBatch *self,
            WseEvent    *event)
{
  for (guint i = 0; i < event->n_channels; i++)
    {
      gint32 channel = GPOINTER_TO_INT (g_hash_table_lookup (self->channels, event->channels[i]));

      if (channel == 0)
        {
          g_ptr_array_add (self->names, (gpointer) event->channels[i]);
          channel = self->names->len;
          g_hash_table_insert (self->channels, (gpointer) event->channels[i], GINT_TO_POINTER (channel));
          add_number (self->grows, 0);
        }
      add_number (self->owners, self->asked->len);
      add_number (self->places, channel);
      add_number (self->ranks, ++g_array_index (self->grows, gint32, channel - 1));
    }
}

static void
choose (WsedPgBatch *self)
{
  g_array_set_size (self->asked, 0);
  g_ptr_array_set_size (self->names, 0);
  g_hash_table_remove_all (self->channels);
  g_array_set_size (self->grows, 0);
  g_array_set_size (self->owners, 0);
  g_array_set_size (self->places, 0);
  g_array_set_size (self->ranks, 0);
  for (guint i = 0; i < self->slots->len; i++)
    {
      Slot *slot = &g_array_index (self->slots, Slot, i);

      if (slot->kind != SLOT_FRESH)
        continue;
      g_array_append_val (self->asked, i);
      add_places (self, slot->event);
    }
}

static WseEvent *
asked_event (WsedPgBatch *self,
             guint        i)
{
  return g_array_index (self->slots, Slot, g_array_index (self->asked, guint, i)).event;
}

static void
put_numbers (WsedPostgresValues *values,
             GArray             *numbers)
{
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_INT4);
  for (guint i = 0; i < numbers->len; i++)
    wsed_postgres_values_put_int4 (values, g_array_index (numbers, gint32, i));
  wsed_postgres_values_end_array (values);
}

static void
put_events (WsedPgBatch        *self,
            WsedPostgresValues *values)
{
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) firsts = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GString) joined = g_string_new (NULL);
  WsedBlockWriter writer;
  gint32 place = 1;

  wsed_postgres_values_begin_array (values, WSED_POSTGRES_UUID);
  for (guint i = 0; i < self->asked->len; i++)
    wsed_postgres_values_put (values, g_array_index (self->slots, Slot, g_array_index (self->asked, guint, i)).hash, WSED_PG_HASH_BYTES);
  wsed_postgres_values_end_array (values);
  wsed_block_writer_init (&writer);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_BYTEA);
  for (guint i = 0; i < self->asked->len; i++)
    {
      wsed_pg_entry_encode (&writer, asked_event (self, i));
      add_number (sizes, wsed_pg_entry_measure (&writer, asked_event (self, i)));
      wsed_postgres_values_put (values, writer.data->data, writer.data->len);
    }
  wsed_postgres_values_end_array (values);
  wsed_block_writer_clear (&writer);
  put_numbers (values, sizes);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_TEXT);
  for (guint i = 0; i < self->asked->len; i++)
    {
      wsed_pg_entry_join (asked_event (self, i), joined);
      wsed_postgres_values_put (values, joined->str, joined->len);
    }
  wsed_postgres_values_end_array (values);
  for (guint i = 0; i < self->asked->len; place += asked_event (self, i++)->n_channels)
    add_number (firsts, place);
  put_numbers (values, firsts);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_INT4);
  for (guint i = 0; i < self->asked->len; i++)
    wsed_postgres_values_put_int4 (values, asked_event (self, i)->n_channels);
  wsed_postgres_values_end_array (values);
}

/* What makes it a transaction of its own comes with the only one of a batch. */
static WsedAppend *
get_first (WsedPgBatch *self)
{
  return g_ptr_array_index (self->appends, 0);
}

static void
put_moves (WsedPgBatch        *self,
           WsedPostgresValues *values)
{
  GArray *moves = get_first (self)->moves;
  guint n = moves != NULL ? moves->len : 0;

  wsed_postgres_values_begin_array (values, WSED_POSTGRES_TEXT);
  for (guint i = 0; i < n; i++)
    wsed_postgres_values_put_text (values, g_array_index (moves, WsedMove, i).source);
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_INT8);
  for (guint i = 0; i < n; i++)
    wsed_postgres_values_put_int8 (values, g_array_index (moves, WsedMove, i).from);
  wsed_postgres_values_end_array (values);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_INT8);
  for (guint i = 0; i < n; i++)
    wsed_postgres_values_put_int8 (values, g_array_index (moves, WsedMove, i).to);
  wsed_postgres_values_end_array (values);
}

gboolean
wsed_pg_batch_fill (WsedPgBatch        *self,
                    WsedPostgresValues *values)
{
  if (!self->hashed)
    find_seconds (self);
  choose (self);
  if (self->asked->len == 0 && !wsed_append_is_atomic (get_first (self)))
    return FALSE;
  put_events (self, values);
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_TEXT);
  for (guint i = 0; i < self->names->len; i++)
    wsed_postgres_values_put_text (values, g_ptr_array_index (self->names, i));
  wsed_postgres_values_end_array (values);
  put_numbers (values, self->grows);
  put_numbers (values, self->owners);
  put_numbers (values, self->places);
  put_numbers (values, self->ranks);
  put_moves (self, values);
  wsed_pg_letters_put (get_first (self)->letters, values);
  return TRUE;
}

static void
take_conflicts (WsedPgBatch    *self,
                const PGresult *result)
{
  GArray *moves = get_first (self)->moves;
  WsedPostgresArray kept;
  guint n = wsed_postgres_array_init (&kept, result, 0, ANSWER_CONFLICTS);

  for (guint i = 0; i < n && i < moves->len; i++)
    {
      WsedMove *move = &g_array_index (moves, WsedMove, i);
      gint64 position = wsed_postgres_array_next_int8 (&kept);

      if (position == move->from)
        continue;
      move->kept = position;
      if (self->conflict == NULL)
        self->conflict = move;
    }
}

static void
take_seen (WsedPgBatch       *self,
           const PGresult    *result,
           WsedPostgresArray *known,
           guint              n)
{
  WsedPostgresArray ns, seqs;

  wsed_postgres_array_init (&ns, result, 0, ANSWER_KNOWN + 1);
  wsed_postgres_array_init (&seqs, result, 0, ANSWER_KNOWN + 2);
  for (; n > 0; n--)
    {
      guint64 at = (guint64) wsed_postgres_array_next_int8 (known) - 1;
      Slot *slot;

      if (at >= self->asked->len)
        return;
      slot = &g_array_index (self->slots, Slot, g_array_index (self->asked, guint, at));
      slot->kind = SLOT_KNOWN;
      slot->n = (guint64) wsed_postgres_array_next_int8 (&ns);
      slot->seq = (guint64) wsed_postgres_array_next_int8 (&seqs);
      self->known++;
    }
}

static void
take_heads (WsedPgBatch       *self,
            guint64            base,
            WsedPostgresArray *array)
{
  g_autofree guint64 *heads = g_new (guint64, self->names->len + 1);
  guint64 seqs[WSE_MAX_TARGETS];
  guint place = 0;

  for (guint i = 0; i < self->names->len; i++)
    heads[i] = (guint64) wsed_postgres_array_next_int8 (array);
  for (guint i = 0; i < self->asked->len; i++)
    {
      Slot *slot = &g_array_index (self->slots, Slot, g_array_index (self->asked, guint, i));

      for (guint k = 0; k < slot->event->n_channels; k++, place++)
        seqs[k] = heads[g_array_index (self->places, gint32, place) - 1] + g_array_index (self->ranks, gint32, place);
      slot->entry = wsed_entry_new (slot->event, base + i + 1, seqs);
      self->fresh++;
    }
}

gboolean
wsed_pg_batch_take (WsedPgBatch    *self,
                    const PGresult *result)
{
  WsedPostgresArray array;
  guint n = wsed_postgres_array_init (&array, result, 0, ANSWER_KNOWN);

  if (!PQgetisnull (result, 0, ANSWER_CONFLICTS))
    {
      take_conflicts (self, result);
      return TRUE;
    }
  if (n > 0)
    {
      take_seen (self, result, &array, n);
      return FALSE;
    }
  wsed_postgres_array_init (&array, result, 0, ANSWER_HEADS);
  take_heads (self, (guint64) wsed_postgres_get_int8 (result, 0, ANSWER_BASE), &array);
  return TRUE;
}

void
wsed_pg_batch_fill_known (WsedPgBatch        *self,
                          WsedPostgresValues *values)
{
  wsed_postgres_values_begin_array (values, WSED_POSTGRES_INT8);
  for (guint i = 0; i < self->slots->len; i++)
    {
      Slot *slot = &g_array_index (self->slots, Slot, i);

      if (slot->kind == SLOT_KNOWN && slot->entry == NULL)
        wsed_postgres_values_put_int8 (values, (gint64) slot->n);
    }
  wsed_postgres_values_end_array (values);
}

/* The seq of @channel in the @row of an event: 0, it is not in it. */
static guint64
find_seq (const PGresult *result,
          int             row,
          const char     *channel)
{
  g_auto (GStrv) names = g_strsplit (wsed_postgres_get_text (result, row, 1), ",", -1);
  WsedPostgresArray seqs;
  guint n = wsed_postgres_array_init (&seqs, result, row, 2);

  for (guint i = 0; i < n && names[i] != NULL; i++)
    {
      guint64 seq = (guint64) wsed_postgres_array_next_int8 (&seqs);

      if (strcmp (names[i], channel) == 0)
        return seq;
    }
  return 0;
}

void
wsed_pg_batch_take_known (WsedPgBatch    *self,
                          const PGresult *result)
{
  for (guint i = 0; i < self->slots->len; i++)
    {
      Slot *slot = &g_array_index (self->slots, Slot, i);
      guint64 seqs[WSE_MAX_TARGETS] = { slot->seq };
      int row = 0;

      if (slot->kind != SLOT_KNOWN || slot->entry != NULL)
        continue;
      while (row < PQntuples (result) && (guint64) wsed_postgres_get_int8 (result, row, 0) != slot->n)
        row++;
      for (guint k = 1; k < slot->event->n_channels && row < PQntuples (result); k++)
        seqs[k] = find_seq (result, row, slot->event->channels[k]);
      slot->entry = wsed_entry_new (slot->event, slot->n, seqs);
    }
}

/* The second of one id: as it was sent, with the places of the first. */
static WsedEntry *
make_second (WsedPgBatch *self,
             const Slot  *slot)
{
  const WsedEntry *first = g_array_index (self->slots, Slot, slot->first).entry;
  guint64 seqs[WSE_MAX_TARGETS];

  for (guint i = 0; i < slot->event->n_channels; i++)
    seqs[i] = wsed_entry_get_seq (first, slot->event->channels[i]);
  return wsed_entry_new (slot->event, first->n, seqs);
}

static void
answer_events (WsedPgBatch *self,
               WsedAppend  *append,
               guint        slot_index)
{
  for (guint i = 0; i < append->events->len; i++)
    {
      Slot *slot = &g_array_index (self->slots, Slot, slot_index + i);

      append->duplicates[i] = slot->kind != SLOT_FRESH;
      append->entries[i] = slot->kind == SLOT_SECOND ? make_second (self, slot) : wsed_entry_ref (slot->entry);
      self->known += slot->kind == SLOT_SECOND;
    }
  append->n_done = append->events->len;
}

void
wsed_pg_batch_answer (WsedPgBatch  *self,
                      const GError *error)
{
  guint slot = 0;

  for (guint i = 0; i < self->appends->len; i++)
    {
      WsedAppend *append = g_ptr_array_index (self->appends, i);
      guint events = append->events->len;

      if (error != NULL)
        append->error = g_error_new_literal (WSE_ERROR, WSE_ERROR_UNAVAILABLE, error->message);
      else if (self->conflict != NULL)
        wsed_append_set_conflict (append, self->conflict);
      else
        answer_events (self, append, slot);
      slot += events;
      wsed_inbox_push (append->reply_to, &append->message);
    }
  g_ptr_array_set_size (self->appends, 0);
}

guint
wsed_pg_batch_get_appends (WsedPgBatch *self)
{
  return self->appends->len;
}

gsize
wsed_pg_batch_get_bytes (WsedPgBatch *self)
{
  return self->bytes;
}

guint
wsed_pg_batch_get_fresh (WsedPgBatch *self)
{
  return self->fresh;
}

guint
wsed_pg_batch_get_known (WsedPgBatch *self)
{
  return self->known;
}
