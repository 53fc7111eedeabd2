/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Filters: what they take, when two are the same, what is refused. */

#include "wse-error.h"
#include "wse-filter-private.h"
#include "wse-limits.h"

static WseFilter *
filter (const char *types, const char *severity)
{
  g_autoptr (GError) error = NULL;
  WseFilter *self = NULL;

  g_assert_true (wse_filter_parse (types, severity, &self, &error));
  g_assert_no_error (error);
  return self;
}

static WseEvent *
event (const char *type, const char *original, WseSeverity severity)
{
  g_autoptr (WseEvent) made = wse_event_new (original != NULL ? original : type, NULL, NULL, NULL);
  g_autoptr (WseEvent) typed = wse_event_with_type (made, type, NULL);

  return wse_event_with_severity (typed, severity);
}

static void
test_everything (void)
{
  g_autoptr (WseEvent) info = event ("a", NULL, WSE_SEVERITY_INFO);
  g_autoptr (WseFilter) all = wse_filter_new (NULL, WSE_SEVERITY_INFO, NULL);
  const char *none[] = { NULL };
  g_autoptr (WseFilter) empty = wse_filter_new (none, WSE_SEVERITY_INFO, NULL);

  g_assert_null (filter (NULL, NULL));
  g_assert_null (filter (NULL, "info"));
  g_assert_true (wse_filter_matches (NULL, info));
  g_assert_true (wse_filter_matches (all, info));
  g_assert_true (wse_filter_matches (empty, info));
  g_assert_cmpstr (wse_filter_get_key (NULL), ==, "");
  g_assert_cmpstr (wse_filter_get_key (all), ==, "");
  g_assert_cmpstr (wse_filter_get_key (empty), ==, "");
}

static void
test_types (void)
{
  g_autoptr (WseFilter) self = filter ("order_filled,OrderPlaced,cache", NULL);
  static const struct
  {
    const char *type, *original;
    gboolean expected;
  } cases[] = {
    { "order_filled", NULL, TRUE }, { "order_update", "OrderPlaced", TRUE }, { "cache", "Other", TRUE }, { "order_update", "OrderGone", FALSE },
    { "order_fille", NULL, FALSE }, { "order_filled2", NULL, FALSE }, { "Cache", NULL, FALSE }, { "order_update", NULL, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (WseEvent) each = event (cases[i].type, cases[i].original, WSE_SEVERITY_INFO);

      g_assert_true (wse_filter_matches (self, each) == cases[i].expected);
    }
}

static void
test_severity (void)
{
  g_autoptr (WseFilter) warning = filter (NULL, "warning");
  g_autoptr (WseFilter) error = filter ("a", "error");

  for (WseSeverity severity = WSE_SEVERITY_INFO; severity <= WSE_SEVERITY_ERROR; severity++)
    {
      g_autoptr (WseEvent) a = event ("a", NULL, severity);
      g_autoptr (WseEvent) b = event ("b", NULL, severity);

      g_assert_true (wse_filter_matches (warning, a) == (severity >= WSE_SEVERITY_WARNING));
      g_assert_true (wse_filter_matches (error, a) == (severity == WSE_SEVERITY_ERROR));
      g_assert_false (wse_filter_matches (error, b));
    }
}

static void
test_key (void)
{
  g_autoptr (WseFilter) a = filter ("x,b,x,a", "warning");
  g_autoptr (WseFilter) b = filter ("a,b,x", "warning");
  g_autoptr (WseFilter) c = filter ("a,b,x", "error");
  g_autoptr (WseFilter) d = filter ("a,b,x", NULL);
  g_autoptr (WseFilter) e = filter ("warning", NULL);
  g_autoptr (WseFilter) f = filter (NULL, "warning");

  g_assert_cmpstr (wse_filter_get_key (a), ==, wse_filter_get_key (b));
  g_assert_cmpstr (wse_filter_get_key (b), !=, wse_filter_get_key (c));
  g_assert_cmpstr (wse_filter_get_key (b), !=, wse_filter_get_key (d));
  g_assert_cmpstr (wse_filter_get_key (e), !=, wse_filter_get_key (f));
}

static void
check_refused (const char *types, const char *severity)
{
  g_autoptr (GError) error = NULL;
  WseFilter *self = (WseFilter *) &error;

  if (wse_filter_parse (types, severity, &self, &error))
    {
      g_test_message ("types %s, severity %s", types, severity);
      g_test_fail ();
    }
  g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_null (self);
}

/* What two together take is what each takes, an event's two types included. */
static void
test_both (void)
{
  g_autoptr (WseFilter) original = filter ("OrderPlaced", NULL), wire = filter ("order_update,cache", "warning"), all = filter ("x,y", "error");
  g_autoptr (WseFilter) one = wse_filter_both (original, wire), other = wse_filter_both (wire, original);
  g_autoptr (WseFilter) three = wse_filter_both (one, all), same = wse_filter_both (wire, wire), left = wse_filter_both (NULL, wire);
  g_autoptr (WseEvent) both = event ("order_update", "OrderPlaced", WSE_SEVERITY_WARNING);
  g_autoptr (WseEvent) mild = event ("order_update", "OrderPlaced", WSE_SEVERITY_INFO);
  g_autoptr (WseEvent) first = event ("other", "OrderPlaced", WSE_SEVERITY_ERROR);
  g_autoptr (WseEvent) second = event ("cache", NULL, WSE_SEVERITY_ERROR);

  g_assert_true (wse_filter_matches (one, both));
  g_assert_false (wse_filter_matches (one, mild));
  g_assert_false (wse_filter_matches (one, first));
  g_assert_false (wse_filter_matches (one, second));
  g_assert_false (wse_filter_matches (three, both));
  g_assert_cmpstr (wse_filter_get_key (one), ==, wse_filter_get_key (other));
  g_assert_cmpstr (wse_filter_get_key (one), !=, wse_filter_get_key (original));
  g_assert_cmpstr (wse_filter_get_key (one), !=, wse_filter_get_key (three));
  g_assert_true (same == wire);
  g_assert_true (left == wire);
  g_assert_null (wse_filter_both (NULL, NULL));
}

static void
test_refused (void)
{
  g_autofree char *long_type = g_strnfill (WSE_MAX_ID_BYTES + 1, 'x');

  check_refused ("", NULL);
  check_refused (",", NULL);
  check_refused ("a,", NULL);
  check_refused (",a", NULL);
  check_refused ("a,,b", NULL);
  check_refused ("a, b", NULL);
  check_refused ("a*", NULL);
  check_refused ("*", NULL);
  check_refused ("a@b", NULL);
  check_refused ("a\xff", NULL);
  check_refused (long_type, NULL);
  check_refused (NULL, "");
  check_refused (NULL, "WARNING");
  check_refused (NULL, "debug");
  check_refused (NULL, "warning ");
  check_refused ("a", "critical");
}

static void
test_limit (void)
{
  g_autoptr (GString) types = g_string_new ("t0");
  g_autoptr (WseFilter) self = NULL;
  g_autoptr (WseEvent) last = event ("t63", NULL, WSE_SEVERITY_INFO);

  for (guint i = 1; i < WSE_MAX_FILTER_TYPES; i++)
    g_string_append_printf (types, ",t%u", i);
  self = filter (types->str, NULL);
  g_assert_true (wse_filter_matches (self, last));
  g_string_append (types, ",t64");
  check_refused (types->str, NULL);
  g_string_append (types, ",t65,t66");
  check_refused (types->str, NULL);
}

static void
test_boxed (void)
{
  g_autoptr (WseFilter) self = filter ("a", NULL);
  GValue value = G_VALUE_INIT;

  g_value_init (&value, WSE_TYPE_FILTER);
  g_value_set_boxed (&value, self);
  g_assert_true (g_value_get_boxed (&value) == self);
  g_value_unset (&value);
  g_assert_cmpstr (wse_filter_get_key (self), !=, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/filter/everything", test_everything);
  g_test_add_func ("/filter/types", test_types);
  g_test_add_func ("/filter/severity", test_severity);
  g_test_add_func ("/filter/key", test_key);
  g_test_add_func ("/filter/both", test_both);
  g_test_add_func ("/filter/refused", test_refused);
  g_test_add_func ("/filter/limit", test_limit);
  g_test_add_func ("/filter/boxed", test_boxed);
  return g_test_run ();
}
