/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The commands. They parse their own arguments (argv[0] is the command) and give FALSE with an error: of G_OPTION_ERROR, or
 * WSE_ERROR_INVALID, where the usage is wrong, any other where it was not done. */
gboolean wsectl_publish (int argc, char **argv, GError **error);
gboolean wsectl_tail    (int argc, char **argv, GError **error);
gboolean wsectl_history (int argc, char **argv, GError **error);
gboolean wsectl_connections (int argc, char **argv, GError **error);
gboolean wsectl_disconnect  (int argc, char **argv, GError **error);
gboolean wsectl_erase       (int argc, char **argv, GError **error);
gboolean wsectl_token       (int argc, char **argv, GError **error);
gboolean wsectl_key         (int argc, char **argv, GError **error);

/* Sends DELETE for @name (NULL: none) in @folder, and writes what is answered, which must have the member @expected. @user may be NULL. */
gboolean wsectl_delete (const char *address, const char *folder, const char *name, const char *user, const char *expected, GError **error);

/* Parses, with --help, and --token where there is a --server; at most @most words may be left over. Texts are G_OPTION_ARG_FILENAME, so that no locale changes them:
 * they have to be UTF-8, and that is checked for the words that are left. */
gboolean wsectl_command_parse (int *argc, char ***argv, const char *words, const char *summary, const char *description,
                               const GOptionEntry *entries, int most, GError **error);
/* What --ca-file said, which every command takes; NULL: nothing. */
const char *wsectl_command_get_ca_file (void);
/* FALSE with an error where @text, which may be NULL, is not UTF-8. */
gboolean wsectl_command_check_text (const char *name, const char *text, GError **error);

G_END_DECLS
