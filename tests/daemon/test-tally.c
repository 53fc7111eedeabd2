/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pipeline's metrics as an operator reads them: by type and outcome, as many types as are allowed, and how long events took. */

#include "metrics/wsed-metrics.h"
#include "pipeline/wsed-tally.h"

static void
assert_line (const char *line)
{
  g_autoptr (GString) text = g_string_new ("\n");
  g_autofree char *whole = g_strdup_printf ("\n%s\n", line);

  wsed_metrics_write_text (text);
  if (strstr (text->str, whole) == NULL)
    g_error ("no line “%s” in:%s", line, text->str);
}

static void
test_outcomes (void)
{
  WsedTally *tally = wsed_tally_new ();

  wsed_tally_count (tally, "a", WSED_OUTCOME_APPENDED);
  wsed_tally_count (tally, "b", WSED_OUTCOME_APPENDED);
  wsed_tally_count (tally, "a", WSED_OUTCOME_APPENDED);
  wsed_tally_count (tally, "a", WSED_OUTCOME_DUPLICATE);
  wsed_tally_count (tally, "b", WSED_OUTCOME_DROPPED);
  wsed_tally_count (tally, "b", WSED_OUTCOME_REJECTED);
  wsed_tally_count (tally, NULL, WSED_OUTCOME_REJECTED);
  assert_line ("wse_events_processed_total{event_type=\"a\",status=\"appended\"} 2");
  assert_line ("wse_events_processed_total{event_type=\"b\",status=\"appended\"} 1");
  assert_line ("wse_events_processed_total{event_type=\"a\",status=\"duplicate\"} 1");
  assert_line ("wse_events_processed_total{event_type=\"b\",status=\"dropped\"} 1");
  assert_line ("wse_events_processed_total{event_type=\"b\",status=\"rejected\"} 1");
  assert_line ("wse_events_processed_total{event_type=\"other\",status=\"rejected\"} 1");
  wsed_tally_free (tally);
  wsed_metrics_reset ();
}

static void
test_many_types (void)
{
  WsedTally *tally = wsed_tally_new ();

  for (guint i = 0; i < 210; i++)
    {
      g_autofree char *type = g_strdup_printf ("type%u", i);

      for (guint outcome = 0; outcome <= WSED_OUTCOME_REJECTED; outcome++)
        wsed_tally_count (tally, type, outcome);
    }
  assert_line ("wse_events_processed_total{event_type=\"type199\",status=\"appended\"} 1");
  assert_line ("wse_events_processed_total{event_type=\"type199\",status=\"rejected\"} 1");
  assert_line ("wse_events_processed_total{event_type=\"other\",status=\"appended\"} 10");
  assert_line ("wse_events_processed_total{event_type=\"other\",status=\"dropped\"} 10");

  /* A type that has a series keeps it, one that came too late gets none. */
  wsed_tally_count (tally, "type0", WSED_OUTCOME_APPENDED);
  wsed_tally_count (tally, "type200", WSED_OUTCOME_APPENDED);
  assert_line ("wse_events_processed_total{event_type=\"type0\",status=\"appended\"} 2");
  assert_line ("wse_events_processed_total{event_type=\"other\",status=\"appended\"} 11");
  wsed_tally_free (tally);
  wsed_metrics_reset ();
}

static void
test_time (void)
{
  WsedTally *tally = wsed_tally_new ();

  wsed_tally_time (tally, 20000, 3);
  wsed_tally_time (tally, 2000000, 1);
  assert_line ("wse_event_latency_ms_bucket{le=\"10\"} 0");
  assert_line ("wse_event_latency_ms_bucket{le=\"25\"} 3");
  assert_line ("wse_event_latency_ms_bucket{le=\"1000\"} 3");
  assert_line ("wse_event_latency_ms_bucket{le=\"+Inf\"} 4");
  assert_line ("wse_event_latency_ms_sum 2060");
  assert_line ("wse_event_latency_seconds_bucket{le=\"0.01\"} 0");
  assert_line ("wse_event_latency_seconds_bucket{le=\"0.025\"} 3");
  assert_line ("wse_event_latency_seconds_bucket{le=\"1\"} 3");
  assert_line ("wse_event_latency_seconds_count 4");
  assert_line ("wse_event_latency_seconds_sum 2.06");
  wsed_tally_free (tally);
  wsed_metrics_reset ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tally/outcomes", test_outcomes);
  g_test_add_func ("/tally/many-types", test_many_types);
  g_test_add_func ("/tally/time", test_time);
  return g_test_run ();
}
