/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* wsectl key: a key for a service, and the line by which wsed knows it. The key itself is written once and kept nowhere. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "wse-channel.h"
#include "wse-error.h"
#include "wse-json-private.h"
#include "wsectl-command.h"
#include "wsectl-grant.h"
#include "wsectl-line.h"
#include "wsectl-sign.h"

#define KEY_BYTES 32

static gboolean
set_errno (GError     **error,
           const char  *doing,
           const char  *path)
{
  g_set_error (error, WSE_ERROR, WSE_ERROR_FAILED, "%s %s: %s", doing, path, g_strerror (errno));
  return FALSE;
}

static gboolean
append_line (const char  *path,
             GString     *line,
             GError     **error)
{
  int fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  gboolean written;

  if (fd < 0)
    return set_errno (error, "opening", path);
  g_string_append_c (line, '\n');
  written = write (fd, line->str, line->len) == (gssize) line->len && fsync (fd) == 0;
  if (!written)
    set_errno (error, "writing", path);
  close (fd);
  return written;
}

static char *
make_key (GError **error)
{
  guint8 bytes[KEY_BYTES];
  g_autofree char *coded = NULL;

  if (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    {
      set_errno (error, "asking for", "random bytes");
      return NULL;
    }
  coded = wsectl_sign_encode (bytes, sizeof bytes);
  /* Recognisable to who searches for keys that were let out. */
  return g_strconcat ("wse_", coded, NULL);
}

static gboolean
print_key (const char         *name,
           const WsectlGrant  *grant,
           const char         *file,
           GError            **error)
{
  g_autofree char *key = NULL, *digest = NULL;
  g_autoptr (GString) line = g_string_new ("{\"name\":"), first = NULL;

  if (name == NULL || !wse_channel_id_is_valid (name, -1))
    {
      g_set_error_literal (error, WSE_ERROR, WSE_ERROR_INVALID, "a name is needed: 1 to 128 bytes without white space, ',', '@' or '*'");
      return FALSE;
    }
  key = make_key (error);
  if (key == NULL)
    return FALSE;
  digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, key, -1);
  wse_json_append_string (line, name, -1);
  g_string_append_printf (line, ",\"sha256\":\"%s\"", digest);
  if (!wsectl_grant_append (grant, line, error))
    return FALSE;
  g_string_append_c (line, '}');
  first = g_string_new (key);
  if (file != NULL)
    return append_line (file, line, error) && wsectl_line_print (first, error);
  return wsectl_line_print (first, error) && wsectl_line_print (line, error);
}

gboolean
wsectl_key (int      argc,
            char   **argv,
            GError **error)
{
  g_auto (WsectlGrant) grant = { 0 };
  g_autofree char *file = NULL;
  const GOptionEntry entries[] = {
    WSECTL_GRANT_ENTRIES (&grant),
    { "file", 'f', 0, G_OPTION_ARG_FILENAME, &file, "Append the line to the file of WSE_API_KEYS", "FILE" },
    { NULL }
  };

  return wsectl_command_parse (&argc, &argv, "NAME", "Makes a key for a service, and the line for the file of WSE_API_KEYS.",
                               "The key is written first, then the line; with --file the key alone. wsed reads the file again on SIGHUP.",
                               entries, 1, error) &&
         print_key (argv[1], &grant, file, error);
}
