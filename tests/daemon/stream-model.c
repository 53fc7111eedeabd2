/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The model: arrays, and no thought for speed, threads or bytes. It knows what was appended and what retention took, and from that what a
 * reader is owed; it never looks at the stream. */

#include "stream-model.h"

#include <string.h>

void
model_init (Model  *model,
            guint64 keep)
{
  for (guint i = 0; i < MODEL_STREAMS; i++)
    model->streams[i] = g_ptr_array_new_with_free_func (i == MODEL_WHOLE ? g_free : NULL);
  model->keep = keep;
  memset (model->erased, 0, sizeof model->erased);
}

void
model_erase (Model *model,
             guint  channel)
{
  model->erased[channel] = model_get_head (model, channel);
}

void
model_clear (Model *model)
{
  for (guint i = 0; i < MODEL_STREAMS; i++)
    g_ptr_array_unref (model->streams[i]);
}

ModelEvent *
model_append (Model *model,
              guint  number,
              guint  channels,
              guint  type,
              gsize  size)
{
  ModelEvent *event = g_new0 (ModelEvent, 1);

  event->number = number;
  event->channels = channels | 1 << MODEL_WHOLE;
  event->type = type;
  event->size = size;
  for (guint i = 0; i < MODEL_STREAMS; i++)
    if ((event->channels & 1 << i) != 0)
      {
        g_ptr_array_add (model->streams[i], event);
        event->places[i] = i == MODEL_WHOLE ? 0 : model->streams[i]->len;
      }
  return event;
}

guint64
model_get_head (const Model *model,
                guint        stream)
{
  GPtrArray *events = model->streams[stream];

  return events->len > 0 ? ((ModelEvent *) g_ptr_array_index (events, events->len - 1))->places[stream] : 0;
}

guint64
model_get_low (const Model *model,
               guint        channel)
{
  guint64 head = model_get_head (model, channel);

  return MAX (model->erased[channel], model->keep > 0 && head > model->keep ? head - model->keep : 0);
}

static gboolean
is_kept (const Model      *model,
         const ModelEvent *event,
         guint             stream)
{
  gboolean kept = FALSE;

  for (guint i = 0; i < MODEL_CHANNELS; i++)
    if (stream == i || stream == MODEL_WHOLE)
      kept |= event->places[i] > model_get_low (model, i);
  return kept;
}

guint64
model_locate (const Model *model,
              guint        stream,
              guint64      n)
{
  guint64 place = 0;

  for (guint i = 0; i < model->streams[stream]->len; i++)
    {
      const ModelEvent *event = g_ptr_array_index (model->streams[stream], i);

      if (event->places[MODEL_WHOLE] > 0 && event->places[MODEL_WHOLE] <= n)
        place = event->places[stream];
    }
  return place;
}

guint
model_count (const Model *model,
             guint        stream,
             guint        types,
             guint64      place)
{
  guint count = 0;

  for (guint i = 0; i < model->streams[stream]->len; i++)
    {
      const ModelEvent *event = g_ptr_array_index (model->streams[stream], i);

      count += event->places[stream] > place && (types & 1 << event->type) != 0 && is_kept (model, event, stream);
    }
  return count;
}

/* Once, in the first of its channels that is subscribed to and whose filter takes it; if that one began behind it, nowhere where it began
 * at a cursor, in the next where it did not. @channels: those that count. */
static gboolean
is_owed (const ModelReader *reader,
         const ModelEvent  *event,
         guint              stream,
         guint              channels)
{
  if (stream == MODEL_WHOLE)
    return (reader->positions[stream].types & 1 << event->type) != 0;
  for (guint i = 0; i < MODEL_CHANNELS; i++)
    {
      const ModelPosition *position = &reader->positions[i];

      if ((channels & 1 << i) == 0 || !position->on || (position->types & 1 << event->type) == 0)
        continue;
      if (event->places[i] > position->start)
        return i == stream;
      if (position->from_cursor)
        return FALSE;
    }
  return FALSE;
}

/* The first that is owed with a place in (@from, @to]. */
static const ModelEvent *
find_owed (const Model       *model,
           const ModelReader *reader,
           guint              stream,
           guint64            from,
           guint64            to)
{
  for (guint i = 0; i < model->streams[stream]->len; i++)
    {
      const ModelEvent *event = g_ptr_array_index (model->streams[stream], i);

      if (event->places[stream] > from && event->places[stream] <= to && is_owed (reader, event, stream, event->channels))
        return event;
    }
  return NULL;
}

char *
model_done (const Model *model,
            ModelReader *reader,
            guint        stream,
            guint64      place)
{
  ModelPosition *position = &reader->positions[stream];
  const ModelEvent *missing = find_owed (model, reader, stream, position->at, place);

  if (missing != NULL)
    return g_strdup_printf ("stream %u goes on to %" G_GUINT64_FORMAT " without %" G_GUINT64_FORMAT " (e%u)", stream, place,
                            missing->places[stream], missing->number);
  if (position->epoch_lost)
    return g_strdup_printf ("stream %u goes on without telling that the log is another one", stream);
  if (place > model_get_head (model, stream))
    return g_strdup_printf ("stream %u is done with %" G_GUINT64_FORMAT ", which nobody appended", stream, place);
  position->at = MAX (position->at, place);
  return NULL;
}

char *
model_event (const Model *model,
             ModelReader *reader,
             guint        stream,
             guint64      place,
             guint        number,
             gsize        size)
{
  ModelPosition *position = &reader->positions[stream];
  GPtrArray *events = model->streams[stream];
  ModelEvent *event = NULL;
  guint kept = 0;
  char *problem;

  for (guint i = 0; i < events->len && event == NULL; i++)
    if (((ModelEvent *) g_ptr_array_index (events, i))->places[stream] == place)
      event = g_ptr_array_index (events, i);
  if (event == NULL || event->number != number || event->size != size)
    return g_strdup_printf ("stream %u has e%u at %" G_GUINT64_FORMAT ", which was not appended there", stream, number, place);
  if (!position->on || place <= position->at)
    return g_strdup_printf ("stream %u has e%u at %" G_GUINT64_FORMAT " again, or in the wrong order", stream, number, place);
  for (guint i = 0; i < MODEL_CHANNELS; i++)
    kept |= is_kept (model, event, i) ? event->channels & 1 << i : 0;
  /* What retention took from one of its channels may come in another, where it still is: the log no longer knows where it was. */
  if (!g_hash_table_add (reader->had, event) && (kept | 1 << MODEL_WHOLE) == event->channels)
    return g_strdup_printf ("stream %u has e%u, which came in another one", stream, number);
  problem = model_done (model, reader, stream, place - 1);
  if (problem == NULL && !is_owed (reader, event, stream, event->channels) && !is_owed (reader, event, stream, kept | 1 << stream))
    problem = g_strdup_printf ("stream %u has e%u at %" G_GUINT64_FORMAT ", which is to be passed over there", stream, number, place);
  position->at = place;
  return problem;
}

/* Whether a newer one of its key is there, too. */
static gboolean
is_old (const Model      *model,
        const ModelEvent *event,
        guint             stream)
{
  GPtrArray *events = model->streams[stream];

  for (guint i = events->len; i > 0; i--)
    {
      const ModelEvent *other = g_ptr_array_index (events, i - 1);

      if (other == event)
        return FALSE;
      if (other->type == event->type && other->size == event->size)
        return TRUE;
    }
  return FALSE;
}

/* Why @event may not be left out; NULL: it may. */
static const char *
find_fault (const Model       *model,
            const ModelReader *reader,
            const ModelEvent  *event,
            guint              stream,
            const char        *reason)
{
  if (g_str_equal (reason, "policy"))
    return NULL;
  if (g_str_equal (reason, "conflated"))
    return is_owed (reader, event, stream, event->channels) && !is_old (model, event, stream) ? "the newest" : NULL;
  return is_kept (model, event, stream) ? "kept" : NULL;
}

static gboolean
is_reason (const Model *model,
           const char  *reason)
{
  return g_str_equal (reason, "retention") || (model->drops && g_str_equal (reason, "policy"))
         || (model->conflates && g_str_equal (reason, "conflated"));
}

char *
model_gap (const Model *model,
           ModelReader *reader,
           guint        stream,
           guint64      from,
           guint64      to,
           const char  *reason)
{
  ModelPosition *position = &reader->positions[stream];
  gboolean epoch = g_str_equal (reason, "epoch");
  char *problem;

  if (!position->on || epoch != position->epoch_lost || (!epoch && (from > to || !is_reason (model, reason))))
    return g_strdup_printf ("stream %u: a gap for no reason, %s %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, stream, reason, from, to);
  position->epoch_lost = FALSE;
  problem = model_done (model, reader, stream, from - 1);
  for (guint i = 0; i < model->streams[stream]->len && problem == NULL; i++)
    {
      const ModelEvent *event = g_ptr_array_index (model->streams[stream], i);
      const char *fault = event->places[stream] >= from && event->places[stream] <= to ? find_fault (model, reader, event, stream, reason) : NULL;

      if (fault != NULL)
        problem = g_strdup_printf ("stream %u: the gap %s %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT " has e%u in it, which is %s", stream, reason, from,
                                   to, event->number, fault);
    }
  position->at = MAX (position->at, to);
  return problem;
}
