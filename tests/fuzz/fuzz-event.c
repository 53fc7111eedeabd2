/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for the intake, in each form: what is taken is an event whole enough to be written in every dialect, as JSON. */

#include <string.h>

#include "wse-channel.h"
#include "wse-dialect.h"
#include "wse-error.h"
#include "wse-event-private.h"
#include "wse-json-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
hold_json (const char *text,
           gsize       length)
{
  WseJsonValue value;
  WseJson json;

  wse_json_init (&json, text, length);
  g_assert_true (wse_json_value (&json, &value) && wse_json_end (&json));
  g_assert_false (value.spaced);
}

static void
hold_event (WseEvent     *event,
            const GError *error)
{
  g_assert_true ((event == NULL) == (error != NULL));
  if (event == NULL)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return;
    }
  hold_json (event->payload, event->payload_length);
  g_assert_true (wse_channel_id_is_valid (event->event_type, -1));
  g_assert_true (wse_event_id_is_valid (event->id, strlen (event->id)));
  g_assert_true (event->message == NULL || g_utf8_validate (event->message, -1, NULL));
  g_assert_cmpuint (event->n_channels, <=, WSE_MAX_TARGETS);
  for (guint i = 0; i < event->n_channels; i++)
    g_assert_true (wse_channel_is_valid (event->channels[i]));
  for (WseDialect dialect = WSE_DIALECT_V2; dialect <= WSE_DIALECT_ENVELOPE; dialect++)
    {
      g_autoptr (GString) out = g_string_new (NULL);

      wse_dialect_write (dialect, event, "global", 1, out);
      hold_json (out->str, out->len);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autofree char *copy = g_memdup2 (data, size);
  const WseEventParse parse = { .max_bytes = 4096, .max_depth = 8, .now = G_GINT64_CONSTANT (1700000000000000) };
  g_autoptr (WseEvent) event = NULL, cloud = NULL;
  g_autoptr (GError) error = NULL, cloud_error = NULL;

  event = wse_event_parse (copy, size, &parse, &error);
  hold_event (event, error);
  cloud = wse_event_parse_cloud (copy, size, &parse, &cloud_error);
  hold_event (cloud, cloud_error);
  /* Not JSON in one form is not JSON in any. */
  g_assert_true (g_error_matches (error, WSE_ERROR, WSE_ERROR_SYNTAX) == g_error_matches (cloud_error, WSE_ERROR, WSE_ERROR_SYNTAX));
  return 0;
}
