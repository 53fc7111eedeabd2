/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Query parameters, decoded and understood. */

#include "transport/wsed-endpoint.h"

#include <string.h>

#include "wse-limits.h"

static const WsedEndpoint own = { "/wse", WSE_DIALECT_V2, WSED_FRAMING_WEBSOCKET, TRUE, FALSE, TRUE };
static const WsedEndpoint named = { "/ws/events", WSE_DIALECT_FEED, WSED_FRAMING_WEBSOCKET, FALSE, TRUE, TRUE };

static void
test_decode (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedQuery) query = wsed_query_new ("a=%c3%BC+%2b&&b=1&m=x&m=&c", "a b c d", "m n", &error);
  g_auto (GStrv) many = NULL, none = NULL;
  guint number = 7;

  g_assert_no_error (error);
  g_assert_cmpstr (wsed_query_get (query, "a"), ==, "ü +");
  g_assert_cmpstr (wsed_query_get (query, "c"), ==, "");
  g_assert_null (wsed_query_get (query, "d"));
  many = wsed_query_get_all (query, "m");
  none = wsed_query_get_all (query, "n");
  g_assert_cmpuint (g_strv_length (many), ==, 2);
  g_assert_cmpstr (many[0], ==, "x");
  g_assert_cmpuint (g_strv_length (none), ==, 0);
  g_assert_true (wsed_query_get_uint (query, "d", 0, 9, &number, &error));
  g_assert_cmpuint (number, ==, 7);
  g_assert_true (wsed_query_get_uint (query, "b", 0, 9, &number, &error));
  g_assert_cmpuint (number, ==, 1);
  g_assert_false (wsed_query_get_uint (query, "b", 2, 9, &number, NULL));
  g_assert_false (wsed_query_get_uint (query, "a", 0, 9, &number, NULL));
  g_assert_false (wsed_query_get_uint (query, "c", 0, 9, &number, NULL));
}

static void
test_decode_bad (void)
{
  static const char * const bad[] = { "a=%", "a=%4", "a=%4g", "a=%zz", "a=%ff", "a=%00", "a=%c3", "%=1", "a=%ed%a0%80", "=1", "x=1", "a=1&a=1", "A=1", "a%20=1" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (WsedQuery) query = wsed_query_new (bad[i], "a b", "m", &error);

      if (query != NULL)
        g_error ("%s is taken", bad[i]);
      g_assert_nonnull (error);
    }
}

static WsedAdmission *
admit (const WsedEndpoint *endpoint,
       const char         *query)
{
  g_autoptr (GError) error = NULL;
  WsedAdmission *admission = wsed_admission_new ();

  if (!wsed_endpoint_read (endpoint, query, admission, &error))
    g_error ("%s: %s", query, error->message);
  return admission;
}

static void
assert_channels (WsedAdmission *admission,
                 const char    *channels)
{
  g_autofree char *joined = g_strjoinv (" ", admission->channels);

  g_assert_cmpstr (joined, ==, channels);
  wsed_admission_free (admission);
}

static void
test_channels (void)
{
  assert_channels (admit (&own, NULL), "global");
  assert_channels (admit (&own, ""), "global");
  assert_channels (admit (&own, "user_id=7"), "user:7 global");
  assert_channels (admit (&own, "user_id=7&roles=b,a,b&teams=t%3a1"), "user:7 global role:b role:a team:t:1");
  assert_channels (admit (&named, NULL), "system");
  assert_channels (admit (&named, "user_id=7"), "system");
  assert_channels (admit (&named, "channel=user:7&channel=global&channel=user:7"), "user:7 global");
  assert_channels (admit (&named, "channel=*"), "*");
}

static void
test_parameters (void)
{
  WsedAdmission *admission = admit (&own, "user_id=7&format=session&types=a,b&severity=error&history=0&after=global@e:5,user:7@e:2");

  g_assert_cmpstr (admission->client.user, ==, "7");
  g_assert_cmpstr (admission->client.endpoint, ==, "/wse");
  g_assert_cmpint (admission->client.dialect, ==, WSE_DIALECT_SESSION);
  g_assert_cmpuint (admission->history, ==, 0);
  g_assert_cmpuint (wse_cursor_get_length (admission->after), ==, 2);
  g_assert_nonnull (admission->filter);
  wsed_admission_free (admission);

  admission = admit (&named, NULL);
  g_assert_null (admission->client.user);
  g_assert_cmpint (admission->client.dialect, ==, WSE_DIALECT_FEED);
  g_assert_cmpuint (admission->history, ==, WSE_DEFAULT_HISTORY);
  g_assert_null (admission->after);
  wsed_admission_free (admission);

  /* A channel that the cursor does not name has no history unless it is asked for. */
  admission = admit (&named, "after=*@e:9");
  g_assert_cmpuint (admission->history, ==, 0);
  wsed_admission_free (admission);
  admission = admit (&named, "after=*@e:9&history=10000");
  g_assert_cmpuint (admission->history, ==, 10000);
  wsed_admission_free (admission);
}

static void
test_bad_parameters (void)
{
  static const char * const bad[] = { "nonsense=1", "format=xml", "format=", "format=V2", "types=", "types=a,,b", "types=a%20b", "severity=fatal", "severity=",
                                      "history=-1", "history=10001", "history=1x", "history=", "history=%2b1", "history=1&history=1", "after=", "after=x",
                                      "after=global@e:1,global@e:2", "consumer=c", "user_id=", "user_id=a%20b", "user_id=a,b", "user_id=*", "user_id=a@b",
                                      "roles=", "roles=a,,b", "roles=a,", "teams=a%0ab", "token=x", "user_id=1&user_id=2" };
  static const char * const bad_channels[] = { "channel=", "channel=nonsense", "channel=user:", "channel=*&channel=system", "channel=system&channel=*",
                                               "channel=*&channel=*", "channel=user:a%20b", "channel=system&roles=,", "channel=user:a,user:b" };

  for (guint i = 0; i < G_N_ELEMENTS (bad) + G_N_ELEMENTS (bad_channels); i++)
    {
      const char *query = i < G_N_ELEMENTS (bad) ? bad[i] : bad_channels[i - G_N_ELEMENTS (bad)];
      g_autoptr (GError) error = NULL;
      WsedAdmission *admission = wsed_admission_new ();

      if (wsed_endpoint_read (&named, query, admission, &error))
        g_error ("%s is taken", query);
      g_assert_nonnull (error);
      wsed_admission_free (admission);
      g_clear_error (&error);
      admission = wsed_admission_new ();
      /* /wse has no channel= at all. */
      g_assert_false (wsed_endpoint_read (&own, query, admission, &error));
      wsed_admission_free (admission);
    }
}

static void
test_too_many_channels (void)
{
  g_autoptr (GString) query = g_string_new ("user_id=1");
  g_autoptr (GError) error = NULL;
  WsedAdmission *admission = wsed_admission_new ();

  for (guint i = 0; i < WSE_MAX_CURSOR_CHANNELS; i++)
    g_string_append_printf (query, "%s%u", i == 0 ? "&roles=" : ",", i);
  g_assert_false (wsed_endpoint_read (&own, query->str, admission, &error));
  g_assert_nonnull (strstr (error->message, "at most 1000"));
  wsed_admission_free (admission);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/endpoint/decode", test_decode);
  g_test_add_func ("/endpoint/decode-bad", test_decode_bad);
  g_test_add_func ("/endpoint/channels", test_channels);
  g_test_add_func ("/endpoint/parameters", test_parameters);
  g_test_add_func ("/endpoint/bad-parameters", test_bad_parameters);
  g_test_add_func ("/endpoint/too-many-channels", test_too_many_channels);
  return g_test_run ();
}
