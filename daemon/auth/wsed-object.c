/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Walks through the members of a JSON object without ever taking the second of two. What they mean is the caller's. */

#include "auth/wsed-object.h"

#include <math.h>
#include <string.h>

#include "wse-channel.h"
#include "wse-limits.h"

#define MAX_DEPTH 32
#define MAX_NAME 256
/* Seconds: 9999-12-31, beyond which nothing expires. */
#define MAX_SECONDS 253402300799.0

char *
wsed_object_dup_text (const WseJsonValue *value,
                      gsize               max)
{
  g_autofree char *text = NULL;
  gsize length;

  if (value->type != WSE_JSON_STRING)
    return NULL;
  text = wse_json_string_dup (value, &length);
  return length <= max && strlen (text) == length ? g_steal_pointer (&text) : NULL;
}

char *
wsed_object_dup_id (const WseJsonValue *value)
{
  g_autofree char *id = wsed_object_dup_text (value, WSE_MAX_ID_BYTES);

  return id != NULL && wse_channel_id_is_valid (id, -1) ? g_steal_pointer (&id) : NULL;
}

gboolean
wsed_object_read_time (const WseJsonValue *value,
                       gint64             *time)
{
  double seconds;

  if (value->type != WSE_JSON_NUMBER)
    return FALSE;
  seconds = wse_json_number_to_double (value);
  if (!isfinite (seconds) || seconds < 0)
    return FALSE;
  *time = (gint64) (MIN (seconds, MAX_SECONDS) * G_USEC_PER_SEC + 0.5);
  return TRUE;
}

GStrv
wsed_object_dup_texts (const WseJsonValue *value,
                       gsize               max)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  WseJsonValue element;
  WseJson json;

  wse_json_init (&json, value->data, value->length);
  if (value->type != WSE_JSON_ARRAY || !wse_json_enter_array (&json))
    return NULL;
  while (wse_json_next_element (&json, &element))
    {
      char *text = wsed_object_dup_text (&element, max);

      if (text == NULL)
        return NULL;
      g_ptr_array_add (texts, text);
    }
  g_ptr_array_add (texts, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&texts), FALSE);
}

const char *
wsed_object_read_value (const WseJsonValue *value,
                        WsedMember          member,
                        gpointer            user_data)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  WseJsonValue key, at;
  WseJson json;

  wse_json_init (&json, value->data, value->length);
  if (value->type != WSE_JSON_OBJECT || !wse_json_enter_object (&json))
    return "it is not an object";
  while (wse_json_next_member (&json, &key, &at))
    {
      char *name = wsed_object_dup_text (&key, MAX_NAME);
      const char *problem = NULL;

      if (name == NULL)
        return "the name of a member is too long";
      if (!g_hash_table_add (names, name))
        return "a member comes twice";
      if (at.type != WSE_JSON_NULL)
        problem = member (name, &at, user_data);
      if (problem != NULL)
        return problem;
    }
  return json.problem != NULL ? "it is not JSON" : NULL;
}

const char *
wsed_object_read (const char *text,
                  gsize       length,
                  WsedMember  member,
                  gpointer    user_data)
{
  WseJsonValue whole;
  WseJson json;

  wse_json_init (&json, text, length);
  if (!wse_json_value (&json, &whole) || !wse_json_end (&json))
    return "it is not JSON";
  if (whole.depth > MAX_DEPTH)
    return "it is nested too deeply";
  return wsed_object_read_value (&whole, member, user_data);
}
