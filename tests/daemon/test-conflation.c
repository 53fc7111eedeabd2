/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which events have the same key: by type and by the value in the payload, whatever the event looks like otherwise. */

#include <string.h>

#include "stream/wsed-conflation.h"

static const char * const prices[] = { "price*", "Tick", NULL };
static const char * const depths[] = { "price_depth", "depth", NULL };

static guint64
get_key (const WsedConflation *conflation,
         const char           *type,
         const char           *original,
         const char           *payload)
{
  const char * const channels[] = { "global", NULL };
  WseEventFields fields = { .event_type = type, .original_type = original, .id = "1", .payload = payload,
                            .payload_length = strlen (payload), .channels = channels, .n_channels = 1, .latency = -1 };
  g_autoptr(WseEvent) event = wse_event_new_from_fields (&fields);

  return wsed_conflation_get_key (conflation, event);
}

static WsedConflation *
make (void)
{
  WsedConflation *conflation = wsed_conflation_new ();

  wsed_conflation_add (conflation, prices, "payload.symbol.id");
  wsed_conflation_add (conflation, depths, "book");
  return conflation;
}

static void
test_same (void)
{
  g_autoptr(WsedConflation) conflation = make ();
  guint64 key = get_key (conflation, "price", NULL, "{\"symbol\":{\"id\":\"A\"}}");

  g_assert_cmpuint (key, !=, 0);
  g_assert_cmpuint (get_key (conflation, "price", NULL, "{\"x\":1,\"symbol\":{\"name\":\"n\",\"id\":\"A\"}}"), ==, key);
  /* The value counts, not its spelling. */
  g_assert_cmpuint (get_key (conflation, "price", NULL, "{\"symbol\":{\"id\":\"\\u0041\"}}"), ==, key);
  g_assert_cmpuint (get_key (conflation, "price", NULL, "{\"symbol\":{\"id\":\"B\"}}"), !=, key);
  g_assert_cmpuint (get_key (conflation, "price_2", NULL, "{\"symbol\":{\"id\":\"A\"}}"), !=, key);
}

/* A number is not the text that looks like it, and a type does not run into a value. */
static void
test_apart (void)
{
  g_autoptr(WsedConflation) conflation = make ();

  g_assert_cmpuint (get_key (conflation, "price", NULL, "{\"symbol\":{\"id\":7}}"), !=,
                    get_key (conflation, "price", NULL, "{\"symbol\":{\"id\":\"7\"}}"));
  g_assert_cmpuint (get_key (conflation, "price1", NULL, "{\"symbol\":{\"id\":23}}"), !=,
                    get_key (conflation, "price12", NULL, "{\"symbol\":{\"id\":3}}"));
}

static void
test_none (void)
{
  g_autoptr(WsedConflation) conflation = make ();
  const char * const payloads[] = { "{}", "[]", "7", "\"symbol\"", "{\"symbol\":7}", "{\"symbol\":{}}", "{\"symbol\":{\"id\":null}}",
                                    "{\"symbol\":{\"id\":{}}}", "{\"symbol\":{\"id\":[1]}}", "{\"symbol.id\":1}" };

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    g_assert_cmpuint (get_key (conflation, "price", NULL, payloads[i]), ==, 0);
  g_assert_cmpuint (get_key (conflation, "other", NULL, "{\"symbol\":{\"id\":1}}"), ==, 0);
}

/* By the original type, too; of two that fit, the first that was added. */
static void
test_rules (void)
{
  g_autoptr(WsedConflation) conflation = make ();

  g_assert_cmpuint (get_key (conflation, "tick_update", "Tick", "{\"symbol\":{\"id\":1}}"), !=, 0);
  g_assert_cmpuint (get_key (conflation, "tick_update", "Ticks", "{\"symbol\":{\"id\":1}}"), ==, 0);
  g_assert_cmpuint (get_key (conflation, "depth", NULL, "{\"book\":true}"), !=, 0);
  g_assert_cmpuint (get_key (conflation, "price_depth", NULL, "{\"book\":true}"), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/conflation/same", test_same);
  g_test_add_func ("/conflation/apart", test_apart);
  g_test_add_func ("/conflation/none", test_none);
  g_test_add_func ("/conflation/rules", test_rules);
  return g_test_run ();
}
