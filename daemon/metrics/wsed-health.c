/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The last word of each part on how it is. Decides nothing. */

#include "metrics/wsed-health.h"

static struct
{
  WsedHealthState state;
  char reason[200];
} parts[WSED_N_HEALTH_PARTS];

void
wsed_health_set (WsedHealthPart   part,
                 WsedHealthState  state,
                 const char      *reason)
{
  parts[part].state = state;
  g_strlcpy (parts[part].reason, reason != NULL ? reason : "", sizeof parts[part].reason);
}

WsedHealthState
wsed_health_get (WsedHealthPart   part,
                 const char     **reason)
{
  *reason = parts[part].reason;
  return parts[part].state;
}

const char *
wsed_health_get_name (WsedHealthPart part)
{
  static const char *const names[] = {
    [WSED_HEALTH_KAFKA] = "kafka", [WSED_HEALTH_OUTBOX] = "outbox", [WSED_HEALTH_SNAPSHOT] = "snapshot",
  };

  return names[part];
}

const char *
wsed_health_get_word (WsedHealthState state)
{
  static const char *const words[] = {
    [WSED_HEALTH_DISABLED] = "disabled", [WSED_HEALTH_OK] = "ok", [WSED_HEALTH_DEGRADED] = "degraded", [WSED_HEALTH_DOWN] = "down",
  };

  return words[state];
}
