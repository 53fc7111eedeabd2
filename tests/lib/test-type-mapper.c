/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What WseTypeMapper makes of types: the explicit mapping first, else PascalCase to snake_case, else nothing. */

#include <wse.h>

#include "wse-event-private.h"

static const char * const names[][2] = {
  { "ResourceCreated", "resource_created" },
  { "HTTPServerError", "http_server_error" },
  { "UserAPIKeyRevoked", "user_api_key_revoked" },
  { "OAuth2Token", "o_auth2_token" },
  { "Sha256Sum", "sha256_sum" },
  { "HTTP2Server", "http2_server" },
  { "Order", "order" },
  { "ABc", "a_bc" },
  { "A1b", "a1b" },
  { "ORDER", "ORDER" },
  { "ORDER1", "ORDER1" },
  { "A", "A" },
  { "orderPlaced", "orderPlaced" },
  { "order_update", "order_update" },
  { "Order_Placed", "Order_Placed" },
  { "Order.Placed", "Order.Placed" },
  { "Order-Placed", "Order-Placed" },
  { "1Order", "1Order" },
  { "Ördered", "Ördered" },
  { "OrderÄnderung", "OrderÄnderung" },
  { "market.trade", "market.trade" },
};

static void
test_snake_case (void)
{
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *mapped = wse_type_mapper_map (mapper, names[i][0]);

      g_assert_cmpstr (mapped, ==, names[i][1]);
    }
}

static void
test_defaults (void)
{
  static const char * const trading[][2] = {
    { "BrokerConnectionEstablished", "broker_connection_update" },
    { "BrokerConnectionEstablishedSagaCompleted", "broker_connection_update" },
    { "BrokerDisconnected", "broker_connection_update" },
    { "BrokerAccountLinked", "broker_account_update" },
    { "AccountDataFromBrokerUpdated", "broker_account_update" },
    { "OrderPlaced", "order_update" },
    { "OrderFilled", "order_filled" },
    { "OrderCancelled", "order_cancelled" },
    { "OrderRejected", "order_rejected" },
    { "PositionOpened", "position_update" },
    { "PositionClosed", "position_update" },
    { "OrderAmended", "order_amended" },
  };
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();

  wse_type_mapper_add_defaults (mapper);
  for (gsize i = 0; i < G_N_ELEMENTS (trading); i++)
    {
      g_autofree char *mapped = wse_type_mapper_map (mapper, trading[i][0]);

      g_assert_cmpstr (mapped, ==, trading[i][1]);
    }
}

static void
assert_maps (WseTypeMapper *mapper,
             const char    *from,
             const char    *to)
{
  g_autofree char *mapped = wse_type_mapper_map (mapper, from);

  g_assert_cmpstr (mapped, ==, to);
}

static void
test_explicit (void)
{
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (wse_type_mapper_add (mapper, "OrderPlaced", "first", &error));
  g_assert_true (wse_type_mapper_add (mapper, "OrderPlaced", "second", &error));
  g_assert_true (wse_type_mapper_add (mapper, "plain.type", "Odd", &error));
  g_assert_true (wse_type_mapper_add (mapper, "KeptAsItIs", "KeptAsItIs", &error));
  g_assert_no_error (error);
  assert_maps (mapper, "OrderPlaced", "second");
  assert_maps (mapper, "plain.type", "Odd");
  assert_maps (mapper, "KeptAsItIs", "KeptAsItIs");

  g_assert_false (wse_type_mapper_add (mapper, "a b", "c", &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (wse_type_mapper_add (mapper, "a", "", &error));
  g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
  assert_maps (mapper, "a", "a");
}

static WseEvent *
parse (const char *json)
{
  WseEventParse how = { WSE_DEFAULT_MAX_EVENT, WSE_MAX_DEPTH, 1699468800123456 };
  g_autoptr (GError) error = NULL;
  WseEvent *event = wse_event_parse (json, strlen (json), &how, &error);

  g_assert_no_error (error);
  return event;
}

static WseEvent *
map (WseTypeMapper *mapper,
     WseEvent      *event)
{
  g_autoptr (GError) error = NULL;
  WseEvent *out = NULL;

  g_assert_cmpint (wse_transformer_transform (WSE_TRANSFORMER (mapper), event, &out, &error), ==, WSE_VERDICT_DELIVER);
  g_assert_no_error (error);
  return out;
}

static void
test_event (void)
{
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();
  g_autoptr (WseEvent) event = parse ("{\"event_type\":\"OrderPlaced\",\"event_id\":\"e\",\"user_id\":\"1\",\"broadcast\":true,"
                                      "\"severity\":\"warning\",\"message\":\"m\",\"timestamp\":1,\"payload\":{\"a\":1.10}}");
  g_autoptr (WseEvent) mapped = NULL, again = NULL, back = NULL, kept = NULL, plain = NULL;
  g_autoptr (GBytes) payload = NULL;
  const char *mapped_payload;
  gsize length;

  wse_type_mapper_add_defaults (mapper);
  mapped = map (mapper, event);
  g_assert_cmpstr (wse_event_get_event_type (mapped), ==, "order_update");
  g_assert_cmpstr (mapped->original_type, ==, "OrderPlaced");
  g_assert_cmpstr (wse_event_get_id (mapped), ==, "e");
  g_assert_cmpstr (wse_event_get_message (mapped), ==, "m");
  g_assert_cmpint (wse_event_get_severity (mapped), ==, WSE_SEVERITY_WARNING);
  g_assert_true (mapped->severity_given);
  g_assert_cmpint (wse_event_get_timestamp (mapped), ==, G_USEC_PER_SEC);
  g_assert_cmpint (wse_event_get_latency (mapped), ==, wse_event_get_latency (event));
  g_assert_cmpstr (wse_event_get_channels (mapped)[0], ==, "user:1");
  g_assert_cmpstr (wse_event_get_channels (mapped)[1], ==, "global");
  g_assert_null (wse_event_get_channels (mapped)[2]);
  payload = wse_event_get_payload (mapped);
  mapped_payload = g_bytes_get_data (payload, &length);
  g_assert_cmpmem (mapped_payload, length, "{\"a\":1.10}", 10);

  /* A second mapping does not forget the first type; one back to it is no change at all. */
  g_assert_true (wse_type_mapper_add (mapper, "order_update", "order_news", NULL));
  again = map (mapper, mapped);
  g_assert_cmpstr (again->event_type, ==, "order_news");
  g_assert_cmpstr (again->original_type, ==, "OrderPlaced");
  g_assert_true (wse_type_mapper_add (mapper, "order_news", "OrderPlaced", NULL));
  back = map (mapper, again);
  g_assert_cmpstr (back->event_type, ==, "OrderPlaced");
  g_assert_null (back->original_type);

  plain = parse ("{\"event_type\":\"order_cancelled\",\"user_id\":\"1\"}");
  kept = map (mapper, plain);
  g_assert_true (kept == plain);
  g_assert_null (kept->original_type);
}

static void
test_too_long (void)
{
  g_autoptr (WseTypeMapper) mapper = wse_type_mapper_new ();
  g_autofree char *type = g_malloc0 (WSE_MAX_ID_BYTES + 1);
  g_autofree char *json = NULL;
  g_autoptr (WseEvent) event = NULL;
  g_autoptr (GError) error = NULL;
  WseEvent *out = NULL;

  for (gsize i = 0; i < WSE_MAX_ID_BYTES; i++)
    type[i] = i % 2 == 0 ? 'A' : 'b';
  json = g_strdup_printf ("{\"event_type\":\"%s\",\"user_id\":\"1\"}", type);
  event = parse (json);
  g_assert_cmpint (wse_transformer_transform (WSE_TRANSFORMER (mapper), event, &out, &error), ==, WSE_VERDICT_FAIL);
  g_assert_error (error, WSE_ERROR, WSE_ERROR_INVALID);
  g_assert_null (out);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/type-mapper/snake-case", test_snake_case);
  g_test_add_func ("/type-mapper/defaults", test_defaults);
  g_test_add_func ("/type-mapper/explicit", test_explicit);
  g_test_add_func ("/type-mapper/event", test_event);
  g_test_add_func ("/type-mapper/too-long", test_too_long);
  return g_test_run ();
}
