/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which events a subscriber wants. Says yes or no to one event; keeps no position and knows no subscriber. */

#include "wse-filter-private.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-event-private.h"
#include "wse-limits.h"

struct _WseFilter
{
  gatomicrefcount refs;
  WseSeverity severity;
  guint n_types;
  char **types;                /* sorted, each once */
  WseFilter *both[2];          /* must take it as well: two sets of types make no one set, as an event has two types; NULL: none */
  char *key;
};

G_DEFINE_BOXED_TYPE (WseFilter, wse_filter, wse_filter_ref, wse_filter_unref)

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char * const *) a, *(char * const *) b);
}

static gboolean
check_types (const char * const *types, GError **error)
{
  for (guint i = 0; types[i] != NULL; i++)
    {
      if (i == WSE_MAX_FILTER_TYPES)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "types: more than %d", WSE_MAX_FILTER_TYPES);
          return FALSE;
        }
      if (!wse_channel_id_is_valid (types[i], -1))
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "types: type %u must be 1 to %d bytes of UTF-8 without white space, "
                       "control characters, ',', '@' or '*'", i + 1, WSE_MAX_ID_BYTES);
          return FALSE;
        }
    }
  return TRUE;
}

/* Sorted, each once: the same set has the same key. */
static void
take_types (WseFilter *self, const char * const *types)
{
  guint kept = 0;

  self->types = g_strdupv ((char **) types);
  self->n_types = g_strv_length (self->types);
  qsort (self->types, self->n_types, sizeof *self->types, compare_strings);
  for (guint i = 0; i < self->n_types; i++)
    {
      if (kept > 0 && strcmp (self->types[kept - 1], self->types[i]) == 0)
        g_free (self->types[i]);
      else
        self->types[kept++] = self->types[i];
    }
  self->types[kept] = NULL;
  self->n_types = kept;
}

static char *
make_key (WseFilter *self)
{
  g_autofree char *types = NULL;

  if (self->n_types == 0 && self->severity == WSE_SEVERITY_INFO)
    return g_strdup ("");
  types = self->n_types > 0 ? g_strjoinv (",", self->types) : g_strdup ("");
  return g_strconcat (wse_severity_to_string (self->severity), ",", types, NULL);
}

/**
 * wse_filter_new:
 * @types: (nullable) (array zero-terminated=1): at most 64 event types, wire or original; %NULL or none: any
 * @severity: the least severity; %WSE_SEVERITY_INFO: any
 * @error: return location for an error, or %NULL
 *
 * Makes a filter (PROTOCOL section 3, `types` and `severity`).
 *
 * Returns: (transfer full) (nullable): the filter; %NULL with %WSE_ERROR_INVALID where a type cannot be one, or there are too many
 *
 * Since: 0.1
 */
WseFilter *
wse_filter_new (const char * const *types, WseSeverity severity, GError **error)
{
  static const char * const none[] = { NULL };
  WseFilter *self;

  g_return_val_if_fail (severity >= WSE_SEVERITY_INFO && severity <= WSE_SEVERITY_ERROR, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (types == NULL)
    types = none;
  if (!check_types (types, error))
    return NULL;
  self = g_new0 (WseFilter, 1);
  g_atomic_ref_count_init (&self->refs);
  self->severity = severity;
  take_types (self, types);
  self->key = make_key (self);
  return self;
}

/**
 * wse_filter_parse:
 * @types: (nullable): event types joined by `,`, as in a query parameter; %NULL where it is not given
 * @severity: (nullable): `info`, `warning` or `error`; %NULL where it is not given
 * @filter: (out) (nullable) (transfer full): the filter; %NULL where everything passes
 * @error: return location for an error, or %NULL
 *
 * Reads a filter from the values of query parameters. An empty value or item is an error.
 *
 * Returns: %TRUE; %FALSE with %WSE_ERROR_INVALID on a bad value, @filter is %NULL then
 *
 * Since: 0.1
 */
gboolean
wse_filter_parse (const char *types, const char *severity, WseFilter **filter, GError **error)
{
  g_auto (GStrv) list = NULL;
  WseSeverity least = WSE_SEVERITY_INFO;
  g_autoptr (WseFilter) made = NULL;

  g_return_val_if_fail (filter != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  *filter = NULL;
  if (severity != NULL && !wse_severity_from_string (severity, &least))
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "severity: expected info, warning or error");
      return FALSE;
    }
  if (types != NULL && types[0] == '\0')
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "types: expected event types joined by ','");
      return FALSE;
    }
  /* One more than is allowed, so that a long list is refused without being split whole. */
  if (types != NULL)
    list = g_strsplit (types, ",", WSE_MAX_FILTER_TYPES + 1);
  made = wse_filter_new ((const char * const *) list, least, error);
  if (made == NULL)
    return FALSE;
  if (made->key[0] != '\0')
    *filter = g_steal_pointer (&made);
  return TRUE;
}

/**
 * wse_filter_ref:
 * @filter: a filter
 *
 * Any thread.
 *
 * Returns: (transfer full): @filter
 *
 * Since: 0.1
 */
WseFilter *
wse_filter_ref (WseFilter *filter)
{
  g_return_val_if_fail (filter != NULL, NULL);

  g_atomic_ref_count_inc (&filter->refs);
  return filter;
}

/**
 * wse_filter_unref:
 * @filter: (transfer full): a filter
 *
 * Any thread; the last one frees it.
 *
 * Since: 0.1
 */
void
wse_filter_unref (WseFilter *filter)
{
  g_return_if_fail (filter != NULL);

  if (!g_atomic_ref_count_dec (&filter->refs))
    return;
  g_strfreev (filter->types);
  g_clear_pointer (&filter->both[0], wse_filter_unref);
  g_clear_pointer (&filter->both[1], wse_filter_unref);
  g_free (filter->key);
  g_free (filter);
}

/* One that takes everything is none. */
static gboolean
takes_all (WseFilter *filter)
{
  return filter == NULL || filter->key[0] == '\0';
}

WseFilter *
wse_filter_both (WseFilter *one, WseFilter *other)
{
  WseFilter *both;
  int order;

  if (takes_all (one) || takes_all (other))
    {
      WseFilter *left = takes_all (one) ? other : one;

      return takes_all (left) ? NULL : wse_filter_ref (left);
    }
  order = strcmp (one->key, other->key);
  if (order == 0)
    return wse_filter_ref (one);
  both = g_new0 (WseFilter, 1);
  g_atomic_ref_count_init (&both->refs);
  both->both[0] = wse_filter_ref (one);
  both->both[1] = wse_filter_ref (other);
  /* In either order the same; no type has a `*` in it. */
  both->key = order < 0 ? g_strconcat (one->key, "*", other->key, NULL) : g_strconcat (other->key, "*", one->key, NULL);
  return both;
}

static gboolean
names_type (WseFilter *self, const char *type)
{
  return bsearch (&type, self->types, self->n_types, sizeof *self->types, compare_strings) != NULL;
}

/**
 * wse_filter_matches:
 * @filter: (nullable): a filter; %NULL takes everything
 * @event: an event
 *
 * Whether @filter takes @event: its type or its original type is one of the filter's, and it is at least as severe.
 *
 * Returns: %TRUE where it does
 *
 * Since: 0.1
 */
gboolean
wse_filter_matches (WseFilter *filter, WseEvent *event)
{
  g_return_val_if_fail (event != NULL, FALSE);

  if (filter == NULL)
    return TRUE;
  if (event->severity < filter->severity)
    return FALSE;
  if (filter->n_types > 0 && !names_type (filter, event->event_type)
      && (event->original_type == NULL || !names_type (filter, event->original_type)))
    return FALSE;
  return filter->both[0] == NULL || (wse_filter_matches (filter->both[0], event) && wse_filter_matches (filter->both[1], event));
}

/**
 * wse_filter_get_key:
 * @filter: (nullable): a filter
 *
 * A canonical text, the same for filters that take the same.
 *
 * Returns: (transfer none): the text; "" for %NULL and for a filter that takes everything
 *
 * Since: 0.1
 */
const char *
wse_filter_get_key (WseFilter *filter)
{
  return filter != NULL ? filter->key : "";
}
