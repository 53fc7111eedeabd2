/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedSieve drops events by type and by the topic that they come from. It changes none. */

#include "pipeline/wsed-sieve.h"

#include "wse-event-private.h"
#include "wse-pattern-private.h"

typedef struct
{
  GStrv types, topics;         /* NULL: whatever it is */
} Rule;

struct _WsedSieve
{
  GObject parent;

  WsedPipeline *pipeline;
  GArray *rules;               /* (element-type Rule) */
};

static gboolean
is_dropped (const Rule     *rule,
            const WseEvent *event,
            const char     *topic)
{
  const char * const *types = (const char * const *) rule->types;

  if (types != NULL && !wse_pattern_fits_any (types, event->event_type) && !wse_pattern_fits_any (types, event->original_type))
    return FALSE;
  return rule->topics == NULL || wse_pattern_fits_any ((const char * const *) rule->topics, topic);
}

static WseVerdict
wsed_sieve_transform (WseTransformer *transformer,
                      WseEvent       *event,
                      WseEvent      **out,
                      GError        **error)
{
  WsedSieve *self = WSED_SIEVE (transformer);
  const WsedOrigin *origin = wsed_pipeline_get_origin (self->pipeline);

  for (guint i = 0; i < self->rules->len; i++)
    if (is_dropped (&g_array_index (self->rules, Rule, i), event, origin != NULL ? origin->topic : NULL))
      return WSE_VERDICT_DROP;
  *out = wse_event_ref (event);
  return WSE_VERDICT_DELIVER;
}

static void
transformer_iface_init (WseTransformerInterface *iface)
{
  iface->transform = wsed_sieve_transform;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (WsedSieve, wsed_sieve, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (WSE_TYPE_TRANSFORMER, transformer_iface_init))

static void
clear_rule (gpointer data)
{
  g_strfreev (((Rule *) data)->types);
  g_strfreev (((Rule *) data)->topics);
}

static void
wsed_sieve_finalize (GObject *object)
{
  g_array_unref (WSED_SIEVE (object)->rules);
  G_OBJECT_CLASS (wsed_sieve_parent_class)->finalize (object);
}

static void
wsed_sieve_class_init (WsedSieveClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wsed_sieve_finalize;
}

static void
wsed_sieve_init (WsedSieve *self)
{
  self->rules = g_array_new (FALSE, FALSE, sizeof (Rule));
  g_array_set_clear_func (self->rules, clear_rule);
}

WsedSieve *
wsed_sieve_new (WsedPipeline *pipeline)
{
  WsedSieve *self = g_object_new (WSED_TYPE_SIEVE, NULL);

  self->pipeline = pipeline;
  return self;
}

void
wsed_sieve_add (WsedSieve          *self,
                const char * const *types,
                const char * const *topics)
{
  Rule rule = { g_strdupv ((GStrv) types), g_strdupv ((GStrv) topics) };

  g_array_append_val (self->rules, rule);
}
