/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/wsed-authority.h"
#include "stream/wsed-worker.h"

G_BEGIN_DECLS

/* One `refresh`: the way of a token from a connection to the authority, on the main thread, and of what it grants back. */
typedef struct _WsedRefresh WsedRefresh;

/* @grant: what it grants, borrowed; NULL with @problem. */
typedef void (*WsedRefreshed) (WsedGrant *grant, const WsedCredentialProblem *problem, gpointer user_data);

/* @worker's config must have an authority. Only one at a time is under way for a connection. */
WsedRefresh *wsed_refresh_new    (WsedWorker *worker, const char *token, WsedRefreshed done, gpointer user_data);
/* @done is not called any more. */
void         wsed_refresh_cancel (WsedRefresh *self);

G_END_DECLS
