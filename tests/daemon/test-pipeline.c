/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What becomes of a submission, item by item, with a log that does as it is told and with the one in memory. */

#include "pipeline-fixture.h"

#include <string.h>

#include "metrics/wsed-metrics.h"

#define EVENT(id) "{\"event_type\":\"t\",\"user_id\":\"u\",\"event_id\":\"" id "\"}"

static void
test_single (PipelineFixture *fixture,
             gconstpointer    data)
{
  pipeline_ask (fixture, WSED_FORM_JSON, " \r\n" EVENT ("1") "\n", "a");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->published->str, ==, "1,");

  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("1"), "d");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->published->str, ==, "");

  pipeline_ask (fixture, WSED_FORM_JSON, "{\"event_type\":\"unwanted\",\"user_id\":\"u\",\"event_id\":\"2\"}", "x");
  g_assert_cmpstr (fixture->details->str, ==, "2,");
  pipeline_ask (fixture, WSED_FORM_JSON, "{\"event_type\":\"t\"}", "r");
  g_assert_cmpstr (fixture->details->str, ==, "no_route,");
  pipeline_ask (fixture, WSED_FORM_JSON, "{\"user_id\":\"u\"}", "r");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
  pipeline_ask (fixture, WSED_FORM_JSON, "7", "r");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
}

static void
test_syntax (PipelineFixture *fixture,
             gconstpointer    data)
{
  static const char * const bad[] = {
    "", " \r\n\t", "{", "{\"event_type\":\"t\",\"user_id\":\"u\",}", "{} {}", "nul", "\xef\xbb\xbf{}", "{\"event_type\":\"\xff\"}",
    "[", "[" EVENT ("1"), "[" EVENT ("1") "," EVENT ("2") ",]", "[" EVENT ("1") "] x", "[" EVENT ("1") ",{\"a\":\"\xff\"}]",
    "[" EVENT ("1") " " EVENT ("2") "]",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      pipeline_ask (fixture, WSED_FORM_JSON, bad[i], "syntax");
      g_assert_cmpstr (fixture->published->str, ==, "");
    }
  pipeline_ask (fixture, WSED_FORM_NDJSON, "", "syntax");
  pipeline_ask (fixture, WSED_FORM_NDJSON, "\n \r\n\t\n", "syntax");
  pipeline_submit (fixture, WSED_FORM_JSON, NULL, 0);
  g_assert_cmpstr (fixture->answer->str, ==, "syntax");
  /* Nothing of all that was kept. */
  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("1"), "a");
}

static void
test_array (PipelineFixture *fixture,
            gconstpointer    data)
{
  pipeline_ask (fixture, WSED_FORM_JSON, "[]", "");
  g_assert_false (fixture->single);
  pipeline_ask (fixture, WSED_FORM_JSON, "[ " EVENT ("1") " ]", "a");
  g_assert_false (fixture->single);
  pipeline_ask (fixture, WSED_FORM_JSON,
       "[" EVENT ("1") "," EVENT ("2") ",7,{\"event_type\":\"unwanted\",\"user_id\":\"u\",\"event_id\":\"3\"}," EVENT ("2") "," EVENT ("4")
       ",{\"event_type\":\"t\"}]\n", "darxdar");
  g_assert_cmpstr (fixture->published->str, ==, "2,4,");
  pipeline_ask (fixture, WSED_FORM_JSON, "[1,[],null,\"\"]", "rrrr");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,invalid,invalid,invalid,");
}

static void
test_ndjson (PipelineFixture *fixture,
             gconstpointer    data)
{
  pipeline_ask (fixture, WSED_FORM_NDJSON, EVENT ("1"), "a");
  g_assert_false (fixture->single);
  pipeline_ask (fixture, WSED_FORM_NDJSON, "\n\r\n" EVENT ("2") "\r\n  \t\n" EVENT ("3") " \n{\n" EVENT ("4") "x\n{\"event_type\":\"\xff\"}\n" EVENT ("5"),
       "aarrra");
  g_assert_cmpstr (fixture->published->str, ==, "2,3,5,");
  g_assert_cmpstr (fixture->details->str, ==, data == NULL ? "2@20,3@30,syntax,syntax,syntax,5@40," : "2@2,3@3,syntax,syntax,syntax,5@4,");
  /* An array is no event; within NDJSON it is not taken apart. */
  pipeline_ask (fixture, WSED_FORM_NDJSON, "[" EVENT ("6") "]\n" EVENT ("7"), "ra");
}

static void
test_first_seqs (PipelineFixture *fixture,
                 gconstpointer    data)
{
  pipeline_ask (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("2") "\n" EVENT ("1"), "aad");
  g_assert_cmpstr (fixture->details->str, ==, "1@10,2@20,1@10,");
  g_assert_cmpuint (fixture->test_log->n_appends, ==, 1);
  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("2"), "d");
  g_assert_cmpstr (fixture->details->str, ==, "2@20,");
}

#define CLOUD(id) "{\"specversion\":\"1.0\",\"id\":\"" id "\",\"source\":\"/s\",\"type\":\"t\",\"userid\":\"u\"}"

static void
test_cloud (PipelineFixture *fixture,
            gconstpointer    data)
{
  pipeline_ask (fixture, WSED_FORM_CLOUD, " \r\n" CLOUD ("1") "\n", "a");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->published->str, ==, "1,");
  /* One id, whatever the form. */
  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("1"), "d");
  pipeline_ask (fixture, WSED_FORM_CLOUD, CLOUD ("1"), "d");
  g_assert_true (fixture->single);

  pipeline_ask (fixture, WSED_FORM_CLOUD, "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/s\",\"type\":\"unwanted\",\"userid\":\"u\"}", "x");
  g_assert_cmpstr (fixture->details->str, ==, "2,");
  pipeline_ask (fixture, WSED_FORM_CLOUD, "{\"specversion\":\"1.0\",\"id\":\"3\",\"source\":\"/s\",\"type\":\"t\"}", "r");
  g_assert_cmpstr (fixture->details->str, ==, "no_route,");
  pipeline_ask (fixture, WSED_FORM_CLOUD, EVENT ("4"), "r");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
  pipeline_ask (fixture, WSED_FORM_JSON, CLOUD ("4"), "r");
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
  pipeline_ask (fixture, WSED_FORM_CLOUD, "{\"data_base64\":\"\"}", "r");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->details->str, ==, "unsupported_media_type,");
  /* Several are no event. */
  pipeline_ask (fixture, WSED_FORM_CLOUD, "[" CLOUD ("4") "]", "r");
  g_assert_true (fixture->single);
  g_assert_cmpstr (fixture->details->str, ==, "invalid,");
  pipeline_ask (fixture, WSED_FORM_CLOUD, "[" CLOUD ("4"), "syntax");
  pipeline_ask (fixture, WSED_FORM_CLOUD, "", "syntax");
  pipeline_ask (fixture, WSED_FORM_CLOUD, CLOUD ("4"), "a");
}

static void
test_cloud_batch (PipelineFixture *fixture,
                  gconstpointer    data)
{
  static const char * const bad[] = { "", " ", "[", "[" CLOUD ("1") ",]", "[" CLOUD ("1") "]x", CLOUD ("1") "x", "{", "[" CLOUD ("1") ",{\"a\":\"\xff\"}]" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      pipeline_ask (fixture, WSED_FORM_CLOUD_BATCH, bad[i], "syntax");
      g_assert_cmpstr (fixture->published->str, ==, "");
    }
  /* One is no batch. */
  pipeline_ask (fixture, WSED_FORM_CLOUD_BATCH, CLOUD ("1"), "invalid");
  pipeline_ask (fixture, WSED_FORM_CLOUD_BATCH, "7", "invalid");
  pipeline_ask (fixture, WSED_FORM_CLOUD_BATCH, "[]", "");
  g_assert_false (fixture->single);
  pipeline_ask (fixture, WSED_FORM_CLOUD_BATCH, " [ " CLOUD ("1") " ]\n", "a");
  g_assert_false (fixture->single);
  pipeline_ask (fixture, WSED_FORM_CLOUD_BATCH, "[" CLOUD ("1") "," CLOUD ("2") ",{\"data_base64\":\"\"},7," EVENT ("3") "," CLOUD ("4") "]", "darrra");
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
test_depth (PipelineFixture *fixture,
            gconstpointer    data)
{
  g_autofree char *fits = nested (WSE_MAX_DEPTH), *deep = nested (WSE_MAX_DEPTH + 1), *abyss = nested (100000);
  g_autofree char *array = g_strdup_printf ("[%s,%s,%s]", fits, deep, fits);
  g_autofree char *lines = g_strdup_printf ("%s\n%s\n%s", fits, deep, fits);
  g_autofree char *abyss_array = g_strdup_printf ("[%s,%s]", fits, abyss);

  pipeline_ask (fixture, WSED_FORM_JSON, fits, "a");
  pipeline_ask (fixture, WSED_FORM_JSON, deep, "r");
  g_assert_cmpstr (fixture->details->str, ==, "too_deep,");
  pipeline_ask (fixture, WSED_FORM_JSON, array, "ara");
  pipeline_ask (fixture, WSED_FORM_NDJSON, lines, "ara");
  pipeline_ask (fixture, WSED_FORM_JSON, abyss, "r");
  g_assert_cmpstr (fixture->details->str, ==, "too_deep,");
  pipeline_ask (fixture, WSED_FORM_JSON, abyss_array, "ar");
}

static void
test_size (PipelineFixture *fixture,
           gconstpointer    data)
{
  g_autofree char *array = g_strdup_printf ("[%s,%s]", EVENT ("2"), EVENT ("22"));
  g_autofree char *lines = g_strdup_printf ("  %s  \n%s", EVENT ("3"), EVENT ("33"));

  wsed_pipeline_set_limits (fixture->pipeline, strlen (EVENT ("1")), 1 << 20);
  pipeline_ask (fixture, WSED_FORM_JSON, "  " EVENT ("1") "  ", "a");
  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("11"), "r");
  g_assert_cmpstr (fixture->details->str, ==, "too_large,");
  pipeline_ask (fixture, WSED_FORM_JSON, array, "ar");
  pipeline_ask (fixture, WSED_FORM_NDJSON, lines, "ar");
}

static void
test_items (PipelineFixture *fixture,
            gconstpointer    data)
{
  g_autoptr (GString) array = g_string_new ("["), lines = g_string_new (NULL), all = g_string_new (NULL);

  for (guint i = 0; i < WSE_MAX_ITEMS; i++)
    {
      g_string_append (array, i > 0 ? ",1" : "1");
      g_string_append (lines, "1\n\n");
      g_string_append_c (all, 'r');
    }
  g_string_append_c (array, ']');
  pipeline_ask (fixture, WSED_FORM_JSON, array->str, all->str);
  pipeline_ask (fixture, WSED_FORM_NDJSON, lines->str, all->str);

  g_string_truncate (array, array->len - 1);
  g_string_append (array, "," EVENT ("1") "]");
  g_string_append (lines, EVENT ("1"));
  pipeline_ask (fixture, WSED_FORM_JSON, array->str, "too_large");
  pipeline_ask (fixture, WSED_FORM_NDJSON, lines->str, "too_large");
  pipeline_ask (fixture, WSED_FORM_CLOUD_BATCH, array->str, "too_large");
  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("1"), "a");
}

/* What is appended before the log fails is published, and the sender learns of the failure alone. */
static void
test_log_fails (PipelineFixture *fixture,
                gconstpointer    data)
{
  fixture->test_log->fail_at = 3;
  pipeline_ask (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("1") "\n" EVENT ("2") "\nx\n" EVENT ("3") "\n" EVENT ("4"), "unavailable");
  g_assert_cmpstr (fixture->published->str, ==, "1,2,");
  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("5"), "unavailable");
  g_assert_cmpstr (fixture->published->str, ==, "");

  fixture->test_log->fail_at = 0;
  pipeline_ask (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("1") "\n" EVENT ("2") "\nx\n" EVENT ("3") "\n" EVENT ("4"), "dddraa");
}

static void
test_busy (PipelineFixture *fixture,
           gconstpointer    data)
{
  fixture->test_log->held = TRUE;
  wsed_pipeline_set_limits (fixture->pipeline, WSE_DEFAULT_MAX_EVENT, 1000);

  /* One alone is taken, however large; the next is not. */
  pipeline_submit (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("2") "\n" EVENT ("3"), -1);
  g_assert_cmpuint (fixture->n_answers, ==, 0);
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 1);
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (fixture->pipeline), >, 1000);
  pipeline_submit (fixture, WSED_FORM_JSON, EVENT ("4"), -1);
  g_assert_cmpstr (fixture->answer->str, ==, "busy");
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 1);

  test_log_release (fixture->test_log);
  g_string_truncate (fixture->answer, 0);
  wsed_inbox_run (fixture->inbox);
  g_assert_cmpstr (fixture->answer->str, ==, "aaa");
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (fixture->pipeline), ==, 0);

  /* Two fit in, the third would go beyond. */
  pipeline_submit (fixture, WSED_FORM_JSON, EVENT ("a"), -1);
  pipeline_submit (fixture, WSED_FORM_JSON, EVENT ("b"), -1);
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 2);
  g_assert_cmpuint (wsed_pipeline_get_queued_bytes (fixture->pipeline), <, 1000);
  pipeline_submit (fixture, WSED_FORM_JSON, EVENT ("c"), -1);
  g_assert_cmpstr (fixture->answer->str, ==, "busy");
  test_log_release (fixture->test_log);
  wsed_inbox_run (fixture->inbox);
  g_assert_cmpstr (fixture->answer->str, ==, "busyaa");

  /* What waits for the subscribers counts as well. */
  fixture->test_log->held = FALSE;
  fixture->backlog = 1000;
  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("4"), "busy");
  fixture->backlog = 100;
  pipeline_ask (fixture, WSED_FORM_JSON, EVENT ("4"), "a");
}

static void
test_order (PipelineFixture *fixture,
            gconstpointer    data)
{
  fixture->test_log->held = TRUE;
  pipeline_submit (fixture, WSED_FORM_JSON, EVENT ("1"), -1);
  pipeline_submit (fixture, WSED_FORM_NDJSON, EVENT ("2") "\n" EVENT ("1"), -1);
  pipeline_submit (fixture, WSED_FORM_JSON, EVENT ("3"), -1);
  g_assert_cmpuint (wsed_pipeline_get_pending (fixture->pipeline), ==, 3);
  test_log_release (fixture->test_log);
  wsed_inbox_run (fixture->inbox);
  g_assert_cmpuint (fixture->n_answers, ==, 3);
  g_assert_cmpstr (fixture->answer->str, ==, "aada");
  g_assert_cmpstr (fixture->published->str, ==, "1,2,3,");
}

/* Mapped, routed and completed before it is kept. */
static void
test_chain (PipelineFixture *fixture,
            gconstpointer    data)
{
  const WsedEntry *entry;

  pipeline_ask (fixture, WSED_FORM_JSON, "{\"event_type\":\"OrderPlaced\",\"user_id\":\"u\",\"event_id\":\"1\"}", "a");
  entry = g_hash_table_lookup (fixture->test_log->ids, "1");
  g_assert_cmpstr (entry->event->event_type, ==, "order_update");
  g_assert_cmpstr (entry->event->original_type, ==, "OrderPlaced");
  pipeline_ask (fixture, WSED_FORM_JSON, "{\"type\":\"cache\",\"event_id\":\"2\",\"metadata\":{\"operation\":\"get\",\"key\":\"k\"}}", "a");
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
test_metrics (PipelineFixture *fixture,
              gconstpointer    data)
{
  pipeline_ask (fixture, WSED_FORM_NDJSON, EVENT ("1") "\n" EVENT ("2") "\n" EVENT ("1") "\n{\n{\"event_type\":\"unwanted\",\"user_id\":\"u\"}\n"
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

#define add(path, log, test) g_test_add (path, PipelineFixture, log, pipeline_fixture_set_up, test, pipeline_fixture_tear_down)

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
