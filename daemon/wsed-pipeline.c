/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedPipeline sequences steps 2 to 5 of an event's way: intake, transformers, log, relay; the order of the functions here is the order
 * of the steps, from the end. It owns the submissions under way and the bound on them. It never decides what an event means, where it is
 * kept, or who gets it. */

#include "wsed-pipeline.h"

#include "wse-error.h"
#include "wse-time-private.h"
#include "wse-transformer-private.h"
#include "pipeline/wsed-intake.h"
#include "pipeline/wsed-tally.h"

/* What an item costs in memory beside its own bytes: the event, its entry, its outcome. */
#define ITEM_BYTES 384

#define DEFAULT_MAX_QUEUED (64 * 1024 * 1024)

struct _WsedPipeline
{
  WsedLog *log;
  WsedSequence *sequence;
  WsedInbox *main;
  GPtrArray *transformers;     /* (element-type WseTransformer) */
  WsedTally *tally;

  gsize max_event;             /* bytes */
  gsize max_queued;            /* bytes */
  WsedBacklog backlog;         /* NULL: nothing waits behind the relay */
  gpointer backlog_data;

  const WsedOrigin *origin;    /* of the event that is being transformed; NULL: nothing is known */
  guint pending;               /* submissions */
  gsize queued;                /* bytes they hold */
};

struct _WsedSubmission
{
  WsedPipeline *pipeline;
  WsedSubmitted done;
  gpointer user_data;
  gboolean single;
  gint64 taken;                /* g_get_monotonic_time() */
  gsize bytes;
  guint n_items;
  WsedItem *items;
  guint *places;               /* for each event that goes to the log, the index of its item */
  WsedMayPublish may;          /* NULL: everything is permitted */
  gpointer may_data;
  WsedMakeLetter letter;       /* NULL: who sent it is told of what fails */
  GPtrArray *letters;          /* (element-type WsedLetter) made so far */
  gboolean counted;            /* what became of its items before the log was counted when it was submitted before */
};

static void
submission_free (WsedSubmission *submission)
{
  for (guint i = 0; i < submission->n_items; i++)
    {
      WsedItem *item = &submission->items[i];

      g_clear_pointer (&item->entry, wsed_entry_unref);
      g_free (item->event_id);
      g_clear_error (&item->error);
    }
  g_clear_pointer (&submission->letters, g_ptr_array_unref);
  g_free (submission->items);
  g_free (submission->places);
  g_free (submission);
}

/* Ends a submission: gives its bytes free before it tells, so that whoever is told may submit again. */
static void
answer (WsedSubmission *submission,
        const GError   *error)
{
  WsedPipeline *self = submission->pipeline;

  self->pending--;
  self->queued -= submission->bytes;
  if (error != NULL)
    submission->done (NULL, 0, submission->single, error, submission->user_data);
  else
    submission->done (submission->items, submission->n_items, submission->single, NULL, submission->user_data);
  submission_free (submission);
}

/* Step 5: what was appended, in its order; a duplicate was published when it came first. */
static void
publish (WsedSubmission   *submission,
         const WsedAppend *append)
{
  WsedPipeline *self = submission->pipeline;
  g_autofree WsedEntry **fresh = g_new (WsedEntry *, append->n_done);
  guint n_fresh = 0;

  for (guint i = 0; i < append->n_done; i++)
    if (!append->duplicates[i])
      fresh[n_fresh++] = append->entries[i];
  wsed_tally_time (self->tally, g_get_monotonic_time () - submission->taken, n_fresh);
  wsed_sequence_append (self->sequence, fresh, n_fresh);
}

static void
on_appended (WsedMessage *message,
             gpointer     user_data)
{
  WsedAppend *append = (WsedAppend *) message;
  WsedSubmission *submission = user_data;
  WsedPipeline *self = submission->pipeline;

  for (guint i = 0; i < append->n_done; i++)
    {
      WsedItem *item = &submission->items[submission->places[i]];

      item->outcome = append->duplicates[i] ? WSED_OUTCOME_DUPLICATE : WSED_OUTCOME_APPENDED;
      item->entry = wsed_entry_ref (append->entries[i]);
      wsed_tally_count (self->tally, item->entry->event->event_type, item->outcome);
    }
  /* Also before an error is told: what is in the log is seen by whoever reads there. */
  publish (submission, append);
  answer (submission, append->error);
  wsed_append_free (append);
}

/* Step 4. */
static void
send_to_log (WsedSubmission *submission,
             GPtrArray      *events,
             GArray         *moves)
{
  WsedPipeline *self = submission->pipeline;
  WsedAppend *append = wsed_append_new (events, self->main);

  append->message.run = on_appended;
  append->message.user_data = submission;
  if (moves != NULL)
    wsed_append_set_moves (append, g_array_ref (moves));
  if (submission->letters != NULL)
    wsed_append_set_letters (append, g_steal_pointer (&submission->letters));
  wsed_log_append (self->log, append);
}

static void
count (WsedSubmission *submission,
       const char     *event_type,
       WsedOutcome     outcome)
{
  if (!submission->counted)
    wsed_tally_count (submission->pipeline->tally, event_type, outcome);
}

static void
reject (WsedSubmission *submission,
        WsedItem       *item,
        const char     *event_type,
        GError         *error)
{
  item->outcome = WSED_OUTCOME_REJECTED;
  item->error = error;
  count (submission, event_type, WSED_OUTCOME_REJECTED);
  /* Without a target it is nobody's: passed over. */
  if (submission->letter == NULL || g_error_matches (error, WSE_ERROR, WSE_ERROR_NO_ROUTE))
    return;
  if (submission->letters == NULL)
    submission->letters = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_letter_free);
  g_ptr_array_add (submission->letters, submission->letter (item - submission->items, error, submission->user_data));
}

/* Step 3: takes @event; what comes out of the chain, or NULL where @item says why nothing did. */
static WseEvent *
transform (WsedSubmission *submission,
           WsedItem       *item,
           WseEvent       *taken)
{
  WsedPipeline *self = submission->pipeline;
  g_autoptr (WseEvent) event = taken;
  g_autoptr (GError) error = NULL;

  switch (wse_transformers_run (self->transformers, &event, &error))
    {
    case WSE_VERDICT_DELIVER:
      break;

    case WSE_VERDICT_DROP:
      item->outcome = WSED_OUTCOME_DROPPED;
      item->event_id = g_strdup (event->id);
      count (submission, event->event_type, WSED_OUTCOME_DROPPED);
      return NULL;

    case WSE_VERDICT_FAIL:
    default:
      reject (submission, item, event->event_type, g_steal_pointer (&error));
      return NULL;
    }
  if (event->n_channels == 0)
    {
      reject (submission, item, event->event_type, g_error_new_literal (WSE_ERROR, WSE_ERROR_NO_ROUTE, "the event names no target"));
      return NULL;
    }
  for (guint i = 0; submission->may != NULL && i < event->n_channels; i++)
    if (!submission->may (event->channels[i], submission->may_data))
      {
        reject (submission, item, event->event_type,
                g_error_new (WSE_ERROR, WSE_ERROR_FORBIDDEN, "publishing to %s is not permitted", event->channels[i]));
        return NULL;
      }
  return g_steal_pointer (&event);
}

/* Step 2: the item @i is taken in, and joins @events with its place where something is left of it. */
static void
take_in (WsedSubmission      *submission,
         guint                i,
         const WsedInput     *input,
         const WseEventParse *parse,
         GPtrArray           *events)
{
  gboolean cloud = input->form == WSED_FORM_CLOUD || input->form == WSED_FORM_CLOUD_BATCH;
  g_autoptr (GError) error = input->fault != NULL ? g_error_copy (input->fault) : NULL;
  WseEvent *event = NULL;

  if (error == NULL)
    event = (cloud ? wse_event_parse_cloud : wse_event_parse) (input->data, input->length, parse, &error);
  if (event == NULL)
    {
      reject (submission, &submission->items[i], NULL, g_steal_pointer (&error));
      return;
    }
  submission->pipeline->origin = input->origin.topic != NULL ? &input->origin : NULL;
  event = transform (submission, &submission->items[i], event);
  submission->pipeline->origin = NULL;
  if (event == NULL)
    return;
  submission->places[events->len] = i;
  g_ptr_array_add (events, event);
}

static GPtrArray *
take_in_slices (WsedSubmission *submission,
                WsedForm        form,
                GArray         *slices)
{
  const WseEventParse parse = { submission->pipeline->max_event, WSE_MAX_DEPTH, wse_time_now () };
  GPtrArray *events = g_ptr_array_new_full (slices->len, (GDestroyNotify) wse_event_unref);

  for (guint i = 0; i < slices->len; i++)
    {
      const WsedSlice *slice = &g_array_index (slices, WsedSlice, i);
      const WsedInput input = { .form = form, .data = slice->data, .length = slice->length };

      take_in (submission, i, &input, &parse, events);
    }
  return events;
}

static gboolean
has_room (WsedPipeline *self,
          gsize         bytes,
          GError      **error)
{
  gsize held = self->queued + (self->backlog != NULL ? self->backlog (self->backlog_data) : 0);

  if (held == 0 || (held < self->max_queued && bytes <= self->max_queued - held))
    return TRUE;
  g_set_error_literal (error, WSE_ERROR, WSE_ERROR_BUSY, "too much waits to be written: send the same again later");
  return FALSE;
}

static WsedSubmission *
begin (WsedPipeline  *self,
       guint          n_items,
       gsize          bytes,
       WsedSubmitted  done,
       gpointer       user_data)
{
  WsedSubmission *submission = g_new0 (WsedSubmission, 1);

  submission->pipeline = self;
  submission->done = done;
  submission->user_data = user_data;
  submission->taken = g_get_monotonic_time ();
  submission->bytes = bytes;
  submission->n_items = n_items;
  submission->items = g_new0 (WsedItem, n_items);
  submission->places = g_new (guint, n_items);
  self->pending++;
  self->queued += bytes;
  return submission;
}

void
wsed_pipeline_submit_for (WsedPipeline   *self,
                          WsedForm        form,
                          const char     *body,
                          gsize           length,
                          WsedMayPublish  may,
                          gpointer        may_data,
                          WsedSubmitted   done,
                          gpointer        user_data)
{
  g_autoptr (GArray) slices = g_array_new (FALSE, FALSE, sizeof (WsedSlice));
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GError) error = NULL;
  WsedSubmission *submission;
  gboolean single;
  gsize bytes;

  g_return_if_fail (body != NULL || length == 0);
  g_return_if_fail (done != NULL);

  if (!wsed_intake_split (form, body, length, slices, &single, &error)
      || !has_room (self, bytes = length + slices->len * (gsize) ITEM_BYTES, &error))
    {
      done (NULL, 0, FALSE, error, user_data);
      return;
    }

  submission = begin (self, slices->len, bytes, done, user_data);
  submission->may = may;
  submission->may_data = may_data;
  submission->single = single;

  events = take_in_slices (submission, form, slices);
  if (single && g_error_matches (submission->items[0].error, WSE_ERROR, WSE_ERROR_SYNTAX))
    answer (submission, submission->items[0].error);
  else if (events->len == 0)
    answer (submission, NULL);
  else
    send_to_log (submission, g_steal_pointer (&events), NULL);
}

void
wsed_pipeline_submit_from (WsedPipeline    *self,
                           const WsedInput *inputs,
                           guint            n_inputs,
                           GArray          *moves,
                           gboolean         again,
                           WsedMakeLetter   letter,
                           WsedSubmitted    done,
                           gpointer         user_data)
{
  WseEventParse parse = { self->max_event, WSE_MAX_DEPTH, wse_time_now () };
  g_autoptr (GPtrArray) events = g_ptr_array_new_full (n_inputs, (GDestroyNotify) wse_event_unref);
  g_autoptr (GError) error = NULL;
  WsedSubmission *submission;
  gsize bytes = n_inputs * (gsize) ITEM_BYTES;

  g_return_if_fail (n_inputs <= WSED_MAX_ATOMIC_EVENTS);
  g_return_if_fail (moves != NULL && letter != NULL && done != NULL);

  for (guint i = 0; i < n_inputs; i++)
    bytes += inputs[i].length;
  if (!has_room (self, bytes, &error))
    {
      done (NULL, 0, FALSE, error, user_data);
      return;
    }
  submission = begin (self, n_inputs, bytes, done, user_data);
  submission->letter = letter;
  submission->counted = again;
  for (guint i = 0; i < n_inputs; i++)
    {
      parse.id = inputs[i].event_id;
      take_in (submission, i, &inputs[i], &parse, events);
    }
  send_to_log (submission, g_steal_pointer (&events), moves);
}

void
wsed_pipeline_submit (WsedPipeline  *self,
                      WsedForm       form,
                      const char    *body,
                      gsize          length,
                      WsedSubmitted  done,
                      gpointer       user_data)
{
  wsed_pipeline_submit_for (self, form, body, length, NULL, NULL, done, user_data);
}

WsedPipeline *
wsed_pipeline_new (WsedLog   *log,
                   WsedSequence *sequence,
                   WsedInbox *main)
{
  WsedPipeline *self = g_new0 (WsedPipeline, 1);

  self->log = log;
  self->sequence = sequence;
  self->main = main;
  self->transformers = g_ptr_array_new_with_free_func (g_object_unref);
  self->tally = wsed_tally_new ();
  self->max_event = WSE_DEFAULT_MAX_EVENT;
  self->max_queued = DEFAULT_MAX_QUEUED;
  return self;
}

void
wsed_pipeline_free (WsedPipeline *self)
{
  if (self == NULL)
    return;
  /* The log still has pointers into it: rather a leak at the end of the process than a use after free. */
  g_return_if_fail (self->pending == 0);
  g_ptr_array_unref (self->transformers);
  wsed_tally_free (self->tally);
  g_free (self);
}

void
wsed_pipeline_set_limits (WsedPipeline *self,
                          gsize         max_event,
                          gsize         max_queued)
{
  self->max_event = max_event;
  self->max_queued = max_queued;
}

void
wsed_pipeline_set_backlog (WsedPipeline *self,
                           WsedBacklog   backlog,
                           gpointer      user_data)
{
  self->backlog = backlog;
  self->backlog_data = user_data;
}

void
wsed_pipeline_add (WsedPipeline   *self,
                   WseTransformer *transformer)
{
  g_return_if_fail (WSE_IS_TRANSFORMER (transformer));

  g_ptr_array_add (self->transformers, g_object_ref (transformer));
}

const WsedOrigin *
wsed_pipeline_get_origin (WsedPipeline *self)
{
  return self->origin;
}

guint
wsed_pipeline_get_pending (WsedPipeline *self)
{
  return self->pending;
}

gsize
wsed_pipeline_get_queued_bytes (WsedPipeline *self)
{
  return self->queued;
}
