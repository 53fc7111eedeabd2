/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The listening sockets: addresses, stale and live socket files, and accepting when descriptors are short. */

#include "transport/wsed-listener.h"

#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "metrics/wsed-metrics.h"
#include "wse-error.h"

typedef struct
{
  WsedListener *listener;
  GArray *fds;
  guint hold_at;               /* holds the listener at so many; 0: never */
  GPtrArray *remotes;
} Fixture;

static void
on_accepted (int             fd,
             GSocketAddress *remote,
             gboolean        local,
             gpointer        user_data)
{
  Fixture *fixture = user_data;

  g_assert_true (G_IS_INET_SOCKET_ADDRESS (remote));
  g_ptr_array_add (fixture->remotes, g_object_ref (remote));
  g_array_append_val (fixture->fds, fd);
  if (fixture->fds->len == fixture->hold_at)
    wsed_listener_set_held (fixture->listener, TRUE);
}

static void
fixture_open (Fixture    *fixture,
              const char *address,
              int         max_fd)
{
  const char * const addresses[] = { address, NULL };
  g_autoptr (GError) error = NULL;

  fixture->fds = g_array_new (FALSE, FALSE, sizeof (int));
  fixture->remotes = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->listener = wsed_listener_new (addresses, &error);
  g_assert_no_error (error);
  wsed_listener_start (fixture->listener, max_fd, on_accepted, fixture);
}

static void
fixture_close (Fixture *fixture)
{
  for (guint i = 0; i < fixture->fds->len; i++)
    close (g_array_index (fixture->fds, int, i));
  g_array_unref (fixture->fds);
  g_ptr_array_unref (fixture->remotes);
  wsed_listener_free (fixture->listener);
  wsed_metrics_reset ();
}

static void
iterate_until (const guint *count,
               guint        wanted)
{
  while (*count < wanted)
    g_main_context_iteration (NULL, TRUE);
}

static void
iterate_pending (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static int
connect_to (WsedListener *listener)
{
  const char *text = wsed_listener_get_addresses (listener)[0];
  g_autoptr (GSocketAddress) address = NULL;
  struct sockaddr_storage native;
  int fd;

  if (g_str_has_prefix (text, "unix:"))
    address = g_unix_socket_address_new (text + strlen ("unix:"));
  else
    {
      g_autofree char *host = g_strndup (text, strrchr (text, ':') - text);
      const char *bare = g_strdelimit (host, "[]", ' ');

      address = g_inet_socket_address_new_from_string (g_strstrip ((char *) bare), g_ascii_strtoull (strrchr (text, ':') + 1, NULL, 10));
    }
  g_assert_true (g_socket_address_to_native (address, &native, sizeof native, NULL));
  fd = socket (native.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &native, g_socket_address_get_native_size (address)), ==, 0);
  return fd;
}

static char *
fail_to_open (const char *first,
              const char *second)
{
  const char * const addresses[] = { first, second, NULL };
  g_autoptr (GError) error = NULL;

  g_assert_null (wsed_listener_new (addresses, &error));
  g_assert_nonnull (error);
  g_assert_true (error->domain == WSE_ERROR);
  wsed_metrics_reset ();
  return g_strdup (error->message);
}

static void
test_addresses (void)
{
  static const char * const bad[] = { "",        "8000",        ":8000",      "127.0.0.1",      "127.0.0.1:",  "127.0.0.1:65536", "127.0.0.1:-1",
                                      "x:1",     "::1:8000",    "[127.0.0.1]:8000", "[::1]",   "[::1]8000",   "unix:",           "[]:1",
                                      "1.2.3:1", "127.0.0.1:8x" };
  const char * const good[] = { "127.0.0.1:0", "[::1]:0", NULL };
  g_autoptr (WsedListener) listener = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *message = fail_to_open (bad[i], NULL);

      g_assert_nonnull (strstr (message, bad[i]));
    }
  listener = wsed_listener_new (good, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (wsed_listener_get_addresses (listener)[0], "127.0.0.1:"));
  g_assert_true (g_str_has_prefix (wsed_listener_get_addresses (listener)[1], "[::1]:"));
  g_assert_false (g_str_has_suffix (wsed_listener_get_addresses (listener)[0], ":0"));
  g_assert_null (wsed_listener_get_addresses (listener)[2]);
  wsed_metrics_reset ();
}

static void
test_twice (void)
{
  const char * const one[] = { "127.0.0.1:0", NULL };
  g_autoptr (WsedListener) listener = wsed_listener_new (one, NULL);
  const char *taken = wsed_listener_get_addresses (listener)[0];
  g_autofree char *message = fail_to_open (taken, NULL);

  g_assert_nonnull (strstr (message, taken));
  g_free (g_steal_pointer (&message));
  message = fail_to_open ("127.0.0.1:0", taken);
  g_assert_nonnull (strstr (message, taken));
}

static void
test_accept (void)
{
  Fixture fixture = { 0 };
  int clients[200];

  fixture_open (&fixture, "[::1]:0", G_MAXINT);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    clients[i] = connect_to (fixture.listener);
  iterate_until (&fixture.fds->len, G_N_ELEMENTS (clients));
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      int fd = g_array_index (fixture.fds, int, i);

      g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, !=, 0);
      g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
      g_assert_true (i == 0 || g_ptr_array_index (fixture.remotes, i) != g_ptr_array_index (fixture.remotes, i - 1));
      close (clients[i]);
    }
  fixture_close (&fixture);
}

static void
test_held (void)
{
  Fixture fixture = { .hold_at = 2 };
  int clients[4];

  fixture_open (&fixture, "127.0.0.1:0", G_MAXINT);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    clients[i] = connect_to (fixture.listener);
  iterate_until (&fixture.fds->len, 2);
  iterate_pending ();
  g_assert_cmpuint (fixture.fds->len, ==, 2);
  wsed_listener_set_held (fixture.listener, FALSE);
  iterate_until (&fixture.fds->len, 4);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    close (clients[i]);
  fixture_close (&fixture);
}

static void
test_max_fd (void)
{
  Fixture fixture = { 0 };
  WsedMetric *refused;
  char byte;
  int client;

  fixture_open (&fixture, "127.0.0.1:0", 3);
  refused = wsed_metric_new (WSED_METRIC_COUNTER, "wse_connections_refused_total", "");
  client = connect_to (fixture.listener);
  while (wsed_metric_get (refused) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (read (client, &byte, 1), ==, 0);
  g_assert_cmpuint (fixture.fds->len, ==, 0);
  close (client);
  fixture_close (&fixture);
}

static gboolean
on_tick (gpointer user_data)
{
  guint *ticks = user_data;

  (*ticks)++;
  return G_SOURCE_CONTINUE;
}

/* Runs out of descriptors for real, sees accepting pause instead of spinning or dying, and go on. */
static void
test_emfile (void)
{
  Fixture fixture = { 0 };
  WsedMetric *pauses;
  struct rlimit limit, low;
  int client;
  guint turns = 0, ticks = 0, timer;

  fixture_open (&fixture, "127.0.0.1:0", G_MAXINT);
  timer = g_timeout_add (100, on_tick, &ticks);
  pauses = wsed_metric_new (WSED_METRIC_COUNTER, "wse_accept_pauses_total", "");
  client = connect_to (fixture.listener);
  getrlimit (RLIMIT_NOFILE, &limit);
  low = limit;
  /* The client has the highest descriptor; GLib's own are open already. */
  low.rlim_cur = client + 1;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
  while (wsed_metric_get (pauses) < 2 || ticks < 3)
    {
      g_main_context_iteration (NULL, TRUE);
      turns++;
    }
  g_assert_cmpuint (fixture.fds->len, ==, 0);
  /* Two for each 100 ms, if the loop is not spinning. */
  g_assert_cmpuint (turns, <, 100);
  setrlimit (RLIMIT_NOFILE, &limit);
  iterate_until (&fixture.fds->len, 1);
  g_source_remove (timer);
  close (client);
  fixture_close (&fixture);
}

static void
test_unix (void)
{
  g_autofree char *directory = g_dir_make_tmp ("wse-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "socket", NULL);
  g_autofree char *address = g_strconcat ("unix:", path, NULL);
  g_autofree char *message = NULL;
  g_autofree char *too_long = g_strdup_printf ("unix:/%0200d", 0);
  Fixture fixture = { 0 };
  struct sockaddr_un stale = { .sun_family = AF_UNIX };
  struct stat info;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int client;

  /* One that is left over from a daemon that died is replaced, */
  g_strlcpy (stale.sun_path, path, sizeof stale.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &stale, sizeof stale), ==, 0);
  close (fd);
  fixture_open (&fixture, address, G_MAXINT);
  g_assert_cmpstr (wsed_listener_get_addresses (fixture.listener)[0], ==, address);
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0660);
  client = connect_to (fixture.listener);
  iterate_until (&fixture.fds->len, 1);
  close (client);

  /* one that somebody listens on, or another file, is not. */
  message = fail_to_open (address, NULL);
  g_assert_nonnull (strstr (message, "another program listens"));
  g_assert_cmpint (stat (path, &info), ==, 0);
  fixture_close (&fixture);
  g_assert_cmpint (stat (path, &info), <, 0);
  g_assert_true (g_file_set_contents (path, "x", -1, NULL));
  g_free (g_steal_pointer (&message));
  message = fail_to_open (address, NULL);
  g_assert_nonnull (strstr (message, "not a socket"));
  g_free (g_steal_pointer (&message));
  message = fail_to_open (too_long, NULL);
  g_unlink (path);
  g_rmdir (directory);
}

static void
test_raise_limit (void)
{
  struct rlimit limit;
  int raised = wsed_listener_raise_limit ();

  getrlimit (RLIMIT_NOFILE, &limit);
  g_assert_cmpuint (limit.rlim_cur, ==, limit.rlim_max);
  g_assert_cmpint (raised, >, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/listener/addresses", test_addresses);
  g_test_add_func ("/listener/twice", test_twice);
  g_test_add_func ("/listener/accept", test_accept);
  g_test_add_func ("/listener/held", test_held);
  g_test_add_func ("/listener/max-fd", test_max_fd);
  g_test_add_func ("/listener/emfile", test_emfile);
  g_test_add_func ("/listener/unix", test_unix);
  g_test_add_func ("/listener/raise-limit", test_raise_limit);
  return g_test_run ();
}
