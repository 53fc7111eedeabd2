/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* wsectl publish: one event from the arguments, or many from a file. It leaves what an event may be to the server. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "wse-error.h"
#include "wse-json-private.h"
#include "wse-limits.h"
#include "wse-uuid-private.h"
#include "wsectl-batch.h"
#include "wsectl-command.h"
#include "wsectl-line.h"

typedef struct
{
  const char *type, *payload;
  char *user, *role, *team, *session, *severity, *message, *id, *file;
  gboolean broadcast;
} Arguments;

static void
arguments_clear (Arguments *arguments)
{
  char **owned[] = { &arguments->user, &arguments->role, &arguments->team, &arguments->session, &arguments->severity,
                     &arguments->message, &arguments->id, &arguments->file };

  for (guint i = 0; i < G_N_ELEMENTS (owned); i++)
    g_clear_pointer (owned[i], g_free);
}

static gboolean
append_member (GString     *out,
               const char  *option,
               const char  *name,
               const char  *text,
               GError     **error)
{
  if (text == NULL)
    return TRUE;
  if (!wsectl_command_check_text (option, text, error))
    return FALSE;
  g_string_append_printf (out, "%s\"%s\":", out->len > 1 ? "," : "", name);
  wse_json_append_string (out, text, -1);
  return TRUE;
}

/* The event's JSON, or NULL. */
static GBytes *
build_event (const Arguments  *arguments,
             const char       *id,
             GError          **error)
{
  g_autoptr (GString) out = g_string_new ("{");
  WseJsonValue value;
  WseJson json;

  if (!append_member (out, "TYPE", "event_type", arguments->type, error) || !append_member (out, "--id", "event_id", id, error) ||
      !append_member (out, "--user", "user_id", arguments->user, error) ||
      !append_member (out, "--role", "role_id", arguments->role, error) ||
      !append_member (out, "--team", "team_id", arguments->team, error) ||
      !append_member (out, "--session", "session_id", arguments->session, error) ||
      !append_member (out, "--severity", "severity", arguments->severity, error) ||
      !append_member (out, "--message", "message", arguments->message, error))
    return NULL;
  if (arguments->broadcast)
    g_string_append (out, ",\"broadcast\":true");
  wse_json_init (&json, arguments->payload, strlen (arguments->payload));
  if (!wse_json_value (&json, &value) || !wse_json_end (&json))
    {
      g_autoptr (GError) problem = NULL;

      wse_json_set_error (&json, &problem);
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "PAYLOAD is not JSON: %s", problem->message);
      return NULL;
    }
  g_string_append_printf (out, ",\"payload\":%.*s}", (int) value.length, value.data);
  return g_string_free_to_bytes (g_steal_pointer (&out));
}

static gboolean
publish_one (WsectlSender     *sender,
             const Arguments  *arguments,
             const char       *id,
             GError          **error)
{
  g_autoptr (GBytes) event = build_event (arguments, id, error);
  g_autoptr (GString) line = NULL;
  g_auto (WsectlReply) reply = { 0 };
  gsize length;
  const char *data;

  if (event == NULL || !wsectl_sender_post (sender, "application/json", event, &reply, error))
    return FALSE;
  data = g_bytes_get_data (reply.body, &length);
  line = g_string_new_len (data, length);
  return wsectl_line_print (line, error);
}

static gboolean
publish_file (WsectlSender     *sender,
              const Arguments  *arguments,
              const char       *ids,
              GError          **error)
{
  int fd = g_str_equal (arguments->file, "-") ? STDIN_FILENO : open (arguments->file, O_RDONLY | O_CLOEXEC);
  gboolean done;

  /* A directory can be opened, and not be read. */
  if (fd < 0 || (read (fd, NULL, 0) < 0 && errno == EISDIR))
    {
      g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--file: opening %s: %s", arguments->file, g_strerror (errno));
      if (fd > STDIN_FILENO)
        close (fd);
      return FALSE;
    }
  done = wsectl_batch_publish (sender, fd, ids, error);
  if (fd != STDIN_FILENO)
    close (fd);
  return done;
}

static gboolean
check (const Arguments  *arguments,
       gint64            patience,
       GError          **error)
{
  gboolean described = arguments->type != NULL || arguments->user != NULL || arguments->role != NULL || arguments->team != NULL ||
                       arguments->session != NULL || arguments->broadcast || arguments->severity != NULL ||
                       arguments->message != NULL;
  const char *id = arguments->id != NULL ? arguments->id : "";

  if (arguments->file != NULL && described)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--file takes whole events; only --id, --retry and --server go with it");
  else if (arguments->file == NULL && arguments->type == NULL)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "a TYPE is needed, or --file=FILE (- is standard input)");
  else if (arguments->file != NULL && (strlen (id) > 100 || strpbrk (id, "\"\\") != NULL || !g_str_is_ascii (id)))
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--id: with --file at most 100 ASCII characters without quotes are needed");
  else if (patience < 0 || patience > 86400)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--retry: seconds from 0 to 86400 are needed");
  else
    return TRUE;
  return FALSE;
}

static gboolean
publish (const Arguments  *arguments,
         const char       *address,
         gint64            patience,
         GError          **error)
{
  g_autoptr (WsectlServer) server = wsectl_server_new (address, error);
  WsectlSender sender = { .server = server, .patience = patience };
  char made[WSE_UUID_LENGTH + 1];
  const char *id = arguments->id;

  if (server == NULL)
    return FALSE;
  if (id == NULL)
    {
      wse_uuid_make (made);
      id = made;
    }
  return arguments->file != NULL ? publish_file (&sender, arguments, id, error) : publish_one (&sender, arguments, id, error);
}

gboolean
wsectl_publish (int      argc,
                char   **argv,
                GError **error)
{
  g_autofree char *address = NULL;
  Arguments arguments = { .payload = "{}" };
  gint64 patience = 10;
  gboolean done;
  const GOptionEntry entries[] = {
    WSECTL_SERVER_ENTRY (&address),
    { "user", 'u', 0, G_OPTION_ARG_FILENAME, &arguments.user, "To this user", "ID" },
    { "role", 'r', 0, G_OPTION_ARG_FILENAME, &arguments.role, "To those in this role", "ID" },
    { "team", 't', 0, G_OPTION_ARG_FILENAME, &arguments.team, "To this team", "ID" },
    { "session", 0, 0, G_OPTION_ARG_FILENAME, &arguments.session, "To this session", "ID" },
    { "broadcast", 'b', 0, G_OPTION_ARG_NONE, &arguments.broadcast, "To everybody", NULL },
    { "severity", 's', 0, G_OPTION_ARG_FILENAME, &arguments.severity, "info (default), warning or error", "SEVERITY" },
    { "message", 'm', 0, G_OPTION_ARG_FILENAME, &arguments.message, "A text for people", "TEXT" },
    { "id", 'i', 0, G_OPTION_ARG_FILENAME, &arguments.id,
      "The event's id (default: a random one); with --file ID-LINE is that of a line without one", "ID" },
    { "file", 'f', 0, G_OPTION_ARG_FILENAME, &arguments.file,
      "Events from a file, one JSON object a line; - is standard input", "FILE" },
    { "retry", 0, 0, G_OPTION_ARG_INT64, &patience,
      "So long the same is sent again to a server that is busy or went away (default: 10)", "SECONDS" },
    { NULL }
  };

  done = wsectl_command_parse (&argc, &argv, "[TYPE [PAYLOAD]]",
                               "Publishes an event, or a file of them, and writes the server's answer.",
                               "Examples: wsectl publish OrderPlaced '{\"order_id\":7}' --user=alice\n"
                               "          wsectl publish --file=orders.ndjson --id=import-7", entries, 2, error);
  if (done)
    {
      arguments.type = argc > 1 ? argv[1] : NULL;
      arguments.payload = argc > 2 ? argv[2] : arguments.payload;
      done = check (&arguments, patience, error) && publish (&arguments, address, patience, error);
    }
  arguments_clear (&arguments);
  return done;
}
