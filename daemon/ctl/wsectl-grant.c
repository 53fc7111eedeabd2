/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes permissions. Whether they are ones that wsed takes is checked as far as they can be misspelt. */

#include "wsectl-grant.h"

#include <string.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-filter.h"
#include "wse-json-private.h"

void
wsectl_grant_append_list (GString    *out,
                          const char *name,
                          const char *list)
{
  g_auto (GStrv) items = g_strsplit (list != NULL ? list : "", ",", -1);

  if (list == NULL)
    return;
  g_string_append_printf (out, "%s\"%s\":[", out->str[out->len - 1] == '{' ? "" : ",", name);
  for (guint i = 0; items[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      wse_json_append_string (out, items[i], -1);
    }
  g_string_append_c (out, ']');
}

static gboolean
check_patterns (const char  *option,
                const char  *list,
                GError     **error)
{
  g_auto (GStrv) items = g_strsplit (list != NULL ? list : "", ",", -1);

  for (guint i = 0; items[i] != NULL; i++)
    if (!wse_channel_is_valid (items[i]) && !g_str_has_suffix (items[i], "*"))
      {
        g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: “%s” is no channel, and no prefix that ends in *", option, items[i]);
        return FALSE;
      }
  return TRUE;
}

static void
append_flag (GString    *out,
             const char *name,
             gboolean    set)
{
  if (set)
    g_string_append_printf (out, "%s\"%s\":true", out->str[out->len - 1] == '{' ? "" : ",", name);
}

gboolean
wsectl_grant_append (const WsectlGrant  *grant,
                     GString            *out,
                     GError            **error)
{
  g_autoptr (WseFilter) filter = NULL;

  if (!check_patterns ("--subscribe", grant->subscribe, error) || !check_patterns ("--publish", grant->publish, error) ||
      !wse_filter_parse (grant->types, grant->severity, &filter, error))
    return FALSE;
  wsectl_grant_append_list (out, "subscribe", grant->subscribe);
  wsectl_grant_append_list (out, "publish", grant->publish);
  append_flag (out, "monitor", grant->monitor);
  append_flag (out, "admin", grant->admin);
  if (filter == NULL)
    return TRUE;
  g_string_append_printf (out, "%s\"filter\":{", out->str[out->len - 1] == '{' ? "" : ",");
  wsectl_grant_append_list (out, "types", grant->types);
  if (grant->severity != NULL)
    g_string_append_printf (out, "%s\"severity\":\"%s\"", grant->types != NULL ? "," : "", grant->severity);
  g_string_append_c (out, '}');
  return TRUE;
}

void
wsectl_grant_clear (WsectlGrant *grant)
{
  g_free (grant->subscribe);
  g_free (grant->publish);
  g_free (grant->types);
  g_free (grant->severity);
}
