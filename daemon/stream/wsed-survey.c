/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A survey goes through the connections where they live, on their workers' threads: each worker takes its part a slice at a time, from the
 * inbox and back into it. The main thread merges the parts in the order of admission. Nothing is locked, and nobody waits. */

#include "stream/wsed-survey.h"

#include "stream/wsed-stream-metrics.h"

/* Connections described in one go; passing over one is far cheaper. */
#define SLICE 128

/* What a worker said of one. */
typedef struct
{
  guint64 serial;
  gsize end;                   /* offset behind it in the part's text */
} Row;

typedef struct _Survey Survey;

/* A worker's. */
typedef struct
{
  WsedMessage message;
  Survey *survey;
  WsedWorker *worker;
  guint64 after;
  guint slice;                 /* left of it */
  GString *text;
  GArray *rows;                /* (element-type Row) */
  guint row;                   /* merging: the next */
} Part;

struct _Survey
{
  WsedHub *hub;
  WsedSurveyWish wish;
  WsedSurveyed done;
  gpointer user_data;
  guint under_way;             /* parts */
  guint n_parts;
  Part parts[];
};

static void
survey_free (Survey *survey)
{
  for (guint i = 0; i < survey->n_parts; i++)
    {
      g_string_free (survey->parts[i].text, TRUE);
      g_array_unref (survey->parts[i].rows);
    }
  g_free (survey->wish.id);
  g_free (survey->wish.user);
  g_free (survey->wish.endpoint);
  g_free (survey->wish.channel);
  g_free (survey);
}

/* The part whose next row was admitted first; NULL: there is none. */
static Part *
find_first (Survey *survey)
{
  Part *first = NULL;

  for (guint i = 0; i < survey->n_parts; i++)
    {
      Part *part = &survey->parts[i];

      if (part->row < part->rows->len &&
          (first == NULL || g_array_index (part->rows, Row, part->row).serial < g_array_index (first->rows, Row, first->row).serial))
        first = part;
    }
  return first;
}

static void
finish (Survey *survey)
{
  g_autoptr (GString) text = g_string_new (NULL);
  WsedSurveyResult result = { 0, text, 0 };
  guint64 last = 0;
  Part *part;

  while (result.count < survey->wish.limit && (part = find_first (survey)) != NULL)
    {
      const Row *row = &g_array_index (part->rows, Row, part->row);
      gsize begin = part->row > 0 ? row[-1].end : 0;

      if (text->len > 0)
        g_string_append_c (text, ',');
      g_string_append_len (text, part->text->str + begin, row->end - begin);
      last = row->serial;
      part->row++;
      result.count++;
    }
  if (find_first (survey) != NULL)
    result.next = last;
  if (survey->wish.dismiss)
    wsed_metric_add (wsed_stream_metrics ()->dismissed, result.count);
  survey->done (&result, survey->user_data);
  survey_free (survey);
}

static void
on_part (WsedMessage *message,
         gpointer     user_data)
{
  Survey *survey = ((Part *) message)->survey;

  if (--survey->under_way == 0)
    finish (survey);
}

/* FALSE: enough for now. */
static gboolean
visit (WsedSubscriber *subscriber,
       gpointer        user_data)
{
  Part *part = user_data;
  const WsedSurveyWish *wish = &part->survey->wish;
  Row row = { subscriber->serial, 0 };

  part->after = subscriber->serial;
  if (!subscriber->klass->matches (subscriber, wish))
    return TRUE;
  if (wish->dismiss)
    subscriber->klass->dismiss (subscriber);
  else
    subscriber->klass->describe (subscriber, part->text);
  row.end = part->text->len;
  g_array_append_val (part->rows, row);
  /* One more than the limit tells that there are more. */
  return --part->slice > 0 && part->rows->len <= wish->limit;
}

static void
run_part (WsedMessage *message,
          gpointer     user_data)
{
  Part *part = (Part *) message;
  const WsedSurveyWish *wish = &part->survey->wish;

  part->slice = SLICE;
  wsed_worker_visit (part->worker, part->after, visit, part);
  if (part->slice > 0 || part->rows->len > wish->limit)
    {
      message->run = on_part;
      wsed_inbox_push (wsed_hub_get_main (part->survey->hub), message);
    }
  else
    wsed_inbox_push (wsed_worker_get_inbox (part->worker), message);
}

void
wsed_survey_start (WsedHub              *hub,
                   const WsedSurveyWish *wish,
                   WsedSurveyed          done,
                   gpointer              user_data)
{
  guint n_workers;
  WsedWorker * const *workers = wsed_hub_get_workers (hub, &n_workers);
  Survey *survey = g_malloc0 (sizeof (Survey) + n_workers * sizeof (Part));

  survey->hub = hub;
  survey->wish = *wish;
  survey->wish.id = g_strdup (wish->id);
  survey->wish.user = g_strdup (wish->user);
  survey->wish.endpoint = g_strdup (wish->endpoint);
  survey->wish.channel = g_strdup (wish->channel);
  survey->done = done;
  survey->user_data = user_data;
  survey->under_way = survey->n_parts = n_workers;
  for (guint i = 0; i < n_workers; i++)
    {
      Part *part = &survey->parts[i];

      part->message.run = run_part;
      part->survey = survey;
      part->worker = workers[i];
      part->after = wish->after;
      part->text = g_string_new (NULL);
      part->rows = g_array_new (FALSE, FALSE, sizeof (Row));
      wsed_inbox_push (wsed_worker_get_inbox (workers[i]), &part->message);
    }
}
