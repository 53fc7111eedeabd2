/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The messages from the hub to a worker that are about connections. It decides nothing. */

#include "stream/wsed-order.h"

typedef struct
{
  WsedMessage message;
  WsedWorker *worker;
  WsedAdmission *admission;
  WsedWithdrawal *withdrawal;
  guint spread;
} Order;

static void
run_admit (WsedMessage *message,
           gpointer     user_data)
{
  Order *order = (Order *) message;

  wsed_worker_get_config (order->worker)->start (order->worker, order->admission);
  g_free (order);
}

static void
run_withdraw (WsedMessage *message,
              gpointer     user_data)
{
  Order *order = (Order *) message;

  wsed_worker_withdraw (order->worker, order->withdrawal);
  wsed_withdrawal_unref (order->withdrawal);
  g_free (order);
}

static void
run_shutdown (WsedMessage *message,
              gpointer     user_data)
{
  Order *order = (Order *) message;

  wsed_worker_shutdown (order->worker, order->spread);
  g_free (order);
}

static void
send (WsedWorker *worker,
      void (*run) (WsedMessage *message, gpointer user_data),
      const Order *what)
{
  Order *order = g_new (Order, 1);

  *order = *what;
  order->message.run = run;
  order->worker = worker;
  wsed_inbox_push (wsed_worker_get_inbox (worker), &order->message);
}

void
wsed_order_admit (WsedWorker    *worker,
                  WsedAdmission *admission)
{
  send (worker, run_admit, &(Order) { .admission = admission });
}

void
wsed_hub_withdraw (WsedHub        *hub,
                   WsedWithdrawal *withdrawal)
{
  guint n_workers;
  WsedWorker * const *workers = wsed_hub_get_workers (hub, &n_workers);

  for (guint i = 0; i < n_workers; i++)
    send (workers[i], run_withdraw, &(Order) { .withdrawal = wsed_withdrawal_ref (withdrawal) });
}

void
wsed_order_shutdown (WsedWorker *worker,
                     guint       spread)
{
  send (worker, run_shutdown, &(Order) { .spread = spread });
}
