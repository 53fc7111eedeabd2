/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the JSON that a server answers with. A server may be anything: what has not the expected form is absent, never a crash. */

#include "wsectl-answer.h"

#include <string.h>

#include "wse-error.h"

gboolean
wsectl_answer_find (const char   *data,
                    gsize         length,
                    const char   *name,
                    WseJsonValue *value)
{
  gboolean found = FALSE;
  WseJsonValue key, member;
  WseJson json;

  *value = (WseJsonValue){ 0 };
  wse_json_init (&json, data, length);
  if (!wse_json_enter_object (&json))
    return FALSE;
  while (wse_json_next_member (&json, &key, &member))
    if (!found && wse_json_string_equal (&key, name))
      {
        *value = member;
        found = member.type != WSE_JSON_NULL;
      }
  return found && json.problem == NULL;
}

gboolean
wsectl_answer_member (const WseJsonValue *object,
                      const char         *name,
                      WseJsonValue       *value)
{
  return wsectl_answer_find (object->data, object->length, name, value);
}

char *
wsectl_answer_text (const WseJsonValue *object,
                    const char         *name)
{
  WseJsonValue value;

  if (!wsectl_answer_member (object, name, &value) || value.type != WSE_JSON_STRING)
    return NULL;
  return wse_json_string_dup (&value, NULL);
}

guint64
wsectl_answer_number (const WseJsonValue *object,
                      const char         *name,
                      guint64             otherwise)
{
  WseJsonValue value;
  guint64 number;

  if (!wsectl_answer_member (object, name, &value) || value.type != WSE_JSON_NUMBER || !wse_json_number_to_uint64 (&value, &number))
    return otherwise;
  return number;
}

void
wsectl_answer_append_safe (GString    *out,
                           const char *data,
                           gsize       length)
{
  for (gsize i = 0; i < length; i++)
    {
      guint8 byte = data[i], next = i + 1 < length ? data[i + 1] : 0;

      if (byte == 0xc2 && next >= 0x80 && next < 0xa0)
        {
          g_string_append_printf (out, "\\u%04x", next);
          i++;
        }
      else if (byte < 0x20 || byte == 0x7f)
        g_string_append_printf (out, "\\u%04x", byte);
      else
        g_string_append_c (out, byte);
    }
}

void
wsectl_answer_set_refusal (guint    status,
                           GBytes  *body,
                           GError **error)
{
  gsize length = 0;
  const char *data = body != NULL ? g_bytes_get_data (body, &length) : NULL;
  g_autofree char *code = NULL, *message = NULL;
  g_autoptr (GString) said = g_string_new (NULL);
  WseJsonValue object;

  if (data != NULL && wsectl_answer_find (data, length, "error", &object))
    {
      code = wsectl_answer_text (&object, "code");
      message = wsectl_answer_text (&object, "message");
    }
  if (code != NULL && message != NULL)
    {
      wsectl_answer_append_safe (said, message, strlen (message));
      g_string_append (said, " (");
      wsectl_answer_append_safe (said, code, strlen (code));
      g_string_append_printf (said, ", %u)", status);
    }
  else
    g_string_append_printf (said, "status %u and no reason; is it wsed that answers there?", status);
  g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "the server refused: %s", said->str);
}
