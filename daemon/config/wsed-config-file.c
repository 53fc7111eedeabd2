/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the configuration file, a GKeyFile: group [wsed], and [snapshot NAME] and [route NAME], which this version knows but does not
 * implement. Every message names the file, the group and the key. */
#include "wsed-config-file.h"

#include <string.h>

#include "wse.h"

static gboolean
read_key (WsedConfig *config, GKeyFile *file, const char *path, const char *group, const char *key, const WsedOption *options,
          guint n_options, GError **error)
{
  const WsedOption *option = wsed_option_find (options, n_options, key, strlen (key));
  g_autofree char *who = g_strdup_printf ("%s: [%s] %s", path, group, key);
  g_autofree char *text = NULL;
  g_autoptr (GError) problem = NULL;

  if (option == NULL)
    {
      g_autoptr (GString) known = g_string_new (NULL);

      for (guint i = 0; i < n_options; i++)
        g_string_append_printf (known, "%s%s", i > 0 ? ", " : "", options[i].name);
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s is unknown; known are %s", who, known->str);
      return FALSE;
    }
  /* With a bad escape it gives text and error both. */
  text = g_key_file_get_string (file, group, key, &problem);
  if (problem != NULL)
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&problem), "%s: ", who);
      return FALSE;
    }
  return wsed_config_set (config, option, who, g_strstrip (text), error);
}

static gboolean
read_group (WsedConfig *config, GKeyFile *file, const char *path, const char *group, GError **error)
{
  gboolean is_snapshot = g_str_has_prefix (group, "snapshot ");
  gboolean is_route = g_str_has_prefix (group, "route ");
  guint n_options;
  const WsedOption *options = is_snapshot ? wsed_options_snapshot (&n_options)
                              : is_route  ? wsed_options_route (&n_options)
                                          : wsed_options (&n_options);
  g_auto (GStrv) keys = NULL;

  if (!is_snapshot && !is_route && strcmp (group, "wsed") != 0)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: the group [%s] is unknown; known are [wsed], [snapshot NAME], [route NAME]",
                   path, group);
      return FALSE;
    }
  keys = g_key_file_get_keys (file, group, NULL, error);
  if (keys == NULL)
    return FALSE;
  for (guint i = 0; keys[i] != NULL; i++)
    {
      if (!read_key (config, file, path, group, keys[i], options, n_options, error))
        return FALSE;
    }
  if (is_snapshot || is_route)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: [%s]: this version of wsed does not implement %s yet; leave the group out",
                   path, group, is_snapshot ? "snapshots" : "routes");
      return FALSE;
    }
  return TRUE;
}

gboolean
wsed_config_read_file (WsedConfig *config, const char *path, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) groups = NULL;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, error))
    {
      g_prefix_error (error, "reading the configuration %s: ", path);
      return FALSE;
    }
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i] != NULL; i++)
    {
      if (!read_group (config, file, path, groups[i], error))
        return FALSE;
    }
  return TRUE;
}
