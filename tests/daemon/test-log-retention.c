/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What no log keeps: too many, too old, too much; and what is known of it then. */

#include "log-fixture.h"

/* An id is remembered longer than its event. */
static void
test_duplicate_of_trimmed (gconstpointer data)
{
  LogFixture fixture;
  WsedRetention retention = { .max_events = 2 };
  WsedAppend *append;
  guint64 low, head;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), &retention);
  log_append_many (&fixture, "e", 500, "user:1");
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (low, ==, 498);
  append = log_append_events (&fixture, log_event ("e1", "user:1"), NULL);
  g_assert_cmpint (append->duplicates[0], ==, 1);
  g_assert_cmpuint (append->entries[0]->seqs[0], ==, 1);
  wsed_append_free (append);
  log_fixture_clear (&fixture);
}

static void
test_trim_count (gconstpointer data)
{
  LogFixture fixture;
  WsedRetention retention = { .max_events = 5 };
  g_autofree char *kept = NULL, *more = NULL;
  guint64 low, head;
  WsedRead *read;
  WsedEntry *entry;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), &retention);
  wsed_append_free (log_append_events (&fixture, log_event ("both", "user:1,user:2"), NULL));
  log_append_many (&fixture, "e", 8, "user:1");
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (low, ==, 4);
  g_assert_cmpuint (head, ==, 9);
  kept = log_read_ids (&fixture, "user:1", 0, 10);
  g_assert_cmpstr (kept, ==, "e4 e5 e6 e7 e8");
  read = wsed_read_new (fixture.inbox, 10, G_MAXSIZE);
  wsed_read_add (read, "user:1", NULL, 2);
  wsed_read_add (read, "user:2", NULL, 0);
  log_read (&fixture, read);
  g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 0).low, ==, 4);
  g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 1).low, ==, 0);
  g_assert_cmpuint (read->entries->len, ==, 6);
  /* Gone from one channel it is still in the other, and no longer counts in the first. */
  entry = g_ptr_array_index (read->entries, 0);
  g_assert_cmpstr (entry->event->id, ==, "both");
  g_assert_cmpuint (entry->event->n_channels, ==, 2);
  g_assert_cmpuint (entry->seqs[0], ==, 0);
  g_assert_cmpuint (entry->seqs[1], ==, 1);
  wsed_read_free (read);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 100, 0, 9), ==, 4);
  g_assert_cmpuint (log_locate (&fixture, "user:1", NULL, 0, 1, 9), ==, 4);
  log_append_many (&fixture, "f", 2, "user:1");
  more = log_read_ids (&fixture, "user:1", 0, 2);
  g_assert_cmpstr (more, ==, "e6 e7 e8 f1 f2");
  log_fixture_clear (&fixture);
}

/* What "*" lost is told before what comes behind it, never passed over. */
static void
test_trim_holes (gconstpointer data)
{
  LogFixture fixture;
  WsedRetention retention = { .max_events = 2 };
  guint64 after = 0, lost = 0;
  g_autoptr (GString) story = g_string_new (NULL);
  gboolean end = FALSE;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), &retention);
  log_append_many (&fixture, "q", 1, "user:quiet");
  log_append_many (&fixture, "b", 6, "user:busy");
  log_heads (&fixture, "*", &lost, &after, NULL);
  g_assert_cmpuint (lost, ==, 0);
  g_assert_cmpuint (after, ==, 7);
  for (after = 0; !end;)
    {
      WsedRead *read = wsed_read_new (fixture.inbox, 100, G_MAXSIZE);
      WsedPosition *position;

      wsed_read_add (read, "*", NULL, after);
      log_read (&fixture, read);
      position = &g_array_index (read->positions, WsedPosition, 0);
      if (position->low > after)
        g_string_append_printf (story, "[%" G_GUINT64_FORMAT "]", position->low);
      for (guint i = 0; i < read->entries->len; i++)
        g_string_append (story, ((WsedEntry *) g_ptr_array_index (read->entries, i))->event->id);
      after = position->seq;
      end = read->end;
      wsed_read_free (read);
    }
  g_assert_cmpstr (story->str, ==, "q1[5]b5b6");
  log_append_many (&fixture, "r", 3, "user:quiet");
  log_heads (&fixture, "*", &lost, &after, NULL);
  g_assert_cmpuint (lost, ==, 5);
  log_fixture_clear (&fixture);
}

static void
test_trim_age (gconstpointer data)
{
  LogFixture fixture;
  WsedRetention retention = { .max_age = 300 * 1000 };
  g_autofree char *none = NULL, *fresh = NULL;
  guint64 low, head;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), &retention);
  log_append_many (&fixture, "e", 100, "user:1,global");
  log_wait_low (&fixture, "user:1", 100);
  none = log_read_ids (&fixture, "user:1", 0, 10);
  g_assert_cmpstr (none, ==, "");
  /* A channel whose events have all expired keeps counting. */
  log_append_many (&fixture, "f", 2, "user:1");
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (head, ==, 102);
  log_heads (&fixture, "global", &low, &head, NULL);
  g_assert_cmpuint (low, ==, 100);
  g_assert_cmpuint (head, ==, 100);
  log_wait_low (&fixture, "*", 102);
  log_fixture_clear (&fixture);
}

static void
test_trim_bytes (gconstpointer data)
{
  LogFixture fixture;
  WsedRetention retention = { .max_bytes = 1024 * 1024 };
  WsedLogStats stats;
  guint64 low, head;
  WsedRead *read;

  log_fixture_init (&fixture, GPOINTER_TO_UINT (data), &retention);
  log_append_many (&fixture, "old", 10, "user:old");
  for (guint i = 0; i < 40; i++)
    {
      GPtrArray *events = log_new_events ();

      for (guint k = 0; k < 100; k++)
        {
          g_autofree char *id = g_strdup_printf ("%u.%u", i, k);

          g_ptr_array_add (events, log_event_full (id, "tick", WSE_SEVERITY_INFO, "user:1", 1000));
        }
      wsed_append_free (log_append (&fixture, events));
    }
  log_wait_low (&fixture, "user:old", 10);
  log_wait_low (&fixture, "user:1", 2800);
  log_heads (&fixture, "user:1", &low, &head, NULL);
  g_assert_cmpuint (head, ==, 4000);
  /* What is below low goes in small steps: each question here is answered between two of them. */
  do
    {
      log_heads (&fixture, "user:1", &low, &head, NULL);
      wsed_log_get_stats (fixture.log, &stats);
    }
  while (stats.bytes > 1024 * 1024 + 64 * 1024 || stats.events >= 1200);
  /* Most of what there is room for stays. */
  g_assert_cmpuint (low, <, 3400);
  read = wsed_read_new (fixture.inbox, 1, G_MAXSIZE);
  wsed_read_add (read, "user:1", NULL, 7);
  log_read (&fixture, read);
  g_assert_cmpuint (g_array_index (read->positions, WsedPosition, 0).low, >=, low);
  g_assert_cmpuint (wsed_entry_get_seq (g_ptr_array_index (read->entries, 0), "user:1"), ==,
                    g_array_index (read->positions, WsedPosition, 0).low + 1);
  wsed_read_free (read);
  log_fixture_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_test_add ("duplicate-of-trimmed", test_duplicate_of_trimmed, TRUE);
  log_test_add ("trim-count", test_trim_count, TRUE);
  log_test_add ("trim-holes", test_trim_holes, TRUE);
  log_test_add ("trim-age", test_trim_age, TRUE);
  log_test_add ("trim-bytes", test_trim_bytes, TRUE);
  return g_test_run ();
}
