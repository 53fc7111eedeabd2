/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wsed: configuration, log, daemon, exit status. No logic. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "system/wsed-journal.h"
#include "wse-standard-private.h"
#include "wsed-config.h"
#include "wsed-daemon.h"

#define EXIT_CONFIGURATION 2

int
main (int argc, char **argv)
{
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) error = NULL;
  g_autoptr (WsedConfig) config = NULL;
  g_autoptr (WsedDaemon) daemon = NULL;
  gboolean went_well;

  wse_standard_keep ();
  config = wsed_config_load (argc, argv, environment, &error);
  if (config == NULL)
    {
      if (error == NULL)
        return wse_standard_flush ("wsed") ? EXIT_SUCCESS : EXIT_FAILURE;
      fprintf (stderr, "wsed: %s\n", error->message);
      return EXIT_CONFIGURATION;
    }
  wsed_journal_install (config->log_json ? WSED_JOURNAL_JSON : wsed_journal_find_form (environment), config->log_level);
  signal (SIGPIPE, SIG_IGN);
  daemon = wsed_daemon_new (config, environment, &error);
  if (daemon == NULL)
    {
      g_warning ("wsed does not start: %s", error->message);
      return EXIT_FAILURE;
    }
  went_well = wsed_daemon_run (daemon);
  g_clear_pointer (&daemon, wsed_daemon_free);
  g_message ("stopped");
  return went_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
