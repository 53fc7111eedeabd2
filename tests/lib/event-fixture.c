/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The set-up of the intake's tests: reads events of one form, in bounds that a sanitizer sees, and holds them to what is expected. */

#include "event-fixture.h"

#include <string.h>

WseEvent *(*event_form) (const char *json, gsize length, const WseEventParse *rules, GError **error);

WseEvent *
parse_bytes (const char *data, gsize length, gsize max_bytes, GError **error)
{
  const WseEventParse rules = { max_bytes, WSE_MAX_DEPTH, NOW };
  g_autofree char *copy = g_memdup2 (data, length);

  return event_form (copy, length, &rules, error);
}

WseEvent *
parse (const char *json)
{
  g_autoptr (GError) error = NULL;
  WseEvent *event = parse_bytes (json, strlen (json), WSE_DEFAULT_MAX_EVENT, &error);

  g_assert_no_error (error);
  return event;
}

void
check_refused (const char *json, WseError code, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WseEvent) event = parse_bytes (json, strlen (json), WSE_DEFAULT_MAX_EVENT, &error);

  if (event != NULL || !g_error_matches (error, WSE_ERROR, code) || !g_str_has_prefix (error->message, message)
      || !g_utf8_validate (error->message, -1, NULL))
    {
      g_test_message ("%s: %s", json, error != NULL ? error->message : "accepted");
      g_test_fail ();
    }
}

void
check_payload_of (WseEvent *event, const char *expected)
{
  g_assert_cmpstr (event->payload, ==, expected);
  g_assert_cmpuint (event->payload_length, ==, strlen (expected));
  wse_event_unref (event);
}
