/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What --help and --version print, and the lists of names in messages, all out of the table of options. */
#include "wsed-config-help.h"

#include <stdio.h>
#include <string.h>

#include "wsed-option.h"

void
wsed_config_print_version (void)
{
  printf ("wsed %s\n", WSED_VERSION);
}

void
wsed_config_print_help (void)
{
  guint n_options;
  const WsedOption *options = wsed_options (&n_options);

  printf ("Usage: wsed [OPTION…]\n\n"
          "Takes events over HTTP, keeps them, streams them to WebSocket clients.\n\n"
          "  --dev             no authentication; only on a loopback address. Without it jwt-key or api-keys is needed\n"
          "  --demo            a source of events of its own: readings of this machine and a simulated trading session\n"
          "  --config FILE     the configuration, a key file with a group [wsed]; by default /etc/wse/wsed.conf, if there\n"
          "  --check-config    read the configuration, say what is wrong with it, and end\n"
          "  --help, --version\n\n"
          "Settings: on the command line --NAME=VALUE, in the environment WSE_NAME, in the file NAME=VALUE; the first of these counts.\n\n");
  for (guint i = 0; i < n_options; i++)
    {
      g_autofree char *allowed = wsed_option_allowed (&options[i]);

      if (options[i].offset < 0)
        continue;
      printf ("  --%s=VALUE\n      %s.\n      %s%s%s%s\n", options[i].name, options[i].help, allowed,
              options[i].preset != NULL ? " (" : "", options[i].preset != NULL ? options[i].preset : "",
              options[i].preset != NULL ? ")" : "");
    }
  printf ("\nKnown, but not in this version:");
  for (guint i = 0; i < n_options; i++)
    {
      if (options[i].offset < 0)
        printf (" %s", options[i].name);
    }
  printf ("\n\nExit status: 0 after SIGTERM or SIGINT, 1 where the start failed, 2 where the configuration is wrong.\n");
}

char *
wsed_config_list_options (const char *prefix)
{
  GString *list = g_string_new (NULL);
  guint n_options;
  const WsedOption *options = wsed_options (&n_options);

  for (guint i = 0; i < n_options; i++)
    {
      g_autofree char *variable = wsed_option_variable (&options[i]);

      if (i > 0)
        g_string_append (list, ", ");
      if (strcmp (prefix, "WSE_") == 0)
        g_string_append (list, variable);
      else
        g_string_append_printf (list, "%s%s", prefix, options[i].name);
    }
  return g_string_free (list, FALSE);
}
