/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* wsectl tail: its arguments, what of the stream is written, and when it is enough. The connection is WsectlStream's. */

#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

#include "wse-channel.h"
#include "wse-cursor.h"
#include "wse-error.h"
#include "wse-filter.h"
#include "wse-limits.h"
#include "wsectl-command.h"
#include "wsectl-line.h"
#include "wsectl-stream.h"

typedef struct
{
  char *types, *severity, *after, *format_name, *address;
  gint64 history;              /* -1: as the server does */
  gint64 count;                /* events still wanted; -1: all */
  gboolean show_cursor;
  WsectlFormat format;
  WsectlStream *stream;
  GError *error;
} Tail;

static gboolean
on_event (const char *data,
          gsize       length,
          gpointer    user_data)
{
  Tail *tail = user_data;
  WsectlEvent event;

  if (!wsectl_event_read (&event, data, length))
    g_set_error (&tail->error, WSE_ERROR, WSE_ERROR_FAILED, "the server sent something that is no event");
  else if (wsectl_event_print (&event, tail->format, &tail->error))
    return tail->count < 0 || --tail->count > 0;
  return FALSE;
}

static gboolean
on_signal (gpointer user_data)
{
  Tail *tail = user_data;

  wsectl_stream_end (tail->stream, NULL);
  return G_SOURCE_CONTINUE;
}

/* Nobody reads what is written any more: known before there is something to write. */
static gboolean
on_reader_gone (int          fd,
                GIOCondition condition,
                gpointer     user_data)
{
  Tail *tail = user_data;

  wsectl_stream_end (tail->stream, NULL);
  return G_SOURCE_CONTINUE;
}

static gboolean
check (const Tail  *tail,
       char       **channels,
       GError     **error)
{
  g_autoptr (WseFilter) filter = NULL;
  g_autoptr (WseCursor) after = NULL;

  for (guint i = 0; channels[i] != NULL; i++)
    if (!wse_channel_is_valid (channels[i]) && !(g_str_equal (channels[i], "*") && g_strv_length (channels) == 1))
      {
        g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID,
                     "“%s” is no channel: user:ID, role:ID, team:ID, session:ID, global, system, or * alone is needed",
                     channels[i]);
        return FALSE;
      }
  if (tail->history < -1 || tail->history > WSE_MAX_HISTORY)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--history: a number from 0 to %d is needed", WSE_MAX_HISTORY);
  else if (tail->count < -1 || tail->count == 0)
    g_set_error (error, WSE_ERROR, WSE_ERROR_INVALID, "--count: a number from 1 is needed");
  else if (wse_filter_parse (tail->types, tail->severity, &filter, error))
    {
      after = tail->after != NULL ? wse_cursor_new (tail->after, error) : NULL;
      if (tail->after == NULL || after != NULL)
        return TRUE;
      g_prefix_error (error, "--after: ");
    }
  return FALSE;
}

static gboolean
run (Tail          *tail,
     WsectlServer  *server,
     char         **channels,
     GError       **error)
{
  g_autoptr (GString) named = g_string_new (NULL), filter = g_string_new ("format=v2"), from = g_string_new (NULL);
  g_autofree char *cursor = NULL;
  guint sources[3];
  gboolean done;

  for (guint i = 0; channels[i] != NULL; i++)
    wsectl_query_add (named, "channel", channels[i]);
  wsectl_query_add (filter, "types", tail->types);
  wsectl_query_add (filter, "severity", tail->severity);
  wsectl_query_add (from, "after", tail->after);
  if (tail->history >= 0)
    {
      g_autofree char *number = g_strdup_printf ("%" G_GINT64_FORMAT, tail->history);

      wsectl_query_add (from, "history", number);
    }
  tail->stream = wsectl_stream_new (server, named->str, filter->str, from->str, on_event, tail);
  sources[0] = g_unix_signal_add (SIGINT, on_signal, tail);
  sources[1] = g_unix_signal_add (SIGTERM, on_signal, tail);
  sources[2] = g_unix_fd_add (STDOUT_FILENO, G_IO_ERR, on_reader_gone, tail);
  done = wsectl_stream_run (tail->stream, error);
  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  cursor = wsectl_stream_get_cursor (tail->stream);
  if (tail->show_cursor && cursor != NULL)
    wsectl_line_note ("cursor: %s", cursor);
  g_clear_pointer (&tail->stream, wsectl_stream_free);
  if (done && tail->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&tail->error));
      done = FALSE;
    }
  return done;
}

static void
tail_clear (Tail *tail)
{
  g_free (tail->types);
  g_free (tail->severity);
  g_free (tail->after);
  g_free (tail->format_name);
  g_free (tail->address);
  g_clear_error (&tail->error);
}

static gboolean
parse (Tail     *tail,
       int      *argc,
       char   ***argv,
       GError  **error)
{
  const GOptionEntry entries[] = {
    WSECTL_SERVER_ENTRY (&tail->address),
    { "types", 't', 0, G_OPTION_ARG_FILENAME, &tail->types, "Only these types, wire or original", "A,B" },
    { "severity", 's', 0, G_OPTION_ARG_FILENAME, &tail->severity, "Only info, warning or error and above", "SEVERITY" },
    { "history", 'H', 0, G_OPTION_ARG_INT64, &tail->history, "First the last N of each channel (default: 100)", "N" },
    { "after", 'a', 0, G_OPTION_ARG_FILENAME, &tail->after, "First everything after this place", "CURSOR" },
    { "count", 'n', 0, G_OPTION_ARG_INT64, &tail->count, "End after so many events", "N" },
    { "format", 'f', 0, G_OPTION_ARG_FILENAME, &tail->format_name, "text (default), or json: the lines of the wire", "FORMAT" },
    { "show-cursor", 0, 0, G_OPTION_ARG_NONE, &tail->show_cursor, "At the end say on standard error where to go on", NULL },
    { NULL }
  };

  return wsectl_command_parse (argc, argv, "[CHANNEL…]",
                               "Shows events as they come, of the channels (default: system; '*' is the whole log).",
                               "It comes back by itself where the connection ends, and goes on where it was. Ctrl-C ends it.\n"
                               "Example: wsectl tail user:alice global --severity=warning", entries,
                               WSE_MAX_CURSOR_CHANNELS, error);
}

gboolean
wsectl_tail (int      argc,
             char   **argv,
             GError **error)
{
  Tail tail = { .history = -1, .count = -1 };
  g_autoptr (WsectlServer) server = NULL;
  gboolean done;

  done = parse (&tail, &argc, &argv, error) && wsectl_format_parse (tail.format_name, &tail.format, error) &&
         check (&tail, argv + 1, error) && (server = wsectl_server_new (tail.address, error)) != NULL &&
         run (&tail, server, argv + 1, error);
  tail_clear (&tail);
  return done;
}
