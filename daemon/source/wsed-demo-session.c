/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated trading session of the demo. Event types are PascalCase, as such systems send them, so that the type mapping shows. Every
 * payload and every message says that it is simulated. Knows nothing of pipelines and clocks. */
#include "wsed-demo-session.h"

static const char *const symbols[] = { "ACME", "GLOBEX", "INITECH", "UMBRELLA" };

enum
{
  STEP_PLACED,
  STEP_FILLED,
  STEP_OPENED,
  STEP_CLOSED,
};

/* xorshift64*: neither fast nor secret is needed, only the same again. */
static guint
roll (WsedDemoSession *self, guint sides)
{
  self->state ^= self->state >> 12;
  self->state ^= self->state << 25;
  self->state ^= self->state >> 27;
  return (guint) ((self->state * G_GUINT64_CONSTANT (2685821657736338717)) >> 33) % sides;
}

void
wsed_demo_session_init (WsedDemoSession *self, guint64 seed)
{
  *self = (WsedDemoSession) { .state = seed != 0 ? seed : 1 };
}

static void
append (WsedDemoSession *self, GString *out, const char *type, const char *severity, const char *what)
{
  g_string_append_printf (out,
                          "{\"event_type\":\"%s\",\"user_id\":\"demo\",\"severity\":\"%s\",\"message\":\"Simulated: %s %u, %s %u %s at %u.%02u\","
                          "\"payload\":{\"simulated\":true,\"order_id\":\"demo-%u\",\"symbol\":\"%s\",\"side\":\"%s\",\"quantity\":%u,"
                          "\"price\":\"%u.%02u\"}}\n",
                          type, severity, what, self->order, self->side, self->quantity, self->symbol, self->cents / 100, self->cents % 100,
                          self->order, self->symbol, self->side, self->quantity, self->cents / 100, self->cents % 100);
}

static void
place_order (WsedDemoSession *self, GString *out)
{
  self->order++;
  self->symbol = symbols[roll (self, G_N_ELEMENTS (symbols))];
  self->side = roll (self, 2) == 0 ? "buy" : "sell";
  self->quantity = 1 + roll (self, 100);
  self->cents = 5000 + roll (self, 20000);
  append (self, out, "OrderPlaced", "info", "order");
  self->step = STEP_FILLED;
}

/* Of eight orders six are filled. */
static void
settle_order (WsedDemoSession *self, GString *out)
{
  guint luck = roll (self, 8);

  self->step = STEP_PLACED;
  if (luck == 0)
    append (self, out, "OrderRejected", "warning", "the broker rejected order");
  else if (luck == 1)
    append (self, out, "OrderCancelled", "info", "cancelled order");
  else
    {
      append (self, out, "OrderFilled", "info", "filled order");
      self->step = STEP_OPENED;
    }
}

void
wsed_demo_session_next (WsedDemoSession *self, GString *out)
{
  if (!self->connected)
    {
      g_string_append (out, "{\"event_type\":\"BrokerConnectionEstablished\",\"user_id\":\"demo\",\"message\":\"Simulated: connected to a broker\","
                            "\"payload\":{\"simulated\":true,\"broker\":\"demo\"}}\n");
      self->connected = TRUE;
      return;
    }
  switch (self->step)
    {
    case STEP_PLACED:
      place_order (self, out);
      break;
    case STEP_FILLED:
      settle_order (self, out);
      break;
    case STEP_OPENED:
      append (self, out, "PositionOpened", "info", "opened a position with order");
      self->step = STEP_CLOSED;
      break;
    case STEP_CLOSED:
      self->cents += roll (self, 201);
      self->cents -= 100;
      append (self, out, "PositionClosed", "info", "closed the position of order");
      self->step = STEP_PLACED;
      break;
    default:
      g_assert_not_reached ();
    }
}
