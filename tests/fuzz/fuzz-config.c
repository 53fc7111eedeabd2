/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for a file of routes (first byte R) or a configuration (any other): taken, or refused in words; and what routes say of events
 * can be asked of any event. */

#include "fuzz-file.h"
#include "stream/wsed-conflation.h"
#include "wsed-config.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
hold_routes (const WsedConfig *config)
{
  static const char payload[] = "{\"a\":{\"b\":7,\"\\u0061\":null},\"symbol\":\"X\",\"\":[1]}";
  g_autoptr (WsedConflation) conflation = wsed_conflation_new ();
  const char *channels[] = { "global" };
  WseEventFields fields = {
    .event_type = "order_update", .original_type = "OrderPlaced", .id = "e", .payload = payload, .payload_length = sizeof payload - 1,
    .channels = channels, .n_channels = 1,
  };
  g_autoptr (WseEvent) event = wse_event_new_from_fields (&fields);

  for (guint i = 0; i < config->routes->len; i++)
    {
      const WsedRoute *route = config->routes->pdata[i];

      g_assert_true (route->name != NULL && route->types != NULL && route->types[0] != NULL);
      if (route->conflate != NULL)
        wsed_conflation_add (conflation, (const char * const *) route->types, route->conflate);
    }
  g_assert_cmpuint (wsed_conflation_get_key (conflation, event), ==, wsed_conflation_get_key (conflation, event));
}

/* GLib 2.74 says so where a value has two bad escapes. */
static GLogWriterOutput
keep_silent (GLogLevelFlags   level,
             const GLogField *fields,
             gsize            n_fields,
             gpointer         user_data)
{
  return level > G_LOG_LEVEL_CRITICAL ? G_LOG_WRITER_HANDLED : g_log_writer_standard_streams (level, fields, n_fields, user_data);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  char *environment[] = { NULL };
  static gboolean silent;
  g_autofree char *option = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedConfig) config = NULL;

  if (size == 0)
    return 0;
  if (!silent)
    g_log_set_writer_func (keep_silent, NULL, NULL);
  silent = TRUE;
  option = g_strdup_printf ("--%s=%s", data[0] == 'R' ? "routes" : "config", fuzz_file (data + 1, size - 1));
  config = wsed_config_load (4, (char *[]) { (char *) "wsed", (char *) "--dev", (char *) "--log=memory:", option, NULL }, environment, &error);
  g_assert_true ((config == NULL) == (error != NULL));
  if (config == NULL)
    g_assert_true (error->message[0] != '\0' && g_utf8_validate (error->message, -1, NULL));
  else
    hold_routes (config);
  return 0;
}
