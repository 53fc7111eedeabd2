/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any texts for a filter: what it takes does not depend on how it was written, its key makes it again, and two together take what both do. */

#include <string.h>

#include "wse-event-private.h"
#include "wse-filter-private.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* One of each severity, of types that the seeds have. */
static WseEvent *
event_of (guint i)
{
  static const char * const types[] = { "a", "order_update", "cash", "ü" };
  static const char * const originals[] = { NULL, "OrderPlaced", "b", "cash" };
  static const char * const channels[] = { "global" };
  WseEventFields fields = {
    .event_type = types[i % G_N_ELEMENTS (types)], .original_type = originals[i / 3 % G_N_ELEMENTS (originals)], .id = "e", .payload = "{}",
    .payload_length = 2, .channels = channels, .n_channels = 1, .severity = WSE_SEVERITY_INFO + i % 3,
  };

  return wse_event_new_from_fields (&fields);
}

/* What the key says, taken apart and read as a filter. */
static void
hold_key (WseFilter *filter)
{
  const char *key = wse_filter_get_key (filter), *comma = strchr (key, ',');
  g_autofree char *severity = NULL;
  g_autoptr (WseFilter) again = NULL;

  g_assert_nonnull (comma);
  severity = g_strndup (key, comma - key);
  g_assert_true (wse_filter_parse (comma[1] != '\0' ? comma + 1 : NULL, severity, &again, NULL));
  g_assert_cmpstr (wse_filter_get_key (again), ==, key);
}

/* The types the other way round, and each of them twice where there is room. */
static void
hold_order (const char *types,
            const char *severity,
            WseFilter  *filter)
{
  g_auto (GStrv) list = g_strsplit (types, ",", -1);
  g_autoptr (GString) turned = g_string_new (NULL);
  g_autoptr (WseFilter) again = NULL;
  guint n = g_strv_length (list), times = n <= WSE_MAX_FILTER_TYPES / 2 ? 2 : 1;

  for (guint i = 0; i < times * n; i++)
    g_string_append_printf (turned, "%s%s", i > 0 ? "," : "", list[n - 1 - i % n]);
  g_assert_true (wse_filter_parse (turned->str, severity, &again, NULL));
  g_assert_cmpstr (wse_filter_get_key (again), ==, wse_filter_get_key (filter));
}

/* NULL where it takes everything, or is none. */
static WseFilter *
read_filter (const char *types,
             const char *severity)
{
  g_autoptr (GError) error = NULL;
  WseFilter *filter;

  if (!wse_filter_parse (types, severity, &filter, &error))
    {
      g_assert_null (filter);
      g_assert_true (error != NULL && g_utf8_validate (error->message, -1, NULL));
      return NULL;
    }
  g_assert_no_error (error);
  if (filter != NULL)
    hold_key (filter);
  if (types != NULL)
    hold_order (types, severity, filter);
  return filter;
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (GStrv) lines = g_strsplit (text, "\n", 4);
  guint n = g_strv_length (lines);
  g_autoptr (WseFilter) one = read_filter (n > 0 ? lines[0] : NULL, n > 1 && *lines[1] != '\0' ? lines[1] : NULL);
  g_autoptr (WseFilter) other = read_filter (n > 2 ? lines[2] : NULL, n > 3 ? lines[3] : NULL);
  g_autoptr (WseFilter) both = wse_filter_both (one, other), turned = wse_filter_both (other, one);

  g_assert_cmpstr (wse_filter_get_key (both), ==, wse_filter_get_key (turned));
  for (guint i = 0; i < 12; i++)
    {
      g_autoptr (WseEvent) event = event_of (i);

      g_assert_true (wse_filter_matches (both, event) == (wse_filter_matches (one, event) && wse_filter_matches (other, event)));
      if (strcmp (wse_filter_get_key (one), wse_filter_get_key (other)) == 0)
        g_assert_true (wse_filter_matches (one, event) == wse_filter_matches (other, event));
    }
  return 0;
}
