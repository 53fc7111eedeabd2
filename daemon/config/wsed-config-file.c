/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the configuration file, a GKeyFile: groups [wsed] and [route NAME], and [snapshot NAME], which this version knows but does not
 * implement; and the file of routes. Every message names the file, the group and the key. */
#include "wsed-config-file.h"

#include <string.h>

#include "wse.h"

static gboolean
read_key (gpointer target, GKeyFile *file, const char *path, const char *group, const char *key, const WsedOption *options,
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
  return wsed_config_set (target, option, who, g_strstrip (text), error);
}

static gboolean
read_keys (gpointer target, GKeyFile *file, const char *path, const char *group, const WsedOption *options, guint n_options,
           GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, error);

  if (keys == NULL)
    return FALSE;
  for (guint i = 0; keys[i] != NULL; i++)
    {
      if (!read_key (target, file, path, group, keys[i], options, n_options, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_route (WsedConfig *config, GKeyFile *file, const char *path, const char *group, GError **error)
{
  g_autoptr (WsedRoute) route = wsed_route_new (group);
  guint n_options;
  const WsedOption *options = wsed_options_route (&n_options);

  if (!read_keys (route, file, path, group, options, n_options, error))
    return FALSE;
  if (!wsed_route_check (route, error))
    {
      g_prefix_error (error, "%s: [%s]: ", path, group);
      return FALSE;
    }
  for (guint i = 0; i < config->routes->len; i++)
    {
      if (strcmp (((WsedRoute *) config->routes->pdata[i])->name, group) != 0)
        continue;
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: [%s] stands in the configuration file, too; give it another name", path, group);
      return FALSE;
    }
  g_ptr_array_add (config->routes, g_steal_pointer (&route));
  return TRUE;
}

static gboolean
read_snapshot (GKeyFile *file, const char *path, const char *group, GError **error)
{
  guint n_options;
  const WsedOption *options = wsed_options_snapshot (&n_options);

  if (!read_keys (NULL, file, path, group, options, n_options, error))
    return FALSE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: [%s]: this version of wsed does not implement snapshots yet; leave the group out",
               path, group);
  return FALSE;
}

static gboolean
read_group (WsedConfig *config, GKeyFile *file, const char *path, const char *group, gboolean routes_only, GError **error)
{
  guint n_options;
  const WsedOption *options = wsed_options (&n_options);

  if (g_str_has_prefix (group, "route "))
    return read_route (config, file, path, group, error);
  if (routes_only)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: the group [%s] does not belong into a file of routes; known is [route NAME]",
                   path, group);
      return FALSE;
    }
  if (g_str_has_prefix (group, "snapshot "))
    return read_snapshot (file, path, group, error);
  if (strcmp (group, "wsed") == 0)
    return read_keys (config, file, path, group, options, n_options, error);
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: the group [%s] is unknown; known are [wsed], [snapshot NAME], [route NAME]", path,
               group);
  return FALSE;
}

/* NULL, or what is wrong with a line. @seen: "[group]NAME" of all settings so far. */
static char *
check_line (const char *line, char **group, GHashTable *seen)
{
  const char *equals = strchr (line, '=');
  g_autofree char *name = NULL;

  if (line[0] == '\0' || line[0] == '#')
    return NULL;
  if (line[0] == '[')
    {
      g_free (*group);
      *group = g_strdup (line);
      return NULL;
    }
  if (equals == NULL || equals == line)
    return g_strdup ("it is neither [GROUP], nor NAME=VALUE, nor a remark that begins with #");
  name = g_strchomp (g_strndup (line, equals - line));
  if (*group == NULL)
    return g_strdup_printf ("%s stands before the first [GROUP]", name);
  if (!g_hash_table_add (seen, g_strconcat (*group, name, NULL)))
    return g_strdup_printf ("%s is there twice", name);
  return NULL;
}

/* Before GKeyFile, which takes the last of two, and whose messages repeat a line that may have a secret in it. */
static gboolean
check_lines (const char *text, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *group = NULL;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *problem = check_line (g_strstrip (lines[i]), &group, seen);

      if (problem != NULL)
        {
          g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "line %u: %s", i + 1, problem);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
read_file (WsedConfig *config, const char *path, const char *what, gboolean routes_only, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_auto (GStrv) groups = NULL;
  g_autofree char *whole = NULL;
  const char *text;
  gsize length;

  if (!g_file_get_contents (path, &whole, &length, error))
    {
      g_prefix_error (error, "reading the %s %s: ", what, path);
      return FALSE;
    }
  /* GKeyFile looks at values only, and messages repeat names. */
  if (!g_utf8_validate (whole, length, NULL))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "reading the %s %s: it is not UTF-8", what, path);
      return FALSE;
    }
  /* Some editors begin a file with a byte order mark. */
  text = g_str_has_prefix (whole, "\xef\xbb\xbf") ? whole + 3 : whole;
  if (!check_lines (text, error) || (*text != '\0' && !g_key_file_load_from_data (file, text, -1, G_KEY_FILE_NONE, error)))
    {
      g_prefix_error (error, "reading the %s %s: ", what, path);
      return FALSE;
    }
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i] != NULL; i++)
    {
      if (!read_group (config, file, path, groups[i], routes_only, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
wsed_config_read_file (WsedConfig *config, const char *path, GError **error)
{
  return read_file (config, path, "configuration", FALSE, error);
}

gboolean
wsed_config_read_routes (WsedConfig *config, const char *path, GError **error)
{
  return read_file (config, path, "routes", TRUE, error);
}
