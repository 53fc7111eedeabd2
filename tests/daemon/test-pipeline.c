/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What becomes of a submission, item by item, with a log that does as it is told and with the one in memory. */

#include <wse.h>

#include "log/wsed-memory-log.h"
#include "metrics/wsed-metrics.h"
#include "wsed-pipeline.h"

/* A log that numbers events across all channels, knows ids for ever, and answers when it is let. */
#define TEST_TYPE_LOG (test_log_get_type ())
G_DECLARE_FINAL_TYPE (TestLog, test_log, TEST, LOG, GObject)

struct _TestLog
{
  GObject parent_instance;

  GHashTable *ids;             /* (element-type utf8 WsedEntry) */
  guint64 n;
  guint fail_at;               /* the append that would be this event's fails; 0: none */
  gboolean held;               /* answers wait for release */
  GPtrArray *waiting;          /* (element-type WsedAppend) */
  guint n_appends;
};

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

static void
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

typedef struct
{
  WsedInbox *inbox;
  WsedLog *log;
  TestLog *test_log;           /* the same, where it is one */
  WsedRelay *relay;
  WsedPipeline *pipeline;
  GString *published;          /* the ids, each with a comma behind it */
  gsize backlog;

  GString *answer;             /* a letter for each item, or the error's code */
  GString *details;            /* id@seq, id or code of each item, each with a comma behind it */
  gboolean single;
  guint n_answers;
} Fixture;

static void
on_deliver (WsedEntry * const *entries,
            guint              n_entries,
            gpointer           user_data)
{
  Fixture *fixture = user_data;

  g_assert_cmpuint (n_entries, >, 0);
  for (guint i = 0; i < n_entries; i++)
    g_string_append_printf (fixture->published, "%s,", entries[i]->event->id);
}

static gsize
get_backlog (gpointer user_data)
{
  return ((Fixture *) user_data)->backlog;
}

static void
fixture_set_up (Fixture       *fixture,
                gconstpointer  data)
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
  fixture->relay = wsed_relay_new_local (on_deliver, fixture);
  fixture->pipeline = wsed_pipeline_new (fixture->log, fixture->relay, fixture->inbox);
  wsed_pipeline_set_backlog (fixture->pipeline, get_backlog, fixture);
  wse_type_mapper_add_defaults (mapper);
  wsed_pipeline_add (fixture->pipeline, WSE_TRANSFORMER (mapper));
  wsed_pipeline_add (fixture->pipeline, WSE_TRANSFORMER (step));
  wsed_pipeline_add (fixture->pipeline, WSE_TRANSFORMER (router));
}

static void
fixture_tear_down (Fixture       *fixture,
                   gconstpointer  data)
{
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 0);
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (fixture->pipeline), ==, 0);
  wsed_pipeline_free (fixture->pipeline);
  wsed_relay_free (fixture->relay);
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
  Fixture *fixture = user_data;

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

static void
submit (Fixture    *fixture,
        WsedForm    form,
        const char *body,
        gssize      length)
{
  /* A copy without a NUL behind it, gone after the call: nobody may read on or later. */
  g_autofree char *copy = g_memdup2 (body, length < 0 ? strlen (body) : (gsize) length);

  g_string_truncate (fixture->answer, 0);
  g_string_truncate (fixture->details, 0);
  g_string_truncate (fixture->published, 0);
  fixture->n_answers = 0;
  wsed_pipeline_submit (fixture->pipeline, form, copy, length < 0 ? strlen (body) : (gsize) length, on_answer, fixture);
}

/* Submits and waits for the answer. */
static void
ask (Fixture    *fixture,
     WsedForm    form,
     const char *body,
     const char *answer)
{
  submit (fixture, form, body, -1);
  wsed_inbox_run (fixture->inbox);
  g_assert_cmpuint (fixture->n_answers, ==, 1);
  g_assert_cmpstr (fixture->answer->str, ==, answer);
}

#define EVENT(id) "{\"event_type\":\"t\",\"user_id\":\"u\",\"event_id\":\"" id "\"}"

static void
test_single (Fixture       *fixture,
             gconstpointer  data)
{
  ask (fixture, WSED_FORM_JSON, " \r\n" EVENT ("1") "\n", "a");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->published->str, ==, "1,");

  ask (fixture, WSED_FORM_JSON, EVENT ("1"), "d");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->published->str, ==, "");

  ask (fixture, WSED_FORM_JSON, "{\"event_type\":\"unwanted\",\"user_id\":\"u\",\"event_id\":\"2\"}", "x");
  g_assert_cmpstr (fixture->details->str, ==, "2,");
  ask (fixture, WSED_FORM_JSON, "{\"event_type\":\"t\"}", "r");
  g_assert_cmpstr (fixture->details->str, ==, "no_route,");
  ask (fixture, WSED_FORM_JSON, "{\"user_id\":\"u\"}", "r");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
  ask (fixture, WSED_FORM_JSON, "7", "r");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
}

static void
test_syntax (Fixture       *fixture,
             gconstpointer  data)
{
  static const char * const bad[] = {
    "", " \r\n\t", "{", "{\"event_type\":\"t\",\"user_id\":\"u\",}", "{} {}", "nul", "\xef\xbb\xbf{}", "{\"event_type\":\"\xff\"}",
    "[", "[" EVENT ("1"), "[" EVENT ("1") "," EVENT ("2") ",]", "[" EVENT ("1") "] x", "[" EVENT ("1") ",{\"a\":\"\xff\"}]",
    "[" EVENT ("1") " " EVENT ("2") "]",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      ask (fixture, WSED_FORM_JSON, bad[i], "syntax");
      g_assert_cmpstr (fixture->published->str, ==, "");
    }
  ask (fixture, WSED_FORM_NDJSON, "", "syntax");
  ask (fixture, WSED_FORM_NDJSON, "\n \r\n\t\n", "syntax");
  wsed_pipeline_submit (fixture->pipeline, WSED_FORM_JSON, NULL, 0, on_answer, fixture);
  g_assert_cmpstr (fixture->answer->str, ==, "syntaxsyntax");
  /* Nothing of all that was kept. */
  ask (fixture, WSED_FORM_JSON, EVENT ("1"), "a");
}

static void
test_array (Fixture       *fixture,
            gconstpointer  data)
{
  ask (fixture, WSED_FORM_JSON, "[]", "");
  g_assert_false (fixture->single);
  ask (fixture, WSED_FORM_JSON, "[ " EVENT ("1") " ]", "a");
  g_assert_false (fixture->single);
  ask (fixture, WSED_FORM_JSON,
       "[" EVENT ("1") "," EVENT ("2") ",7,{\"event_type\":\"unwanted\",\"user_id\":\"u\",\"event_id\":\"3\"}," EVENT ("2") "," EVENT ("4")
       ",{\"event_type\":\"t\"}]\n", "darxdar");
  g_assert_cmpstr (fixture->published->str, ==, "2,4,");
  ask (fixture, WSED_FORM_JSON, "[1,[],null,\"\"]", "rrrr");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,invalid,invalid,invalid,");
}

static void
test_ndjson (Fixture       *fixture,
             gconstpointer  data)
{
  ask (fixture, WSED_FORM_NDJSON, EVENT ("1"), "a");
  g_assert_false (fixture->single);
  ask (fixture, WSED_FORM_NDJSON, "\n\r\n" EVENT ("2") "\r\n  \t\n" EVENT ("3") " \n{\n" EVENT ("4") "x\n{\"event_type\":\"\xff\"}\n" EVENT ("5"),
       "aarrra");
  g_assert_cmpstr (fixture->published->str, ==, "2,3,5,");
  g_assert_cmpstr (fixture->details->str, ==, data == NULL ? "2@20,3@30,syntax,syntax,syntax,5@40," : "2@2,3@3,syntax,syntax,syntax,5@4,");
  /* An array is no event; within NDJSON it is not taken apart. */
  ask (fixture, WSED_FORM_NDJSON, "[" EVENT ("6") "]\n" EVENT ("7"), "ra");
}

static void
test_first_seqs (Fixture       *fixture,
                 gconstpointer  data)
{
  ask (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("2") "\n" EVENT ("1"), "aad");
  g_assert_cmpstr (fixture->details->str, ==, "1@10,2@20,1@10,");
  g_assert_cmpuint (fixture->test_log->n_appends, ==, 1);
  ask (fixture, WSED_FORM_JSON, EVENT ("2"), "d");
  g_assert_cmpstr (fixture->details->str, ==, "2@20,");
}

#define CLOUD(id) "{\"specversion\":\"1.0\",\"id\":\"" id "\",\"source\":\"/s\",\"type\":\"t\",\"userid\":\"u\"}"

static void
test_cloud (Fixture       *fixture,
            gconstpointer  data)
{
  ask (fixture, WSED_FORM_CLOUD, " \r\n" CLOUD ("1") "\n", "a");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->published->str, ==, "1,");
  /* One id, whatever the form. */
  ask (fixture, WSED_FORM_JSON, EVENT ("1"), "d");
  ask (fixture, WSED_FORM_CLOUD, CLOUD ("1"), "d");
  g_assert_true (fixture->single);

  ask (fixture, WSED_FORM_CLOUD, "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/s\",\"type\":\"unwanted\",\"userid\":\"u\"}", "x");
  g_assert_cmpstr (fixture->details->str, ==, "2,");
  ask (fixture, WSED_FORM_CLOUD, "{\"specversion\":\"1.0\",\"id\":\"3\",\"source\":\"/s\",\"type\":\"t\"}", "r");
  g_assert_cmpstr (fixture->details->str, ==, "no_route,");
  ask (fixture, WSED_FORM_CLOUD, EVENT ("4"), "r");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
  ask (fixture, WSED_FORM_JSON, CLOUD ("4"), "r");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
  ask (fixture, WSED_FORM_CLOUD, "{\"data_base64\":\"\"}", "r");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->details->str, ==, "unsupported_media_type,");
  /* Several are no event. */
  ask (fixture, WSED_FORM_CLOUD, "[" CLOUD ("4") "]", "r");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
  ask (fixture, WSED_FORM_CLOUD, "[" CLOUD ("4"), "syntax");
  ask (fixture, WSED_FORM_CLOUD, "", "syntax");
  ask (fixture, WSED_FORM_CLOUD, CLOUD ("4"), "a");
}

static void
test_cloud_batch (Fixture       *fixture,
                  gconstpointer  data)
{
  static const char * const bad[] = { "", " ", "[", "[" CLOUD ("1") ",]", "[" CLOUD ("1") "]x", CLOUD ("1") "x", "{", "[" CLOUD ("1") ",{\"a\":\"\xff\"}]" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      ask (fixture, WSED_FORM_CLOUD_BATCH, bad[i], "syntax");
      g_assert_cmpstr (fixture->published->str, ==, "");
    }
  /* One is no batch. */
  ask (fixture, WSED_FORM_CLOUD_BATCH, CLOUD ("1"), "invalid");
  ask (fixture, WSED_FORM_CLOUD_BATCH, "7", "invalid");
  ask (fixture, WSED_FORM_CLOUD_BATCH, "[]", "");
  g_assert_false (fixture->single);
  ask (fixture, WSED_FORM_CLOUD_BATCH, " [ " CLOUD ("1") " ]\n", "a");
  g_assert_false (fixture->single);
  ask (fixture, WSED_FORM_CLOUD_BATCH, "[" CLOUD ("1") "," CLOUD ("2") ",{\"data_base64\":\"\"},7," EVENT ("3") "," CLOUD ("4") "]", "darrra");
  g_assert_cmpstr (fixture->published->str, ==, "2,4,");
  g_assert_cmpstr (strstr (fixture->details->str, "unsup"), ==, data == NULL ? "unsupported_media_type,invalid,invalid,4@30,"
                                                                            : "unsupported_media_type,invalid,invalid,4@3,");
}

/* An object nested @depth levels deep in all, the event's own among them. */
static char *
nested (guint depth)
{
  GString *json = g_string_new ("{\"event_type\":\"t\",\"user_id\":\"u\",\"payload\":");

  for (guint i = 1; i < depth; i++)
    g_string_append_c (json, '[');
  for (guint i = 1; i < depth; i++)
    g_string_append_c (json, ']');
  g_string_append_c (json, '}');
  return g_string_free (json, FALSE);
}

static void
test_depth (Fixture       *fixture,
            gconstpointer  data)
{
  g_autofree char *fits = nested (WSE_MAX_DEPTH), *deep = nested (WSE_MAX_DEPTH + 1), *abyss = nested (100000);
  g_autofree char *array = g_strdup_printf ("[%s,%s,%s]", fits, deep, fits);
  g_autofree char *lines = g_strdup_printf ("%s\n%s\n%s", fits, deep, fits);
  g_autofree char *abyss_array = g_strdup_printf ("[%s,%s]", fits, abyss);

  ask (fixture, WSED_FORM_JSON, fits, "a");
  ask (fixture, WSED_FORM_JSON, deep, "r");
  g_assert_cmpstr (fixture->details->str, ==, "too_deep,");
  ask (fixture, WSED_FORM_JSON, array, "ara");
  ask (fixture, WSED_FORM_NDJSON, lines, "ara");
  ask (fixture, WSED_FORM_JSON, abyss, "r");
  g_assert_cmpstr (fixture->details->str, ==, "too_deep,");
  ask (fixture, WSED_FORM_JSON, abyss_array, "ar");
}

static void
test_size (Fixture       *fixture,
           gconstpointer  data)
{
  g_autofree char *array = g_strdup_printf ("[%s,%s]", EVENT ("2"), EVENT ("22"));
  g_autofree char *lines = g_strdup_printf ("  %s  \n%s", EVENT ("3"), EVENT ("33"));

  wsed_pipeline_set_limits (fixture->pipeline, strlen (EVENT ("1")), 1 << 20);
  ask (fixture, WSED_FORM_JSON, "  " EVENT ("1") "  ", "a");
  ask (fixture, WSED_FORM_JSON, EVENT ("11"), "r");
  g_assert_cmpstr (fixture->details->str, ==, "too_large,");
  ask (fixture, WSED_FORM_JSON, array, "ar");
  ask (fixture, WSED_FORM_NDJSON, lines, "ar");
}

static void
test_items (Fixture       *fixture,
            gconstpointer  data)
{
  g_autoptr (GString) array = g_string_new ("["), lines = g_string_new (NULL), all = g_string_new (NULL);

  for (guint i = 0; i < WSE_MAX_ITEMS; i++)
    {
      g_string_append (array, i > 0 ? ",1" : "1");
      g_string_append (lines, "1\n\n");
      g_string_append_c (all, 'r');
    }
  g_string_append_c (array, ']');
  ask (fixture, WSED_FORM_JSON, array->str, all->str);
  ask (fixture, WSED_FORM_NDJSON, lines->str, all->str);

  g_string_truncate (array, array->len - 1);
  g_string_append (array, "," EVENT ("1") "]");
  g_string_append (lines, EVENT ("1"));
  ask (fixture, WSED_FORM_JSON, array->str, "too_large");
  ask (fixture, WSED_FORM_NDJSON, lines->str, "too_large");
  ask (fixture, WSED_FORM_CLOUD_BATCH, array->str, "too_large");
  ask (fixture, WSED_FORM_JSON, EVENT ("1"), "a");
}

/* What is appended before the log fails is published, and the sender learns of the failure alone. */
static void
test_log_fails (Fixture       *fixture,
                gconstpointer  data)
{
  fixture->test_log->fail_at = 3;
  ask (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("1") "\n" EVENT ("2") "\nx\n" EVENT ("3") "\n" EVENT ("4"), "unavailable");
  g_assert_cmpstr (fixture->published->str, ==, "1,2,");
  ask (fixture, WSED_FORM_JSON, EVENT ("5"), "unavailable");
  g_assert_cmpstr (fixture->published->str, ==, "");

  fixture->test_log->fail_at = 0;
  ask (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("1") "\n" EVENT ("2") "\nx\n" EVENT ("3") "\n" EVENT ("4"), "dddraa");
}

static void
test_busy (Fixture       *fixture,
           gconstpointer  data)
{
  fixture->test_log->held = TRUE;
  wsed_pipeline_set_limits (fixture->pipeline, WSE_DEFAULT_MAX_EVENT, 1000);

  /* One alone is taken, however large; the next is not. */
  submit (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("2") "\n" EVENT ("3"), -1);
  g_assert_cmpuint (fixture->n_answers, ==, 0);
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 1);
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (fixture->pipeline), >, 1000);
  submit (fixture, WSED_FORM_JSON, EVENT ("4"), -1);
  g_assert_cmpstr (fixture->answer->str, ==, "busy");
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 1);

  test_log_release (fixture->test_log);
  g_string_truncate (fixture->answer, 0);
  wsed_inbox_run (fixture->inbox);
  g_assert_cmpstr (fixture->answer->str, ==, "aaa");
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (fixture->pipeline), ==, 0);

  /* Two fit in, the third would go beyond. */
  submit (fixture, WSED_FORM_JSON, EVENT ("a"), -1);
  submit (fixture, WSED_FORM_JSON, EVENT ("b"), -1);
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 2);
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (fixture->pipeline), <, 1000);
  submit (fixture, WSED_FORM_JSON, EVENT ("c"), -1);
  g_assert_cmpstr (fixture->answer->str, ==, "busy");
  test_log_release (fixture->test_log);
  wsed_inbox_run (fixture->inbox);
  g_assert_cmpstr (fixture->answer->str, ==, "busyaa");

  /* What waits for the subscribers counts as well. */
  fixture->test_log->held = FALSE;
  fixture->backlog = 1000;
  ask (fixture, WSED_FORM_JSON, EVENT ("4"), "busy");
  fixture->backlog = 100;
  ask (fixture, WSED_FORM_JSON, EVENT ("4"), "a");
}

static void
test_order (Fixture       *fixture,
            gconstpointer  data)
{
  fixture->test_log->held = TRUE;
  submit (fixture, WSED_FORM_JSON, EVENT ("1"), -1);
  submit (fixture, WSED_FORM_NDJSON, EVENT ("2") "\n" EVENT ("1"), -1);
  submit (fixture, WSED_FORM_JSON, EVENT ("3"), -1);
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 3);
  test_log_release (fixture->test_log);
  wsed_inbox_run (fixture->inbox);
  g_assert_cmpuint (fixture->n_answers, ==, 3);
  g_assert_cmpstr (fixture->answer->str, ==, "aada");
  g_assert_cmpstr (fixture->published->str, ==, "1,2,3,");
}

/* Mapped, routed and completed before it is kept. */
static void
test_chain (Fixture       *fixture,
            gconstpointer  data)
{
  const WsedEntry *entry;

  ask (fixture, WSED_FORM_JSON, "{\"event_type\":\"OrderPlaced\",\"user_id\":\"u\",\"event_id\":\"1\"}", "a");
  entry = g_hash_table_lookup (fixture->test_log->ids, "1");
  g_assert_cmpstr (entry->event->event_type, ==, "order_update");
  g_assert_cmpstr (entry->event->original_type, ==, "OrderPlaced");
  ask (fixture, WSED_FORM_JSON, "{\"type\":\"cache\",\"event_id\":\"2\",\"metadata\":{\"operation\":\"get\",\"key\":\"k\"}}", "a");
  entry = g_hash_table_lookup (fixture->test_log->ids, "2");
  g_assert_cmpstr (entry->event->channels[0], ==, "system");
  g_assert_cmpstr (entry->event->message, ==, "Cache GET: k");
}

static void
assert_metric (const char *line)
{
  g_autoptr (GString) text = g_string_new ("\n");
  g_autofree char *whole = g_strdup_printf ("\n%s\n", line);

  wsed_metrics_write_text (text);
  if (strstr (text->str, whole) == NULL)
    g_error ("no line “%s” in:%s", line, text->str);
}

static void
test_metrics (Fixture       *fixture,
              gconstpointer  data)
{
  ask (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("2") "\n" EVENT ("1") "\n{\n{\"event_type\":\"unwanted\",\"user_id\":\"u\"}\n"
       "{\"event_type\":\"lost\"}\n{\"event_type\":\"OrderPlaced\",\"user_id\":\"u\"}", "aadrxra");
  assert_metric ("wse_events_processed_total{event_type=\"t\",status=\"appended\"} 2");
  assert_metric ("wse_events_processed_total{event_type=\"t\",status=\"duplicate\"} 1");
  assert_metric ("wse_events_processed_total{event_type=\"other\",status=\"rejected\"} 1");
  assert_metric ("wse_events_processed_total{event_type=\"unwanted\",status=\"dropped\"} 1");
  assert_metric ("wse_events_processed_total{event_type=\"lost\",status=\"rejected\"} 1");
  assert_metric ("wse_events_processed_total{event_type=\"order_update\",status=\"appended\"} 1");
  assert_metric ("wse_event_latency_ms_count 3");
  assert_metric ("wse_event_latency_seconds_count 3");
  assert_metric ("wse_event_latency_seconds_bucket{le=\"+Inf\"} 3");
}

#define add(path, log, test) g_test_add (path, Fixture, log, fixture_set_up, test, fixture_tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  add ("/pipeline/single", NULL, test_single);
  add ("/pipeline/syntax", NULL, test_syntax);
  add ("/pipeline/array", NULL, test_array);
  add ("/pipeline/ndjson", NULL, test_ndjson);
  add ("/pipeline/cloud", NULL, test_cloud);
  add ("/pipeline/cloud-batch", NULL, test_cloud_batch);
  add ("/pipeline/first-seqs", NULL, test_first_seqs);
  add ("/pipeline/depth", NULL, test_depth);
  add ("/pipeline/size", NULL, test_size);
  add ("/pipeline/items", NULL, test_items);
  add ("/pipeline/log-fails", NULL, test_log_fails);
  add ("/pipeline/busy", NULL, test_busy);
  add ("/pipeline/order", NULL, test_order);
  add ("/pipeline/chain", NULL, test_chain);
  add ("/pipeline/metrics", NULL, test_metrics);
  add ("/pipeline/memory/single", "memory", test_single);
  add ("/pipeline/memory/syntax", "memory", test_syntax);
  add ("/pipeline/memory/array", "memory", test_array);
  add ("/pipeline/memory/ndjson", "memory", test_ndjson);
  add ("/pipeline/memory/cloud", "memory", test_cloud);
  add ("/pipeline/memory/cloud-batch", "memory", test_cloud_batch);
  add ("/pipeline/memory/depth", "memory", test_depth);
  add ("/pipeline/memory/items", "memory", test_items);
  return g_test_run ();
}
