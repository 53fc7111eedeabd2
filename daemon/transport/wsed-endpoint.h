/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "stream/wsed-hub.h"
#include "transport/wsed-query.h"

G_BEGIN_DECLS

/* A streaming endpoint: what its parameters mean (PROTOCOL section 3). */
typedef struct
{
  const char *path;
  WseDialect dialect;          /* unless format= says otherwise */
  WsedFraming framing;
  gboolean own_channels;       /* the user's own, global, roles and teams */
  gboolean named_channels;     /* those of channel=, beside the user's own; `system` where there are neither */
  gboolean parameters;         /* FALSE: none are taken (the echo of the conformance suites) */
} WsedEndpoint;

/* The parameters that say who one is where authentication is off, and the check that they are well formed, or, where
 * it is on, not there. */
#define WSED_IDENTITY_PARAMETERS "user_id roles teams"
gboolean wsed_endpoint_check_identity (WsedQuery *query, gboolean authenticated, GError **error);

/* Fills @admission from the request's @query, NULL for none. Every unknown or malformed parameter is an error; WSE_ERROR_FORBIDDEN: a
 * channel that its grant does not permit. */
gboolean wsed_endpoint_read           (const WsedEndpoint *self, const char *query, WsedAdmission *admission, GError **error);

G_END_DECLS
