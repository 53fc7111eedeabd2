/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where WseRouter sends events: where they say, the six kinds without a target to `system`, others nowhere. */

#include <wse.h>

#include "wse-event-private.h"

static WseEvent *
parse (const char *json)
{
  WseEventParse how = { WSE_DEFAULT_MAX_EVENT, WSE_MAX_DEPTH, 1699468800123456 };
  g_autoptr (GError) error = NULL;
  WseEvent *event = wse_event_parse (json, strlen (json), &how, &error);

  g_assert_no_error (error);
  return event;
}

static WseVerdict
route (const char  *json,
       WseEvent   **out,
       GError     **error)
{
  g_autoptr (WseRouter) router = wse_router_new ();
  g_autoptr (WseEvent) event = parse (json);

  return wse_transformer_transform (WSE_TRANSFORMER (router), event, out, error);
}

static void
test_target (void)
{
  g_autoptr (WseEvent) out = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (route ("{\"event_type\":\"x\",\"team_id\":\"t\",\"user_id\":7}", &out, &error), ==, WSE_VERDICT_DELIVER);
  g_assert_no_error (error);
  g_assert_cmpuint (out->n_channels, ==, 2);
  g_assert_cmpstr (out->channels[0], ==, "user:7");
  g_assert_cmpstr (out->channels[1], ==, "team:t");
}

/* With a target it is no system event: neither is its metadata checked nor anything added. */
static void
test_kind_with_target (void)
{
  g_autoptr (WseEvent) out = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (route ("{\"event_type\":\"error\",\"user_id\":\"1\",\"payload\":[1]}", &out, &error), ==, WSE_VERDICT_DELIVER);
  g_assert_no_error (error);
  g_assert_cmpuint (out->n_channels, ==, 1);
  g_assert_cmpstr (out->channels[0], ==, "user:1");
  g_assert_cmpint (out->severity, ==, WSE_SEVERITY_INFO);
  g_assert_null (out->message);
}

static void
test_system (void)
{
  g_autoptr (WseEvent) out = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (route ("{\"event_type\":\"error\",\"payload\":{\"error_type\":\"E\",\"error_message\":\"broken\",\"component\":\"db\"}}",
                          &out, &error), ==, WSE_VERDICT_DELIVER);
  g_assert_no_error (error);
  g_assert_cmpuint (out->n_channels, ==, 1);
  g_assert_cmpstr (out->channels[0], ==, "system");
  g_assert_null (out->channels[1]);
  g_assert_cmpint (out->severity, ==, WSE_SEVERITY_ERROR);
  g_assert_cmpstr (out->message, ==, "ERROR in db: broken");
}

static void
test_system_invalid (void)
{
  g_autoptr (WseEvent) out = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (route ("{\"event_type\":\"error\",\"payload\":{\"error_type\":\"E\"}}", &out, &error), ==, WSE_VERDICT_FAIL);
  g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
  g_assert_null (out);
}

static void
test_no_route (void)
{
  g_autoptr (WseEvent) out = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (route ("{\"event_type\":\"order_update\",\"broadcast\":false}", &out, &error), ==, WSE_VERDICT_FAIL);
  g_assert_error (error, WSE_ERROR, WSE_ERROR_NO_ROUTE);
  g_assert_nonnull (strstr (error->message, "user_id"));
  g_assert_null (out);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/router/target", test_target);
  g_test_add_func ("/router/kind-with-target", test_kind_with_target);
  g_test_add_func ("/router/system", test_system);
  g_test_add_func ("/router/system-invalid", test_system_invalid);
  g_test_add_func ("/router/no-route", test_no_route);
  return g_test_run ();
}
