/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* wsectl: which command, and the exit status. No logic. */

#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "wse-error.h"
#include "wse-standard-private.h"
#include "wsectl-command.h"

enum
{
  DONE = 0,
  FAILED = 1,
  USAGE = 2,
};

static const char HELP[] =
  "Usage: wsectl COMMAND [OPTION…]\n"
  "\n"
  "  publish      publish an event, or a file of them\n"
  "  tail         show events as they come\n"
  "  history      show what a channel keeps\n"
  "  connections  show who is connected\n"
  "  disconnect   end a connection, or all of a user's\n"
  "  erase        erase what a channel keeps\n"
  "  token        sign a token\n"
  "  key          make a key for a service\n"
  "\n"
  "wsectl COMMAND --help says more, so does man wsectl. --version gives the version.\n"
  "The server is http://127.0.0.1:8000, or what WSE_SERVER or --server says.\n"
  "Who asks is what the token in WSE_TOKEN or --token says, or the key of a service there.\n"
  "\n"
  "Exit status: 0 done; 1 the server refused or could not be reached, or an event was rejected; 2 wrong usage.\n";

static const struct
{
  const char *name;
  gboolean (*run) (int argc, char **argv, GError **error);
} commands[] = {
  { "publish", wsectl_publish },
  { "tail", wsectl_tail },
  { "history", wsectl_history },
  { "connections", wsectl_connections },
  { "disconnect", wsectl_disconnect },
  { "erase", wsectl_erase },
  { "token", wsectl_token },
  { "key", wsectl_key },
};

static int
end (const char   *name,
     const GError *error)
{
  gboolean usage = error->domain == G_OPTION_ERROR || g_error_matches (error, WSE_ERROR, WSE_ERROR_INVALID);

  /* Who closed the pipe has seen enough. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE))
    return DONE;
  fprintf (stderr, "wsectl: %s%s%s%s\n", error->message, usage ? "; see wsectl " : "", usage ? name : "", usage ? " --help" : "");
  return usage ? USAGE : FAILED;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (argv[1], commands[i].name))
      {
        g_autofree char *name = g_strconcat ("wsectl ", commands[i].name, NULL);

        g_set_prgname (name);
        return commands[i].run (argc - 1, argv + 1, &error) ? DONE : end (commands[i].name, error);
      }
  fprintf (stderr, "wsectl: there is no command “%s”; see wsectl --help\n", argv[1]);
  return USAGE;
}

int
main (int    argc,
      char **argv)
{
  gboolean help = argc > 1 && (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"));

  wse_standard_keep ();
  setlocale (LC_ALL, "");
  signal (SIGPIPE, SIG_IGN);
  if (argc < 2 || help)
    {
      fputs (HELP, help ? stdout : stderr);
      return !help ? USAGE : wse_standard_flush ("wsectl") ? DONE : FAILED;
    }
  if (g_str_equal (argv[1], "--version"))
    {
      puts ("wsectl " WSECTL_VERSION);
      return wse_standard_flush ("wsectl") ? DONE : FAILED;
    }
  return run (argc, argv);
}
