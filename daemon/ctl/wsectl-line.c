/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The lines wsectl writes: an event as it came, or for people; notes to standard error. It never decides what is written. */

#include "wsectl-line.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>

#include "wse-error.h"
#include "wsectl-answer.h"

gboolean
wsectl_format_parse (const char    *name,
                     WsectlFormat  *format,
                     GError       **error)
{
  *format = g_strcmp0 (name, "json") == 0 ? WSECTL_FORMAT_JSON : WSECTL_FORMAT_TEXT;
  if (name == NULL || g_str_equal (name, "text") || g_str_equal (name, "json"))
    return TRUE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--format: text or json is needed, not “%s”", name);
  return FALSE;
}

static void
take (WsectlEvent        *event,
      const WseJsonValue *key,
      const WseJsonValue *value)
{
  const struct { const char *v2, *envelope; WseJsonValue *to; } members[] = {
    { "ch", "channel", &event->channel }, { "seq", "seq", &event->seq }, { "ts", "timestamp", &event->time },
    { "severity", "severity", &event->severity }, { "t", "type", &event->type }, { "message", "message", &event->message },
    { "p", "metadata", &event->payload },
  };

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (wse_json_string_equal (key, members[i].v2) || wse_json_string_equal (key, members[i].envelope))
      *members[i].to = *value;
}

static gboolean
is_text (const WseJsonValue *value)
{
  return value->data != NULL && value->type == WSE_JSON_STRING;
}

gboolean
wsectl_event_read (WsectlEvent *event,
                   const char  *data,
                   gsize        length)
{
  WseJsonValue key, value;
  WseJson json;

  *event = (WsectlEvent) { .data = data, .length = length };
  wse_json_init (&json, data, length);
  if (!wse_json_enter_object (&json))
    return FALSE;
  while (wse_json_next_member (&json, &key, &value))
    take (event, &key, &value);
  return json.problem == NULL && is_text (&event->channel) && is_text (&event->time) && is_text (&event->type) &&
         event->seq.data != NULL && event->seq.type == WSE_JSON_NUMBER && event->payload.data != NULL;
}

static void
append_word (GString            *line,
             const WseJsonValue *text)
{
  g_string_append_c (line, ' ');
  wsectl_answer_append_safe (line, text->data + 1, text->length - 2);
}

static void
append_text (GString           *line,
             const WsectlEvent *event)
{
  wsectl_answer_append_safe (line, event->time.data + 1, event->time.length - 2);
  append_word (line, &event->channel);
  g_string_append_c (line, ' ');
  g_string_append_len (line, event->seq.data, event->seq.length);
  if (is_text (&event->severity))
    append_word (line, &event->severity);
  else
    g_string_append (line, " info");
  append_word (line, &event->type);
  if (is_text (&event->message) && event->message.length > 2)
    {
      g_string_append_c (line, ' ');
      wsectl_answer_append_safe (line, event->message.data, event->message.length);
    }
  g_string_append_c (line, ' ');
  wsectl_answer_append_safe (line, event->payload.data, event->payload.length);
}

gboolean
wsectl_event_print (const WsectlEvent  *event,
                    WsectlFormat        format,
                    GError            **error)
{
  g_autoptr (GString) line = g_string_new (NULL);

  if (format == WSECTL_FORMAT_JSON)
    g_string_append_len (line, event->data, event->length);
  else
    append_text (line, event);
  return wsectl_line_print (line, error);
}

gboolean
wsectl_line_print (GString  *line,
                   GError  **error)
{
  int code;

  g_string_append_c (line, '\n');
  if (fwrite (line->str, 1, line->len, stdout) == line->len && fflush (stdout) == 0)
    return TRUE;
  code = errno;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "writing to standard output: %s", g_strerror (code));
  return FALSE;
}

void
wsectl_line_note (const char *format,
                  ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  fprintf (stderr, "wsectl: %s\n", text);
}
