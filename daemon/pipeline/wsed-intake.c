/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finds the items in a body: the first half of an event's intake (PROTOCOL section 2). It decides what can be said of a body as a whole
 * and never copies a byte; what is in an item is for wse_event_parse() and its like. */

#include "pipeline/wsed-intake.h"

#include <string.h>

#include "wse-error.h"
#include "wse-json-private.h"

static gboolean
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static WsedSlice
trim (const char *data,
      const char *end)
{
  while (data < end && is_space (*data))
    data++;
  while (data < end && is_space (end[-1]))
    end--;
  return (WsedSlice) { data, end - data };
}

static gboolean
add (GArray    *slices,
     WsedSlice  slice,
     GError   **error)
{
  if (slices->len == WSE_MAX_ITEMS)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_TOO_LARGE, "more than %d items in one request: send them in several", WSE_MAX_ITEMS);
      return FALSE;
    }
  g_array_append_val (slices, slice);
  return TRUE;
}

/* Nothing of an array may be kept unless all of it is JSON, so it is scanned to its end before anybody sees an item. */
static gboolean
split_array (WsedSlice  body,
             GArray    *slices,
             GError   **error)
{
  WseJson json;
  WseJsonValue element;

  wse_json_init (&json, body.data, body.length);
  if (wse_json_enter_array (&json))
    while (wse_json_next_element (&json, &element))
      if (!add (slices, (WsedSlice) { element.data, element.length }, error))
        return FALSE;
  if (wse_json_end (&json))
    return TRUE;
  wse_json_set_error (&json, error);
  return FALSE;
}

/* FALSE: @body is not the array that it should be. */
static gboolean
refuse_batch (WsedSlice   body,
              GError    **error)
{
  WseJson json;
  WseJsonValue value;

  wse_json_init (&json, body.data, body.length);
  if (wse_json_value (&json, &value) && wse_json_end (&json))
    g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID,
                         "a batch must be a JSON array: send one event as application/cloudevents+json");
  else
    wse_json_set_error (&json, error);
  return FALSE;
}

static gboolean
split_lines (WsedSlice  body,
             GArray    *slices,
             GError   **error)
{
  const char *end = body.data + body.length;

  for (const char *line = body.data; line < end;)
    {
      const char *newline = memchr (line, '\n', end - line);
      const char *line_end = newline != NULL ? newline : end;
      WsedSlice slice = trim (line, line_end);

      if (slice.length > 0 && !add (slices, slice, error))
        return FALSE;
      line = line_end + 1;
    }
  return TRUE;
}

gboolean
wsed_intake_split (WsedForm     form,
                   const char  *body,
                   gsize        length,
                   GArray      *slices,
                   gboolean    *single,
                   GError     **error)
{
  WsedSlice whole = length > 0 ? trim (body, body + length) : (WsedSlice) { "", 0 };

  *single = FALSE;
  if (whole.length == 0)
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_SYNTAX, "the body is empty: send one event or several");
      return FALSE;
    }
  if (form == WSED_FORM_NDJSON)
    return split_lines (whole, slices, error);
  if (*whole.data == '[' && form != WSED_FORM_CLOUD)
    return split_array (whole, slices, error);
  if (form == WSED_FORM_CLOUD_BATCH)
    return refuse_batch (whole, error);
  *single = TRUE;
  return add (slices, whole, error);
}
