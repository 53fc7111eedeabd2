/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pipeline tests' fixture: a log that does as it is told, and whoever submits and whoever is delivered to. */

#include "pipeline-fixture.h"

#include <string.h>

#include "log/wsed-memory-log.h"
#include "metrics/wsed-metrics.h"

static void
test_log_append (WsedLog    *log,
                 WsedAppend *append)
{
  TestLog *self = TEST_LOG (log);
  guint n_events = append->events->len;

  self->n_appends++;
  for (; append->n_done < n_events; append->n_done++)
    {
      WseEvent *event = g_ptr_array_index (append->events, append->n_done);
      WsedEntry *first = g_hash_table_lookup (self->ids, event->id);
      guint64 seqs[WSE_MAX_TARGETS] = { 0 };

      if (self->fail_at > 0 && self->n + 1 >= self->fail_at)
        {
          g_set_error_literal (&append->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE, "the disk is full");
          break;
        }
      append->duplicates[append->n_done] = first != NULL;
      if (first == NULL)
        {
          self->n++;
          for (guint i = 0; i < event->n_channels; i++)
            seqs[i] = self->n * 10 + i;
          first = wsed_entry_new (event, self->n, seqs);
          g_hash_table_insert (self->ids, g_strdup (event->id), first);
        }
      append->entries[append->n_done] = wsed_entry_ref (first);
    }
  if (self->held)
    g_ptr_array_add (self->waiting, append);
  else
    wsed_inbox_push (append->reply_to, &append->message);
}

static void
log_iface_init (WsedLogInterface *iface)
{
  iface->append = test_log_append;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (TestLog, test_log, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSED_TYPE_LOG, log_iface_init))

static void
test_log_finalize (GObject *object)
{
  TestLog *self = TEST_LOG (object);

  g_assert_cmpuint (self->waiting->len, ==, 0);
  g_ptr_array_unref (self->waiting);
  g_hash_table_unref (self->ids);
  G_OBJECT_CLASS (test_log_parent_class)->finalize (object);
}

static void
test_log_class_init (TestLogClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_log_finalize;
}

static void
test_log_init (TestLog *self)
{
  self->ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) wsed_entry_unref);
  self->waiting = g_ptr_array_new ();
}

void
test_log_release (TestLog *self)
{
  for (guint i = 0; i < self->waiting->len; i++)
    {
      WsedAppend *append = g_ptr_array_index (self->waiting, i);

      wsed_inbox_push (append->reply_to, &append->message);
    }
  g_ptr_array_set_size (self->waiting, 0);
}

/* A step that drops what is of the type `unwanted`. */
#define TEST_TYPE_STEP (test_step_get_type ())
G_DECLARE_FINAL_TYPE (TestStep, test_step, TEST, STEP, GObject)

struct _TestStep
{
  GObject parent_instance;
};

static WseVerdict
test_step_transform (WseTransformer *transformer,
                     WseEvent       *event,
                     WseEvent      **out,
                     GError        **error)
{
  if (strcmp (wse_event_get_event_type (event), "unwanted") == 0)
    return WSE_VERDICT_DROP;
  *out = wse_event_ref (event);
  return WSE_VERDICT_DELIVER;
}

static void
step_iface_init (WseTransformerInterface *iface)
{
  iface->transform = test_step_transform;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (TestStep, test_step, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSE_TYPE_TRANSFORMER, step_iface_init))

static void
test_step_class_init (TestStepClass *klass)
{
}

static void
test_step_init (TestStep *self)
{
}

static void
on_deliver (WsedEntry * const *entries,
            guint              n_entries,
            gpointer           user_data)
{
  PipelineFixture *fixture = user_data;

  g_assert_cmpuint (n_entries, >, 0);
  for (guint i = 0; i < n_entries; i++)
    g_string_append_printf (fixture->published, "%s,", entries[i]->event->id);
}

static gsize
get_backlog (gpointer user_data)
{
  return ((PipelineFixture *) user_data)->backlog;
}

void
pipeline_fixture_set_up (PipelineFixture *fixture,
                         gconstpointer    data)
{
  WsedRetention retention = { 0 };
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();
  g_autoptr (TestStep) step = g_object_new (TEST_TYPE_STEP, NULL);
  g_autoptr (WseRouter) router = wse_router_new ();

  fixture->inbox = wsed_inbox_new ();
  if (g_strcmp0 (data, "memory") == 0)
    fixture->log = wsed_memory_log_new (&retention);
  else
    {
      fixture->test_log = g_object_new (TEST_TYPE_LOG, NULL);
      fixture->log = WSED_LOG (fixture->test_log);
    }
  fixture->published = g_string_new (NULL);
  fixture->answer = g_string_new (NULL);
  fixture->details = g_string_new (NULL);
  fixture->sequence = wsed_sequence_new (on_deliver, fixture);
  fixture->pipeline = wsed_pipeline_new (fixture->log, fixture->sequence, fixture->inbox);
  wsed_pipeline_set_backlog (fixture->pipeline, get_backlog, fixture);
  wse_type_mapper_add_defaults (mapper);
  wsed_pipeline_add (fixture->pipeline, WSE_TRANSFORMER (mapper));
  wsed_pipeline_add (fixture->pipeline, WSE_TRANSFORMER (step));
  wsed_pipeline_add (fixture->pipeline, WSE_TRANSFORMER (router));
}

void
pipeline_fixture_tear_down (PipelineFixture *fixture,
                            gconstpointer    data)
{
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 0);
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (fixture->pipeline), ==, 0);
  wsed_pipeline_free (fixture->pipeline);
  wsed_sequence_free (fixture->sequence);
  g_object_unref (fixture->log);
  wsed_inbox_free (fixture->inbox);
  g_string_free (fixture->published, TRUE);
  g_string_free (fixture->answer, TRUE);
  g_string_free (fixture->details, TRUE);
  wsed_metrics_reset ();
}

static void
on_answer (const WsedItem *items,
           guint           n_items,
           gboolean        single,
           const GError   *error,
           gpointer        user_data)
{
  PipelineFixture *fixture = user_data;

  fixture->n_answers++;
  fixture->single = single;
  if (error != NULL)
    {
      g_string_append (fixture->answer, wse_error_get_code (error));
      return;
    }
  for (guint i = 0; i < n_items; i++)
    {
      g_string_append_c (fixture->answer, "adxr"[items[i].outcome]);
      switch (items[i].outcome)
        {
        case WSED_OUTCOME_APPENDED:
        case WSED_OUTCOME_DUPLICATE:
          g_assert_nonnull (items[i].entry);
          g_string_append_printf (fixture->details, "%s@%" G_GUINT64_FORMAT ",", items[i].entry->event->id, items[i].entry->seqs[0]);
          break;
        case WSED_OUTCOME_DROPPED:
          g_string_append_printf (fixture->details, "%s,", items[i].event_id);
          break;
        case WSED_OUTCOME_REJECTED:
        default:
          g_string_append_printf (fixture->details, "%s,", wse_error_get_code (items[i].error));
          break;
        }
    }
}

void
pipeline_submit (PipelineFixture *fixture,
                 WsedForm         form,
                 const char      *body,
                 gssize           length)
{
  /* A copy without a NUL behind it, gone after the call: nobody may read on or later. */
  g_autofree char *copy = g_memdup2 (body, length < 0 ? strlen (body) : (gsize) length);

  g_string_truncate (fixture->answer, 0);
  g_string_truncate (fixture->details, 0);
  g_string_truncate (fixture->published, 0);
  fixture->n_answers = 0;
  wsed_pipeline_submit (fixture->pipeline, form, copy, length < 0 ? strlen (body) : (gsize) length, on_answer, fixture);
}

void
pipeline_ask (PipelineFixture *fixture,
              WsedForm         form,
              const char      *body,
              const char      *answer)
{
  pipeline_submit (fixture, form, body, -1);
  wsed_inbox_run (fixture->inbox);
  g_assert_cmpuint (fixture->n_answers, ==, 1);
  g_assert_cmpstr (fixture->answer->str, ==, answer);
}
