/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes for a connection of a whole daemon: it ends when the client has said all it has to say, and what came back begins as an answer
 * that is none of an internal error, or is nothing. `$T` in the input stands for a token that may do everything. */

#include <errno.h>
#include <gmodule.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../daemon/token-fixture.h"
#include "wsed-daemon.h"

#define HEADER "{\"alg\":\"HS256\"}"
#define CLAIMS "{\"sub\":\"alice\",\"roles\":[\"r\"],\"wse\":{\"subscribe\":[\"*\"],\"publish\":[\"*\"],\"monitor\":true,\"admin\":true}}"
/* Milliseconds without a byte of the answer. */
#define PATIENCE 20000

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);
G_MODULE_EXPORT const char *__lsan_default_suppressions (void);

static struct
{
  WsedConfig *config;
  WsedDaemon *daemon;
  pthread_t thread;
  struct sockaddr_un address;
  char *token;
} server;

/* Its state of errors of the main thread. */
const char *
__lsan_default_suppressions (void)
{
  return "leak:libcrypto\n";
}

static GLogWriterOutput
keep_silent (GLogLevelFlags   level,
             const GLogField *fields,
             gsize            n_fields,
             gpointer         user_data)
{
  if (level > G_LOG_LEVEL_CRITICAL)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_standard_streams (level, fields, n_fields, user_data);
}

static gboolean
stop (gpointer user_data)
{
  wsed_daemon_stop (server.daemon);
  return G_SOURCE_REMOVE;
}

static void
end (void)
{
  g_idle_add (stop, NULL);
  pthread_join (server.thread, NULL);
  wsed_daemon_free (server.daemon);
  wsed_config_free (server.config);
  g_free (server.token);
}

static void *
run (void *user_data)
{
  wsed_daemon_run (server.daemon);
  return NULL;
}

static void
begin (void)
{
  g_autofree char *folder = g_dir_make_tmp ("wse-fuzz-XXXXXX", NULL), *path = g_build_filename (folder, "socket", NULL);
  g_autofree char *listen = g_strconcat ("--listen=unix:", path, NULL);
  char *arguments[] = { (char *) "wsed", listen, (char *) "--log=memory:", (char *) "--retention=100,1h", (char *) "--jwt-key=" SECRET,
                        (char *) "--allow-url-token=on", (char *) "--workers=1", (char *) "--max-connection-rate=0", (char *) "--max-request-rate=0",
                        (char *) "--max-request-rate-per-key=0", NULL };
  char *environment[] = { NULL };
  g_autoptr (GError) error = NULL;

  g_log_set_writer_func (keep_silent, NULL, NULL);
  server.config = wsed_config_load (G_N_ELEMENTS (arguments) - 1, arguments, environment, &error);
  g_assert_no_error (error);
  server.daemon = wsed_daemon_new (server.config, environment, &error);
  g_assert_no_error (error);
  server.address.sun_family = AF_UNIX;
  g_strlcpy (server.address.sun_path, path, sizeof server.address.sun_path);
  server.token = sign_token (G_CHECKSUM_SHA256, SECRET, HEADER, -1, CLAIMS, -1);
  g_assert_cmpint (pthread_create (&server.thread, NULL, run, NULL), ==, 0);
  atexit (end);
}

static int
connect_to (void)
{
  struct timeval patience = { .tv_sec = PATIENCE / 1000 };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &server.address, sizeof server.address), ==, 0);
  return fd;
}

/* All that comes until the daemon ends the connection. A stream goes on until its client does. */
static void
read_answer (int      fd,
             GString *answer)
{
  char piece[4096];
  ssize_t n;

  while ((n = recv (fd, piece, sizeof piece, 0)) > 0)
    {
      g_string_append_len (answer, piece, n);
      if (g_str_has_prefix (answer->str, "HTTP/1.1 101 ") || strstr (answer->str, "text/event-stream") != NULL)
        return;
    }
  if (n < 0 && errno == EAGAIN)
    g_error ("the connection does not end: %s", answer->str);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autoptr (GString) request = g_string_new_len ((const char *) data, size), answer = g_string_new (NULL);
  gsize sent = 0;
  ssize_t n = 0;
  int fd;

  if (server.daemon == NULL)
    begin ();
  g_string_replace (request, "$T", server.token, 4);
  fd = connect_to ();
  while (sent < request->len && (n = send (fd, request->str + sent, request->len - sent, MSG_NOSIGNAL)) > 0)
    sent += n;
  shutdown (fd, SHUT_WR);
  read_answer (fd, answer);
  close (fd);
  if (answer->len > 0)
    g_assert_true (g_str_has_prefix (answer->str, "HTTP/1.") && !g_str_has_prefix (answer->str + strlen ("HTTP/1.1 "), "500"));
  return 0;
}
