/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A bus, events for it, and a record of what a subscription emits and of what is logged. */

#include "bus-fixture.h"

WseBus *
running_bus (guint queue_size)
{
  WseBus *bus = g_object_new (WSE_TYPE_BUS, "queue-size", queue_size, NULL);

  wse_bus_start (bus);
  return bus;
}

WseEvent *
make_event (const char *type,
            const char *channels)
{
  g_auto (GStrv) list = channels != NULL ? g_strsplit (channels, ",", -1) : NULL;
  g_autoptr (GError) error = NULL;
  WseEvent *event = wse_event_new (type, (const char * const *) list, NULL, &error);

  g_assert_no_error (error);
  return event;
}

void
publish (WseBus     *bus,
         const char *type,
         const char *channels)
{
  publish_many (bus, 1, type, channels);
}

void
publish_many (WseBus     *bus,
              guint       n,
              const char *type,
              const char *channels)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (WseEvent) event = make_event (type, channels);
      g_autoptr (GError) error = NULL;
      gboolean published = wse_bus_publish (bus, event, &error);

      g_assert_no_error (error);
      g_assert_true (published);
    }
}

void
publish_bad (WseBus     *bus,
             const char *type,
             const char *channels,
             int         code)
{
  g_autoptr (WseEvent) event = make_event (type, channels);
  g_autoptr (GError) error = NULL;
  gboolean published = wse_bus_publish (bus, event, &error);

  g_assert_error (error, WSE_ERROR, code);
  g_assert_false (published);
}

static void
on_event (WseSubscription *subscription,
          WseEvent        *event,
          const char      *channel,
          guint64          seq,
          gpointer         user_data)
{
  g_string_append_printf (user_data, "%s:%" G_GUINT64_FORMAT " %s;", channel, seq, wse_event_get_event_type (event));
}

static void
on_lagged (WseSubscription *subscription,
           guint64          dropped,
           gpointer         user_data)
{
  g_string_append_printf (user_data, "lagged %" G_GUINT64_FORMAT ";", dropped);
}

GString *
record (WseSubscription *subscription)
{
  GString *seen = g_string_new (NULL);

  g_signal_connect (subscription, "event", G_CALLBACK (on_event), seen);
  g_signal_connect (subscription, "lagged", G_CALLBACK (on_lagged), seen);
  return seen;
}

WseSubscription *
subscribe (WseBus     *bus,
           const char *channels,
           WseFilter  *filter,
           guint       history)
{
  g_auto (GStrv) list = channels != NULL ? g_strsplit (channels, ",", -1) : NULL;
  g_autoptr (GError) error = NULL;
  WseSubscription *subscription = wse_bus_subscribe (bus, (const char * const *) list, filter, history, &error);

  g_assert_no_error (error);
  g_assert_nonnull (subscription);
  return subscription;
}

void
run_out (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

void
check_seen (GString    *seen,
            const char *expected)
{
  run_out ();
  g_assert_cmpstr (seen->str, ==, expected);
  g_string_truncate (seen, 0);
}

char *
sequence (const char *channel,
          guint       from,
          guint       to,
          const char *type)
{
  GString *text = g_string_new (NULL);

  for (guint seq = from; seq <= to; seq++)
    g_string_append_printf (text, "%s:%u %s;", channel, seq, type);
  return g_string_free (text, FALSE);
}

static GPtrArray *warnings;

static GLogWriterOutput
keep_warning (GLogLevelFlags   level,
              const GLogField *fields,
              gsize            n_fields,
              gpointer         user_data)
{
  if ((level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_ptr_array_add (warnings, g_strdup (fields[i].value));
  return G_LOG_WRITER_HANDLED;
}

void
take_warnings (void)
{
  warnings = g_ptr_array_new_with_free_func (g_free);
  g_log_set_writer_func (keep_warning, NULL, NULL);
}

void
check_warning (const char *pattern)
{
  g_assert_cmpuint (warnings->len, ==, 1);
  if (!g_pattern_match_simple (pattern, g_ptr_array_index (warnings, 0)))
    g_error ("“%s” does not match “%s”", (char *) g_ptr_array_index (warnings, 0), pattern);
  g_ptr_array_set_size (warnings, 0);
}
