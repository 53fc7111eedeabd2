/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-worker.h"

G_BEGIN_DECLS

/* Makes a WebSocket connection of @admission, which it takes, on @worker's thread; the WsedHubConfig's start. */
void wsed_connection_start (WsedWorker *worker, WsedAdmission *admission);

G_END_DECLS
