/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads what a client says. It knows the form of every command and nothing of the connection that is to carry it out. */

#include "transport/wsed-command.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-json-private.h"
#include "wse-limits.h"

#define DEFAULT_LIMIT 100

static const struct
{
  const char *name;
  const char *params;          /* space separated, with one at each end */
} methods[] = {
  [WSED_METHOD_UNKNOWN] = { "", "" },
  [WSED_METHOD_SUBSCRIBE] = { "subscribe", " channel session_id types severity history after " },
  [WSED_METHOD_UNSUBSCRIBE] = { "unsubscribe", " channel session_id " },
  [WSED_METHOD_ACK] = { "ack", " cursor " },
  [WSED_METHOD_HISTORY] = { "history", " channel after limit " },
  [WSED_METHOD_SNAPSHOT] = { "snapshot", " snapshot_type " },
  [WSED_METHOD_REFRESH] = { "refresh", " token " },
  [WSED_METHOD_PING] = { "ping", " " },
};

/* The members of a message that mean something; data NULL: not there. */
typedef struct
{
  WseJsonValue id, method, type, params;
} Message;

/* What is read of the params on the way. */
typedef struct
{
  WsedCommand *command;
  char *types;
  char *severity;
} Params;

static gboolean
read_members (const char *text,
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
      if (value.type == WSE_JSON_NULL)
        continue;
      if (wse_json_string_equal (&key, "id"))
        message->id = value;
      else if (wse_json_string_equal (&key, "method"))
        message->method = value;
      else if (wse_json_string_equal (&key, "type"))
        message->type = value;
      else if (wse_json_string_equal (&key, "params"))
        message->params = value;
    }
  return json.problem == NULL;
}

static gboolean
is_string (const WseJsonValue *value)
{
  return value->data != NULL && value->type == WSE_JSON_STRING;
}

static gboolean
invalid (GError    **error,
         const char *name,
         const char *expected)
{
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: expected %s", name, expected);
  return FALSE;
}

/* A string without U+0000; NULL where it is not one. */
static char *
take_text (const WseJsonValue *value)
{
  g_autofree char *text = NULL;
  gsize length;

  if (value->type != WSE_JSON_STRING)
    return NULL;
  text = wse_json_string_dup (value, &length);
  return strlen (text) == length ? g_steal_pointer (&text) : NULL;
}

static gboolean
take_number (const WseJsonValue *value,
             guint64             min,
             guint64             max,
             guint              *number)
{
  guint64 read;

  if (value->type != WSE_JSON_NUMBER || !wse_json_number_to_uint64 (value, &read) || read < min || read > max)
    return FALSE;
  *number = read;
  return TRUE;
}

static gboolean
take_channel (WsedCommand        *command,
              const WseJsonValue *value,
              gboolean            session,
              GError            **error)
{
  g_autofree char *text = take_text (value);

  if (command->channel != NULL)
    return invalid (error, "params", "either channel or session_id");
  if (text != NULL && session)
    {
      command->channel = g_strconcat ("session:", text, NULL);
      command->session_id = g_strdup (text);
    }
  else
    command->channel = g_steal_pointer (&text);
  if (command->channel == NULL || !wse_channel_is_valid (command->channel))
    return invalid (error, session ? "session_id" : "channel", "user:<id>, role:<id>, team:<id>, session:<id>, global or system");
  return TRUE;
}

static gboolean
take_cursor (const char         *name,
             const WseJsonValue *value,
             WseCursor         **cursor,
             GError            **error)
{
  g_autofree char *text = take_text (value);

  if (text == NULL)
    return invalid (error, name, "a cursor");
  g_clear_pointer (cursor, wse_cursor_unref);
  *cursor = wse_cursor_new (text, error);
  if (*cursor == NULL)
    g_prefix_error (error, "%s: ", name);
  return *cursor != NULL;
}

static gboolean
take_types (Params             *params,
            const WseJsonValue *value,
            GError            **error)
{
  g_autoptr(GString) types = g_string_new (NULL);
  WseJsonValue element;
  WseJson json;

  wse_json_init (&json, value->data, value->length);
  if (value->type != WSE_JSON_ARRAY || !wse_json_enter_array (&json))
    return invalid (error, "types", "an array of event types");
  while (wse_json_next_element (&json, &element))
    {
      g_autofree char *type = take_text (&element);

      if (type == NULL || !wse_channel_id_is_valid (type, -1))
        return invalid (error, "types", "an array of event types");
      g_string_append_printf (types, "%s%s", types->len > 0 ? "," : "", type);
    }
  /* None named: all, as where the member is not there. */
  g_free (params->types);
  params->types = types->len > 0 ? g_strdup (types->str) : NULL;
  return TRUE;
}

static gboolean
take_param (Params             *params,
            const WseJsonValue *key,
            const WseJsonValue *value,
            GError            **error)
{
  WsedCommand *command = params->command;
  g_autofree char *name = take_text (key);
  g_autofree char *padded = g_strdup_printf (" %s ", name != NULL ? name : "");

  if (name == NULL || strchr (name, ' ') != NULL || strstr (methods[command->method].params, padded) == NULL)
    return invalid (error, "params", "only members that the method has");
  if (value->type == WSE_JSON_NULL)
    return TRUE;
  if (strcmp (name, "channel") == 0 || strcmp (name, "session_id") == 0)
    return take_channel (command, value, *name == 's', error);
  if (strcmp (name, "after") == 0)
    return take_cursor (name, value, &command->after, error);
  if (strcmp (name, "cursor") == 0)
    {
      command->bad_cursor = !take_cursor (name, value, &command->cursor, error);
      return !command->bad_cursor;
    }
  if (strcmp (name, "token") == 0)
    {
      g_free (command->token);
      command->token = take_text (value);
      return command->token != NULL || invalid (error, name, "a token");
    }
  if (strcmp (name, "types") == 0)
    return take_types (params, value, error);
  if (strcmp (name, "severity") == 0)
    {
      g_free (params->severity);
      params->severity = take_text (value);
      return params->severity != NULL || invalid (error, name, "info, warning or error");
    }
  if (strcmp (name, "history") == 0)
    {
      command->has_history = TRUE;
      return take_number (value, 0, WSE_MAX_HISTORY, &command->history) || invalid (error, name, "a number from 0 to 10000");
    }
  if (strcmp (name, "limit") == 0)
    return take_number (value, 1, WSE_MAX_PAGE, &command->limit) || invalid (error, name, "a number from 1 to 1000");
  return TRUE;
}

static gboolean
check_whole (const WsedCommand *command,
             GError           **error)
{
  gboolean needs_channel = command->method == WSED_METHOD_SUBSCRIBE || command->method == WSED_METHOD_UNSUBSCRIBE
                           || command->method == WSED_METHOD_HISTORY;

  if (needs_channel && command->channel == NULL)
    return invalid (error, "params", "a channel");
  if (command->method == WSED_METHOD_SUBSCRIBE && command->has_history && command->after != NULL)
    return invalid (error, "params", "either history or after");
  if (command->method == WSED_METHOD_ACK && command->cursor == NULL)
    return invalid (error, "params", "a cursor");
  if (command->method == WSED_METHOD_REFRESH && command->token == NULL)
    return invalid (error, "params", "a token");
  return TRUE;
}

static gboolean
read_params (WsedCommand        *command,
             const WseJsonValue *value,
             GError            **error)
{
  Params params = { .command = command };
  WseJsonValue key, member;
  WseJson json;
  gboolean ok = TRUE;

  if (value->data != NULL)
    {
      wse_json_init (&json, value->data, value->length);
      if (value->type != WSE_JSON_OBJECT || !wse_json_enter_object (&json))
        return invalid (error, "params", "an object");
      while (ok && wse_json_next_member (&json, &key, &member))
        ok = take_param (&params, &key, &member, error);
    }
  ok = ok && wse_filter_parse (params.types, params.severity, &command->filter, error) && check_whole (command, error);
  g_free (params.types);
  g_free (params.severity);
  return ok;
}

static WsedMethod
find_method (const WseJsonValue *value)
{
  for (guint i = WSED_METHOD_UNKNOWN + 1; i < G_N_ELEMENTS (methods); i++)
    if (wse_json_string_equal (value, methods[i].name))
      return i;
  return WSED_METHOD_UNKNOWN;
}

WsedSaid
wsed_command_read (const char   *text,
                   gsize         length,
                   WsedCommand **command,
                   GError      **error)
{
  Message message = { 0 };

  if (!read_members (text, length, &message))
    return WSED_SAID_NOTHING;
  if (message.method.data == NULL && is_string (&message.type))
    {
      if (wse_json_string_equal (&message.type, "ping"))
        return WSED_SAID_PING;
      if (wse_json_string_equal (&message.type, "pong"))
        return WSED_SAID_PONG;
    }
  if (!is_string (&message.method) || !is_string (&message.id))
    return WSED_SAID_NOTHING;
  *command = g_new0 (WsedCommand, 1);
  (*command)->id = g_strndup (message.id.data, message.id.length);
  (*command)->method = find_method (&message.method);
  (*command)->limit = DEFAULT_LIMIT;
  if ((*command)->method != WSED_METHOD_UNKNOWN)
    read_params (*command, &message.params, error);
  return WSED_SAID_COMMAND;
}

void
wsed_command_free (WsedCommand *command)
{
  g_free (command->id);
  g_free (command->channel);
  g_free (command->session_id);
  g_free (command->token);
  g_clear_pointer (&command->filter, wse_filter_unref);
  g_clear_pointer (&command->after, wse_cursor_unref);
  g_clear_pointer (&command->cursor, wse_cursor_unref);
  g_free (command);
}
