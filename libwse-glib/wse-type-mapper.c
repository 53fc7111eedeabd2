/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WseTypeMapper owns the table of explicit mappings and the rule for all other types (PROTOCOL section 2). It changes an event's type
 * and nothing else. */

#include "wse-type-mapper.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-event-private.h"

/**
 * WseTypeMapper:
 *
 * A [iface@Wse.Transformer] that gives events their type on the wire: an explicit mapping first; else a PascalCase name becomes
 * snake_case; else the type stays as it is (PROTOCOL section 2, type mapping).
 *
 * PascalCase is a name of ASCII letters and digits that begins with a capital and has at least one lower-case letter. A word begins at
 * a capital that follows a lower-case letter or a digit, and at the last capital of several that a lower-case letter follows:
 * `ResourceCreated` becomes `resource_created`, `HTTPServerError` `http_server_error`, `Sha256Sum` `sha256_sum`.
 *
 * Where the type changes, the event keeps the one it came with as its original type.
 *
 * Since: 0.1
 */
struct _WseTypeMapper
{
  GObject parent_instance;

  GHashTable *table;           /* (element-type utf8 utf8) explicit mappings */
};

static const char * const trading[][2] = {
  { "BrokerConnectionEstablished", "broker_connection_update" },
  { "BrokerConnectionEstablishedSagaCompleted", "broker_connection_update" },
  { "BrokerDisconnected", "broker_connection_update" },
  { "BrokerAccountLinked", "broker_account_update" },
  { "AccountDataFromBrokerUpdated", "broker_account_update" },
  { "OrderPlaced", "order_update" },
  { "OrderFilled", "order_filled" },
  { "OrderCancelled", "order_cancelled" },
  { "OrderRejected", "order_rejected" },
  { "PositionOpened", "position_update" },
  { "PositionClosed", "position_update" },
};

/* A name of WSE_MAX_ID_BYTES capitals gets at most an underscore before each. */
#define MAPPED_MAX (2 * WSE_MAX_ID_BYTES)

static gboolean
is_pascal_case (const char *name)
{
  gboolean lower = FALSE;

  if (!g_ascii_isupper (*name))
    return FALSE;
  for (const char *at = name; *at != '\0'; at++)
    {
      if (!g_ascii_isalnum (*at))
        return FALSE;
      lower |= g_ascii_islower (*at) != 0;
    }
  return lower;
}

static gboolean
begins_word (const char *name,
             const char *at)
{
  if (at == name || !g_ascii_isupper (*at))
    return FALSE;
  return !g_ascii_isupper (at[-1]) || g_ascii_islower (at[1]);
}

static gsize
snake_case (const char *name,
            char        out[MAPPED_MAX + 1])
{
  gsize length = 0;

  for (const char *at = name; *at != '\0'; at++)
    {
      if (begins_word (name, at))
        out[length++] = '_';
      out[length++] = g_ascii_tolower (*at);
    }
  out[length] = '\0';
  return length;
}

/* What @event_type becomes: in the table, in @buffer, or itself. */
static const char *
lookup (WseTypeMapper *self,
        const char    *event_type,
        char           buffer[MAPPED_MAX + 1])
{
  const char *to = g_hash_table_lookup (self->table, event_type);

  if (to != NULL)
    return to;
  if (strnlen (event_type, WSE_MAX_ID_BYTES + 1) > WSE_MAX_ID_BYTES || !is_pascal_case (event_type))
    return event_type;
  snake_case (event_type, buffer);
  return buffer;
}

static WseVerdict
wse_type_mapper_transform (WseTransformer *transformer,
                           WseEvent       *event,
                           WseEvent      **out,
                           GError        **error)
{
  WseTypeMapper *self = WSE_TYPE_MAPPER (transformer);
  char buffer[MAPPED_MAX + 1];
  const char *to = lookup (self, event->event_type, buffer);
  WseEventFields fields;

  if (to == event->event_type || strcmp (to, event->event_type) == 0)
    {
      *out = wse_event_ref (event);
      return WSE_VERDICT_DELIVER;
    }
  if (to == buffer && strlen (buffer) > WSE_MAX_ID_BYTES)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "event_type: longer than %d bytes in snake_case", WSE_MAX_ID_BYTES);
      return WSE_VERDICT_FAIL;
    }

  wse_event_get_fields (event, &fields);
  if (fields.original_type == NULL)
    fields.original_type = event->event_type;
  if (strcmp (fields.original_type, to) == 0)
    fields.original_type = NULL;
  fields.event_type = to;
  *out = wse_event_new_from_fields (&fields);
  return WSE_VERDICT_DELIVER;
}

static void
transformer_iface_init (WseTransformerInterface *iface)
{
  iface->transform = wse_type_mapper_transform;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (WseTypeMapper, wse_type_mapper, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (WSE_TYPE_TRANSFORMER, transformer_iface_init))

static void
wse_type_mapper_finalize (GObject *object)
{
  WseTypeMapper *self = WSE_TYPE_MAPPER (object);

  g_hash_table_unref (self->table);
  G_OBJECT_CLASS (wse_type_mapper_parent_class)->finalize (object);
}

static void
wse_type_mapper_class_init (WseTypeMapperClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = wse_type_mapper_finalize;
}

static void
wse_type_mapper_init (WseTypeMapper *self)
{
  self->table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

/**
 * wse_type_mapper_new:
 *
 * Makes a mapper without explicit mappings.
 *
 * Returns: (transfer full): a new mapper
 *
 * Since: 0.1
 */
WseTypeMapper *
wse_type_mapper_new (void)
{
  return g_object_new (WSE_TYPE_TYPE_MAPPER, NULL);
}

/**
 * wse_type_mapper_add:
 * @self: a mapper
 * @from: a type as events come in with it
 * @to: the type it becomes
 * @error: return location for an error
 *
 * Maps @from to @to, whatever @from looks like; an older mapping of @from is replaced. A mapping to itself keeps a PascalCase name as
 * it is.
 *
 * Returns: TRUE; FALSE with `WSE_ERROR_INVALID` where one of the two cannot be an event type (1 to 128 bytes of UTF-8 without white
 *   space, control characters, `,`, `@` or `*`)
 *
 * Since: 0.1
 */
gboolean
wse_type_mapper_add (WseTypeMapper *self,
                     const char    *from,
                     const char    *to,
                     GError       **error)
{
  g_return_val_if_fail (WSE_IS_TYPE_MAPPER (self), FALSE);
  g_return_val_if_fail (from != NULL && to != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!wse_channel_id_is_valid (from, -1) || !wse_channel_id_is_valid (to, -1))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "mapping “%s” to “%s”: not an event type", from, to);
      return FALSE;
    }
  g_hash_table_insert (self->table, g_strdup (from), g_strdup (to));
  return TRUE;
}

/**
 * wse_type_mapper_add_defaults:
 * @self: a mapper
 *
 * Adds the trading table of the default routes, such as `OrderPlaced` to `order_update` (PROTOCOL section 2, type mapping).
 *
 * Since: 0.1
 */
void
wse_type_mapper_add_defaults (WseTypeMapper *self)
{
  g_return_if_fail (WSE_IS_TYPE_MAPPER (self));

  for (gsize i = 0; i < G_N_ELEMENTS (trading); i++)
    g_hash_table_insert (self->table, g_strdup (trading[i][0]), g_strdup (trading[i][1]));
}

/**
 * wse_type_mapper_map:
 * @self: a mapper
 * @event_type: a type as events come in with it
 *
 * Tells what @event_type becomes. A PascalCase name of up to 128 bytes may become longer than that: an event with such a type fails.
 *
 * Returns: (transfer full): the type on the wire
 *
 * Since: 0.1
 */
char *
wse_type_mapper_map (WseTypeMapper *self,
                     const char    *event_type)
{
  char buffer[MAPPED_MAX + 1];

  g_return_val_if_fail (WSE_IS_TYPE_MAPPER (self), NULL);
  g_return_val_if_fail (event_type != NULL, NULL);

  return g_strdup (lookup (self, event_type, buffer));
}
