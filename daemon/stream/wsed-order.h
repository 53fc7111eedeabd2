/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-worker.h"

G_BEGIN_DECLS

/* Main thread: what the hub has a worker do, in the order in which it is said. */

/* Makes a connection of @admission, which it takes. */
void wsed_order_admit    (WsedWorker *worker, WsedAdmission *admission);
/* Says goodbye to all that it has then, spread over @spread ms. */
void wsed_order_shutdown (WsedWorker *worker, guint spread);

G_END_DECLS
