/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the commands' arguments have in common: how they are parsed, and how wrong ones are told. It knows no command. */

#include "wsectl-command.h"

#include <string.h>

#include "wse-error.h"

#define CODES "Exit status: 0 done; 1 the server refused or could not be reached, or an event was rejected; 2 wrong usage."

gboolean
wsectl_command_check_text (const char  *name,
                           const char  *text,
                           GError     **error)
{
  if (text == NULL || g_utf8_validate (text, -1, NULL))
    return TRUE;
  g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "%s: UTF-8 is needed", name);
  return FALSE;
}

/* What comes after -- may begin with a dash; the -- itself is left there, too. */
static void
remove_separator (int   *argc,
                  char **argv)
{
  for (int i = 1; i < *argc; i++)
    if (g_str_equal (argv[i], "--"))
      {
        memmove (argv + i, argv + i + 1, (*argc - i) * sizeof *argv);
        (*argc)--;
        return;
      }
}

/* One command a process. */
static char *ca_file;

const char *
wsectl_command_get_ca_file (void)
{
  return ca_file;
}

/* Beside the server's address go who asks, which the server's part of wsectl finds in the environment, and who is believed. */
static gboolean
on_token (const char  *option,
          const char  *value,
          gpointer     data,
          GError     **error)
{
  return g_setenv ("WSE_TOKEN", value, TRUE);
}

static void
add_common (GOptionContext     *context,
            const GOptionEntry *entries)
{
  static const GOptionEntry common[] = {
    { "token", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, on_token, "Token, or a service's key (else WSE_TOKEN, which others cannot see)",
      "TOKEN" },
    { "ca-file", 0, 0, G_OPTION_ARG_FILENAME, &ca_file, "Trust the certificates in this file (PEM) and no others", "PATH" },
    { NULL }
  };

  for (guint i = 0; entries[i].long_name != NULL; i++)
    if (g_str_equal (entries[i].long_name, "server"))
      g_option_context_add_main_entries (context, common, NULL);
}

gboolean
wsectl_command_parse (int                 *argc,
                      char              ***argv,
                      const char          *words,
                      const char          *summary,
                      const char          *description,
                      const GOptionEntry  *entries,
                      int                  most,
                      GError             **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (words);
  g_autofree char *below = g_strconcat (description, "\n\n", CODES, NULL);

  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, below);
  g_option_context_add_main_entries (context, entries, NULL);
  add_common (context, entries);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  remove_separator (argc, *argv);
  if (*argc - 1 > most)
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "“%s” is one argument too many", (*argv)[most + 1]);
      return FALSE;
    }
  for (int i = 1; i < *argc; i++)
    if (!wsectl_command_check_text ("an argument", (*argv)[i], error))
      return FALSE;
  return TRUE;
}
