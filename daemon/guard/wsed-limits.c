/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedLimits owns who has how many connections and who asks how often, and counts what was refused. How a refusal looks is not its
 * business, nor is anything of a connection but its place. */

#include "guard/wsed-limits.h"

#include <string.h>

#include "guard/wsed-quota.h"
#include "metrics/wsed-metrics.h"

/* So many seconds' worth may come at once. */
#define BURST 4

struct _WsedLimits
{
  guint connections_per_address;
  GHashTable *places;          /* place → connections, as many entries as there are open connections at most */
  WsedQuota *connections, *requests, *by_key;
  guint handshake_rate;        /* 0: no limit */
  WsedBucket handshakes;
};

static WsedMetric *refusals[WSED_N_LIMITS];

static void
make_metrics (void)
{
  static const char * const labels[] = { "limit", NULL };
  static const char * const names[WSED_N_LIMITS] = {
    [WSED_LIMIT_CONNECTIONS] = "connections",
    [WSED_LIMIT_CONNECTIONS_PER_ADDRESS] = "connections_per_address",
    [WSED_LIMIT_CONNECTIONS_PER_USER] = "connections_per_user",
    [WSED_LIMIT_CONNECTION_RATE] = "connection_rate",
    [WSED_LIMIT_REQUEST_RATE] = "request_rate",
    [WSED_LIMIT_REQUEST_RATE_PER_KEY] = "request_rate_per_key",
    [WSED_LIMIT_HEADER] = "header",
    [WSED_LIMIT_SUBSCRIPTIONS] = "subscriptions",
    [WSED_LIMIT_COMMAND_RATE] = "command_rate",
    [WSED_LIMIT_HANDSHAKE_RATE] = "handshake_rate",
    [WSED_LIMIT_TLS_RECORDS] = "tls_records",
  };
  WsedMetricFamily *family = wsed_metric_family_new (WSED_METRIC_COUNTER, "wse_refusals_total",
                                                     "What was refused, or with command_rate put off, because of a limit.", labels,
                                                     WSED_N_LIMITS);

  for (guint i = 0; i < WSED_N_LIMITS; i++)
    {
      const char * const values[] = { names[i], NULL };

      refusals[i] = wsed_metric_family_get (family, values);
    }
}

void
wsed_limits_refused (WsedLimit limit)
{
  /* A part that is tested by itself counts nothing. */
  if (refusals[limit] != NULL)
    wsed_metric_add (refusals[limit], 1);
}

WsedLimits *
wsed_limits_new (const WsedLimitsConfig *config)
{
  WsedLimits *self = g_rc_box_new0 (WsedLimits);

  make_metrics ();
  self->connections_per_address = config->connections_per_address;
  self->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->handshake_rate = config->handshake_rate;
  self->connections = wsed_quota_new (config->connection_rate, BURST * config->connection_rate);
  self->requests = wsed_quota_new (config->request_rate, BURST * config->request_rate);
  self->by_key = wsed_quota_new (config->request_rate_per_key, BURST * config->request_rate_per_key);
  return self;
}

WsedLimits *
wsed_limits_ref (WsedLimits *self)
{
  return g_rc_box_acquire (self);
}

static void
limits_clear (gpointer data)
{
  WsedLimits *self = data;

  g_hash_table_unref (self->places);
  wsed_quota_free (self->connections);
  wsed_quota_free (self->requests);
  wsed_quota_free (self->by_key);
}

void
wsed_limits_unref (WsedLimits *self)
{
  if (self != NULL)
    g_rc_box_release_full (self, limits_clear);
}

char *
wsed_limits_place (const WsedAddress *address)
{
  WsedAddress network = *address;

  if (wsed_address_is_loopback (address))
    return NULL;
  if (!wsed_address_is_ipv4 (address))
    memset (network.bytes + 8, 0, 8);
  return wsed_address_to_string (&network);
}

gboolean
wsed_limits_enter (WsedLimits *self,
                   const char *place)
{
  guint count;

  if (place == NULL)
    return TRUE;
  count = GPOINTER_TO_UINT (g_hash_table_lookup (self->places, place));
  if (self->connections_per_address != 0 && count >= self->connections_per_address)
    {
      wsed_limits_refused (WSED_LIMIT_CONNECTIONS_PER_ADDRESS);
      return FALSE;
    }
  g_hash_table_insert (self->places, g_strdup (place), GUINT_TO_POINTER (count + 1));
  return TRUE;
}

void
wsed_limits_leave (WsedLimits *self,
                   const char *place)
{
  guint count;

  if (place == NULL)
    return;
  count = GPOINTER_TO_UINT (g_hash_table_lookup (self->places, place));
  g_assert (count > 0);
  if (count > 1)
    g_hash_table_insert (self->places, g_strdup (place), GUINT_TO_POINTER (count - 1));
  else
    g_hash_table_remove (self->places, place);
}

static gboolean
take (WsedQuota  *quota,
      const char *key,
      WsedLimit   limit)
{
  if (key == NULL || wsed_quota_take (quota, key, strlen (key), g_get_monotonic_time ()) == 0)
    return TRUE;
  wsed_limits_refused (limit);
  return FALSE;
}

gboolean
wsed_limits_connect (WsedLimits *self,
                     const char *place)
{
  return take (self->connections, place, WSED_LIMIT_CONNECTION_RATE);
}

gboolean
wsed_limits_request (WsedLimits *self,
                     const char *place)
{
  return take (self->requests, place, WSED_LIMIT_REQUEST_RATE);
}

gboolean
wsed_limits_request_by_key (WsedLimits *self,
                            const char *key)
{
  return take (self->by_key, key, WSED_LIMIT_REQUEST_RATE_PER_KEY);
}

gint64
wsed_limits_handshake (WsedLimits *self)
{
  if (self->handshake_rate == 0)
    return 0;
  return wsed_bucket_take (&self->handshakes, self->handshake_rate, BURST * self->handshake_rate, g_get_monotonic_time ());
}
