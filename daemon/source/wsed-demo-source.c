/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The demo: a timer that reads the machine, plays the session one step on, and submits both to the pipeline like any other source. Owns
 * no thread and no queue: while a submission is not answered, or the source is paused, a beat passes without events. */
#include "wsed-demo-source.h"

#include "wsed-demo-session.h"
#include "wsed-proc-readings.h"

struct _WsedDemoSource
{
  GObject parent;

  WsedPipeline *pipeline;      /* borrowed; NULL after stop */
  char *proc;
  guint interval;              /* ms */
  guint timer;
  gboolean paused;
  gboolean waiting;            /* for the answer to a submission */
  gboolean failing;            /* the last one was refused: said once */
  WsedProcCounts counts;       /* of the last beat */
  WsedDemoSession session;
};

static void wsed_demo_source_iface_init (WsedSourceInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedDemoSource, wsed_demo_source, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSED_TYPE_SOURCE, wsed_demo_source_iface_init))

/* Over the threshold the router words an alert; below it this is only news. Over @urgent somebody has to act. */
static void
append_reading (GString *out, const char *name, const char *component, double value, double threshold, double urgent)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE], limit[G_ASCII_DTOSTR_BUF_SIZE];

  if (value < 0)
    return;
  g_ascii_formatd (number, sizeof number, "%.1f", value);
  g_ascii_formatd (limit, sizeof limit, "%.1f", threshold);
  g_string_append (out, "{\"event_type\":\"performance\",");
  if (value <= threshold)
    g_string_append_printf (out, "\"message\":\"%s of this machine: %s = %s\",", component, name, number);
  g_string_append_printf (out,
                          "\"payload\":{\"metric_name\":\"%s\",\"current_value\":%s,\"threshold_value\":%s,\"component\":\"%s\","
                          "\"action_required\":%s}}\n",
                          name, number, limit, component, value > urgent ? "true" : "false");
}

static void
on_submitted (const WsedItem *items, guint n_items, gboolean single, const GError *error, gpointer user_data)
{
  g_autoptr (WsedDemoSource) self = user_data;

  self->waiting = FALSE;
  for (guint i = 0; i < n_items && error == NULL; i++)
    {
      if (items[i].outcome == WSED_OUTCOME_REJECTED)
        error = items[i].error;
    }
  if (error != NULL && !self->failing)
    g_warning ("the demo's events are not taken: %s", error->message);
  self->failing = error != NULL;
}

static gboolean
on_beat (gpointer user_data)
{
  WsedDemoSource *self = user_data;
  g_autoptr (GString) lines = NULL;
  WsedProcCounts counts;
  WsedProcReadings readings;

  if (self->paused || self->waiting)
    return G_SOURCE_CONTINUE;
  lines = g_string_new (NULL);
  wsed_proc_count (self->proc, &counts);
  wsed_proc_compare (&self->counts, &counts, &readings);
  self->counts = counts;
  append_reading (lines, "processor_percent", "processor", readings.processor, 90, G_MAXDOUBLE);
  append_reading (lines, "memory_percent", "memory", readings.memory, 85, 97);
  append_reading (lines, "disk_busy_percent", "disk", readings.disk, 90, G_MAXDOUBLE);
  append_reading (lines, "network_bytes_per_second", "network", readings.network, 100e6, G_MAXDOUBLE);
  wsed_demo_session_next (&self->session, lines);
  self->waiting = TRUE;
  wsed_pipeline_submit (self->pipeline, WSED_FORM_NDJSON, lines->str, lines->len, on_submitted, g_object_ref (self));
  return G_SOURCE_CONTINUE;
}

static gboolean
wsed_demo_source_start (WsedSource *source, GError **error)
{
  WsedDemoSource *self = WSED_DEMO_SOURCE (source);

  wsed_proc_count (self->proc, &self->counts);
  self->timer = g_timeout_add (self->interval, on_beat, self);
  return TRUE;
}

static void
wsed_demo_source_pause (WsedSource *source, gboolean paused)
{
  WSED_DEMO_SOURCE (source)->paused = paused;
}

static void
wsed_demo_source_stop (WsedSource *source)
{
  WsedDemoSource *self = WSED_DEMO_SOURCE (source);

  g_clear_handle_id (&self->timer, g_source_remove);
  self->pipeline = NULL;
}

static gboolean
wsed_demo_source_is_stopped (WsedSource *source)
{
  return TRUE;
}

static void
wsed_demo_source_iface_init (WsedSourceInterface *iface)
{
  iface->start = wsed_demo_source_start;
  iface->pause = wsed_demo_source_pause;
  iface->stop = wsed_demo_source_stop;
  iface->is_stopped = wsed_demo_source_is_stopped;
}

static void
wsed_demo_source_finalize (GObject *object)
{
  WsedDemoSource *self = WSED_DEMO_SOURCE (object);

  g_clear_handle_id (&self->timer, g_source_remove);
  g_free (self->proc);
  G_OBJECT_CLASS (wsed_demo_source_parent_class)->finalize (object);
}

static void
wsed_demo_source_class_init (WsedDemoSourceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_demo_source_finalize;
}

static void
wsed_demo_source_init (WsedDemoSource *self)
{
}

WsedSource *
wsed_demo_source_new (WsedPipeline *pipeline, const char *proc, guint interval, guint64 seed)
{
  WsedDemoSource *self = g_object_new (WSED_TYPE_DEMO_SOURCE, NULL);

  self->pipeline = pipeline;
  self->proc = g_strdup (proc);
  self->interval = interval;
  wsed_demo_session_init (&self->session, seed);
  return WSED_SOURCE (self);
}
