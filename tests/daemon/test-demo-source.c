/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The demo: what it makes of /proc, what it plays, and that both go through the pipeline into the log. */
#include <glib/gstdio.h>
#include <string.h>

#include "log/wsed-memory-log.h"
#include "source/wsed-demo-session.h"
#include "source/wsed-demo-source.h"
#include "source/wsed-proc-readings.h"
#include "wse.h"

static void
put (const char *root, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (root, name, NULL);
  g_autofree char *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
drop (const char *root)
{
  static const char *const names[] = { "stat", "meminfo", "diskstats", "net/dev", "net", "" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (root, names[i], NULL);

      g_remove (path);
    }
}

static void
test_readings (void)
{
  g_autofree char *root = g_dir_make_tmp ("wsed-proc-XXXXXX", NULL);
  WsedProcCounts before, after;
  WsedProcReadings readings;

  put (root, "stat", "cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 1 2 3 4 5 6 7 8\n");
  put (root, "meminfo", "MemTotal:        4000 kB\nMemFree:  10 kB\nMemAvailable:    1000 kB\n");
  put (root, "diskstats", " 7 0 loop0 1 2 3 4 5 6 7 8 9 99999 11\n 254 0 vda 1 2 3 4 5 6 7 8 9 1000 11 0 0\n 254 1 vda1 1 2 3 4 5 6 7 8 9 900 11\n");
  put (root, "net/dev", "Inter-|   Receive\n face |bytes\n    lo: 999 0 0 0 0 0 0 0 999 0\n  eth0:1000 1 0 0 0 0 0 0 500 1 0\n");
  wsed_proc_count (root, &before);
  put (root, "stat", "cpu  175 0 50 825 50 0 0 0 9 0\n");
  put (root, "diskstats", " 254 0 vda 1 2 3 4 5 6 7 8 9 1500 11 0 0\n");
  put (root, "net/dev", "  eth0:5000 1 0 0 0 0 0 0 500 1 0\n");
  wsed_proc_count (root, &after);
  after.time = before.time + 2 * G_USEC_PER_SEC;
  wsed_proc_compare (&before, &after, &readings);
  g_assert_cmpfloat (readings.processor, ==, 75);
  g_assert_cmpfloat (readings.memory, ==, 75);
  g_assert_cmpfloat (readings.disk, ==, 25);
  g_assert_cmpfloat (readings.network, ==, 2000);
  /* A disk and an interface that went away. */
  put (root, "diskstats", "");
  put (root, "net/dev", "  eth1:1 1 0 0 0 0 0 0 1 1 0\n");
  put (root, "stat", "intr 1\n");
  put (root, "meminfo", "MemTotal: much\n");
  wsed_proc_count (root, &after);
  after.time = before.time + 2 * G_USEC_PER_SEC;
  wsed_proc_compare (&before, &after, &readings);
  g_assert_cmpfloat (readings.processor, ==, -1);
  g_assert_cmpfloat (readings.memory, ==, -1);
  g_assert_cmpfloat (readings.disk, ==, -1);
  g_assert_cmpfloat (readings.network, ==, -1);
  drop (root);
}

/* The machine the test runs on: memory at least is always there. */
static void
test_real (void)
{
  WsedProcCounts counts;
  WsedProcReadings readings;

  wsed_proc_count ("/proc", &counts);
  wsed_proc_compare (&counts, &counts, &readings);
  g_assert_cmpfloat (readings.memory, >, 0);
  g_assert_cmpfloat (readings.memory, <, 100);
  g_assert_cmpfloat (readings.processor, ==, -1);
}

static void
test_session (void)
{
  static const char *const types[] = {
    "BrokerConnectionEstablished", "OrderPlaced", "OrderFilled", "OrderCancelled", "OrderRejected", "PositionOpened", "PositionClosed",
  };
  guint seen[G_N_ELEMENTS (types)] = { 0 };
  WsedDemoSession session, again;

  wsed_demo_session_init (&session, 7);
  wsed_demo_session_init (&again, 7);
  for (guint i = 0; i < 500; i++)
    {
      g_autoptr (GString) line = g_string_new (NULL);
      g_autoptr (GString) same = g_string_new (NULL);
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (WseEvent) event = NULL;
      g_autoptr (GError) error = NULL;
      guint j = 0;

      wsed_demo_session_next (&session, line);
      wsed_demo_session_next (&again, same);
      g_assert_cmpstr (line->str, ==, same->str);
      bytes = g_bytes_new (line->str, line->len);
      event = wse_event_new_from_json (bytes, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (wse_event_get_channels (event)[0], ==, "user:demo");
      g_assert_true (g_str_has_prefix (wse_event_get_message (event), "Simulated: "));
      g_assert_nonnull (strstr (line->str, "\"payload\":{\"simulated\":true,"));
      while (strcmp (types[j], wse_event_get_event_type (event)) != 0)
        g_assert_cmpuint (++j, <, G_N_ELEMENTS (types));
      seen[j]++;
    }
  g_assert_cmpuint (seen[0], ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    g_assert_cmpuint (seen[i], >, 0);
}

typedef struct
{
  GPtrArray *entries;
} Reader;

static void
on_deliver (WsedEntry *const *entries, guint n_entries, gpointer user_data)
{
  Reader *reader = user_data;

  for (guint i = 0; i < n_entries; i++)
    g_ptr_array_add (reader->entries, wsed_entry_ref (entries[i]));
}

/* Runs the demo until it has brought @n events. */
static void
run_demo (const char *proc, guint n, GPtrArray *entries)
{
  const WsedRetention retention = { .max_events = 1000 };
  Reader reader = { entries };
  g_autoptr (WsedLog) log = wsed_memory_log_new (&retention);
  WsedInbox *inbox = wsed_inbox_new ();
  GSource *inbox_source = wsed_inbox_attach (inbox, NULL);
  WsedSequence *sequence = wsed_sequence_new (on_deliver, &reader);
  WsedPipeline *pipeline = wsed_pipeline_new (log, sequence, inbox);
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();
  g_autoptr (WseRouter) router = wse_router_new ();
  g_autoptr (WsedSource) source = wsed_demo_source_new (pipeline, proc, 1, 7);
  g_autoptr (GError) error = NULL;
  guint before;

  wse_type_mapper_add_defaults (mapper);
  wsed_pipeline_add (pipeline, WSE_TRANSFORMER (mapper));
  wsed_pipeline_add (pipeline, WSE_TRANSFORMER (router));
  g_assert_true (wsed_source_start (source, &error));
  g_assert_no_error (error);
  while (entries->len < n)
    g_main_context_iteration (NULL, TRUE);
  wsed_source_pause (source, TRUE);
  while (wsed_pipeline_get_pending (pipeline) > 0)
    g_main_context_iteration (NULL, TRUE);
  before = entries->len;
  for (gint64 end = g_get_monotonic_time () + 20000; g_get_monotonic_time () < end;)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (entries->len, ==, before);
  wsed_source_pause (source, FALSE);
  while (entries->len == before)
    g_main_context_iteration (NULL, TRUE);
  wsed_source_stop (source);
  while (wsed_pipeline_get_pending (pipeline) > 0)
    g_main_context_iteration (NULL, TRUE);
  wsed_log_close (log);
  wsed_pipeline_free (pipeline);
  wsed_sequence_free (sequence);
  g_source_destroy (inbox_source);
  wsed_inbox_free (inbox);
}

static void
test_pipeline (void)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);
  guint n_system = 0, n_mapped = 0;

  run_demo ("/proc", 30, entries);
  for (guint i = 0; i < entries->len; i++)
    {
      const WsedEntry *entry = entries->pdata[i];
      const char *channel = wse_event_get_channels (entry->event)[0];
      const char *type = wse_event_get_event_type (entry->event);

      n_system += strcmp (channel, "system") == 0 && strcmp (type, "performance") == 0;
      n_mapped += strcmp (channel, "user:demo") == 0 && strcmp (type, "order_update") == 0
                  && strcmp (wse_event_get_original_type (entry->event), "OrderPlaced") == 0;
    }
  g_assert_cmpuint (n_system, >, 0);
  g_assert_cmpuint (n_mapped, >, 0);
}

/* Without a /proc the session goes on alone. */
static void
test_no_proc (void)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) wsed_entry_unref);

  run_demo ("/nonexistent", 3, entries);
  for (guint i = 0; i < entries->len; i++)
    {
      const WsedEntry *entry = entries->pdata[i];

      g_assert_cmpstr (wse_event_get_channels (entry->event)[0], ==, "user:demo");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/demo-source/readings", test_readings);
  g_test_add_func ("/demo-source/real", test_real);
  g_test_add_func ("/demo-source/session", test_session);
  g_test_add_func ("/demo-source/pipeline", test_pipeline);
  g_test_add_func ("/demo-source/no-proc", test_no_proc);
  return g_test_run ();
}
