/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a client says and what it is answered (PROTOCOL section 3, commands). It reads bytes and writes bytes; it knows no connection. */

#include "transport/wsed-command.h"

#include "wse-json-private.h"
#include "wse-limits.h"
#include "wse-time-private.h"

/* The members of a message that mean something. */
typedef struct
{
  WseJsonValue id, method, type;
  gboolean has_id, has_method, has_type;
} Message;

static gboolean
parse (const char *text,
       gsize       length,
       Message    *message)
{
  WseJsonValue whole, key, value;
  WseJson json;

  wse_json_init (&json, text, length);
  if (!wse_json_value (&json, &whole) || !wse_json_end (&json) || whole.type != WSE_JSON_OBJECT || whole.depth > WSE_MAX_DEPTH)
    return FALSE;
  wse_json_init (&json, whole.data, whole.length);
  wse_json_enter_object (&json);
  while (wse_json_next_member (&json, &key, &value))
    {
      if (wse_json_string_equal (&key, "id"))
        {
          message->id = value;
          message->has_id = TRUE;
        }
      else if (wse_json_string_equal (&key, "method"))
        {
          message->method = value;
          message->has_method = TRUE;
        }
      else if (wse_json_string_equal (&key, "type"))
        {
          message->type = value;
          message->has_type = TRUE;
        }
      else if (wse_json_string_equal (&key, "params") && value.type != WSE_JSON_OBJECT && value.type != WSE_JSON_NULL)
        return FALSE;
    }
  return json.problem == NULL;
}

static void
begin_answer (GString            *out,
              const WseJsonValue *id,
              gboolean            success)
{
  g_string_append (out, "{\"id\":");
  g_string_append_len (out, id->data, id->length);
  g_string_append_printf (out, ",\"success\":%s,", success ? "true" : "false");
}

static void
answer_command (const Message *message,
                GString       *out)
{
  begin_answer (out, &message->id, wse_json_string_equal (&message->method, "ping"));
  if (wse_json_string_equal (&message->method, "ping"))
    {
      g_string_append (out, "\"result\":{\"time\":\"");
      wse_time_append_iso (out, wse_time_now ());
      g_string_append (out, "\"}}");
    }
  else
    g_string_append (out, "\"error\":{\"code\":\"unknown_method\",\"message\":\"this server answers only the method ping\"}}");
}

WsedCommandResult
wsed_command_answer (const char *text,
                     gsize       length,
                     GString    *out)
{
  Message message = { 0 };

  if (parse (text, length, &message))
    {
      if (message.has_method && message.method.type == WSE_JSON_STRING && message.has_id && message.id.type == WSE_JSON_STRING)
        {
          answer_command (&message, out);
          return WSED_COMMAND_ANSWERED;
        }
      if (!message.has_method && message.has_type && message.type.type == WSE_JSON_STRING)
        {
          if (wse_json_string_equal (&message.type, "pong"))
            return WSED_COMMAND_TAKEN;
          if (wse_json_string_equal (&message.type, "ping"))
            {
              g_string_append (out, "{\"type\":\"pong\",\"timestamp\":\"");
              wse_time_append_iso (out, wse_time_now ());
              g_string_append (out, "\"}");
              return WSED_COMMAND_ANSWERED;
            }
        }
    }
  g_string_append (out, "{\"type\":\"error\",\"message\":\"Invalid message format\"}");
  return WSED_COMMAND_BAD;
}
