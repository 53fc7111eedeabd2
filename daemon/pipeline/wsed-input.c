/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a message of a source without an asker is, before it is taken in: plain JSON or a CloudEvent (Kafka protocol binding 1.0.2). A
 * binary one is written as a structured one, so that there is one intake. Keeps nothing, and looks into no event. */

#include "pipeline/wsed-input.h"

#include <string.h>

#include "wse-error.h"
#include "wse-json-private.h"

#define CLOUD_EVENTS "application/cloudevents"

static const WsedHeader *
find_header (const WsedHeader *headers,
             guint             n_headers,
             const char       *name)
{
  for (guint i = 0; i < n_headers; i++)
    if (headers[i].value != NULL && g_ascii_strcasecmp (headers[i].name, name) == 0)
      return &headers[i];
  return NULL;
}

/* The media type is @type, whatever its parameters. */
static gboolean
is_type (const WsedHeader *header,
         const char       *type)
{
  gsize length = strlen (type);

  return header != NULL && header->length >= length && g_ascii_strncasecmp (header->value, type, length) == 0
         && (header->length == length || strchr ("; \t", header->value[length]) != NULL);
}

static void
set_fault (WsedInput  *input,
           int         code,
           const char *text)
{
  if (input->fault == NULL)
    input->fault = g_error_new_literal (WSE_ERROR, code, text);
}

static gboolean
append_attribute (GString          *out,
                  const char       *name,
                  const WsedHeader *header)
{
  if (!g_utf8_validate (header->value, header->length, NULL))
    return FALSE;
  g_string_append_c (out, out->len > 0 ? ',' : '{');
  wse_json_append_string (out, name, -1);
  g_string_append_c (out, ':');
  wse_json_append_string (out, header->value, header->length);
  return TRUE;
}

/* The data goes into the event as it is, so it has to be one value and nothing else. */
static gboolean
check_data (WsedInput  *input,
            const char *data,
            gsize       length)
{
  WseJson json;
  WseJsonValue value;

  wse_json_init (&json, data, length);
  if (wse_json_value (&json, &value) && wse_json_end (&json))
    return TRUE;
  wse_json_set_error (&json, &input->fault);
  g_prefix_error (&input->fault, "the data of a binary CloudEvent: ");
  return FALSE;
}

static void
build_binary (WsedInput        *input,
              const WsedHeader *headers,
              guint             n_headers,
              const char       *data,
              gsize             length)
{
  const WsedHeader *type = find_header (headers, n_headers, "content-type");
  GString *out = g_string_sized_new (length + 256);

  for (guint i = 0; i < n_headers && input->fault == NULL; i++)
    if (g_ascii_strncasecmp (headers[i].name, "ce_", 3) == 0 && headers[i].value != NULL
        && !append_attribute (out, headers[i].name + 3, &headers[i]))
      set_fault (input, WSE_ERROR_INVALID, "a header of a binary CloudEvent is not UTF-8");
  if (type != NULL && !append_attribute (out, "datacontenttype", type))
    set_fault (input, WSE_ERROR_INVALID, "the content-type is not UTF-8");
  if (input->fault == NULL && length > 0 && check_data (input, data, length))
    {
      g_string_append (out, ",\"data\":");
      g_string_append_len (out, data, length);
    }
  g_string_append_c (out, '}');
  input->form = WSED_FORM_CLOUD;
  input->length = out->len;
  input->data = input->built = g_string_free (out, FALSE);
}

void
wsed_input_init (WsedInput        *input,
                 const WsedHeader *headers,
                 guint             n_headers,
                 const char       *data,
                 gsize             length)
{
  const WsedHeader *type = find_header (headers, n_headers, "content-type");

  *input = (WsedInput) { .form = WSED_FORM_JSON, .data = data, .length = length };
  if (is_type (type, CLOUD_EVENTS "+json"))
    input->form = WSED_FORM_CLOUD;
  else if (type != NULL && type->length >= strlen (CLOUD_EVENTS) && g_ascii_strncasecmp (type->value, CLOUD_EVENTS, strlen (CLOUD_EVENTS)) == 0)
    set_fault (input, WSE_ERROR_UNSUPPORTED, "of structured CloudEvents only one in JSON is taken: " CLOUD_EVENTS "+json");
  else if (find_header (headers, n_headers, "ce_specversion") != NULL)
    build_binary (input, headers, n_headers, data, length);
  else if (data == NULL)
    set_fault (input, WSE_ERROR_INVALID, "the message has no value");
}

void
wsed_input_clear (WsedInput *input)
{
  g_free (input->built);
  g_clear_error (&input->fault);
}

char *
wsed_headers_to_json (const WsedHeader *headers,
                      guint             n_headers,
                      gsize             max_bytes)
{
  g_autoptr (GString) out = NULL;

  if (n_headers == 0)
    return NULL;
  out = g_string_new ("{");
  for (guint i = 0; i < n_headers; i++)
    {
      g_autofree char *name = g_utf8_make_valid (headers[i].name, -1);
      g_autofree char *value = g_utf8_make_valid (headers[i].value != NULL ? headers[i].value : "", headers[i].length);
      gsize before = out->len;

      if (before > 1)
        g_string_append_c (out, ',');
      wse_json_append_string (out, name, -1);
      g_string_append_c (out, ':');
      wse_json_append_string (out, value, -1);
      if (out->len >= max_bytes)
        g_string_truncate (out, before);
    }
  g_string_append_c (out, '}');
  return g_string_free (g_steal_pointer (&out), FALSE);
}
