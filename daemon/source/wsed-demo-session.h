/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A trading session that nobody trades in: what a broker's system would report of one, step by step, each event marked as simulated. */
typedef struct
{
  guint64 state;               /* of the random numbers: the same seed gives the same session */
  guint step;                  /* within a trade */
  guint order;                 /* its number, from 1 */
  const char *symbol;
  const char *side;
  guint quantity;
  guint cents;                 /* the price of one */
  gboolean connected;
} WsedDemoSession;

void wsed_demo_session_init (WsedDemoSession *self, guint64 seed);
/* Appends the next event as a line of JSON for user:demo. */
void wsed_demo_session_next (WsedDemoSession *self, GString *out);

G_END_DECLS
