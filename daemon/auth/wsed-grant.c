/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* WsedGrant answers what its holder may do. It never knows how that was proved, nor what is done with the answer. */

#include "auth/wsed-grant.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-limits.h"

WsedGrant *
wsed_grant_new (void)
{
  WsedGrant *grant = g_new0 (WsedGrant, 1);

  grant->refs = 1;
  grant->roles = g_new0 (char *, 1);
  grant->teams = g_new0 (char *, 1);
  grant->subscribe = g_new0 (char *, 1);
  grant->publish = g_new0 (char *, 1);
  grant->expires = G_MAXINT64;
  grant->issued = G_MININT64;
  return grant;
}

WsedGrant *
wsed_grant_ref (WsedGrant *grant)
{
  __atomic_fetch_add (&grant->refs, 1, __ATOMIC_RELAXED);
  return grant;
}

void
wsed_grant_unref (WsedGrant *grant)
{
  if (grant == NULL || __atomic_sub_fetch (&grant->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  g_free (grant->user);
  g_free (grant->service);
  g_strfreev (grant->roles);
  g_strfreev (grant->teams);
  g_strfreev (grant->subscribe);
  g_strfreev (grant->publish);
  g_clear_pointer (&grant->filter, wse_filter_unref);
  g_free (grant->jti);
  g_free (grant->kid);
  g_free (grant->line);
  g_free (grant);
}

char *
wsed_grant_dup_holder (const WsedGrant *grant)
{
  if (grant == NULL)
    return NULL;
  return grant->service != NULL ? g_strconcat ("@", grant->service, NULL) : g_strdup (grant->user);
}

gboolean
wsed_grant_pattern_is_valid (const char *pattern)
{
  gsize length = strlen (pattern);
  g_autofree char *prefix = NULL;

  if (wse_channel_is_valid (pattern))
    return TRUE;
  if (length == 0 || pattern[length - 1] != '*')
    return FALSE;
  if (length == 1)
    return TRUE;
  /* The longest channel is a kind, a colon and an id. */
  prefix = g_strndup (pattern, length - 1);
  return length <= WSE_MAX_ID_BYTES + 16 && g_utf8_validate (prefix, -1, NULL) && strpbrk (prefix, "*,@ \t\r\n") == NULL;
}

static gboolean
matches (const char * const *patterns,
         const char         *channel)
{
  for (guint i = 0; patterns[i] != NULL; i++)
    {
      gsize length = strlen (patterns[i]);

      if (patterns[i][length - 1] == '*' ? strncmp (patterns[i], channel, length - 1) == 0 : strcmp (patterns[i], channel) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_own (const WsedGrant *grant,
        const char      *channel)
{
  const char *id;

  switch (wse_channel_parse (channel, &id))
    {
    case WSE_CHANNEL_GLOBAL:
      return TRUE;
    case WSE_CHANNEL_USER:
      return grant->user != NULL && strcmp (grant->user, id) == 0;
    case WSE_CHANNEL_ROLE:
      return g_strv_contains ((const char * const *) grant->roles, id);
    case WSE_CHANNEL_TEAM:
      return g_strv_contains ((const char * const *) grant->teams, id);
    case WSE_CHANNEL_SYSTEM:
      return wsed_grant_may_monitor (grant);
    case WSE_CHANNEL_SESSION:
    case WSE_CHANNEL_INVALID:
    default:
      return FALSE;
    }
}

gboolean
wsed_grant_may_subscribe (const WsedGrant *grant,
                          const char      *channel)
{
  /* The whole log is a matter of its own: no pattern stands for it. */
  if (strcmp (channel, "*") == 0)
    return wsed_grant_may_monitor (grant);
  return grant == NULL || is_own (grant, channel) || matches ((const char * const *) grant->subscribe, channel);
}

gboolean
wsed_grant_may_publish (const WsedGrant *grant,
                        const char      *channel)
{
  return grant == NULL || matches ((const char * const *) grant->publish, channel);
}

gboolean
wsed_grant_may_monitor (const WsedGrant *grant)
{
  return grant == NULL || grant->monitor || grant->admin;
}

gboolean
wsed_grant_may_administer (const WsedGrant *grant)
{
  return grant == NULL || grant->admin;
}

WseFilter *
wsed_grant_get_filter (const WsedGrant *grant)
{
  return grant != NULL ? grant->filter : NULL;
}
