/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every log does, whatever it keeps its events in. */

#include "log-fixture.h"

#include <string.h>

static void
test_append (gconstpointer data)
{
  LogFixture fixture;
  WsedAppend *append;
  guint64 low, head, n;
  char epoch[WSE_MAX_EPOCH_BYTES + 1], other[WSE_MAX_EPOCH_BYTES + 1];

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  append = log_append_events (&fixture, log_event ("a", "user:1"), log_event ("b", "user:2,global"),
                              log_event ("c", "user:1,global"), NULL);
  g_assert_no_error (append->error);
  g_assert_cmpuint (append->n_done, ==, 3);
  g_assert_cmpuint (append->entries[0]->seqs[0], ==, 1);
  g_assert_cmpuint (append->entries[1]->seqs[0], ==, 1);
  g_assert_cmpuint (append->entries[1]->seqs[1], ==, 1);
  g_assert_cmpuint (append->entries[2]->seqs[0], ==, 2);
  g_assert_cmpuint (append->entries[2]->seqs[1], ==, 2);
  g_assert_cmpuint (append->entries[0]->n, <, append->entries[1]->n);
  g_assert_cmpuint (append->entries[1]->n, <, append->entries[2]->n);
  g_assert_true (append->entries[0]->event == g_ptr_array_index (append->events, 0));
  n = append->entries[2]->n;
  wsed_append_free (append);
  log_heads (&fixture, "user:1", &low, &head, epoch);
  g_assert_cmpuint (low, ==, 0);
  g_assert_cmpuint (head, ==, 2);
  g_assert_cmpuint (strlen (epoch), >=, 1);
  log_heads (&fixture, "*", &low, &head, other);
  g_assert_cmpuint (head, ==, n);
  g_assert_cmpstr (epoch, ==, other);
  log_heads (&fixture, "user:nobody", &low, &head, other);
  g_assert_cmpuint (low, ==, 0);
  g_assert_cmpuint (head, ==, 0);
  g_assert_cmpstr (epoch, ==, other);
  log_fixture_clear (&fixture);
}

static void
test_identical (gconstpointer data)
{
  LogFixture fixture;
  const char *channels[] = { "user:ä", "role:b", "team:c", "session:d", "global", NULL };
  const char payload[] = "{\"n\":12345678901234567890,\"t\":\"\\u0000\"}";
  WseEventFields fields = {
    .event_type = "order_update", .original_type = "OrderPlaced", .id = "an id", .message = "grüße", .payload = payload,
    .payload_length = sizeof payload - 1, .channels = channels, .n_channels = 5, .timestamp = 253402300799999999, .latency = 1234567,
    .severity = WSE_SEVERITY_ERROR, .severity_given = TRUE,
  };
  WsedRead *read;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  wsed_append_free (log_append_events (&fixture, wse_event_new_from_fields (&fields), log_event ("plain", "global"), NULL));
  read = wsed_read_new (fixture.inbox, 10, 1000);
  wsed_read_add (read, "global", NULL, 0);
  log_read (&fixture, read);
  g_assert_cmpuint (read->entries->len, ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      WseEvent *event = ((WsedEntry *) g_ptr_array_index (read->entries, i))->event;

      g_assert_cmpstr (event->event_type, ==, i == 0 ? "order_update" : "tick");
      g_assert_cmpstr (event->original_type, ==, i == 0 ? "OrderPlaced" : NULL);
      g_assert_cmpstr (event->id, ==, i == 0 ? "an id" : "plain");
      g_assert_cmpstr (event->message, ==, i == 0 ? "grüße" : NULL);
      g_assert_cmpmem (event->payload, event->payload_length, i == 0 ? payload : "\"xxxxxxxxxx\"",
                       i == 0 ? sizeof payload - 1 : 12);
      g_assert_cmpint (event->timestamp, ==, i == 0 ? 253402300799999999 : 1700000000000000);
      g_assert_cmpint (event->latency, ==, i == 0 ? 1234567 : -1);
      g_assert_cmpint (event->severity, ==, i == 0 ? WSE_SEVERITY_ERROR : WSE_SEVERITY_INFO);
      g_assert_cmpint (event->severity_given, ==, i == 0);
      g_assert_cmpuint (event->n_channels, ==, i == 0 ? 5 : 1);
      for (guint k = 0; k < event->n_channels; k++)
        g_assert_cmpstr (event->channels[k], ==, i == 0 ? channels[k] : "global");
    }
  wsed_read_free (read);
  log_fixture_clear (&fixture);
}

static void
test_duplicates (gconstpointer data)
{
  LogFixture fixture;
  WsedAppend *append;
  WsedLogStats stats;
  guint64 low, head, n;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  append = log_append_events (&fixture, log_event ("a", "user:1,global"), log_event ("b", "user:1"),
                              log_event ("a", "user:1,team:x,global"),
                              log_event ("a", "user:2"), NULL);
  g_assert_cmpmem (append->duplicates, 4, "\0\0\1\0", 4);
  n = append->entries[0]->n;
  g_assert_cmpuint (append->entries[2]->n, ==, n);
  g_assert_cmpuint (append->entries[2]->seqs[0], ==, 1);
  g_assert_cmpuint (append->entries[2]->seqs[1], ==, 0);
  g_assert_cmpuint (append->entries[2]->seqs[2], ==, 1);
  wsed_append_free (append);
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (head, ==, 2);
  append = log_append_events (&fixture, log_event ("a", "user:1,global"), log_event ("c", "user:1"), log_event ("b", "user:1"),
                              NULL);
  g_assert_cmpmem (append->duplicates, 3, "\1\0\1", 3);
  g_assert_cmpuint (append->entries[0]->n, ==, n);
  g_assert_cmpuint (append->entries[0]->seqs[0], ==, 1);
  g_assert_cmpuint (append->entries[0]->seqs[1], ==, 1);
  g_assert_cmpuint (append->entries[1]->seqs[0], ==, 3);
  g_assert_cmpuint (append->entries[2]->seqs[0], ==, 2);
  wsed_append_free (append);
  log_heads (&fixture, "global", &low, &head, NULL);
  g_assert_cmpuint (head, ==, 1);
  wsed_log_get_stats (fixture.log, &stats);
  if (fixture.kind != LOG_REOPENED)
    {
      g_assert_cmpuint (stats.duplicates, ==, 3);
      g_assert_cmpuint (stats.appended, ==, 4);
    }
  g_assert_cmpuint (stats.queued_bytes, ==, 0);
  log_fixture_clear (&fixture);
}

static void
test_read (gconstpointer data)
{
  LogFixture fixture;
  WsedRead *read;
  g_autofree char *all = NULL, *paged = NULL, *rest = NULL, *none = NULL, *unknown = NULL, *beyond = NULL;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  log_append_many (&fixture, "x", 3, "user:2");
  log_append_many (&fixture, "e", 7, "user:1");
  all = log_read_ids (&fixture, "user:1", 0, 1000);
  g_assert_cmpstr (all, ==, "e1 e2 e3 e4 e5 e6 e7");
  paged = log_read_ids (&fixture, "user:1", 0, 3);
  g_assert_cmpstr (paged, ==, all);
  rest = log_read_ids (&fixture, "user:1", 5, 3);
  g_assert_cmpstr (rest, ==, "e6 e7");
  none = log_read_ids (&fixture, "user:1", 7, 3);
  g_assert_cmpstr (none, ==, "");
  unknown = log_read_ids (&fixture, "user:nobody", 0, 3);
  g_assert_cmpstr (unknown, ==, "");
  beyond = log_read_ids (&fixture, "user:1", 70, 3);
  g_assert_cmpstr (beyond, ==, "");
  read = wsed_read_new (fixture.inbox, 2, G_MAXSIZE);
  wsed_read_add (read, "user:1", NULL, 4);
  log_read (&fixture, read);
  g_assert_cmpuint (read->entries->len, ==, 2);
  g_assert_false (read->end);
  g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 0).seq, ==, 6);
  g_assert_cmpuint (read->n, ==, ((WsedEntry *) g_ptr_array_index (read->entries, 1))->n);
  g_assert_cmpuint (wsed_entry_get_seq (g_ptr_array_index (read->entries, 1), "user:1"), ==, 6);
  wsed_read_free (read);
  log_fixture_clear (&fixture);
}

static void
test_read_bytes (gconstpointer data)
{
  LogFixture fixture;
  WsedRead *read;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  wsed_append_free (log_append_events (&fixture, log_event_full ("1", "t", 0, "user:1", 200000),
                                       log_event_full ("2", "t", 0, "user:1", 100),
                                       log_event_full ("3", "t", 0, "user:1", 300), log_event_full ("4", "t", 0, "user:1",
                                                                                                    100), NULL));
  for (guint64 after = 0, given = 0; after < 4; after += given)
    {
      read = wsed_read_new (fixture.inbox, 1000, 450);
      wsed_read_add (read, "user:1", NULL, after);
      log_read (&fixture, read);
      given = read->entries->len;
      g_assert_cmpuint (given, ==, after == 0 ? 1 : after == 1 ? 2 : 1);
      g_assert_cmpint (read->end, ==, after == 3);
      wsed_read_free (read);
    }
  log_fixture_clear (&fixture);
}

static void
test_read_merged (gconstpointer data)
{
  LogFixture fixture;
  g_autoptr (GString) ids = g_string_new (NULL);
  guint64 seqs[3] = { 0, 0, 0 }, last = 0;
  gboolean end = FALSE;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  wsed_append_free (log_append_events (&fixture, log_event ("a", "user:1"), log_event ("b", "global"),
                                       log_event ("c", "user:1,global"),
                                       log_event ("d", "user:2"), log_event ("e", "team:x,global"), log_event ("f",
                                                                                                               "user:1"), NULL));
  while (!end)
    {
      WsedRead *read = wsed_read_new (fixture.inbox, 2, G_MAXSIZE);

      wsed_read_add (read, "user:1", NULL, seqs[0]);
      wsed_read_add (read, "global", NULL, seqs[1]);
      wsed_read_add (read, "team:x", NULL, seqs[2]);
      log_read (&fixture, read);
      for (guint i = 0; i < read->entries->len; i++)
        {
          WsedEntry *entry = g_ptr_array_index (read->entries, i);

          g_assert_cmpuint (entry->n, >, last);
          last = entry->n;
          g_string_append (ids, entry->event->id);
        }
      for (guint i = 0; i < 3; i++)
        seqs[i] = g_array_index (read->positions, WsedPosition, i).seq;
      g_assert_cmpuint (read->n, >=, last);
      end = read->end;
      wsed_read_free (read);
    }
  g_assert_cmpstr (ids->str, ==, "abcef");
  g_assert_cmpuint (seqs[0], ==, 3);
  g_assert_cmpuint (seqs[1], ==, 3);
  g_assert_cmpuint (seqs[2], ==, 1);
  log_fixture_clear (&fixture);
}

/* More than a page, a block and a row of the index hold. */
static void
test_read_many (gconstpointer data)
{
  LogFixture fixture;
  guint seen[2] = { 0, 0 };
  guint64 seqs[2] = { 0, 0 };
  gboolean end = FALSE;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  for (guint i = 0; i < 6; i++)
    {
      g_autofree char *one = g_strdup_printf ("o%u.", i), *two = g_strdup_printf ("t%u.", i);

      log_append_many (&fixture, one, 150, "user:1");
      log_append_many (&fixture, two, 50, "user:2,user:3");
    }
  while (!end)
    {
      WsedRead *read = wsed_read_new (fixture.inbox, 1000, G_MAXSIZE);

      wsed_read_add (read, "user:1", NULL, seqs[0]);
      wsed_read_add (read, "user:3", NULL, seqs[1]);
      log_read (&fixture, read);
      for (guint i = 0; i < read->entries->len; i++)
        {
          WsedEntry *entry = g_ptr_array_index (read->entries, i);
          gboolean third = strcmp (entry->event->channels[0], "user:2") == 0;

          g_assert_cmpuint (entry->seqs[third ? 1 : 0], ==, ++seen[third]);
        }
      for (guint i = 0; i < 2; i++)
        seqs[i] = g_array_index (read->positions, WsedPosition, i).seq;
      end = read->end;
      wsed_read_free (read);
    }
  g_assert_cmpuint (seen[0], ==, 900);
  g_assert_cmpuint (seen[1], ==, 300);
  log_fixture_clear (&fixture);
}

static void
test_read_all (gconstpointer data)
{
  LogFixture fixture;
  g_autofree char *all = NULL, *rest = NULL;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  wsed_append_free (log_append_events (&fixture, log_event ("a", "user:1"), log_event ("b", "global"),
                                       log_event ("c", "user:1,global"), NULL));
  wsed_append_free (log_append_events (&fixture, log_event ("d", "user:2"), NULL));
  all = log_read_ids (&fixture, "*", 0, 2);
  g_assert_cmpstr (all, ==, "a b c d");
  rest = log_read_ids (&fixture, "*", 2, 10);
  g_assert_cmpstr (rest, ==, "c d");
  log_fixture_clear (&fixture);
}

static void
test_filter (gconstpointer data)
{
  LogFixture fixture;
  const char *types[] = { "order", NULL };
  g_autoptr (WseFilter) orders = wse_filter_new (types, WSE_SEVERITY_INFO, NULL);
  g_autoptr (WseFilter) errors = wse_filter_new (NULL, WSE_SEVERITY_ERROR, NULL);
  WsedRead *read;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  wsed_append_free (log_append_events (&fixture, log_event_full ("a", "order", WSE_SEVERITY_INFO, "user:1", 1),
                                       log_event_full ("b", "tick", WSE_SEVERITY_ERROR, "user:1", 1),
                                       log_event_full ("c", "tick", WSE_SEVERITY_ERROR, "user:1,global", 1),
                                       log_event_full ("d", "order", WSE_SEVERITY_INFO, "user:1,global", 1), NULL));
  log_append_many (&fixture, "t", 300, "user:1");
  read = wsed_read_new (fixture.inbox, 10, G_MAXSIZE);
  wsed_read_add (read, "user:1", orders, 0);
  wsed_read_add (read, "global", errors, 0);
  log_read (&fixture, read);
  g_assert_cmpuint (read->entries->len, ==, 3);
  g_assert_cmpstr (((WsedEntry *) g_ptr_array_index (read->entries, 0))->event->id, ==, "a");
  g_assert_cmpstr (((WsedEntry *) g_ptr_array_index (read->entries, 1))->event->id, ==, "c");
  g_assert_cmpstr (((WsedEntry *) g_ptr_array_index (read->entries, 2))->event->id, ==, "d");
  g_assert_cmpuint (((WsedEntry *) g_ptr_array_index (read->entries, 1))->seqs[0], ==, 3);
  g_assert_true (read->end);
  g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 0).seq, ==, 304);
  g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 1).seq, ==, 2);
  wsed_read_free (read);
  log_fixture_clear (&fixture);
}

/* A filter that nothing passes does not keep the log busy for long: the request ends, its position moved on. */
static void
test_filter_bound (gconstpointer data)
{
  LogFixture fixture;
  g_autoptr (WseFilter) errors = wse_filter_new (NULL, WSE_SEVERITY_ERROR, NULL);
  guint64 after = 0;
  guint reads = 0;
  gboolean end = FALSE;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *prefix = g_strdup_printf ("%u.", i);

      log_append_many (&fixture, prefix, 5000, "user:1");
    }
  for (; !end; reads++)
    {
      WsedRead *read = wsed_read_new (fixture.inbox, 10, G_MAXSIZE);

      wsed_read_add (read, "user:1", errors, after);
      log_read (&fixture, read);
      g_assert_cmpuint (read->entries->len, ==, 0);
      g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 0).seq, >, after);
      after = g_array_index (read->positions, WsedPosition, 0).seq;
      end = read->end;
      wsed_read_free (read);
    }
  g_assert_cmpuint (reads, >, 1);
  g_assert_cmpuint (after, ==, 15000);
  log_fixture_clear (&fixture);
}

static void
test_locate_history (gconstpointer data)
{
  LogFixture fixture;
  const char *types[] = { "order", NULL };
  g_autoptr (WseFilter) orders = wse_filter_new (types, WSE_SEVERITY_INFO, NULL);
  GPtrArray *events = log_new_events ();

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  for (guint i = 1; i <= 1000; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);

      g_ptr_array_add (events, log_event_full (id, i % 100 == 0 ? "order" : "tick", WSE_SEVERITY_INFO, "user:1", 1));
    }
  wsed_append_free (log_append (&fixture, events));
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 10, 0, 1000), ==, 990);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 10, 0, 500), ==, 490);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 10, 0, 5), ==, 0);
  g_assert_cmpuint (log_locate (&fixture, "user:1", orders, 3, 0, 1000), ==, 799);
  g_assert_cmpuint (log_locate (&fixture, "user:1", orders, 3, 0, 999), ==, 699);
  g_assert_cmpuint (log_locate (&fixture, "user:1", orders, 50, 0, 1000), ==, 0);
  g_assert_cmpuint (log_locate (&fixture, "user:nobody", NULL, 50, 0, 0), ==, 0);
  g_assert_cmpuint (log_locate (&fixture, "*", NULL, 10, 0, 1000), ==, 990);
  g_assert_cmpuint (log_locate (&fixture, "*", orders, 2, 0, 1000), ==, 899);
  log_fixture_clear (&fixture);
}

static void
test_locate_n (gconstpointer data)
{
  LogFixture fixture;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  log_append_many (&fixture, "a", 10, "user:1");
  log_append_many (&fixture, "b", 10, "user:2");
  log_append_many (&fixture, "c", 10, "user:1");
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 0, 0, 0), ==, 0);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 0, 4, 0), ==, 4);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 0, 15, 0), ==, 10);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 0, 21, 0), ==, 11);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 0, 1000, 0), ==, 20);
  g_assert_cmpuint (log_locate (&fixture, "user:2", NULL, 0, 4, 0), ==, 0);
  g_assert_cmpuint (log_locate (&fixture, "*", NULL, 0, 4, 0), ==, 4);
  log_fixture_clear (&fixture);
}

/* A rare type is looked for in the last 100,000 events only. */
static void
test_locate_lookback (gconstpointer data)
{
  LogFixture fixture;
  const char *types[] = { "order", NULL };
  g_autoptr (WseFilter) orders = wse_filter_new (types, WSE_SEVERITY_INFO, NULL);

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  wsed_append_free (log_append_events (&fixture, log_event_full ("rare", "order", WSE_SEVERITY_INFO, "user:1", 1), NULL));
  for (guint i = 0; i < 21; i++)
    {
      g_autofree char *prefix = g_strdup_printf ("%u.", i);

      log_append_many (&fixture, prefix, 5000, "user:1");
    }
  g_assert_cmpuint (log_locate (&fixture, "user:1", orders, 1, 0, 105001), ==, 5001);
  g_assert_cmpuint (log_locate (&fixture, "user:1", orders, 1, 0, 100000), ==, 0);
  log_fixture_clear (&fixture);
}

static void
test_close (gconstpointer data)
{
  LogFixture fixture;
  GPtrArray *events = log_new_events ();
  WsedAppend *append, *late;
  WsedLogStats stats;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), NULL);
  g_ptr_array_add (events, log_event ("a", "user:1"));
  append = wsed_append_new (events, fixture.inbox);
  wsed_log_append (fixture.log, append);
  /* What was sent before is answered by then. */
  wsed_log_close (fixture.log);
  g_assert_true (wsed_inbox_take (fixture.inbox) == &append->message);
  g_assert_no_error (append->error);
  wsed_append_free (append);
  events = log_new_events ();
  g_ptr_array_add (events, log_event ("b", "user:1"));
  late = log_append (&fixture, events);
  g_assert_error (late->error, WSE_ERROR, WSE_ERROR_UNAVAILABLE);
  g_assert_cmpuint (late->n_done, ==, 0);
  wsed_append_free (late);
  wsed_log_get_stats (fixture.log, &stats);
  g_assert_cmpint (stats.state, ==, WSED_LOG_DOWN);
  log_fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_test_add ("append", test_append, TRUE);
  log_test_add ("identical", test_identical, TRUE);
  log_test_add ("duplicates", test_duplicates, TRUE);
  log_test_add ("read", test_read, TRUE);
  log_test_add ("read-bytes", test_read_bytes, TRUE);
  log_test_add ("read-merged", test_read_merged, TRUE);
  log_test_add ("read-many", test_read_many, TRUE);
  log_test_add ("read-all", test_read_all, TRUE);
  log_test_add ("filter", test_filter, TRUE);
  log_test_add ("filter-bound", test_filter_bound, TRUE);
  log_test_add ("locate-history", test_locate_history, TRUE);
  log_test_add ("locate-n", test_locate_n, TRUE);
  log_test_add ("locate-lookback", test_locate_lookback, FALSE);
  log_test_add ("close", test_close, FALSE);
  return g_test_run ();
}
