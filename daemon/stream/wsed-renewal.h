/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-worker.h"

G_BEGIN_DECLS

/* Something of @stream came whose place is not behind the one before: asks the log for the channel's epoch. */
void wsed_renewal_ask  (WsedWorker *worker, WsedStream *stream);
/* The log says @head: where that is of another epoch all that the worker has of @stream was of another life, and its readers begin anew. */
void wsed_renewal_take (WsedWorker *worker, WsedStream *stream, const WsedHead *head);

G_END_DECLS
