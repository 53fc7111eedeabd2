/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedConflation finds an event's key. That is done once for an event, not for each who reads it; it never looks at who lags. */

#include "stream/wsed-conflation.h"

#include <string.h>

#include "wse-json-private.h"
#include "wse-pattern-private.h"

typedef struct
{
  GStrv types;
  GStrv path;
} Rule;

struct _WsedConflation
{
  GArray *rules;               /* (element-type Rule) */
  guint64 salt;                /* nobody outside knows which keys would collide */
};

static void
clear_rule (gpointer rule)
{
  g_strfreev (((Rule *) rule)->types);
  g_strfreev (((Rule *) rule)->path);
}

WsedConflation *
wsed_conflation_new (void)
{
  WsedConflation *self = g_new0 (WsedConflation, 1);

  self->rules = g_array_new (FALSE, FALSE, sizeof (Rule));
  g_array_set_clear_func (self->rules, clear_rule);
  self->salt = (guint64) g_random_int () << 32 | g_random_int ();
  return self;
}

void
wsed_conflation_free (WsedConflation *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->rules);
  g_free (self);
}

void
wsed_conflation_add (WsedConflation     *self,
                     const char * const *types,
                     const char         *path)
{
  const char *within = g_str_has_prefix (path, "payload.") ? path + strlen ("payload.") : path;
  Rule rule = { g_strdupv ((GStrv) types), g_strsplit (within, ".", -1) };

  g_array_append_val (self->rules, rule);
}

static const Rule *
find_rule (const WsedConflation *self,
           const WseEvent       *event)
{
  for (guint i = 0; i < self->rules->len; i++)
    {
      const Rule *rule = &g_array_index (self->rules, Rule, i);
      const char * const *types = (const char * const *) rule->types;

      if (wse_pattern_fits_any (types, event->event_type) || wse_pattern_fits_any (types, event->original_type))
        return rule;
    }
  return NULL;
}

/* The value of the member @name of the object at @value, which becomes it. */
static gboolean
step_into (WseJsonValue *value,
           const char   *name)
{
  WseJson json;
  WseJsonValue key, member;

  if (value->type != WSE_JSON_OBJECT)
    return FALSE;
  wse_json_init (&json, value->data, value->length);
  if (!wse_json_enter_object (&json))
    return FALSE;
  while (wse_json_next_member (&json, &key, &member))
    if (wse_json_string_equal (&key, name))
      {
        *value = member;
        return TRUE;
      }
  return FALSE;
}

static gboolean
find_value (const WseEvent *event,
            GStrv           path,
            WseJsonValue   *value)
{
  WseJson json;

  wse_json_init (&json, event->payload, event->payload_length);
  if (!wse_json_value (&json, value))
    return FALSE;
  for (guint i = 0; path[i] != NULL; i++)
    if (!step_into (value, path[i]))
      return FALSE;
  return value->type != WSE_JSON_NULL && value->type != WSE_JSON_OBJECT && value->type != WSE_JSON_ARRAY;
}

guint64
wsed_conflation_get_key (const WsedConflation *self,
                         const WseEvent       *event)
{
  const Rule *rule = find_rule (self, event);
  g_autoptr(GChecksum) sum = NULL;
  g_autofree char *text = NULL;
  guint8 digest[32];
  gsize length = sizeof digest;
  WseJsonValue value;
  guint64 key;

  if (rule == NULL || !find_value (event, rule->path, &value))
    return 0;
  sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, (const guchar *) &self->salt, sizeof self->salt);
  /* With its NUL, so that type and value cannot run together. */
  g_checksum_update (sum, (const guchar *) event->event_type, strlen (event->event_type) + 1);
  if (value.type == WSE_JSON_STRING)
    {
      gsize text_length;

      text = wse_json_string_dup (&value, &text_length);
      g_checksum_update (sum, (const guchar *) "\"", 1);
      g_checksum_update (sum, (const guchar *) text, text_length);
    }
  else
    g_checksum_update (sum, (const guchar *) value.data, value.length);
  g_checksum_get_digest (sum, digest, &length);
  memcpy (&key, digest, sizeof key);
  return MAX (key, 1);
}
