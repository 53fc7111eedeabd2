/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedTally owns the pipeline's metrics, and bounds them: types are a publisher's free text, so only the first ones get a series of their
 * own (PROTOCOL section 5, metrics). */

#include "pipeline/wsed-tally.h"

#include <string.h>

#include "metrics/wsed-metrics.h"

#define N_OUTCOMES (WSED_OUTCOME_REJECTED + 1)
/* Types with series of their own; PROTOCOL section 5. */
#define MAX_TYPES 200

static const char * const statuses[N_OUTCOMES] = {
  [WSED_OUTCOME_APPENDED] = "appended",
  [WSED_OUTCOME_DUPLICATE] = "duplicate",
  [WSED_OUTCOME_DROPPED] = "dropped",
  [WSED_OUTCOME_REJECTED] = "rejected",
};

typedef struct
{
  WsedMetric *metrics[N_OUTCOMES];   /* NULL: no such outcome yet */
  char name[];
} Type;

struct _WsedTally
{
  WsedMetricFamily *family;
  GHashTable *types;           /* (element-type utf8 Type) the key is the type's own name */
  Type *other;
  Type *last;                  /* events of one type come in runs */
  WsedHistogram *ms;
  WsedHistogram *seconds;
};

static Type *
type_new (const char *name)
{
  gsize size = strlen (name) + 1;
  Type *type = g_malloc0 (sizeof (Type) + size);

  memcpy (type->name, name, size);
  return type;
}

WsedTally *
wsed_tally_new (void)
{
  static const char * const labels[] = { "event_type", "status", NULL };
  static const double ms[] = { 10, 25, 50, 100, 250, 500, 1000 };
  static const double seconds[] = { 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1 };
  WsedTally *self = g_new0 (WsedTally, 1);

  self->family = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_events_processed_total",
                                         "Events taken in, by their type on the wire and what became of them.",
                                         labels, (MAX_TYPES + 1) * N_OUTCOMES);
  self->ms = wsed_histogram_new ("wse_event_latency_ms", "Milliseconds from taking an event in to handing it on.",
                                 ms, G_N_ELEMENTS (ms));
  self->seconds = wsed_histogram_new ("wse_event_latency_seconds", "Seconds from taking an event in to handing it on.",
                                      seconds, G_N_ELEMENTS (seconds));
  self->types = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  self->other = type_new ("other");
  self->last = self->other;
  return self;
}

void
wsed_tally_free (WsedTally *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->types);
  g_free (self->other);
  g_free (self);
}

static Type *
find_type (WsedTally  *self,
           const char *name)
{
  Type *type;

  if (name == NULL)
    return self->other;
  if (strcmp (self->last->name, name) == 0)
    return self->last;

  type = g_hash_table_lookup (self->types, name);
  if (type == NULL && g_hash_table_size (self->types) < MAX_TYPES)
    {
      type = type_new (name);
      g_hash_table_insert (self->types, type->name, type);
    }
  self->last = type != NULL ? type : self->other;
  return self->last;
}

void
wsed_tally_count (WsedTally   *self,
                  const char  *event_type,
                  WsedOutcome  outcome)
{
  Type *type = find_type (self, event_type);

  if (type->metrics[outcome] == NULL)
    {
      const char * const values[] = { type->name, statuses[outcome], NULL };

      type->metrics[outcome] = wsed_metric_family_get (self->family, values);
    }
  wsed_metric_add (type->metrics[outcome], 1);
}

void
wsed_tally_time (WsedTally *self,
                 gint64     elapsed,
                 guint      n)
{
  for (guint i = 0; i < n; i++)
    {
      wsed_histogram_observe (self->ms, elapsed / 1000.0);
      wsed_histogram_observe (self->seconds, elapsed / (double) G_USEC_PER_SEC);
    }
}
