/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How the parts say that they are (PROTOCOL section 5, GET /api/health). Main thread. Log and relay speak for themselves, by their statistics. */

typedef enum
{
  WSED_HEALTH_KAFKA,
  WSED_HEALTH_OUTBOX,
  WSED_HEALTH_SNAPSHOT,
  WSED_N_HEALTH_PARTS,
} WsedHealthPart;

typedef enum
{
  WSED_HEALTH_DISABLED,
  WSED_HEALTH_OK,
  WSED_HEALTH_DEGRADED,        /* does not do its work now, and goes on by itself */
  WSED_HEALTH_DOWN,            /* somebody has to do something */
} WsedHealthState;

/* @reason: for people; NULL or "" where there is nothing to say. */
void            wsed_health_set      (WsedHealthPart part, WsedHealthState state, const char *reason);
WsedHealthState wsed_health_get      (WsedHealthPart part, const char **reason);
const char     *wsed_health_get_name (WsedHealthPart part);
const char     *wsed_health_get_word (WsedHealthState state);

G_END_DECLS
