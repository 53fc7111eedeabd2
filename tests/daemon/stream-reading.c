/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What readers get, held against the model, message by message. */

#include "stream-world-private.h"

#include <string.h>

/* So long something that is owed may take: a machine may be slow, a stream that says nothing is wrong. */
#define PATIENCE_MS 20000

guint64
world_settled_head (World *world,
                    guint  stream)
{
  GPtrArray *events = world->model.streams[stream];

  for (guint i = events->len; i > 0; i--)
    {
      const ModelEvent *event = g_ptr_array_index (events, i - 1);

      if (event->places[MODEL_WHOLE] > 0)
        return event->places[stream];
    }
  return 0;
}

/* The member's text, up to the quote. */
static char *
get_string (const char *text,
            const char *member)
{
  const char *begin = strstr (text, member);

  return begin != NULL ? g_strndup (begin + strlen (member), strcspn (begin + strlen (member), "\"")) : g_strdup ("");
}

static guint64
get_number (const char *text,
            const char *member)
{
  const char *begin = strstr (text, member);

  return begin != NULL ? g_ascii_strtoull (begin + strlen (member), NULL, 10) : 0;
}

static guint
find_stream (const char *name)
{
  for (guint i = 0; i < MODEL_STREAMS; i++)
    if (g_str_equal (name, world_channels[i]))
      return i;
  return MODEL_STREAMS;
}

/* Where it began, as it is told: where the model knows no better it is taken over. */
static char *
begun (World  *world,
       Reader *reader,
       guint   stream,
       guint64 place)
{
  ModelPosition *position = &reader->model.positions[stream];
  guint64 low = world->model.keep > 0 && reader->settled[stream] > world->model.keep ? reader->settled[stream] - world->model.keep : 0;
  gboolean known = reader->kind != READER_HISTORY && reader->kind != READER_SUBSCRIBER;
  gboolean quiet = reader->settled[stream] == model_get_head (&world->model, stream);

  if (!position->on)
    return g_strdup_printf ("stream %u was not asked for", stream);
  if (reader->kind == READER_CONSUMER && (reader->acked_channels & 1 << stream) == 0)
    {
      if (place < low || place > model_get_low (&world->model, stream))
        return g_strdup_printf ("stream %u begins at %" G_GUINT64_FORMAT ", not at the oldest", stream, place);
      position->at = position->start = place;
    }
  if (known && place != position->start)
    return g_strdup_printf ("stream %u begins at %" G_GUINT64_FORMAT ", not at %" G_GUINT64_FORMAT, stream, place, position->start);
  if (reader->kind == READER_HISTORY && quiet
      && model_count (&world->model, stream, position->types, place)
         != MIN (reader->history, model_count (&world->model, stream, position->types, 0)))
    return g_strdup_printf ("stream %u begins at %" G_GUINT64_FORMAT ", that is not %u back", stream, place, reader->history);
  if (place < low && reader->kind == READER_HISTORY)
    return g_strdup_printf ("stream %u begins at %" G_GUINT64_FORMAT ", which is gone", stream, place);
  position->at = position->start = place;
  return NULL;
}

/* Each place of a cursor that was told. */
static char *
take_cursor (World      *world,
             Reader     *reader,
             const char *text,
             gboolean    beginning)
{
  g_autofree char *value = get_string (text, "\"cursor\":\"");
  g_autoptr(WseCursor) cursor = *value != '\0' ? wse_cursor_new (value, NULL) : NULL;
  char *problem = NULL;

  for (guint i = 0; cursor != NULL && i < wse_cursor_get_length (cursor) && problem == NULL; i++)
    {
      const char *channel, *epoch;
      guint64 place;
      guint stream;

      wse_cursor_get_place (cursor, i, &channel, &epoch, &place);
      stream = find_stream (channel);
      if (stream == MODEL_STREAMS || !g_str_equal (epoch, world->stream.epoch))
        problem = g_strdup_printf ("a cursor of nothing: %s", value);
      else
        problem = beginning ? begun (world, reader, stream, place) : model_done (&world->model, &reader->model, stream, place);
    }
  return problem;
}

static char *
take_event (World      *world,
            Reader     *reader,
            const char *text)
{
  g_autofree char *channel = get_string (text, "\"ch\":\""), *payload = get_string (text, "\"p\":\""), *id = get_string (text, "{\"v\":2,\"id\":\"e");
  guint number = g_ascii_strtoull (id, NULL, 10), stream = find_stream (channel);
  guint64 seq = get_number (text, "\"seq\":");

  if (stream == MODEL_STREAMS)
    return g_strdup ("cannot be understood");
  if (reader->kind == READER_WHOLE)
    {
      const ModelEvent *event = NULL;

      for (guint i = 0; i < world->model.streams[MODEL_WHOLE]->len && event == NULL; i++)
        if (((ModelEvent *) g_ptr_array_index (world->model.streams[MODEL_WHOLE], i))->number == number)
          event = g_ptr_array_index (world->model.streams[MODEL_WHOLE], i);
      if (event == NULL || event->places[stream] != seq || (event->channels & 1 << stream) == 0)
        return g_strdup ("is not what was appended");
      seq = event->places[MODEL_WHOLE];
      stream = MODEL_WHOLE;
    }
  return model_event (&world->model, &reader->model, stream, seq, number, strlen (payload));
}

/* The id of an EventSource stands for everything before it. */
static char *
take_id (World      *world,
         Reader     *reader,
         const char *text)
{
  guint64 n = get_number (strchr (text, '@'), ":");
  char *problem = NULL;

  if (n <= reader->last_id)
    return g_strdup_printf ("the ids go back, from %" G_GUINT64_FORMAT, reader->last_id);
  reader->last_id = n;
  for (guint i = 0; i < MODEL_CHANNELS && problem == NULL; i++)
    problem = model_done (&world->model, &reader->model, i, model_locate (&world->model, i, n));
  return problem;
}

static char *
take_reply (World      *world,
            Reader     *reader,
            const char *text)
{
  g_autofree char *channel = get_string (text, "\"channel\":\"");
  guint stream = find_stream (channel);

  g_free (reader->reply);
  reader->reply = g_strdup (text);
  if (strstr (text, "\"subscribed\":true") == NULL)
    return NULL;
  if (stream == MODEL_STREAMS)
    return g_strdup ("subscribed to nothing");
  reader->model.positions[stream] = reader->next;
  /* What was had before may come again: it was asked for. */
  g_hash_table_remove_all (reader->model.had);
  return take_cursor (world, reader, text, TRUE);
}

static char *
take_text (World      *world,
           Reader     *reader,
           const char *text)
{
  g_autofree char *type = get_string (text, "{\"v\":2,\"t\":\"");
  char *problem = NULL;

  if (g_str_has_prefix (text, "{\"id\":\"k\",\"success\":"))
    return take_reply (world, reader, text);
  if (!reader->greeted)
    {
      reader->greeted = TRUE;
      return g_str_equal (type, "hello") ? take_cursor (world, reader, text, TRUE) : g_strdup ("nothing comes before hello");
    }
  if (g_str_equal (type, "gap"))
    {
      g_autofree char *channel = get_string (text, "\"channel\":\""), *reason = get_string (text, "\"reason\":\"");
      guint stream = find_stream (channel);

      return stream == MODEL_STREAMS ? g_strdup ("a gap in nothing")
             : model_gap (&world->model, &reader->model, stream, get_number (text, "\"from\":"), get_number (text, "\"to\":"), reason);
    }
  if (g_str_equal (type, "caught_up") || g_str_equal (type, "mark"))
    return take_cursor (world, reader, text, FALSE);
  if (g_str_has_prefix (text, "HTTP/1.1 200 OK"))
    return NULL;
  problem = take_event (world, reader, text);
  return problem == NULL && g_str_has_prefix (text, "id: ") ? take_id (world, reader, text) : problem;
}

static void
take (World  *world,
      Reader *reader)
{
  g_autofree char *text = g_queue_pop_head (&reader->client->texts);
  char *problem;

  /* A reader may hear of an event from the log before its publisher does. */
  stream_settle (&world->stream);
  problem = take_text (world, reader, text);
  if (problem != NULL && strlen (text) > 300)
    text[300] = '\0';
  if (problem != NULL)
    world_fail (world, reader, g_strdup_printf ("%s: %s", problem, text));
  g_free (problem);
}

void
world_take (World      *world,
            Reader     *reader,
            const char *what)
{
  if (client_wait_text (reader->client, PATIENCE_MS))
    take (world, reader);
  else
    world_fail (world, reader, g_strdup_printf ("waited in vain for %s%s", what, reader->client->ended ? ", the connection ended" : ""));
}

void
world_read (World  *world,
            Reader *reader,
            guint   most)
{
  for (guint i = 0; reader->client != NULL && i < most && world->problem == NULL && client_wait_text (reader->client, 1); i++)
    take (world, reader);
}

void
world_sync (World *world)
{
  for (guint i = 0; i < MODEL_CHANNELS; i++)
    world_publish (world, 1 << i, 3, 1, 1);
  stream_settle (&world->stream);
  for (guint i = 0; i < N_READERS; i++)
    for (guint stream = 0; stream < MODEL_STREAMS && world->readers[i].client != NULL; stream++)
      while (world->problem == NULL && world->readers[i].model.positions[stream].on
             && world->readers[i].model.positions[stream].at < model_get_head (&world->model, stream))
        {
          g_autofree char *what = g_strdup_printf ("stream %u after %" G_GUINT64_FORMAT, stream, world->readers[i].model.positions[stream].at);

          world_take (world, &world->readers[i], what);
        }
}
