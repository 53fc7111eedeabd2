/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The world of the stream's model: what is done to the stream is told to the model here, what comes out of it in stream-reading.c. */

#include "stream-world-private.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#include "log/wsed-sqlite-log.h"

const char * const world_channels[] = { "user:a", "role:b", "global", "*" };
static const char * const types[] = { "a", "b", "c", "sync" };
/* Every filter takes "sync". */
static const struct { guint types; const char *text, *json; } filters[] = {
  { ~0u, NULL, "" }, { 1 | 8, "a,sync", ",\"types\":[\"a\",\"sync\"]" }, { 2 | 4 | 8, "b,c,sync", ",\"types\":[\"b\",\"c\",\"sync\"]" },
};

void
world_fail (World  *world,
            Reader *reader,
            char   *problem)
{
  if (problem == NULL)
    return;
  if (world->problem == NULL)
    world->problem = reader != NULL ? g_strdup_printf ("reader %u: %s", reader->kind, problem) : g_strdup (problem);
  g_free (problem);
}

static void
open_log (World *world)
{
  WsedRetention keep = { .max_events = world->model.keep };
  g_autoptr(GError) error = NULL;
  WsedLog *log = world->path != NULL ? wsed_sqlite_log_new (world->path, &keep, &error) : wsed_memory_log_new (&keep);

  g_assert_no_error (error);
  world->model.drops = world->policy != WSED_SLOW_CATCH_UP;
  world->model.conflates = world->conflation != NULL;
  stream_fixture_init_log (&world->stream, world->policy, world->policy != WSED_SLOW_CATCH_UP || world->conflation != NULL ? 5 : 1000,
                           world->conflation, log);
}

static void
name_log (World *world)
{
  g_free (world->path);
  world->path = g_strdup_printf ("%s/%u.db", world->directory, world->n_logs++);
}

static void
remove_log (const char *path)
{
  static const char * const endings[] = { "", "-wal", "-shm", ".lock", ".ballast" };

  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *name = g_strconcat (path, endings[i], NULL);

      g_unlink (name);
    }
}

void
world_init (World           *world,
            gboolean         sqlite,
            guint64          keep,
            WsedSlowConsumer policy,
            gboolean         conflates)
{
  memset (world, 0, sizeof *world);
  world->policy = policy;
  if (conflates)
    {
      static const char * const every[] = { "*", NULL };

      /* The key is the payload itself. */
      world->conflation = wsed_conflation_new ();
      wsed_conflation_add (world->conflation, every, "");
    }
  model_init (&world->model, keep);
  for (guint i = 0; i < N_READERS; i++)
    {
      world->readers[i].kind = i;
      world->readers[i].model.had = g_hash_table_new (NULL, NULL);
    }
  if (sqlite)
    {
      world->directory = g_dir_make_tmp ("wse-model-XXXXXX", NULL);
      name_log (world);
    }
  open_log (world);
}

void
world_clear (World *world)
{
  for (guint i = 0; i < N_READERS; i++)
    {
      world_disconnect (world, &world->readers[i]);
      g_hash_table_unref (world->readers[i].model.had);
      g_free (world->readers[i].epoch);
      g_free (world->readers[i].reply);
    }
  stream_fixture_clear (&world->stream);
  if (world->path != NULL)
    {
      remove_log (world->path);
      g_assert_cmpint (g_rmdir (world->directory), ==, 0);
    }
  g_free (world->path);
  g_free (world->directory);
  g_free (world->problem);
  wsed_conflation_free (world->conflation);
  model_clear (&world->model);
}

/* An append, and what the model says of it. */
typedef struct
{
  World *world;
  GPtrArray *events;           /* (element-type ModelEvent) */
  guint known;                 /* so many at its beginning were kept before */
} Appending;

/* Of a duplicate retention may have taken the place in a channel. */
static gboolean
is_place (const Model      *model,
          const ModelEvent *event,
          guint             channel,
          guint64           seq,
          gboolean          duplicate)
{
  return seq == event->places[channel] || (duplicate && seq == 0 && event->places[channel] <= model_get_low (model, channel));
}

static void
on_appended (WsedMessage *message,
             gpointer     user_data)
{
  WsedAppend *append = (WsedAppend *) message;
  Appending *appending = user_data;
  World *world = appending->world;

  world->stream.appending--;
  g_assert_no_error (append->error);
  for (guint i = 0; i < appending->events->len && !world->dead; i++)
    {
      ModelEvent *event = g_ptr_array_index (appending->events, i);
      const WsedEntry *entry = append->entries[i];
      guint at = 0;

      event->places[MODEL_WHOLE] = entry->n;
      if (append->duplicates[i] != (i < appending->known))
        world_fail (world, NULL, g_strdup_printf ("e%u is a duplicate, or is not: %d", event->number, append->duplicates[i]));
      for (guint channel = 0; channel < MODEL_CHANNELS; channel++)
        if ((event->channels & 1 << channel) != 0 && !is_place (&world->model, event, channel, entry->seqs[at++], append->duplicates[i]))
          world_fail (world, NULL, g_strdup_printf ("e%u is not at %" G_GUINT64_FORMAT " of channel %u", event->number, event->places[channel], channel));
    }
  if (!world->dead)
    wsed_hub_publish (world->stream.hub, append->entries + appending->known, append->n_done - appending->known);
  wsed_append_free (append);
  g_ptr_array_unref (appending->events);
  g_free (appending);
}

/* Takes @events. */
static void
send_append (World     *world,
             GPtrArray *events,
             guint      known)
{
  GPtrArray *made = g_ptr_array_new_with_free_func ((GDestroyNotify) wse_event_unref);
  Appending *appending = g_new (Appending, 1);
  WsedAppend *append;

  for (guint i = 0; i < events->len; i++)
    {
      const ModelEvent *event = g_ptr_array_index (events, i);
      g_autofree char *id = g_strdup_printf ("e%u", event->number);
      g_autofree char *payload = g_strnfill (event->size + 2, 'x');
      const char *names[MODEL_CHANNELS];
      WseEventFields fields = { .event_type = types[event->type], .id = id, .payload = payload, .payload_length = event->size + 2,
                                .channels = names, .timestamp = G_GINT64_CONSTANT (1699468800123456), .latency = -1 };

      payload[0] = payload[event->size + 1] = '"';
      for (guint channel = 0; channel < MODEL_CHANNELS; channel++)
        if ((event->channels & 1 << channel) != 0)
          names[fields.n_channels++] = world_channels[channel];
      g_ptr_array_add (made, wse_event_new_from_fields (&fields));
    }
  *appending = (Appending) { world, events, known };
  append = wsed_append_new (made, world->stream.main);
  append->message.run = on_appended;
  append->message.user_data = appending;
  world->stream.appending++;
  wsed_log_append (world->stream.log, append);
}

void
world_publish (World *world,
               guint  channels,
               guint  type,
               gsize  size,
               guint  count)
{
  GPtrArray *events = g_ptr_array_new ();

  for (guint i = 0; i < count; i++)
    g_ptr_array_add (events, model_append (&world->model, ++world->n_events, channels, type, size));
  send_append (world, events, 0);
}

void
world_disconnect (World  *world,
                  Reader *reader)
{
  g_clear_pointer (&reader->client, client_free);
}

static void
begin_at (Reader  *reader,
          guint    stream,
          guint    filter,
          gboolean from_cursor,
          guint64  place)
{
  reader->model.positions[stream] = (ModelPosition) { .on = TRUE, .types = filters[filter].types, .from_cursor = from_cursor, .start = place,
                                                      .at = place };
}

/* Where the reader goes on, as a cursor that gives its places; the model goes on there, too. */
static char *
make_cursor (World        *world,
             Reader       *reader,
             const guint  *streams,
             guint         n_streams,
             guint         filter)
{
  GString *cursor = g_string_new (NULL);
  gboolean lost = reader->epoch != NULL && !g_str_equal (reader->epoch, world->stream.epoch);

  for (guint i = 0; i < n_streams; i++)
    {
      guint64 at = reader->model.positions[streams[i]].at;

      wse_cursor_append (cursor, world_channels[streams[i]], reader->epoch != NULL ? reader->epoch : world->stream.epoch, at);
      begin_at (reader, streams[i], filter, !lost, lost ? 0 : at);
      reader->model.positions[streams[i]].epoch_lost = lost;
    }
  return g_string_free (cursor, FALSE);
}

/* From an id, which is a place in the whole log; what the model had behind it may come again. */
static char *
make_id (World  *world,
         Reader *reader)
{
  gboolean lost = reader->epoch != NULL && !g_str_equal (reader->epoch, world->stream.epoch);
  char *cursor = g_strdup_printf ("*@%s:%" G_GUINT64_FORMAT, reader->epoch != NULL ? reader->epoch : world->stream.epoch, reader->last_id);

  if (lost)
    reader->last_id = 0;
  for (guint i = 0; i < MODEL_CHANNELS; i++)
    {
      begin_at (reader, i, 0, !lost, model_locate (&world->model, i, reader->last_id));
      reader->model.positions[i].epoch_lost = lost;
    }
  return cursor;
}

void
world_connect (World  *world,
               Reader *reader,
               guint   history)
{
  static const guint all[] = { 0, 1, 2 }, some[] = { 0, 2 }, whole[] = { MODEL_WHOLE };
  ClientOptions options = { .channels = "user:a role:b global", .control = TRUE, .send_buffer = 4096 };
  g_autofree char *cursor = NULL;

  if (reader->client != NULL)
    return;
  for (guint i = 0; i < MODEL_STREAMS; i++)
    reader->settled[i] = world_settled_head (world, i);
  g_hash_table_remove_all (reader->model.had);
  switch (reader->kind)
    {
    case READER_AFTER:
      options.after = cursor = make_cursor (world, reader, all, 3, 0);
      break;
    case READER_FILTERED:
      options.channels = "user:a global";
      options.types = filters[1].text;
      options.after = cursor = make_cursor (world, reader, some, 2, 1);
      break;
    case READER_CONSUMER:
      options.consumer = "c";
      for (guint i = 0; i < MODEL_CHANNELS; i++)
        begin_at (reader, i, 0, (reader->acked_channels & 1 << i) != 0, reader->acked[i]);
      break;
    case READER_EVENT_SOURCE:
      options.framing = WSED_FRAMING_SSE;
      options.after = cursor = make_id (world, reader);
      break;
    case READER_WHOLE:
      options.channels = "*";
      options.after = cursor = make_cursor (world, reader, whole, 1, 0);
      break;
    case READER_HISTORY:
      options.history = reader->history = history;
      options.types = filters[2].text;
      for (guint i = 0; i < MODEL_CHANNELS; i++)
        begin_at (reader, i, 2, FALSE, 0);
      break;
    default:
      options.channels = "";
      for (guint i = 0; i < MODEL_CHANNELS; i++)
        reader->model.positions[i].on = FALSE;
    }
  g_free (reader->epoch);
  reader->epoch = g_strdup (world->stream.epoch);
  reader->greeted = reader->kind == READER_EVENT_SOURCE;
  reader->client = client_new (&world->stream, &options);
}

/* Sends a command and reads up to its answer; FALSE where it could not be sent. */
static gboolean
ask (World      *world,
     Reader     *reader,
     const char *command)
{
  g_clear_pointer (&reader->reply, g_free);
  if (!client_send (reader->client, WSE_OPCODE_TEXT, command, strlen (command)))
    return FALSE;
  while (reader->reply == NULL && world->problem == NULL)
    world_take (world, reader, "the answer to a command");
  return reader->reply != NULL;
}

void
world_acknowledge (World  *world,
                   Reader *reader,
                   guint   channels)
{
  g_autoptr(GString) cursor = g_string_new (NULL);
  g_autofree char *command = NULL;
  guint64 places[MODEL_CHANNELS];

  if (reader->client == NULL || reader->kind != READER_CONSUMER || !reader->greeted)
    return;
  for (guint i = 0; i < MODEL_CHANNELS; i++)
    {
      places[i] = reader->model.positions[i].at;
      if ((channels & 1 << i) != 0)
        wse_cursor_append (cursor, world_channels[i], world->stream.epoch, places[i]);
    }
  if (cursor->len == 0)
    return;
  command = g_strdup_printf ("{\"id\":\"k\",\"method\":\"ack\",\"params\":{\"cursor\":\"%s\"}}", cursor->str);
  if (!ask (world, reader, command))
    return;
  if (strstr (reader->reply, "\"acked\":true") == NULL)
    world_fail (world, reader, g_strdup_printf ("%s: %s", command, reader->reply));
  for (guint i = 0; i < MODEL_CHANNELS; i++)
    if ((channels & 1 << i) != 0)
      {
        reader->acked[i] = MAX (reader->acked[i], places[i]);
        reader->acked_channels |= 1 << i;
      }
}

void
world_subscribe (World  *world,
                 Reader *reader,
                 guint   channel,
                 guint   filter,
                 guint   mode,
                 guint   place)
{
  g_autofree char *from = NULL, *command = NULL;
  guint64 head, low, told;

  if (reader->client == NULL || reader->kind != READER_SUBSCRIBER)
    return;
  world_sync (world);
  head = model_get_head (&world->model, channel);
  low = model_get_low (&world->model, channel);
  place %= head + 1;
  /* What comes in between is before or behind where it begins: the answer says which. */
  if (mode % 2 == 0)
    world_publish (world, 1 << channel, place % 3, 10, 1 + place % 3);
  if (mode / 2 == 1)
    from = g_strdup_printf (",\"after\":\"%s@%s:%u\"", world_channels[channel], world->stream.epoch, place);
  else if (mode / 2 == 2)
    from = g_strdup_printf (",\"history\":%u", place);
  command = g_strdup_printf ("{\"id\":\"k\",\"method\":\"subscribe\",\"params\":{\"channel\":\"%s\"%s%s}}", world_channels[channel],
                             filters[filter].json, from != NULL ? from : "");
  if (world->problem != NULL)
    return;
  /* Up to the answer the one before it goes on. */
  reader->next = (ModelPosition) { .on = TRUE, .types = filters[filter].types, .from_cursor = mode / 2 == 1 };
  if (!ask (world, reader, command))
    {
      world_fail (world, reader, g_strdup ("a command was not taken"));
      return;
    }
  told = reader->model.positions[channel].start;
  if (mode / 2 == 1 && (told != place || (place >= model_get_low (&world->model, channel)) > (strstr (reader->reply, "\"recovered\":true") != NULL)
                        || (place < low && strstr (reader->reply, "\"recovered\":true") != NULL)))
    world_fail (world, reader, g_strdup_printf ("%s: %s", command, reader->reply));
  if (mode / 2 == 0 && told < head)
    world_fail (world, reader, g_strdup_printf ("%s: before the end %" G_GUINT64_FORMAT ": %s", command, head, reader->reply));
  if (mode == 5 && model_count (&world->model, channel, filters[filter].types, told)
                   != MIN (place, model_count (&world->model, channel, filters[filter].types, 0)))
    world_fail (world, reader, g_strdup_printf ("%s: not so many: %s", command, reader->reply));
}

void
world_unsubscribe (World  *world,
                   Reader *reader,
                   guint   channel)
{
  g_autofree char *command = NULL;
  guint others = 0;

  if (reader->client == NULL || reader->kind != READER_SUBSCRIBER || !reader->model.positions[channel].on)
    return;
  for (guint i = 0; i < MODEL_CHANNELS; i++)
    others += i != channel && reader->model.positions[i].on;
  /* What another channel would have to take over is not promised: only one that is alone goes with events on their way. */
  if (others > 0)
    world_sync (world);
  command = g_strdup_printf ("{\"id\":\"k\",\"method\":\"unsubscribe\",\"params\":{\"channel\":\"%s\"}}", world_channels[channel]);
  if (world->problem != NULL || !ask (world, reader, command))
    return;
  if (strstr (reader->reply, "\"unsubscribed\":true") == NULL)
    world_fail (world, reader, g_strdup_printf ("%s: %s", command, reader->reply));
  reader->model.positions[channel].on = FALSE;
}

void
world_erase (World *world,
             guint  channel)
{
  model_erase (&world->model, channel);
  stream_erase (&world->stream, world_channels[channel]);
}

/* What is committed now, in a file of its own: what a kill would leave, but for the write-ahead log (test-log-crash.c has that). */
static void
copy_log (const char *from,
          const char *to)
{
  sqlite3 *source, *target;
  sqlite3_backup *backup;

  g_assert_cmpint (sqlite3_open_v2 (from, &source, SQLITE_OPEN_READWRITE, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_open (to, &target), ==, SQLITE_OK);
  sqlite3_busy_timeout (source, 10000);
  backup = sqlite3_backup_init (target, "main", source, "main");
  g_assert_nonnull (backup);
  while (sqlite3_backup_step (backup, -1) == SQLITE_BUSY)
    g_thread_yield ();
  g_assert_cmpint (sqlite3_backup_finish (backup), ==, SQLITE_OK);
  sqlite3_close (source);
  sqlite3_close (target);
}

static void
on_heads (WsedMessage *message,
          gpointer     user_data)
{
  *(gboolean *) user_data = TRUE;
}

/* Of what was not answered some may have been kept, the first ones of it. All of it is sent again. */
static void
send_again (World *world)
{
  WsedHeads *heads = wsed_heads_new (world->stream.main);
  GPtrArray *all = world->model.streams[MODEL_WHOLE], *again = g_ptr_array_new ();
  gboolean done = FALSE;
  guint known = 0, first = all->len;

  for (guint i = 0; i < MODEL_CHANNELS; i++)
    wsed_heads_add (heads, world_channels[i]);
  heads->message.run = on_heads;
  heads->message.user_data = &done;
  wsed_log_heads (world->stream.log, heads);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
  while (first > 0 && ((ModelEvent *) g_ptr_array_index (all, first - 1))->places[MODEL_WHOLE] == 0)
    first--;
  for (guint i = first; i < all->len; i++)
    {
      ModelEvent *event = g_ptr_array_index (all, i);
      guint there = 0, not_there = 0;

      for (guint channel = 0; channel < MODEL_CHANNELS; channel++)
        if ((event->channels & 1 << channel) != 0)
          *(event->places[channel] <= g_array_index (heads->heads, WsedHead, channel).head ? &there : &not_there) += 1;
      if ((there > 0 && not_there > 0) || (there > 0 && known < i - first))
        world_fail (world, NULL, g_strdup_printf ("e%u is there in part, or one before it is not", event->number));
      known += there > 0;
      g_ptr_array_add (again, event);
    }
  for (guint channel = 0; channel < MODEL_CHANNELS; channel++)
    if (g_array_index (heads->heads, WsedHead, channel).head > model_get_head (&world->model, channel))
      world_fail (world, NULL, g_strdup ("more was kept than was sent"));
  wsed_heads_free (heads);
  if (again->len > 0)
    send_append (world, again, known);
  else
    g_ptr_array_unref (again);
  stream_settle (&world->stream);
}

void
world_kill (World *world)
{
  g_autofree char *old = g_strdup (world->path);
  guint64 keep = world->model.keep;

  for (guint i = 0; i < N_READERS; i++)
    world_disconnect (world, &world->readers[i]);
  if (world->path != NULL)
    {
      name_log (world);
      copy_log (old, world->path);
    }
  world->dead = TRUE;
  stream_fixture_clear (&world->stream);
  world->dead = FALSE;
  if (old != NULL)
    remove_log (old);
  else
    {
      model_clear (&world->model);
      model_init (&world->model, keep);
      world->readers[READER_CONSUMER].acked_channels = 0;
      memset (world->readers[READER_CONSUMER].acked, 0, sizeof world->readers[READER_CONSUMER].acked);
    }
  open_log (world);
  send_again (world);
}
